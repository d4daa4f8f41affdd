/* strange info: describes a trace, a data set, a model or a checkpoint. */
#include "cli/commands.h"
#include "cli/common_options.h"
#include "cli/facts.h"
#include "cli/info_trace.h"
#include "cli/input.h"
#include "cli/novel_from.h"
#include "cli/output.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "detect/calibrate.h"
#include "train/train.h"

#include <math.h>
#include <string.h>

#define MAX_NEW_CALLS 20

struct settings {
    bool json;
    const char *format;
};

static enum stg_status put_recipe(json_t *facts, const struct stg_recipe *r)
{
    json_t *recipe = json_object();
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "recipe", recipe));
    STG_RETURN_IF_FAILED(stg_facts_put(recipe, "cut", json_string(stg_cut_name(r->cut))));
    STG_RETURN_IF_FAILED(stg_facts_put(recipe, "scope", json_string(stg_scope_name(r->scope))));
    STG_RETURN_IF_FAILED(stg_facts_put(recipe, "order", json_string(stg_order_name(r->order))));
    if (r->cut == STG_CUT_WINDOW) {
        STG_RETURN_IF_FAILED(stg_facts_put(recipe, "window", json_integer((json_int_t)r->window)));
    }
    if (r->cut == STG_CUT_REQUEST || r->cut == STG_CUT_AUTO) {
        STG_RETURN_IF_FAILED(stg_facts_put(recipe, "begin", stg_facts_string(r->begin)));
        STG_RETURN_IF_FAILED(stg_facts_put(recipe, "end", stg_facts_string(r->end)));
    }
    STG_RETURN_IF_FAILED(stg_facts_put(recipe, "skip_first_ns", json_integer(r->skip_first_ns)));
    STG_RETURN_IF_FAILED(stg_facts_put(recipe, "max_len", json_integer((json_int_t)r->max_len)));
    return stg_facts_put(recipe, "context", json_integer(r->n_context));
}

/* Columns of a data set that are summed up. */
struct columns {
    int64_t *lengths, *durations; /* (sequences) */
    uint64_t *calls, *procs;      /* by vocabulary id */
    uint64_t n_failed, n_truncated, n_relieved, n_lossy;
    bool has_time;
};

static void add_sequence(struct columns *c, const struct stg_seq *seq, size_t i, size_t n_calls, size_t n_procs)
{
    c->lengths[i] = (int64_t)seq->n;
    c->durations[i] = seq->end_ns - seq->begin_ns;
    c->has_time |= (seq->flags & STG_SEQ_NO_TIME) == 0;
    c->n_truncated += (seq->flags & STG_SEQ_TRUNCATED) != 0;
    c->n_lossy += seq->n_lost > 0;
    for (size_t k = 0; k < seq->n; k++) {
        const uint16_t proc = seq->thread[k] < seq->n_threads ? seq->thread_proc[seq->thread[k]] : STG_TOKEN_UNKNOWN;
        c->n_failed += stg_ret_class(seq->phase[k], seq->ret[k]) == STG_RET_FAILURE;
        if (seq->call[k] < n_calls) {
            c->calls[seq->call[k]]++;
        }
        if (proc < n_procs) {
            c->procs[proc]++;
        }
    }
}

static enum stg_status put_traces(json_t *facts, const struct stg_dataset *d, uint64_t *n_lost, uint64_t *n_gaps)
{
    json_t *traces = json_array();
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "traces", traces));
    for (size_t i = 0; i < stg_dataset_traces(d); i++) {
        const struct stg_dataset_trace *t = stg_dataset_trace(d, i);
        json_t *trace = json_object();
        *n_lost += t->counts.n_lost;
        *n_gaps += t->counts.n_gaps;
        if (trace == NULL || json_array_append_new(traces, trace) != 0) {
            return stg_fail(STG_ERR_MEMORY, "cannot describe the traces: out of memory");
        }
        STG_RETURN_IF_FAILED(stg_facts_put(trace, "path", stg_facts_string(t->path)));
        STG_RETURN_IF_FAILED(stg_facts_put(trace, "format", stg_facts_string(t->format)));
        STG_RETURN_IF_FAILED(stg_facts_put(
            trace, "counts",
            json_pack("{s:I, s:I, s:I, s:I, s:I}", "sequences", (json_int_t)t->counts.n_sequences, "events",
                      (json_int_t)t->counts.n_events, "unknown", (json_int_t)t->counts.n_unknown, "lost",
                      (json_int_t)t->counts.n_lost, "gaps", (json_int_t)t->counts.n_gaps)));
    }
    return STG_OK;
}

static enum stg_status put_vocab(json_t *facts, const struct stg_vocab *v)
{
    json_t *vocab = json_pack("{s:I, s:I}", "calls", stg_facts_named(stg_strings_count(v->calls)), "processes",
                              stg_facts_named(stg_strings_count(v->procs)));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "vocabulary", vocab));
    if (v->base_calls == 0) {
        return STG_OK;
    }
    json_t *names = json_array();
    STG_RETURN_IF_FAILED(stg_facts_put(
        vocab, "extends",
        json_pack("{s:I, s:I}", "calls", stg_facts_named(v->base_calls), "processes", stg_facts_named(v->base_procs))));
    STG_RETURN_IF_FAILED(stg_facts_put(vocab, "new_calls", names));
    for (size_t i = v->base_calls; i < stg_strings_count(v->calls) && i < v->base_calls + MAX_NEW_CALLS; i++) {
        if (json_array_append_new(names, stg_facts_string(stg_strings_get(v->calls, (uint32_t)i))) != 0) {
            return stg_fail(STG_ERR_MEMORY, "cannot describe the vocabulary: out of memory");
        }
    }
    return STG_OK;
}

static enum stg_status put_columns(json_t *facts, struct columns *c, const struct stg_dataset *d)
{
    const struct stg_vocab *v = stg_dataset_vocab(d);
    const size_t n = stg_dataset_count(d), n_calls = stg_strings_count(v->calls), n_procs = stg_strings_count(v->procs);
    for (size_t i = 0; i < n; i++) {
        struct stg_seq seq;
        STG_RETURN_IF_FAILED(stg_interrupt_check());
        stg_dataset_get(d, i, &seq);
        add_sequence(c, &seq, i, n_calls, n_procs);
    }
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "failed_exits", json_integer((json_int_t)c->n_failed)));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "cut_off", json_integer((json_int_t)c->n_truncated)));
    for (size_t i = 0; i < stg_dataset_traces(d); i++) {
        c->n_relieved += stg_dataset_trace(d, i)->counts.n_relieved;
    }
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "cut_off_memory", json_integer((json_int_t)c->n_relieved)));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "touched_by_loss", json_integer((json_int_t)c->n_lossy)));
    if (n > 0) {
        STG_RETURN_IF_FAILED(stg_facts_put(facts, "length", stg_facts_quantiles(c->lengths, n)));
    }
    if (c->has_time) {
        STG_RETURN_IF_FAILED(stg_facts_put(facts, "duration_ns", stg_facts_quantiles(c->durations, n)));
    }
    if (c->procs[STG_TOKEN_UNKNOWN] == stg_dataset_events(d)) {
        c->procs[STG_TOKEN_UNKNOWN] = 0; /* the source knows no names */
    }
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "top_calls", stg_facts_top(c->calls, n_calls, 10, v->calls)));
    return stg_facts_put(facts, "top_processes", stg_facts_top(c->procs, n_procs, 10, v->procs));
}

static enum stg_status info_dataset(json_t *facts, const char *path)
{
    enum stg_status status = STG_OK;
    struct stg_dataset *d = NULL;
    struct columns c = {0};
    uint64_t n_lost = 0, n_gaps = 0;
    STG_TRY(stg_dataset_open(&d, path, NULL));
    const struct stg_vocab *v = stg_dataset_vocab(d);
    const size_t n_calls = stg_strings_count(v->calls), n_procs = stg_strings_count(v->procs);
    STG_TRY(stg_mem_zeroed(&c.lengths, stg_dataset_count(d), sizeof *c.lengths));
    STG_TRY(stg_mem_zeroed(&c.durations, stg_dataset_count(d), sizeof *c.durations));
    STG_TRY(stg_mem_zeroed(&c.calls, n_calls, sizeof *c.calls));
    STG_TRY(stg_mem_zeroed(&c.procs, n_procs, sizeof *c.procs));
    STG_TRY(stg_facts_put(facts, "sequences", json_integer((json_int_t)stg_dataset_count(d))));
    STG_TRY(stg_facts_put(facts, "events", json_integer((json_int_t)stg_dataset_events(d))));
    STG_TRY(put_traces(facts, d, &n_lost, &n_gaps));
    STG_TRY(stg_facts_put(facts, "lost", json_integer((json_int_t)n_lost)));
    STG_TRY(stg_facts_put(facts, "gaps", json_integer((json_int_t)n_gaps)));
    STG_TRY(put_vocab(facts, v));
    STG_TRY(put_recipe(facts, stg_dataset_recipe(d)));
    STG_TRY(put_columns(facts, &c, d));
    static const char *const keys[] = {"command", "date"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *value = stg_dataset_meta(d, keys[i]);
        STG_TRY(value == NULL ? STG_OK : stg_facts_put(facts, keys[i], stg_facts_string(value)));
    }
out:
    stg_mem_free(c.lengths);
    stg_mem_free(c.durations);
    stg_mem_free(c.calls);
    stg_mem_free(c.procs);
    stg_dataset_free(d);
    return status;
}

/* From where on a sequence is novel, by what the model is judged by. */
static enum stg_status put_threshold(json_t *facts, const struct stg_model *m)
{
    const enum stg_aggregate judge = stg_aggregate_default(m);
    const double threshold = stg_calibrated(m) ? stg_threshold(m, judge, STG_ALPHA_DEFAULT) : (double)INFINITY;
    if (!(threshold < (double)INFINITY)) {
        return STG_OK;
    }
    json_t *to = json_object();
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "threshold", to));
    STG_RETURN_IF_FAILED(
        stg_facts_put(to, "of", json_string(judge == STG_AGGREGATE_MEAN ? "perplexity" : stg_aggregate_name(judge))));
    STG_RETURN_IF_FAILED(stg_facts_put(to, "alpha", json_real(STG_ALPHA_DEFAULT)));
    return stg_facts_put(to, "value", json_real(exp(threshold)));
}

static enum stg_status put_model(json_t *facts, const struct stg_model *m)
{
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "model", json_string(m->ops->kind)));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "facts", m->ops->describe(m)));
    STG_RETURN_IF_FAILED(put_vocab(facts, &m->vocab));
    STG_RETURN_IF_FAILED(stg_facts_put(
        facts, "symbols", json_integer(m->symbols == NULL ? 0 : stg_facts_named(stg_symbols_count(m->symbols)))));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "calibration_sequences", json_integer((json_int_t)m->n_calibration)));
    STG_RETURN_IF_FAILED(put_threshold(facts, m));
    STG_RETURN_IF_FAILED(put_recipe(facts, &m->recipe));
    if (m->record == NULL) {
        return STG_OK;
    }
    if (stg_calibrated(m)) { /* also of a model whose record is of an older version */
        STG_RETURN_IF_FAILED(stg_novel_from_put(m->record, m));
    }
    return stg_facts_put(facts, "record", json_incref(m->record));
}

static enum stg_status info_model(json_t *facts, const char *path)
{
    struct stg_model *m = NULL;
    STG_RETURN_IF_FAILED(stg_model_open(&m, path));
    const enum stg_status status = put_model(facts, m);
    stg_model_free(m);
    return status;
}

static enum stg_status info_checkpoint(json_t *facts, const char *path)
{
    struct stg_tensors *t = NULL;
    struct stg_model *m = NULL;
    STG_RETURN_IF_FAILED(stg_tensors_open(&t, path, STG_CHECKPOINT_FORMAT, STG_CHECKPOINT_VERSION));
    const char *state = stg_tensors_meta(t, "train.state");
    json_t *loaded = state == NULL ? NULL : json_loads(state, 0, NULL);
    enum stg_status status = loaded == NULL ? STG_OK : stg_facts_put(facts, "training", loaded);
    if (status == STG_OK) {
        status = stg_model_get(&m, t);
        t = status == STG_OK ? NULL : t;
    }
    if (status == STG_OK) {
        status = put_model(facts, m);
    }
    stg_model_free(m);
    stg_tensors_free(t);
    return status;
}

static enum stg_status describe(json_t *facts, const char *path, const struct settings *s, const struct stg_cli *cli)
{
    static const char *const names[] = {"trace", "data set", "model", "checkpoint"};
    enum stg_kind kind = STG_KIND_TRACE;
    if (s->format == NULL) {
        STG_RETURN_IF_FAILED(stg_kind_of(path, &kind));
    }
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "path", stg_facts_string(path)));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "kind", json_string(names[kind])));
    switch (kind) {
    case STG_KIND_DATASET:
        return info_dataset(facts, path);
    case STG_KIND_MODEL:
        return info_model(facts, path);
    case STG_KIND_CHECKPOINT:
        return info_checkpoint(facts, path);
    case STG_KIND_TRACE:
        break;
    }
    return stg_info_trace(facts, path, s->format, cli);
}

static enum stg_status run(struct stg_cli *cli, void *context, int *exit_code)
{
    const struct settings *s = context;
    enum stg_status status = STG_OK;
    struct stg_buffer out = STG_BUFFER_INIT;
    json_t *facts = NULL;
    (void)exit_code;
    for (size_t i = 0; i < cli->n_operands; i++) {
        facts = json_object();
        STG_TRY(describe(facts, cli->operands[i], s, cli));
        if (i > 0 && !s->json) {
            STG_TRY(stg_buffer_printf(&out, "\n"));
        }
        STG_TRY(s->json ? stg_facts_json(&out, "strange.info/1", facts) : stg_facts_text(&out, facts));
        STG_TRY(stg_output_write(&out));
        json_decref(facts);
        facts = NULL;
    }
out:
    json_decref(facts);
    stg_buffer_fini(&out);
    return status;
}

static const struct stg_option options[] = {
    STG_OPTION_JSON(struct settings, "one JSON object a line for each file"),
    STG_OPTION_FORMAT(struct settings, "read the trace as this format"),
};

static const char *const description[] = {
    "Says what a file is and what is in it: of a trace the events by kind, how many were lost, duration, rate, "
    "processes, threads and the "
    "most frequent calls (read in one pass, so a long trace takes a while); of a data set the sequences, their lengths "
    "and durations, and "
    "how they were cut; of a model its size, its calibration and how it was trained; of a checkpoint how far the "
    "training got.",
    NULL,
};

static const struct stg_example examples[] = {
    {"strange info recording/ train.data web.model", "describe three files"},
    {NULL, NULL},
};

const struct stg_command stg_command_info = {
    .name = "info",
    .summary = "describe a trace, a data set, a model or a checkpoint",
    .operands = "FILE|DIR…",
    .n_min = 1,
    .n_max = SIZE_MAX,
    .description = description,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = examples,
    .settings_size = sizeof(struct settings),
    .run = run,
};
