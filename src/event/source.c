/* What all sources share. */
#include "event/source.h"

#include "base/memory.h"

#include <string.h>

enum stg_status stg_source_each_fact(const struct stg_source_info *info,
                                     enum stg_status (*put)(void *context, const char *key, const char *value),
                                     void *context)
{
    const size_t n = info->facts == NULL ? 0 : stg_strings_count(info->facts);
    for (uint32_t i = 0; i < n; i++) {
        char *key = NULL;
        const char *fact = stg_strings_get(info->facts, i);
        const char *equals = strchr(fact, '=');
        if (equals == NULL) {
            continue;
        }
        STG_RETURN_IF_FAILED(stg_mem_strdup(&key, fact));
        key[equals - fact] = '\0';
        const enum stg_status status = put(context, key, equals + 1);
        stg_mem_free(key);
        STG_RETURN_IF_FAILED(status);
    }
    return STG_OK;
}
