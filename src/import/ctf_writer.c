/* CTF import: the child's side of the batches. A string's record goes out at the latest with the first event that uses
 * it. */
#include "import/ctf_internal.h"

#include "import/clean.h"

#include <string.h>

enum stg_status ctf_writer_init(struct ctf_writer *w, struct ctf_ring *ring)
{
    *w = (struct ctf_writer){.ring = ring};
    for (int i = 0; i < CTF_N_TABLES; i++) {
        STG_RETURN_IF_FAILED(stg_strings_new(&w->tables[i]));
    }
    return STG_OK;
}

void ctf_writer_fini(struct ctf_writer *w)
{
    for (int i = 0; i < CTF_N_TABLES; i++) {
        stg_strings_free(w->tables[i]);
    }
}

static enum stg_status publish(struct ctf_writer *w)
{
    ctf_ring_current(w->ring)->totals = w->totals;
    if (!ctf_ring_publish(w->ring)) {
        return stg_fail(STG_ERR_INTERRUPTED, "the reader of the batches is gone");
    }
    return STG_OK;
}

static enum stg_status add_record(struct ctf_writer *w, int table, const char *text, size_t len)
{
    if (ctf_ring_current(w->ring)->text_size + CTF_RECORD_HEAD + len > CTF_BATCH_TEXT) {
        STG_RETURN_IF_FAILED(publish(w));
    }
    struct ctf_batch *b = ctf_ring_current(w->ring);
    uint8_t *to = b->text + b->text_size;
    to[0] = (uint8_t)table;
    to[1] = (uint8_t)(len & 0xff);
    to[2] = (uint8_t)(len >> 8);
    memcpy(to + CTF_RECORD_HEAD, text, len);
    b->text_size += (uint32_t)(CTF_RECORD_HEAD + len);
    return STG_OK;
}

enum stg_status ctf_writer_string(struct ctf_writer *w, int table, const char *text, size_t len, uint32_t *id)
{
    static const struct {
        size_t most, max_len;
        const char *what;
    } limits[] = {
        [CTF_NAMES] = {CTF_MAX_NAMES, CTF_NAME_LEN, "event names"},
        [CTF_COMMS] = {CTF_MAX_COMMS, CTF_NAME_LEN, "thread names"},
        [CTF_PATHS] = {CTF_MAX_PATHS, CTF_TEXT_LEN, "paths"},
        [CTF_FACTS] = {CTF_MAX_FACTS, CTF_TEXT_LEN, "facts of the environment"},
    };
    char cleaned[CTF_TEXT_LEN + 1];
    struct stg_strings *strings = w->tables[table];
    const size_t n_cleaned = stg_import_clean(cleaned, limits[table].max_len, text, len);
    const size_t n_before = stg_strings_count(strings);
    if (table == CTF_PATHS &&
        n_before >= CTF_MAX_PATHS) { /* a long recording may well have so many: memory is bounded */
        *id = stg_strings_find(strings, cleaned, n_cleaned);
        w->totals.n_no_path += *id == STG_STRINGS_NONE;
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_strings_put(strings, cleaned, n_cleaned, id));
    if (stg_strings_count(strings) == n_before) {
        return STG_OK;
    }
    if (n_before >= limits[table].most) {
        return stg_fail(STG_ERR_INPUT, "more than %zu different %s: the trace is malformed", limits[table].most,
                        limits[table].what);
    }
    return add_record(w, table, cleaned, n_cleaned);
}

enum stg_status ctf_writer_event(struct ctf_writer *w, const struct stg_event *event)
{
    struct ctf_batch *b = ctf_ring_current(w->ring);
    b->events[b->n_events++] = *event;
    return b->n_events == CTF_BATCH_EVENTS ? publish(w) : STG_OK;
}
