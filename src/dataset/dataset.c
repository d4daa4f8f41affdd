#include "dataset/dataset.h"

#include "dataset/columns.h"

#include "base/file.h"
#include "base/memory.h"

#include <jansson.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

struct stg_dataset {
    struct stg_tensors *tensors; /* owned; every column is borrowed from it */
    const void *column[DATASET_COLUMNS];
    size_t rows[DATASET_COLUMNS];
    size_t n; /* sequences */
    bool has_context;
    struct stg_vocab vocab;
    struct stg_recipe recipe;
    json_t *traces_json; /* owns the strings of traces */
    struct stg_dataset_trace *traces;
    size_t n_traces;
};

const char *const dataset_count_names[DATASET_COUNTS] = {
    "events",   "lost",         "gaps",       "sequences", "skipped",  "open",      "unmatched_end",
    "reopened", "orphan_exits", "unfinished", "backward",  "unknown",  "truncated", "truncated_memory",
    "covered",  "stored",       "begins",     "ends",      "confirms",
};

static const size_t count_offsets[DATASET_COUNTS] = {
    offsetof(struct stg_cut_counts, n_events),        offsetof(struct stg_cut_counts, n_lost),
    offsetof(struct stg_cut_counts, n_gaps),          offsetof(struct stg_cut_counts, n_sequences),
    offsetof(struct stg_cut_counts, n_skipped),       offsetof(struct stg_cut_counts, n_open),
    offsetof(struct stg_cut_counts, n_unmatched_end), offsetof(struct stg_cut_counts, n_reopened),
    offsetof(struct stg_cut_counts, n_orphan_exits),  offsetof(struct stg_cut_counts, n_unfinished),
    offsetof(struct stg_cut_counts, n_backward),      offsetof(struct stg_cut_counts, n_unknown),
    offsetof(struct stg_cut_counts, n_truncated),     offsetof(struct stg_cut_counts, n_relieved),
    offsetof(struct stg_cut_counts, n_covered),       offsetof(struct stg_cut_counts, n_stored),
    offsetof(struct stg_cut_counts, n_begins),        offsetof(struct stg_cut_counts, n_ends),
    offsetof(struct stg_cut_counts, n_confirms),
};
_Static_assert(sizeof(struct stg_cut_counts) == DATASET_COUNTS * sizeof(uint64_t), "every count has a name");

uint64_t *dataset_count(const struct stg_cut_counts *counts, size_t i)
{
    return (uint64_t *)((char *)counts + count_offsets[i]);
}

static enum stg_status bad(const struct stg_dataset *d, const char *column, size_t row, const char *what)
{
    return stg_fail(STG_ERR_INPUT, "%s: %s: row %zu: %s: the file is damaged, make it again",
                    stg_tensors_path(d->tensors), column, row, what);
}

/* Finds a column of n rows (SIZE_MAX: any number). */
static enum stg_status need(struct stg_dataset *d, enum dataset_column_id id, size_t n)
{
    const struct stg_tensor *t;
    STG_RETURN_IF_FAILED(stg_tensors_need(d->tensors, dataset_columns[id].name, dataset_columns[id].dtype, n, &t));
    if (t->n_dims != 1) {
        return bad(d, dataset_columns[id].name, 0, "not one-dimensional");
    }
    d->column[id] = t->data;
    d->rows[id] = t->n;
    return STG_OK;
}

static enum stg_status need_all(struct stg_dataset *d, enum dataset_column_id first, enum dataset_column_id last,
                                size_t n)
{
    for (size_t id = first; id <= last; id++) {
        STG_RETURN_IF_FAILED(need(d, (enum dataset_column_id)id, n));
    }
    return STG_OK;
}

/* (n + 1) offsets from 0 to end that never decrease. */
static enum stg_status check_offsets(const struct stg_dataset *d, enum dataset_column_id id, uint64_t end)
{
    const uint64_t *offset = d->column[id];
    const size_t n = d->rows[id];
    if (n == 0 || offset[0] != 0 || offset[n - 1] != end) {
        return bad(d, dataset_columns[id].name, 0, "does not run from 0 to the number of rows");
    }
    for (size_t i = 1; i < n; i++) {
        if (offset[i] < offset[i - 1]) {
            return bad(d, dataset_columns[id].name, i, "an offset decreases");
        }
    }
    return STG_OK;
}

static enum stg_status find_columns(struct stg_dataset *d)
{
    STG_RETURN_IF_FAILED(need(d, DATASET_OFFSETS, SIZE_MAX));
    STG_RETURN_IF_FAILED(need(d, DATASET_CALL, SIZE_MAX));
    STG_RETURN_IF_FAILED(need(d, DATASET_THREAD_TID, SIZE_MAX));
    const size_t n_events = d->rows[DATASET_CALL];
    const size_t n_threads = d->rows[DATASET_THREAD_TID];
    STG_RETURN_IF_FAILED(check_offsets(d, DATASET_OFFSETS, n_events));
    d->n = d->rows[DATASET_OFFSETS] - 1;
    STG_RETURN_IF_FAILED(need_all(d, DATASET_PHASE, DATASET_THREAD, n_events));
    STG_RETURN_IF_FAILED(need_all(d, DATASET_BEGIN, DATASET_FLAGS, d->n));
    if (stg_tensors_find(d->tensors, dataset_columns[DATASET_WORKERS].name) != NULL) {
        STG_RETURN_IF_FAILED(need_all(d, DATASET_RUNNABLE, DATASET_WORKERS, d->n));
    }
    STG_RETURN_IF_FAILED(need(d, DATASET_THREAD_OFFSETS, d->n + 1));
    STG_RETURN_IF_FAILED(check_offsets(d, DATASET_THREAD_OFFSETS, n_threads));
    STG_RETURN_IF_FAILED(need_all(d, DATASET_THREAD_PID, DATASET_THREAD_PROC, n_threads));
    if (stg_tensors_find(d->tensors, dataset_columns[DATASET_THREAD_BACK].name) != NULL) {
        STG_RETURN_IF_FAILED(need(d, DATASET_THREAD_BACK, n_threads));
    }
    d->has_context = d->recipe.n_context > 0;
    if (!d->has_context) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(need(d, DATASET_CONTEXT_CALL, SIZE_MAX));
    STG_RETURN_IF_FAILED(need_all(d, DATASET_CONTEXT_PHASE, DATASET_CONTEXT_TIME, d->rows[DATASET_CONTEXT_CALL]));
    STG_RETURN_IF_FAILED(need(d, DATASET_CONTEXT_OFFSET, n_threads + 1));
    return check_offsets(d, DATASET_CONTEXT_OFFSET, d->rows[DATASET_CONTEXT_CALL]);
}

static enum stg_status what_is_wrong(const struct stg_dataset *d, const struct stg_seq *s, size_t first,
                                     int64_t duration)
{
    const size_t n_calls = stg_strings_count(d->vocab.calls);
    for (size_t k = 0; k < s->n; k++) {
        if (s->call[k] >= n_calls) {
            return bad(d, "call", first + k, "not in the vocabulary");
        }
        if (s->phase[k] > STG_PHASE_EXIT) {
            return bad(d, "phase", first + k, "not a phase");
        }
        if (s->thread[k] >= s->n_threads) {
            return bad(d, "thread", first + k, "not a thread of its sequence");
        }
        if (s->time_ns[k] < (k == 0 ? 0 : s->time_ns[k - 1]) || s->time_ns[k] > duration) {
            return bad(d, "time_ns", first + k, "time runs backwards or beyond the sequence's end");
        }
    }
    return stg_fail(STG_ERR_INTERNAL, "%s: two checks of the events disagree", stg_tensors_path(d->tensors));
}

/* Whether no event has a call from n_calls on, no phase or thread, and times rise from 0 or later: each column by
 * itself, in its own width and without a branch, so that the compiler makes vectors of it. n is at least 1. */
static bool columns_are_sound(const struct stg_seq *s, size_t n_calls)
{
    const uint16_t last_call = (uint16_t)(n_calls - 1), last_thread = (uint16_t)(s->n_threads - 1);
    uint16_t wrong = n_calls == 0 || s->n_threads == 0;
    uint8_t wrong_phase = 0;
    uint64_t sign = (uint64_t)s->time_ns[0]; /* highest bit: a time or a difference is negative; where no time is, no
                                                difference overflows */
    for (size_t k = 0; k < s->n; k++) {
        wrong |= (uint16_t)((s->call[k] > last_call) | (s->thread[k] > last_thread));
    }
    for (size_t k = 0; k < s->n; k++) {
        wrong_phase |= s->phase[k] > STG_PHASE_EXIT;
    }
    for (size_t k = 1; k < s->n; k++) {
        sign |= (uint64_t)s->time_ns[k] | ((uint64_t)s->time_ns[k] - (uint64_t)s->time_ns[k - 1]);
    }
    return wrong == 0 && wrong_phase == 0 && sign >> 63 == 0;
}

static enum stg_status check_events(const struct stg_dataset *d, const struct stg_seq *s, size_t first)
{
    const size_t n_calls = stg_strings_count(d->vocab.calls);
    int64_t duration;
    if (__builtin_sub_overflow(s->end_ns, s->begin_ns, &duration) || duration < 0 || duration > STG_TIME_MAX) {
        return bad(d, "end_ns", (size_t)s->id, "a sequence ends before it begins, or 146 years later");
    }
    /* First whether anything is wrong, then what. */
    if (s->n == 0 || (columns_are_sound(s, n_calls) && s->time_ns[s->n - 1] <= duration)) {
        return STG_OK;
    }
    return what_is_wrong(d, s, first, duration);
}

static enum stg_status check_threads(const struct stg_dataset *d, const struct stg_seq *s)
{
    const size_t n_procs = stg_strings_count(d->vocab.procs);
    const size_t n_calls = stg_strings_count(d->vocab.calls);
    for (size_t i = 0; i < s->n_threads; i++) {
        if (s->thread_proc[i] >= n_procs) {
            return bad(d, "thread_proc", (size_t)s->id, "not in the vocabulary");
        }
        const size_t back = s->thread_back != NULL ? s->thread_back[i] : 0;
        if (back > i || (back > 0 && (s->thread_back[i - back] != 0 || s->thread_tid[i - back] != s->thread_tid[i]))) {
            return bad(d, "thread_back", (size_t)s->id, "not the first row of that thread");
        }
        const size_t begin = d->has_context ? (size_t)s->context_offset[i] : 0;
        const size_t end = d->has_context ? (size_t)s->context_offset[i + 1] : 0;
        if (end - begin > (back > 0 ? 0 : d->recipe.n_context)) {
            return bad(d, "context_offset", (size_t)s->id, "more context than the recipe keeps");
        }
        for (size_t k = begin; k < end; k++) {
            const int64_t last_ns = k > begin ? s->context_time_ns[k - 1] : -STG_TIME_MAX;
            if (s->context_call[k] >= n_calls || s->context_phase[k] > STG_PHASE_EXIT ||
                s->context_time_ns[k] < last_ns || s->context_time_ns[k] > 0) {
                return bad(d, "context_call", k, "not an event from before the sequence");
            }
        }
    }
    return STG_OK;
}

/* The events of sequences first … end − 1 need not stay in memory. */
static void release_events(const struct stg_dataset *d, size_t first, size_t end)
{
    const uint64_t *offsets = d->column[DATASET_OFFSETS];
    for (int i = DATASET_CALL; i <= DATASET_THREAD; i++) {
        const char *column = d->column[i];
        const size_t width = stg_dtype_size(dataset_columns[i].dtype);
        stg_file_map_release(column + offsets[first] * width, column + offsets[end] * width);
    }
}

static bool is_part(float x)
{
    return x >= 0 && x <= 1;
}

/* Everything that consumers index with or subtract is checked once, here. */
static enum stg_status check_sequences(const struct stg_dataset *d, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        struct stg_seq s;
        stg_dataset_get(d, i, &s);
        if (s.n_threads > 65535 || s.n > STG_RECIPE_MAX_LEN) {
            return bad(d, "offsets", i, "a sequence is longer than any can be");
        }
        if (s.trace >= d->n_traces) {
            return bad(d, "trace", i, "not a trace of this data set");
        }
        if (!((s.runnable == 0 || s.runnable >= 1) && s.runnable <= UINT8_MAX && is_part(s.alone) &&
              is_part(s.stayed))) {
            return bad(d, "runnable", i, "not a number of threads, or not a part of the events in alone or stayed");
        }
        if (!(s.workers == 0 || (s.workers >= 1 && isfinite(s.workers)))) {
            return bad(d, "workers", i, "not a number of threads");
        }
        STG_RETURN_IF_FAILED(check_threads(d, &s));
        STG_RETURN_IF_FAILED(check_events(d, &s, (size_t)((const uint64_t *)d->column[DATASET_OFFSETS])[i]));
    }
    return STG_OK;
}

enum { STRETCH = 1 << 19 }; /* events, about: what one task checks, and then lets go of */

/* The first sequence that begins at or after event k × STRETCH. */
static size_t stretch_begin(const struct stg_dataset *d, size_t k)
{
    const uint64_t *offsets = d->column[DATASET_OFFSETS];
    size_t low = 0, high = d->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (offsets[middle] < (uint64_t)k * STRETCH) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The first task compares the checksum, the others look at a stretch each. */
static enum stg_status check_part(void *context, size_t i_task, size_t i_thread)
{
    (void)i_thread;
    const struct stg_dataset *d = context;
    if (i_task == 0) {
        return stg_tensors_verify(d->tensors);
    }
    const size_t first = stretch_begin(d, i_task - 1),
                 end = i_task * STRETCH > d->rows[DATASET_CALL] ? d->n : stretch_begin(d, i_task);
    STG_RETURN_IF_FAILED(check_sequences(d, first, end));
    release_events(d, first, end);
    return STG_OK;
}

static enum stg_status load_traces(struct stg_dataset *d)
{
    const char *text = stg_tensors_meta(d->tensors, "traces");
    d->traces_json = text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (!json_is_array(d->traces_json)) {
        return stg_fail(STG_ERR_INPUT,
                        "%s: metadata: traces is missing or not a list: the file is damaged, make it again",
                        stg_tensors_path(d->tensors));
    }
    d->n_traces = json_array_size(d->traces_json);
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&d->traces, d->n_traces, sizeof *d->traces));
    for (size_t i = 0; i < d->n_traces; i++) {
        const json_t *json = json_array_get(d->traces_json, i);
        struct stg_dataset_trace *trace = &d->traces[i];
        trace->path = json_string_value(json_object_get(json, "path"));
        trace->format = json_string_value(json_object_get(json, "format"));
        if (trace->path == NULL || trace->format == NULL) {
            return bad(d, "traces", i, "has no path or format");
        }
        for (size_t k = 0; k < DATASET_COUNTS; k++) {
            const json_int_t value = json_integer_value(json_object_get(json, dataset_count_names[k]));
            *dataset_count(&trace->counts, k) = value > 0 ? (uint64_t)value : 0;
        }
    }
    return STG_OK;
}

enum stg_status stg_dataset_open(struct stg_dataset **out, const char *path, struct stg_pool *pool)
{
    enum stg_status status;
    struct stg_dataset *d = NULL;
    *out = NULL;
    STG_TRY(stg_mem_zeroed(&d, 1, sizeof *d));
    STG_TRY(stg_tensors_open_unverified(&d->tensors, path, STG_DATASET_FORMAT, STG_DATASET_VERSION));
    STG_TRY(stg_vocab_load(&d->vocab, d->tensors));
    STG_TRY(stg_recipe_load(&d->recipe, d->tensors));
    STG_TRY(load_traces(d));
    STG_TRY(find_columns(d));
    STG_TRY(stg_pool_run(pool, 2 + d->rows[DATASET_CALL] / STRETCH, check_part, d));
    *out = d;
    d = NULL;
out:
    stg_dataset_free(d);
    return status;
}

void stg_dataset_free(struct stg_dataset *d)
{
    if (d == NULL) {
        return;
    }
    stg_vocab_fini(&d->vocab);
    json_decref(d->traces_json);
    stg_mem_free(d->traces);
    stg_tensors_free(d->tensors);
    stg_mem_free(d);
}

const char *stg_dataset_path(const struct stg_dataset *d)
{
    return stg_tensors_path(d->tensors);
}

size_t stg_dataset_count(const struct stg_dataset *d)
{
    return d->n;
}

uint64_t stg_dataset_events(const struct stg_dataset *d)
{
    return d->rows[DATASET_CALL];
}

/* Element at of a column, typed by the field that gets it. */
#define AT(d, id, type, at) ((const type *)(d)->column[id] + (at))

void stg_dataset_get(const struct stg_dataset *d, size_t i, struct stg_seq *out)
{
    const uint64_t *offsets = AT(d, DATASET_OFFSETS, uint64_t, i);
    const uint64_t *threads = AT(d, DATASET_THREAD_OFFSETS, uint64_t, i);
    *out = (struct stg_seq){
        .id = i,
        .n = (size_t)(offsets[1] - offsets[0]),
        .call = AT(d, DATASET_CALL, uint16_t, offsets[0]),
        .phase = AT(d, DATASET_PHASE, uint8_t, offsets[0]),
        .ret = AT(d, DATASET_RET, int64_t, offsets[0]),
        .time_ns = AT(d, DATASET_TIME, int64_t, offsets[0]),
        .thread = AT(d, DATASET_THREAD, uint16_t, offsets[0]),
        .n_threads = (size_t)(threads[1] - threads[0]),
        .thread_tid = AT(d, DATASET_THREAD_TID, int32_t, threads[0]),
        .thread_pid = AT(d, DATASET_THREAD_PID, int32_t, threads[0]),
        .thread_proc = AT(d, DATASET_THREAD_PROC, uint16_t, threads[0]),
        .begin_ns = *AT(d, DATASET_BEGIN, int64_t, i),
        .end_ns = *AT(d, DATASET_END, int64_t, i),
        .tid = *AT(d, DATASET_TID, int32_t, i),
        .pid = *AT(d, DATASET_PID, int32_t, i),
        .n_lost = *AT(d, DATASET_LOST, uint64_t, i),
        .trace = *AT(d, DATASET_TRACE, uint32_t, i),
        .flags = *AT(d, DATASET_FLAGS, uint32_t, i),
    };
    if (d->column[DATASET_THREAD_BACK] != NULL) {
        out->thread_back = AT(d, DATASET_THREAD_BACK, uint16_t, threads[0]);
    }
    if (d->column[DATASET_RUNNABLE] != NULL) {
        out->runnable = *AT(d, DATASET_RUNNABLE, float, i);
        out->alone = *AT(d, DATASET_ALONE, float, i);
        out->stayed = *AT(d, DATASET_STAYED, float, i);
        out->workers = *AT(d, DATASET_WORKERS, float, i);
    }
    if (d->has_context) {
        out->context_offset = AT(d, DATASET_CONTEXT_OFFSET, uint64_t, threads[0]);
        out->context_call = d->column[DATASET_CONTEXT_CALL];
        out->context_phase = d->column[DATASET_CONTEXT_PHASE];
        out->context_ret = d->column[DATASET_CONTEXT_RET];
        out->context_time_ns = d->column[DATASET_CONTEXT_TIME];
    }
}

const struct stg_vocab *stg_dataset_vocab(const struct stg_dataset *d)
{
    return &d->vocab;
}

const struct stg_recipe *stg_dataset_recipe(const struct stg_dataset *d)
{
    return &d->recipe;
}

size_t stg_dataset_traces(const struct stg_dataset *d)
{
    return d->n_traces;
}

const struct stg_dataset_trace *stg_dataset_trace(const struct stg_dataset *d, size_t i)
{
    return &d->traces[i];
}

const char *stg_dataset_file(const struct stg_dataset *d, const struct stg_seq *seq)
{
    const bool any = seq->trace < d->n_traces && seq->n_threads > 0 && seq->thread_tid[0] > 0;
    const json_t *files = any ? json_object_get(json_array_get(d->traces_json, seq->trace), "files") : NULL;
    return files == NULL ? NULL : json_string_value(json_array_get(files, (size_t)seq->thread_tid[0] - 1));
}

const char *stg_dataset_meta(const struct stg_dataset *d, const char *key)
{
    return stg_tensors_meta(d->tensors, key);
}

static void corpus_get(void *context, size_t i, struct stg_seq *out)
{
    stg_dataset_get(context, i, out);
}

static void corpus_release(void *context, size_t first, size_t end)
{
    release_events(context, first, end);
}

void stg_dataset_corpus(const struct stg_dataset *d, struct stg_corpus *out)
{
    *out = (struct stg_corpus){.n = d->n, .context = (void *)d, .get = corpus_get, .release = corpus_release};
}

static void slice_get(void *context, size_t i, struct stg_seq *out)
{
    const struct stg_slice *slice = context;
    stg_corpus_get(slice->corpus, slice->index == NULL ? slice->first + i : slice->index[i], out);
}

static void slice_release(void *context, size_t first, size_t end)
{
    const struct stg_slice *slice = context;
    if (slice->index == NULL) {
        stg_corpus_release(slice->corpus, slice->first + first, slice->first + end);
    } else if (end > first) {
        stg_corpus_release(slice->corpus, slice->index[first], (size_t)slice->index[end - 1] + 1);
    }
}

void stg_slice_corpus(struct stg_slice *slice, struct stg_corpus *out)
{
    *out = (struct stg_corpus){.n = slice->n, .context = slice, .get = slice_get, .release = slice_release};
}
