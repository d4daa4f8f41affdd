#include "dataset/dataset.h"

#include "dataset/columns.h"

#include "base/memory.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILES_SIZE ((size_t)8 << 20) /* of the names of files, which are in the header */

struct stg_dataset_writer {
    struct stg_tensors_writer *tensors; /* owned */
    struct stg_recipe recipe;
    json_t *traces;                 /* owned */
    size_t files_size;              /* bytes of the names of files in it */
    size_t column[DATASET_COLUMNS]; /* handles */
    uint64_t n_sequences, n_events, n_threads, n_context;
    bool has_context, has_back;
};

const struct dataset_column dataset_columns[DATASET_COLUMNS] = {
#define COLUMN(id, column_name, column_dtype) [id] = {.name = (column_name), .dtype = (column_dtype)},
    DATASET_COLUMN_TABLE(COLUMN)
#undef COLUMN
};

static enum stg_status append(struct stg_dataset_writer *w, enum dataset_column_id id, const void *data, size_t n)
{
    return n == 0 ? STG_OK : stg_tensors_writer_append(w->tensors, w->column[id], data, n);
}

static enum stg_status add_column(struct stg_dataset_writer *w, enum dataset_column_id id)
{
    return stg_tensors_writer_column(w->tensors, dataset_columns[id].name, dataset_columns[id].dtype, &w->column[id]);
}

enum stg_status stg_dataset_writer_open(struct stg_dataset_writer **out, const char *path,
                                        const struct stg_recipe *recipe)
{
    enum stg_status status;
    struct stg_dataset_writer *w = NULL;
    const uint64_t zero = 0;
    *out = NULL;
    STG_TRY(stg_recipe_check(recipe));
    STG_TRY(stg_mem_zeroed(&w, 1, sizeof *w));
    w->recipe = *recipe;
    stg_recipe_settle(&w->recipe);
    w->has_context = w->recipe.n_context > 0;
    w->traces = json_array();
    STG_TRY(stg_tensors_writer_open(&w->tensors, path, STG_DATASET_FORMAT, STG_DATASET_VERSION));
    STG_TRY(stg_recipe_save(&w->recipe, w->tensors));
    for (size_t i = 0; i < (w->has_context ? DATASET_COLUMNS : DATASET_CONTEXT_OFFSET); i++) {
        STG_TRY(i == DATASET_THREAD_BACK ? STG_OK : add_column(w, (enum dataset_column_id)i));
    }
    STG_TRY(append(w, DATASET_OFFSETS, &zero, 1));
    STG_TRY(append(w, DATASET_THREAD_OFFSETS, &zero, 1));
    if (w->has_context) {
        STG_TRY(append(w, DATASET_CONTEXT_OFFSET, &zero, 1));
    }
    *out = w;
    w = NULL;
out:
    stg_dataset_writer_free(w);
    return status;
}

void stg_dataset_writer_free(struct stg_dataset_writer *w)
{
    if (w == NULL) {
        return;
    }
    json_decref(w->traces);
    stg_tensors_writer_free(w->tensors);
    stg_mem_free(w);
}

uint32_t stg_dataset_writer_traces(const struct stg_dataset_writer *w)
{
    return (uint32_t)json_array_size(w->traces);
}

enum stg_status stg_dataset_writer_meta(struct stg_dataset_writer *w, const char *key, const char *value)
{
    return stg_tensors_writer_meta(w->tensors, key, value);
}

static enum stg_status put_context(struct stg_dataset_writer *w, const struct stg_seq *seq)
{
    const size_t first = seq->context_offset != NULL ? (size_t)seq->context_offset[0] : 0;
    const size_t n = seq->context_offset != NULL ? (size_t)seq->context_offset[seq->n_threads] - first : 0;
    for (size_t i = 1; i <= seq->n_threads; i++) {
        const uint64_t end = w->n_context + (seq->context_offset != NULL ? seq->context_offset[i] - first : 0);
        STG_RETURN_IF_FAILED(append(w, DATASET_CONTEXT_OFFSET, &end, 1));
    }
    w->n_context += n;
    if (n == 0) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(append(w, DATASET_CONTEXT_CALL, seq->context_call + first, n));
    STG_RETURN_IF_FAILED(append(w, DATASET_CONTEXT_PHASE, seq->context_phase + first, n));
    STG_RETURN_IF_FAILED(append(w, DATASET_CONTEXT_RET, seq->context_ret + first, n));
    return append(w, DATASET_CONTEXT_TIME, seq->context_time_ns + first, n);
}

static enum stg_status put_zeros(struct stg_dataset_writer *w, enum dataset_column_id id, uint64_t n)
{
    static const uint16_t zeros[4096];
    for (uint64_t part; n > 0; n -= part) {
        part = n < 4096 ? n : 4096;
        STG_RETURN_IF_FAILED(append(w, id, zeros, (size_t)part));
    }
    return STG_OK;
}

/* Most data has no thread with two names: the column begins with the first that has, and then says so of all before
 * it. */
static enum stg_status put_back(struct stg_dataset_writer *w, const struct stg_seq *seq)
{
    if (!w->has_back && seq->thread_back == NULL) {
        return STG_OK;
    }
    if (!w->has_back) {
        STG_RETURN_IF_FAILED(add_column(w, DATASET_THREAD_BACK));
        STG_RETURN_IF_FAILED(put_zeros(w, DATASET_THREAD_BACK, w->n_threads));
        w->has_back = true;
    }
    return seq->thread_back == NULL ? put_zeros(w, DATASET_THREAD_BACK, seq->n_threads)
                                    : append(w, DATASET_THREAD_BACK, seq->thread_back, seq->n_threads);
}

enum stg_status stg_dataset_writer_put(struct stg_dataset_writer *w, const struct stg_seq *seq)
{
    STG_RETURN_IF_FAILED(append(w, DATASET_CALL, seq->call, seq->n));
    STG_RETURN_IF_FAILED(append(w, DATASET_PHASE, seq->phase, seq->n));
    STG_RETURN_IF_FAILED(append(w, DATASET_RET, seq->ret, seq->n));
    STG_RETURN_IF_FAILED(append(w, DATASET_TIME, seq->time_ns, seq->n));
    STG_RETURN_IF_FAILED(append(w, DATASET_THREAD, seq->thread, seq->n));
    STG_RETURN_IF_FAILED(append(w, DATASET_THREAD_TID, seq->thread_tid, seq->n_threads));
    STG_RETURN_IF_FAILED(append(w, DATASET_THREAD_PID, seq->thread_pid, seq->n_threads));
    STG_RETURN_IF_FAILED(append(w, DATASET_THREAD_PROC, seq->thread_proc, seq->n_threads));
    STG_RETURN_IF_FAILED(put_back(w, seq));
    w->n_sequences++;
    w->n_events += seq->n;
    w->n_threads += seq->n_threads;
    STG_RETURN_IF_FAILED(append(w, DATASET_OFFSETS, &w->n_events, 1));
    STG_RETURN_IF_FAILED(append(w, DATASET_THREAD_OFFSETS, &w->n_threads, 1));
    STG_RETURN_IF_FAILED(append(w, DATASET_BEGIN, &seq->begin_ns, 1));
    STG_RETURN_IF_FAILED(append(w, DATASET_END, &seq->end_ns, 1));
    STG_RETURN_IF_FAILED(append(w, DATASET_TID, &seq->tid, 1));
    STG_RETURN_IF_FAILED(append(w, DATASET_PID, &seq->pid, 1));
    STG_RETURN_IF_FAILED(append(w, DATASET_LOST, &seq->n_lost, 1));
    STG_RETURN_IF_FAILED(append(w, DATASET_TRACE, &seq->trace, 1));
    STG_RETURN_IF_FAILED(append(w, DATASET_FLAGS, &seq->flags, 1));
    STG_RETURN_IF_FAILED(append(w, DATASET_RUNNABLE, &seq->runnable, 1));
    STG_RETURN_IF_FAILED(append(w, DATASET_ALONE, &seq->alone, 1));
    STG_RETURN_IF_FAILED(append(w, DATASET_STAYED, &seq->stayed, 1));
    STG_RETURN_IF_FAILED(append(w, DATASET_WORKERS, &seq->workers, 1));
    return w->has_context ? put_context(w, seq) : STG_OK;
}

/* A path may hold any bytes, JSON only UTF-8: others become "?". */
static json_t *text_of(const char *text)
{
    const char *given = text != NULL ? text : "";
    json_t *json = json_string(given);
    if (json != NULL) {
        return json;
    }
    char *copy = strdup(given);
    for (char *p = copy; p != NULL && *p != '\0'; p++) {
        *p = (unsigned char)*p < 0x80 ? *p : '?';
    }
    json = copy != NULL ? json_string(copy) : NULL;
    free(copy);
    return json;
}

/* The names of a trace's files; they are left out where there is no room in the header for them. */
static bool put_files(struct stg_dataset_writer *w, json_t *json, const struct stg_dataset_trace *trace)
{
    size_t size = 0;
    for (size_t i = 0; i < trace->n_files; i++) {
        size += strlen(trace->files[i]);
    }
    if (size == 0 || size > MAX_FILES_SIZE - w->files_size) {
        return true;
    }
    w->files_size += size;
    json_t *files = json_array();
    bool good = json_object_set_new(json, "files", files) == 0;
    for (size_t i = 0; i < trace->n_files && good; i++) {
        good = json_array_append_new(files, text_of(trace->files[i])) == 0;
    }
    return good;
}

enum stg_status stg_dataset_writer_trace(struct stg_dataset_writer *w, const struct stg_dataset_trace *trace)
{
    json_t *json = json_object();
    bool good = json_object_set_new(json, "path", text_of(trace->path)) == 0 &&
                json_object_set_new(json, "format", text_of(trace->format)) == 0;
    for (size_t i = 0; i < DATASET_COUNTS && good; i++) {
        const uint64_t value = *dataset_count(&trace->counts, i);
        good = json_object_set_new(json, dataset_count_names[i],
                                   json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value)) == 0;
    }
    good = good && put_files(w, json, trace);
    if (!good || json_array_append(w->traces, json) != 0) {
        json_decref(json);
        return stg_fail(STG_ERR_MEMORY, "data set: out of memory");
    }
    json_decref(json);
    return STG_OK;
}

enum stg_status stg_dataset_writer_commit(struct stg_dataset_writer *w, const struct stg_vocab *vocab)
{
    enum stg_status status;
    char *text = json_dumps(w->traces, JSON_COMPACT);
    if (text == NULL) {
        return stg_fail(STG_ERR_MEMORY, "data set: out of memory");
    }
    STG_TRY(stg_tensors_writer_meta(w->tensors, "traces", text));
    STG_TRY(stg_vocab_save(vocab, w->tensors));
    STG_TRY(stg_tensors_writer_commit(w->tensors));
out:
    free(text);
    return status;
}
