/* strange diff: what differs between two recordings or data sets, without a model. */
#include "cli/commands.h"
#include "cli/common_options.h"
#include "cli/input.h"
#include "cli/output.h"

#include "base/interrupt.h"
#include "base/log.h"
#include "import/import.h"
#include "report/report.h"

#include <unistd.h>

struct settings {
    bool json, waits, strict;
    uint32_t top;
    double deviation, min_change, min_latency, min_bits, level;
    const char *format;
    struct stg_list like;
};

static enum stg_status add_dataset(struct stg_diff *d, int side, const char *path, struct stg_pool *pool,
                                   struct stg_progress *p)
{
    enum stg_status status = STG_OK;
    struct stg_dataset *data = NULL;
    STG_TRY(stg_dataset_open(&data, path, pool));
    if (stg_dataset_count(data) == 0) {
        status = stg_fail(STG_ERR_INPUT, "%s: no sequences: nothing to compare; look at it with `strange info`", path);
        goto out;
    }
    for (size_t i = 0; i < stg_dataset_count(data); i++) {
        struct stg_seq seq;
        STG_TRY(stg_interrupt_check());
        stg_dataset_get(data, i, &seq);
        STG_TRY(stg_diff_add_sequence(d, side, &seq, stg_dataset_vocab(data)));
        stg_progress_update(p, i + 1);
    }
out:
    stg_dataset_free(data);
    return status;
}

static enum stg_status add_trace(struct stg_diff *d, int side, const char *path, const char *format,
                                 struct stg_progress *p)
{
    enum stg_status status = STG_OK;
    struct stg_source *source = NULL;
    struct stg_source_info info;
    const struct stg_event *events = NULL;
    size_t n = 0;
    STG_TRY(stg_import_open(&source, path, format));
    do {
        STG_TRY(stg_interrupt_check());
        STG_TRY(stg_source_next(source, &events, &n));
        STG_TRY(stg_diff_add_events(d, side, source, events, n));
        stg_source_info(source, &info);
        if (p != NULL) {
            p->total = info.total;
        }
        stg_progress_update(p, info.done);
    } while (n > 0);
    STG_TRY(stg_diff_add_facts(d, side, &info));
out:
    stg_source_close(source);
    return status;
}

static enum stg_status add_side(struct stg_diff *d, int side, const char *path, enum stg_kind kind,
                                const struct settings *s, struct stg_pool *pool, const struct stg_cli *cli)
{
    struct stg_progress progress;
    struct stg_progress *p = stg_cli_progress(cli, &progress, side == STG_DIFF_B ? "B" : "A", "", 0);
    const enum stg_status status =
        kind == STG_KIND_DATASET ? add_dataset(d, side, path, pool, p) : add_trace(d, side, path, s->format, p);
    stg_progress_finish(p);
    return status;
}

static enum stg_status kind_of(const char *path, enum stg_kind *kind)
{
    STG_RETURN_IF_FAILED(stg_kind_of(path, kind));
    return *kind == STG_KIND_MODEL || *kind == STG_KIND_CHECKPOINT
               ? stg_fail(STG_ERR_INPUT, "%s: is a model: give a data set or a trace", path)
               : STG_OK;
}

static enum stg_status check_kind(const char *path, const char *first, enum stg_kind wanted)
{
    enum stg_kind kind;
    STG_RETURN_IF_FAILED(kind_of(path, &kind));
    return kind == wanted ? STG_OK
                          : stg_fail(STG_ERR_USAGE,
                                     "%s and %s: one is a data set, the other a trace: give two of a kind, cut by "
                                     "`strange prepare` or not",
                                     first, path);
}

static enum stg_status check_kinds(const struct stg_cli *cli, const struct settings *s, enum stg_kind *kind)
{
    STG_RETURN_IF_FAILED(kind_of(cli->operands[STG_DIFF_A], kind));
    STG_RETURN_IF_FAILED(check_kind(cli->operands[STG_DIFF_B], cli->operands[STG_DIFF_A], *kind));
    for (size_t i = 0; i < s->like.n; i++) {
        STG_RETURN_IF_FAILED(check_kind(s->like.items[i], cli->operands[STG_DIFF_A], *kind));
    }
    return STG_OK;
}

static enum stg_status add_all(struct stg_diff *d, enum stg_kind kind, const struct settings *s, struct stg_pool *pool,
                               const struct stg_cli *cli)
{
    for (int side = 0; side < STG_DIFF_SIDES; side++) {
        STG_RETURN_IF_FAILED(add_side(d, side, cli->operands[side], kind, s, pool, cli));
    }
    for (size_t i = 0; i < s->like.n; i++) {
        STG_RETURN_IF_FAILED(add_side(d, STG_DIFF_LIKE, s->like.items[i], kind, s, pool, cli));
        STG_RETURN_IF_FAILED(stg_diff_end_like(d));
    }
    return STG_OK;
}

static enum stg_status run(struct stg_cli *cli, void *context, int *exit_code)
{
    const struct settings *s = context;
    enum stg_status status = STG_OK;
    struct stg_diff *d = NULL;
    struct stg_diff_result result = {0};
    struct stg_pool *pool = NULL;
    struct stg_buffer out = STG_BUFFER_INIT;
    enum stg_kind kind;
    const struct stg_diff_settings settings = {.z = s->deviation,
                                               .min_change = s->min_change,
                                               .min_latency = s->min_latency,
                                               .min_bits = s->min_bits,
                                               .waits = s->waits,
                                               .level = s->level,
                                               .strict = s->strict};
    STG_TRY(check_kinds(cli, s, &kind));
    STG_TRY(stg_pool_new(&pool, cli->threads));
    STG_TRY(stg_diff_new(&d));
    STG_TRY(add_all(d, kind, s, pool, cli));
    STG_TRY(stg_diff_compare(&result, d, &settings));
    if (result.too_short) {
        stg_log(STG_LOG_WARN, "a side has fewer than %d calls: no rates can be told", STG_DIFF_LEAST);
    }
    STG_TRY(s->json ? stg_report_diff_json(&out, &result, cli->operands)
                    : stg_report_diff_text(&out, &result, cli->operands, s->top, stg_log_may_colour(STDOUT_FILENO)));
    STG_TRY(stg_output_write(&out));
    *exit_code = result.changed ? 1 : 0;
out:
    stg_buffer_fini(&out);
    stg_diff_result_fini(&result);
    stg_diff_free(d);
    stg_pool_free(pool);
    return status;
}

static void defaults(void *context)
{
    struct settings *s = context;
    struct stg_diff_settings d;
    stg_diff_settings_default(&d);
    s->top = 10;
    s->deviation = d.z;
    s->min_change = d.min_change;
    s->min_latency = d.min_latency;
    s->min_bits = d.min_bits;
    s->level = d.level;
}

static const struct stg_option options[] = {
    {.name = "top",
     .arg = "N",
     .type = STG_OPTION_U32,
     .offset = offsetof(struct settings, top),
     .min = 0,
     .max = 1000000,
     .fallback = "10",
     .help = "rows to print of what is only in A, only in B, of their files, of calls, transitions, results and "
             "latencies; 0: the "
             "verdict alone"},
    {.name = "like",
     .arg = "A…",
     .type = STG_OPTION_LIST,
     .offset = offsetof(struct settings, like),
     .help =
         "further runs that are as A: what differs among them and A is noise, and what B has alone none of them has"},
    {.name = "level",
     .arg = "CHANCE",
     .type = STG_OPTION_DOUBLE,
     .offset = offsetof(struct settings, level),
     .min = 1e-9,
     .max = 0.5,
     .fallback = "0.05",
     .help = "how often two equal runs may be told as changed by calls and files of a program that only one side has"},
    {.name = "strict",
     .type = STG_OPTION_FLAG,
     .offset = offsetof(struct settings, strict),
     .help = "any call that a program makes on one side only is a change, even a single one, and so is any file"},
    {.name = "min-change",
     .arg = "SHARE",
     .type = STG_OPTION_DOUBLE,
     .offset = offsetof(struct settings, min_change),
     .min = 0.01,
     .max = 1e6,
     .fallback = "0.5",
     .help = "least change of a rate, or of the number of calls of a whole run, that counts: 0.5 is half as much "
             "again, or two thirds"},
    {.name = "min-latency",
     .arg = "RATIO",
     .type = STG_OPTION_DOUBLE,
     .offset = offsetof(struct settings, min_latency),
     .min = 1.2,
     .max = 1e6,
     .fallback = "2",
     .help = "least ratio of both the median and the 0.95 quantile of a call's duration that counts"},
    {.name = "waits",
     .type = STG_OPTION_FLAG,
     .offset = offsetof(struct settings, waits),
     .help =
         "durations of calls that wait (poll, futex, accept …), and of a command's whole run, too: they change with "
         "the load"},
    {.name = "min-bits",
     .arg = "BITS",
     .type = STG_OPTION_DOUBLE,
     .offset = offsetof(struct settings, min_bits),
     .min = 0,
     .max = 1,
     .fallback = "0.001",
     .help = "least contribution to the divergence that counts, unless a side has none or a hundredth of the other's"},
    {.name = "deviation",
     .arg = "Z",
     .type = STG_OPTION_DOUBLE,
     .offset = offsetof(struct settings, deviation),
     .min = 1,
     .max = 1000,
     .fallback = "5",
     .help = "standard errors that a rate must be off"},
    STG_OPTION_FORMAT(struct settings, "read traces as this format"),
    STG_OPTION_JSON(struct settings, "one JSON object with all rows"),
};

static const char *const description[] = {
    "Compares two recordings, or two data sets, and prints what only one of them has, and which calls, which "
    "transitions "
    "from one call of a thread to its next, which results (errors, sizes) and which durations changed, each ranked by "
    "how much. No model is needed. Rates are per sequence when both are data sets and "
    "per second when both are traces; a run that merely has more of everything has not changed.",
    "A program that only one side has is always a change. A call that a program makes on one side only is always "
    "shown, "
    "with the first file or the kinds of descriptors that it was given where a trace has them; it is a change when "
    "equal runs would hardly "
    "differ so (--level): `chance`, that of the call by itself, is how likely it is that its occasions are all on this "
    "side, twice as there are two "
    "(occurrences that come together are one occasion), and what it must be is corrected for how many calls there are; "
    "or far more sorts of call are on one "
    "side only than on the other "
    "only. A call that came once by itself is no change unless --strict says so.",
    "Where traces have the names of files, the same is told of the names that a program's calls were given on one side "
    "only, also of files that are looked for in vain (ENOENT), and of those that only one side finds. Names "
    "are compared as they were given, relative ones without their directory. Those that are made anew in each run "
    "(temporary files, numbers of processes, dates, hashes) are no change where both sides have such, and one row "
    "where "
    "only one has.",
    "Of traces that `strange record -- COMMAND` made it also compares how the command ended, and how many calls its "
    "whole run made: "
    "--min-change holds for that, too. How long it took is told from --min-latency on, and is a change with --waits.",
    "Of rates only what is beyond chance is reported: a difference must be --deviation standard errors, which are "
    "estimated "
    "from the blocks of each side so "
    "that bursts count as what they are, and at least twice what the halves of either side differ in; or in several "
    "blocks of one side there must be many times what any block of the other has, as when something begins or ends in "
    "the middle of a run: five times as much in eight blocks, or forty times in four. `part` is the item's part of the "
    "Jensen-Shannon divergence. The noise within a run is not all: runs of another hour, under another load, differ by "
    "more. Give "
    "some further runs that are as they should be (--like), at best from different times: a difference must be twice "
    "what they and A differ in.",
    NULL,
};

static const struct stg_example examples[] = {
    {"strange diff good-run/ next-run/", "what the next run does otherwise; exit status 1 when there is anything"},
    {"strange diff monday/ friday/ --like tuesday/ wednesday/ thursday/",
     "what differs on Friday by more than from one day to the next"},
    {"strange diff --json --top 0 good.data next.data", "the same for a script, per request"},
    {NULL, NULL},
};

const struct stg_command stg_command_diff = {
    .name = "diff",
    .summary = "tell what changed between two recordings, without a model",
    .operands = "A B",
    .n_min = 2,
    .n_max = 2,
    .description = description,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = examples,
    .exit_status = "0: nothing changed beyond chance (also when there are too few calls to tell: a warning says so). "
                   "1: something did. 2: failure",
    .settings_size = sizeof(struct settings),
    .defaults = defaults,
    .run = run,
};
