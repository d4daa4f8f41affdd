/* strange export: a trace in another format. Adding a format = a function here and a line in `formats`. */
#include "cli/commands.h"
#include "cli/common_options.h"
#include "cli/input.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pool.h"
#include "import/import.h"
#include "trace/ctf_writer.h"

#include <string.h>

struct settings {
    const char *to, *out, *format;
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

static const struct {
    const char *name;
    enum stg_status (*run)(const struct settings *s, struct stg_source *source, const struct stg_cli *cli,
                           struct stg_progress *p);
} formats[] = {
    {"ctf", export_ctf},
};

static enum stg_status run(struct stg_cli *cli, void *context, int *exit_code)
{
    const struct settings *s = context;
    struct stg_source *source = NULL;
    struct stg_progress progress;
    enum stg_status status = STG_OK;
    (void)exit_code;
    if (s->out == NULL) {
        return stg_fail(STG_ERR_USAGE, "say where to write it: -o DIR");
    }
    STG_RETURN_IF_FAILED(stg_import_open(&source, cli->operands[0], s->format));
    struct stg_progress *p = stg_cli_progress(cli, &progress, "export", "", 0);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(formats[i].name, s->to) == 0) {
            status = formats[i].run(s, source, cli, p);
        }
    }
    if (p != NULL) {
        stg_progress_finish(p);
    }
    stg_source_close(source);
    return status;
}

static void defaults(void *context)
{
    struct settings *s = context;
    s->to = "ctf";
}

static const struct stg_option options[] = {
    {.name = "output",
     .letter = 'o',
     .arg = "DIR",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, out),
     .help = "where to write it: a new directory"},
    {.name = "to",
     .arg = "FORMAT",
     .type = STG_OPTION_CHOICE,
     .choices = "ctf",
     .offset = offsetof(struct settings, to),
     .fallback = "ctf",
     .help = "ctf: a CTF 1.8 trace directory, for babeltrace2, Trace Compass and this program"},
    STG_OPTION_FORMAT(struct settings, "read the trace as this format"),
};

static const char *const description[] = {
    "Writes a trace that can be read (see `strange help prepare`) in another format. CTF: one stream per CPU with "
    "LTTng's event names; times, "
    "threads, arguments, return values, markers and lost events are kept, and what the trace says of its recording "
    "goes into the "
    "environment.",
    NULL,
};

static const struct stg_example examples[] = {
    {"strange export --to ctf -o run.ctf strace.txt", "make a trace of strace's text that Trace Compass opens"},
    {NULL, NULL},
};

const struct stg_command stg_command_export = {
    .name = "export",
    .summary = "write a trace in another format",
    .operands = "TRACE",
    .n_min = 1,
    .n_max = 1,
    .description = description,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = examples,
    .settings_size = sizeof(struct settings),
    .defaults = defaults,
    .run = run,
};
