/* strange export: a trace in another format. Adding a format = a function here and a line in `formats`. */
#include "cli/commands.h"
#include "cli/common_options.h"
#include "cli/export_scored.h"
#include "cli/input.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pool.h"
#include "import/import.h"
#include "trace/ctf_writer.h"

#include <string.h>

struct settings {
    const char *to, *out, *format, *rows;
    double alpha;
};

/* --- CTF --- */

/* What the trace says of its recording goes on; what the writer says itself keeps the writer's word. */
static enum stg_status copy_fact(void *writer, const char *key, const char *value)
{
    return stg_ctf_writer_set(writer, key, value);
}

static enum stg_status set_facts(struct stg_ctf_writer *w, const struct stg_source_info *info,
                                 const struct stg_cli *cli)
{
    char date[21];
    stg_clock_date(date);
    STG_RETURN_IF_FAILED(stg_source_each_fact(info, copy_fact, w));
    STG_RETURN_IF_FAILED(stg_ctf_writer_set(w, "export_format", info->format == NULL ? "" : info->format));
    STG_RETURN_IF_FAILED(stg_ctf_writer_set(w, "export_date", date));
    return stg_ctf_writer_set(w, "export_command_line", cli->line == NULL ? "" : cli->line);
}

static void warn(const struct stg_ctf_writer *w, const char *path)
{
    struct stg_ctf_stats stats;
    stg_ctf_writer_stats(w, &stats);
    if (stats.n_clamped > 0) {
        stg_log(STG_LOG_WARN, "%s: %llu events were older than the one before them and got its time", path,
                (unsigned long long)stats.n_clamped);
    }
    if (stats.n_cut_comms > 0) {
        stg_log(STG_LOG_WARN, "%s: the thread names of %llu events were cut to 15 bytes", path,
                (unsigned long long)stats.n_cut_comms);
    }
}

static enum stg_status copy_events(struct stg_ctf_writer *w, struct stg_source *source, const struct stg_event *events,
                                   size_t n, struct stg_progress *p)
{
    while (n > 0) {
        struct stg_source_info info;
        STG_RETURN_IF_FAILED(stg_pool_check());
        STG_RETURN_IF_FAILED(stg_sink_put(stg_ctf_writer_sink(w), events, n));
        STG_RETURN_IF_FAILED(stg_source_next(source, &events, &n));
        stg_source_info(source, &info);
        if (p != NULL) {
            p->total = info.total;
        }
        stg_progress_update(p, info.done);
    }
    return STG_OK;
}

static enum stg_status export_ctf(const struct settings *s, struct stg_source *source, const struct stg_cli *cli,
                                  struct stg_progress *p)
{
    enum stg_status status = STG_OK;
    struct stg_ctf_settings settings;
    struct stg_ctf_writer *w = NULL;
    struct stg_source_info info;
    const struct stg_event *events = NULL;
    size_t n = 0;
    STG_TRY(stg_source_next(source, &events, &n)); /* the first events say what the trace knows of time */
    stg_source_info(source, &info);
    stg_ctf_settings_default(&settings);
    settings.path = s->out;
    settings.names = source->names;
    settings.comms = source->comms;
    settings.paths = source->paths;
    settings.has_time = n == 0 || (events[0].has & STG_HAS_TIME) != 0;
    settings.has_clock = info.has_clock;
    settings.all_or_nothing = true;
    STG_TRY(stg_ctf_writer_open(&w, &settings));
    STG_TRY(set_facts(w, &info, cli));
    STG_TRY(copy_events(w, source, events, n, p));
    warn(w, s->out);
out:
    if (w != NULL) {
        const enum stg_status closed = stg_sink_close(stg_ctf_writer_sink(w), status == STG_OK);
        status = status == STG_OK ? closed : status;
    }
    return status;
}

/* --- The command --- */

static enum stg_status run_ctf(const struct settings *s, struct stg_cli *cli)
{
    struct stg_source *source = NULL;
    struct stg_progress progress;
    STG_RETURN_IF_FAILED(stg_import_open(&source, cli->operands[0], s->format));
    struct stg_progress *p = stg_cli_progress(cli, &progress, "export", "", 0);
    const enum stg_status status = export_ctf(s, source, cli, p);
    if (p != NULL) {
        stg_progress_finish(p);
    }
    stg_source_close(source);
    return status;
}

static enum stg_status run_perfetto(const struct settings *s, struct stg_cli *cli)
{
    return stg_export_scored(cli, s->out, STG_SCORED_PERFETTO, s->alpha);
}

static enum stg_status run_csv(const struct settings *s, struct stg_cli *cli)
{
    return stg_export_scored(cli, s->out, strcmp(s->rows, "events") == 0 ? STG_SCORED_CSV_EVENTS : STG_SCORED_CSV_SEQUENCES, s->alpha);
}

static const struct {
    const char *name, *operands;
    size_t n_operands;
    enum stg_status (*run)(const struct settings *s, struct stg_cli *cli);
} formats[] = {
    {"ctf", "TRACE", 1, run_ctf},
    {"perfetto", "MODEL DATA|TRACE", 2, run_perfetto},
    {"csv", "MODEL DATA|TRACE", 2, run_csv},
};

static enum stg_status run(struct stg_cli *cli, void *context, int *exit_code)
{
    const struct settings *s = context;
    (void)exit_code;
    if (s->out == NULL) {
        return stg_fail(STG_ERR_USAGE, "say where to write it: -o DIR, or -o FILE for perfetto and csv");
    }
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(formats[i].name, s->to) != 0) {
            continue;
        }
        if (cli->n_operands != formats[i].n_operands) {
            return stg_fail(STG_ERR_USAGE, "--to %s takes %s: %zu operand%s given", s->to, formats[i].operands, cli->n_operands,
                            cli->n_operands == 1 ? " was" : "s were");
        }
        return formats[i].run(s, cli);
    }
    return stg_fail(STG_ERR_INTERNAL, "--to %s: nothing writes it", s->to);
}

static void defaults(void *context)
{
    struct settings *s = context;
    s->to = "ctf";
    s->rows = "events";
    s->alpha = 0.01;
}

static const struct stg_option options[] = {
    {.name = "output",
     .letter = 'o',
     .arg = "PATH",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, out),
     .help = "where to write it: a new directory for ctf, a file for the others; - is standard output"},
    {.name = "to",
     .arg = "FORMAT",
     .type = STG_OPTION_CHOICE,
     .choices = "ctf|perfetto|csv",
     .offset = offsetof(struct settings, to),
     .fallback = "ctf",
     .help = "ctf: a CTF 1.8 trace directory, for babeltrace2, Trace Compass and this program. perfetto: JSON in the Trace Event Format, for "
             "ui.perfetto.dev and chrome://tracing. csv: a table"},
    {.name = "rows",
     .arg = "WHAT",
     .type = STG_OPTION_CHOICE,
     .choices = "events|sequences",
     .offset = offsetof(struct settings, rows),
     .fallback = "events",
     .help = "csv: what a row is"},
    STG_OPTION_ALPHA(struct settings, "perfetto, csv: sequences of a p-value up to this are novel"),
    STG_OPTION_FORMAT(struct settings, "read the trace as this format"),
};

static const char *const description[] = {
    "Writes a trace that can be read (see `strange help prepare`) in another format. CTF: one stream per CPU with "
    "LTTng's event names; times, "
    "threads, arguments, return values, markers and lost events are kept, and what the trace says of its recording "
    "goes into the "
    "environment.",
    "Or writes what a model says of a data set or trace: for Perfetto, threads as tracks, calls as slices with their surprisal, the surprisal of "
    "a process as its counter and novel sequences as slices of their own; as CSV, a row for each event or for each sequence.",
    NULL,
};

static const struct stg_example examples[] = {
    {"strange export --to perfetto -o run.json web.model next-run/", "see where a run is novel in ui.perfetto.dev"},
    {"strange export --to csv --rows sequences -o run.csv web.model next.data", "a table of scores"},
    {"strange export --to ctf -o run.ctf strace.txt", "make a trace of strace's text that Trace Compass opens"},
    {NULL, NULL},
};

const struct stg_command stg_command_export = {
    .name = "export",
    .summary = "write a trace, or what a model says of it, in another format",
    .operands = "[MODEL] DATA|TRACE",
    .n_min = 1,
    .n_max = 2,
    .description = description,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = examples,
    .settings_size = sizeof(struct settings),
    .defaults = defaults,
    .run = run,
};
