/* strange prepare: traces to a data set. */
#include "cli/commands.h"
#include "cli/common_options.h"
#include "cli/facts.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/prepare_markers.h"
#include "cli/prepare_summary.h"
#include "cli/prepare_traces.h"

#include "base/memory.h"
#include "event/marker.h"
#include "train/train.h"

#include <string.h>

#define NOT_GIVEN UINT32_MAX

struct settings {
    bool json;
    const char *out, *preset, *cut, *scope, *order, *begin, *end, *confirm, *vocab, *format;
    int64_t skip_first_ns; /* −1: not given */
    uint64_t max_len;      /* 0: not given */
    uint32_t context;
};

/* A marker as record takes it stands for the name of its events. NULL: to stays. */
static enum stg_status copy_marker(char *to, size_t cap, const char *option, const char *name)
{
    struct stg_marker marker;
    if (name == NULL) {
        return STG_OK;
    }
    if (stg_marker_is(name)) {
        STG_RETURN_IF_FAILED(stg_marker_parse(&marker, name, option));
        name = marker.name;
    }
    if (strlen(name) >= cap) {
        return stg_fail(STG_ERR_USAGE, "%s: the name is longer than %zu bytes", option, cap - 1);
    }
    memcpy(to, name, strlen(name) + 1);
    return STG_OK;
}

/* Markers are of requests: another rule would not look at them. */
static enum stg_status check_markers_apply(const struct stg_recipe *r, const struct settings *s)
{
    const char *option = s->begin != NULL     ? "--begin"
                         : s->end != NULL     ? "--end"
                         : s->confirm != NULL ? "--confirm"
                                              : NULL;
    if (option == NULL || r->cut == STG_CUT_REQUEST || r->cut == STG_CUT_AUTO) {
        return STG_OK;
    }
    return stg_fail(STG_ERR_USAGE, "%s: is of requests, which --cut %s does not cut: leave one of the two out", option,
                    s->cut != NULL ? s->cut : stg_cut_name(r->cut));
}

/* What the rule decides by itself cannot be asked for otherwise. */
static enum stg_status check_rule_allows(const struct stg_recipe *r, const struct settings *s)
{
    struct stg_recipe settled = *r;
    if (r->cut == STG_CUT_AUTO) {
        return STG_OK;
    }
    stg_recipe_settle(&settled);
    if (s->scope != NULL && settled.scope != r->scope) {
        return stg_fail(STG_ERR_USAGE,
                        "--scope %s: with --cut %s it is always %s: leave --scope out, or take another cut", s->scope,
                        stg_cut_name(r->cut), stg_scope_name(settled.scope));
    }
    if (s->context != NOT_GIVEN && settled.n_context != r->n_context) {
        return stg_fail(STG_ERR_USAGE, "--context %u: with --cut %s nothing is before a sequence: leave --context out",
                        s->context, stg_cut_name(r->cut));
    }
    if (s->max_len > 0 && settled.max_len != r->max_len) {
        return stg_fail(STG_ERR_USAGE, "--max-len %llu: a window has %llu events: give as many, or leave --max-len out",
                        (unsigned long long)s->max_len, (unsigned long long)settled.max_len);
    }
    return STG_OK;
}

static enum stg_status make_recipe(struct stg_recipe *r, const struct settings *s)
{
    if (s->preset != NULL) {
        stg_recipe_paper(r);
    } else {
        stg_recipe_default(r);
    }
    if (s->cut != NULL) {
        const enum stg_status status = stg_cut_parse(s->cut, &r->cut, &r->window);
        if (status != STG_OK) {
            return stg_context(status, "--cut");
        }
    }
    if (s->scope != NULL) {
        STG_RETURN_IF_FAILED(stg_scope_parse(s->scope, &r->scope));
    }
    if (s->order != NULL) {
        STG_RETURN_IF_FAILED(stg_order_parse(s->order, &r->order));
        r->n_context = r->order == STG_ORDER_TIME ? 0 : r->n_context; /* contexts are stored for thread order */
    }
    if (s->context != NOT_GIVEN) {
        r->n_context = s->context;
    }
    if (s->max_len > 0) {
        r->max_len = s->max_len;
    }
    if (s->skip_first_ns >= 0) {
        r->skip_first_ns = s->skip_first_ns;
    }
    STG_RETURN_IF_FAILED(check_markers_apply(r, s));
    if ((s->begin == NULL) != (s->end == NULL)) {
        return stg_fail(STG_ERR_USAGE, "--begin and --end go together: give both or neither");
    }
    if (s->begin != NULL && r->cut == STG_CUT_AUTO) {
        r->cut = STG_CUT_REQUEST;
    }
    if (s->begin != NULL) {
        char begin[sizeof r->begin], end[sizeof r->end];
        STG_RETURN_IF_FAILED(copy_marker(begin, sizeof begin, "--begin", s->begin));
        STG_RETURN_IF_FAILED(copy_marker(end, sizeof end, "--end", s->end));
        (void)!stg_recipe_set_markers(r, begin, end); /* they fit */
    }
    STG_RETURN_IF_FAILED(copy_marker(r->confirm, sizeof r->confirm, "--confirm", s->confirm));
    STG_RETURN_IF_FAILED(stg_recipe_check(r));
    return check_rule_allows(r, s);
}

/* The whole file is read and checked, although its names alone are taken: what is damaged is not built upon. */
static enum stg_status open_vocab(struct stg_tensors **out, const char *path)
{
    enum stg_kind kind;
    STG_RETURN_IF_FAILED(stg_kind_of(path, &kind));
    switch (kind) {
    case STG_KIND_MODEL:
        return stg_tensors_open(out, path, STG_MODEL_FORMAT, STG_MODEL_VERSION);
    case STG_KIND_DATASET:
        return stg_tensors_open(out, path, STG_DATASET_FORMAT, STG_DATASET_VERSION);
    case STG_KIND_CHECKPOINT:
        return stg_tensors_open(out, path, STG_CHECKPOINT_FORMAT, STG_CHECKPOINT_VERSION);
    case STG_KIND_TRACE:
        break;
    }
    return stg_fail(STG_ERR_INPUT,
                    "--vocab: %s is neither a model nor a data set: give the one that the new data is to go with",
                    path);
}

/* The vocabulary of a model or a data set, to be extended; or a new one. */
static enum stg_status make_vocab(struct stg_vocab *v, const struct settings *s)
{
    if (s->vocab == NULL) {
        return stg_vocab_init(v);
    }
    struct stg_tensors *t = NULL;
    STG_RETURN_IF_FAILED(open_vocab(&t, s->vocab));
    const enum stg_status status = stg_vocab_load(v, t);
    stg_tensors_free(t);
    if (status == STG_OK) {
        stg_vocab_extend(v);
    }
    return status;
}

static void add_counts(struct stg_cut_counts *sum, const struct stg_cut_counts *c)
{
    sum->n_events += c->n_events;
    sum->n_lost += c->n_lost;
    sum->n_gaps += c->n_gaps;
    sum->n_sequences += c->n_sequences;
    sum->n_skipped += c->n_skipped;
    sum->n_open += c->n_open;
    sum->n_unmatched_end += c->n_unmatched_end;
    sum->n_reopened += c->n_reopened;
    sum->n_orphan_exits += c->n_orphan_exits;
    sum->n_unfinished += c->n_unfinished;
    sum->n_backward += c->n_backward;
    sum->n_unknown += c->n_unknown;
    sum->n_truncated += c->n_truncated;
    sum->n_relieved += c->n_relieved;
    sum->n_covered += c->n_covered;
    sum->n_stored += c->n_stored;
    sum->n_begins += c->n_begins;
    sum->n_ends += c->n_ends;
    sum->n_confirms += c->n_confirms;
}

static json_t *counts_json(const struct stg_cut_counts *c)
{
    const struct stg_facts_count all[] = {
        {"sequences", c->n_sequences},
        {"events", c->n_events},
        {"lost", c->n_lost},
        {"gaps", c->n_gaps},
        {"skipped", c->n_skipped},
        {"open_at_end", c->n_open},
        {"unmatched_ends", c->n_unmatched_end},
        {"reopened", c->n_reopened},
        {"orphan_exits", c->n_orphan_exits},
        {"unfinished_calls", c->n_unfinished},
        {"backward_times", c->n_backward},
        {"unknown_events", c->n_unknown},
        {"cut_off", c->n_truncated},
        {"cut_off_memory", c->n_relieved},
        {"events_in_sequences", c->n_covered},
        {"events_of_sequences", c->n_stored},
    };
    return stg_facts_counts(all, sizeof all / sizeof all[0]);
}

static enum stg_status print_json(const struct settings *s, const struct stg_recipe *r, const struct stg_vocab *v,
                                  const struct stg_cut_counts *sum)
{
    enum stg_status status = STG_OK;
    struct stg_buffer out = STG_BUFFER_INIT;
    json_t *facts = json_object();
    STG_TRY(stg_facts_put(facts, "data", stg_facts_string(s->out)));
    STG_TRY(stg_facts_put(facts, "cut", json_string(stg_cut_name(r->cut))));
    STG_TRY(stg_facts_put(facts, "order", json_string(stg_order_name(r->order))));
    STG_TRY(stg_facts_put(facts, "calls", json_integer(stg_facts_named(stg_strings_count(v->calls)))));
    STG_TRY(stg_facts_put(facts, "processes", json_integer(stg_facts_named(stg_strings_count(v->procs)))));
    STG_TRY(stg_facts_put(facts, "counts", counts_json(sum)));
    STG_TRY(stg_facts_json(&out, "strange.prepare/1", facts));
    STG_TRY(stg_output_write(&out));
out:
    json_decref(facts);
    stg_buffer_fini(&out);
    return status;
}

static enum stg_status run(struct stg_cli *cli, void *context, int *exit_code)
{
    const struct settings *s = context;
    enum stg_status status = STG_OK;
    struct stg_recipe recipe;
    struct stg_vocab vocab = {0};
    struct stg_cut_counts *counts = NULL, sum = {0};
    bool explained = false;
    (void)exit_code;
    if (s->out == NULL) {
        return stg_fail(STG_ERR_USAGE, "-o DATA is missing: say where to write the data set");
    }
    const struct stg_list traces = {.items = (const char **)cli->operands, .n = cli->n_operands};
    const struct stg_list vocabularies = {.items = (const char **)&s->vocab, .n = s->vocab != NULL ? 1 : 0};
    STG_TRY(stg_output_apart("-o", s->out, &traces));
    STG_TRY(stg_output_apart("-o", s->out, &vocabularies));
    STG_TRY(make_recipe(&recipe, s));
    STG_TRY(make_vocab(&vocab, s));
    STG_TRY(stg_mem_zeroed(&counts, cli->n_operands, sizeof *counts));
    STG_TRY(stg_prepare_traces(s->out, cli->operands, cli->n_operands, s->format, &recipe, &vocab, counts, cli));
    for (size_t i = 0; i < cli->n_operands; i++) {
        add_counts(&sum, &counts[i]);
    }
    STG_TRY(stg_prepare_check_markers(&recipe, &sum, cli->operands[0], s->format, &explained));
    stg_prepare_summary(s->out, &recipe, &sum, explained);
    STG_TRY(s->json ? print_json(s, &recipe, &vocab, &sum) : STG_OK);
out:
    stg_mem_free(counts);
    stg_vocab_fini(&vocab);
    return status;
}

static void defaults(void *context)
{
    struct settings *s = context;
    s->skip_first_ns = -1;
    s->context = NOT_GIVEN;
}

static const struct stg_option options[] = {
    {.name = "output",
     .letter = 'o',
     .arg = "DATA",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, out),
     .help = "where to write the data set"},
    {.name = "preset",
     .arg = "NAME",
     .type = STG_OPTION_CHOICE,
     .choices = "paper",
     .offset = offsetof(struct settings, preset),
     .help = "the published rule (arXiv 2309.02206): requests, all processes, time order"},
    {.name = "cut",
     .arg = "RULE",
     .type = STG_OPTION_STRING,
     .choices = "auto|request|accept|thread|process|window:1000|given",
     .offset = offsetof(struct settings, cut),
     .fallback = "auto",
     .help =
         "what a sequence is: request (--begin to --end on a thread), accept (accept to close on a thread), thread, "
         "process, "
         "window:N events (a last rest of less than half as many joins the window before it), given (the trace's own); "
         "auto: given, else request where its markers occur (those that the trace was recorded with, or httpd's), else "
         "thread"},
    {.name = "scope",
     .arg = "SCOPE",
     .type = STG_OPTION_CHOICE,
     .choices = "system|process|thread",
     .offset = offsetof(struct settings, scope),
     .fallback = "system",
     .help = "whose events belong to a sequence while it is open"},
    {.name = "order",
     .arg = "ORDER",
     .type = STG_OPTION_CHOICE,
     .choices = "time|thread",
     .offset = offsetof(struct settings, order),
     .fallback = "thread",
     .help = "thread: models see each thread's events apart; time: interleaved as they happened"},
    {.name = "begin",
     .arg = "EVENT",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, begin),
     .fallback = "that of the recording, else httpd:enter_event_handler",
     .help = "marker event that begins a request; a marker as record takes it (uprobe:PATH:SYMBOL) means its events"},
    {.name = "end",
     .arg = "EVENT",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, end),
     .fallback = "that of the recording, else httpd:exit_event_handler",
     .help = "marker event that ends it"},
    {.name = "confirm",
     .arg = "EVENT",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, confirm),
     .help = "keep only requests in which this marker event occurs on their thread; like --begin and --end with --cut "
             "request or auto alone, where there are requests"},
    {.name = "skip-first",
     .arg = "TIME",
     .type = STG_OPTION_DURATION,
     .offset = offsetof(struct settings, skip_first_ns),
     .fallback = "0",
     .help = "drop what begins earlier than this after the first begin (1s, 500ms): a warm-up"},
    {.name = "max-len",
     .arg = "N",
     .type = STG_OPTION_U64,
     .offset = offsetof(struct settings, max_len),
     .min = 1,
     .max = 16777216,
     .fallback = "65536",
     .help = "events of a sequence; longer ones are cut off and marked"},
    {.name = "context",
     .arg = "N",
     .type = STG_OPTION_U32,
     .offset = offsetof(struct settings, context),
     .min = 0,
     .max = 255,
     .fallback = "16 in thread order",
     .help = "earlier events of each thread to keep before a sequence"},
    {.name = "vocab",
     .arg = "MODEL|DATA",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, vocab),
     .help = "keep the ids of this vocabulary, for data that goes with a model or with other data; new names follow "
             "them and are unknown to the model"},
    STG_OPTION_FORMAT(struct settings, "read the traces as this format"),
    STG_OPTION_JSON(struct settings, "print the counts as one JSON object"),
};

static const char *const description[] = {
    "Cuts traces into sequences (the events of one request, thread, process or window) and writes them with their "
    "vocabulary "
    "as one data set. Reads CTF directories (LTTng, perf data convert --to-ctf), text of perf script, strace -f -ttt "
    "-T and sysdig, "
    "lists of call numbers or names, lines of a process and its call, and the paper's data.txt. Memory stays bounded "
    "whatever the length of a trace.",
    "Lost events are counted, stored, and mark the sequences that they touch.",
    NULL,
};

static const struct stg_example examples[] = {
    {"strange prepare --skip-first 1s -o train.data good-run/", "cut a recording, leaving out its first second"},
    {"strange prepare --vocab train.data -o test.data next-run/", "a second data set that goes with the first"},
    {"strange prepare --cut accept --scope thread -o train.data strace.txt",
     "connections of a server traced with strace"},
    {"strange prepare --cut window:100 -o train.data redis-run/",
     "an event loop, whose threads are one endless sequence (docs/howto/cut.md)"},
    {NULL, NULL},
};

const struct stg_command stg_command_prepare = {
    .name = "prepare",
    .summary = "cut traces into a data set of sequences",
    .operands = "-o DATA TRACE…",
    .n_min = 1,
    .n_max = SIZE_MAX,
    .description = description,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = examples,
    .settings_size = sizeof(struct settings),
    .defaults = defaults,
    .run = run,
};
