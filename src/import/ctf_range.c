/* CTF import: the time range of the traces, so that progress can be shown. The query makes babeltrace2 index the
 * streams once more; that is cheap beside reading them, and it is asked only for traces whose reading takes a while. */
#include "import/ctf_internal.h"

#include <babeltrace2/babeltrace.h>

static const bt_value *array_item(const bt_value *array, uint64_t i)
{
    return array != NULL && bt_value_is_array(array) && i < bt_value_array_get_length(array)
               ? bt_value_array_borrow_element_by_index_const(array, i)
               : NULL;
}

static const bt_value *entry(const bt_value *map, const char *key)
{
    return map != NULL && bt_value_is_map(map) ? bt_value_map_borrow_entry_value_const(map, key) : NULL;
}

static bool take_bound(const bt_value *range, const char *key, int64_t *out)
{
    const bt_value *value = entry(range, key);
    if (value == NULL || !bt_value_is_signed_integer(value)) {
        return false;
    }
    *out = bt_value_integer_signed_get(value);
    return true;
}

static void widen(const bt_value *infos, int64_t *begin, int64_t *end)
{
    const bt_value *trace = NULL;
    for (uint64_t i = 0; (trace = array_item(infos, i)) != NULL; i++) {
        const bt_value *streams = entry(trace, "stream-infos");
        const bt_value *stream = NULL;
        for (uint64_t j = 0; (stream = array_item(streams, j)) != NULL; j++) {
            const bt_value *range = entry(stream, "range-ns");
            int64_t from = 0;
            int64_t to = 0;
            if (take_bound(range, "begin", &from) && take_bound(range, "end", &to)) {
                *begin = from < *begin ? from : *begin;
                *end = to > *end ? to : *end;
            }
        }
    }
}

void ctf_range_add(const struct bt_component_class_source *class, const struct bt_value *params, int64_t *begin,
                   int64_t *end)
{
    const bt_value *infos = NULL;
    bt_query_executor *query = bt_query_executor_create(bt_component_class_source_as_component_class_const(class),
                                                        "babeltrace.trace-infos", params);
    if (query != NULL && bt_query_executor_query(query, &infos) == BT_QUERY_EXECUTOR_QUERY_STATUS_OK) {
        widen(infos, begin, end);
    }
    /* What is wrong with the trace will be told when it is read. */
    bt_current_thread_clear_error();
    bt_value_put_ref(infos);
    bt_query_executor_put_ref(query);
}
