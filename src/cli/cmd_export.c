/* strange export: a trace, what a model says of it, or a net in another format. Adding a format = a function here and a
 * line in `formats`. */
#include "cli/budget.h"
#include "cli/commands.h"
#include "cli/common_options.h"
#include "cli/export_ctf.h"
#include "cli/export_scored.h"
#include "cli/facts.h"
#include "cli/input.h"
#include "cli/output.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/memory.h"
#include "import/import.h"
#include "onnx/onnx.h"
#include "trace/ctf_writer.h"

#include <string.h>

struct settings {
    const char *to, *out, *format, *rows;
    double alpha, per_day;
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

static enum stg_status copy_events(struct stg_ctf_writer *w, struct stg_source *source, const struct stg_event *events,
                                   size_t n, struct stg_progress *p)
{
    while (n > 0) {
        struct stg_source_info info;
        STG_RETURN_IF_FAILED(stg_interrupt_check());
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
    stg_ctf_export_warn(w, s->out);
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
    stg_progress_finish(p);
    stg_source_close(source);
    return status;
}

static enum stg_status run_scored_ctf(const struct settings *s, struct stg_cli *cli)
{
    return stg_export_scored(cli, s->out, STG_SCORED_CTF, s->alpha, s->per_day);
}

static enum stg_status run_perfetto(const struct settings *s, struct stg_cli *cli)
{
    return stg_export_scored(cli, s->out, STG_SCORED_PERFETTO, s->alpha, s->per_day);
}

static enum stg_status run_csv(const struct settings *s, struct stg_cli *cli)
{
    return stg_export_scored(cli, s->out,
                             strcmp(s->rows, "events") == 0 ? STG_SCORED_CSV_EVENTS : STG_SCORED_CSV_SEQUENCES,
                             s->alpha, s->per_day);
}

/* --- ONNX --- */

/* What the model does that its graph does not. */
static enum stg_status tell_differences(const struct stg_model *m, const char *path)
{
    json_t *facts = m->ops->describe(m);
    if (facts == NULL) {
        return stg_fail(STG_ERR_MEMORY, "out of memory: free memory");
    }
    const char *precision = json_string_value(json_object_get(facts, "precision"));
    if (precision != NULL && strcmp(precision, "bf16") == 0) {
        stg_log(STG_LOG_INFO, "%s: multiplies in bf16, the graph in float: its numbers are those of --precision f32",
                path);
    }
    json_decref(facts);
    for (int i = 0; i < STG_SIDES; i++) {
        if (m->side[i] != NULL) {
            stg_log(STG_LOG_INFO, "%s: what it judges beside the calls (time, state) is no net, and not in the graph",
                    path);
            break;
        }
    }
    return STG_OK;
}

static enum stg_status export_onnx(const struct stg_model *m, const struct settings *s, const struct stg_cli *cli)
{
    enum stg_status status = STG_OK;
    struct stg_buffer bytes = STG_BUFFER_INIT;
    char date[21];
    json_t *path = stg_facts_string(cli->operands[0]), *line = stg_facts_string(cli->line == NULL ? "" : cli->line);
    if (path == NULL || line == NULL) {
        status = stg_fail(STG_ERR_MEMORY, "out of memory: free memory");
        goto out;
    }
    stg_clock_date(date);
    const struct stg_onnx_fact facts[] = {
        {"export.model", json_string_value(path)}, {"export.command", json_string_value(line)}, {"export.date", date}};
    status = stg_onnx_put(&bytes, m, facts, sizeof facts / sizeof facts[0]);
    if (status != STG_OK) {
        status = stg_context(status, "%s", cli->operands[0]);
        goto out;
    }
    STG_TRY(tell_differences(m, cli->operands[0]));
    STG_TRY(stg_output_write_file(&bytes, s->out));
out:
    json_decref(path);
    json_decref(line);
    stg_buffer_fini(&bytes);
    return status;
}

static enum stg_status run_onnx(const struct settings *s, struct stg_cli *cli)
{
    struct stg_model *m = NULL;
    STG_RETURN_IF_FAILED(stg_input_model(&m, cli->operands[0]));
    const enum stg_status status = export_onnx(m, s, cli);
    stg_model_free(m);
    return status;
}

/* Clocks, threads and sequences of several traces have nothing to do with each other, and a CTF trace or a time line
 * has one of each. */
static enum stg_status refuse_several(const char *format, const char *first, const char *second)
{
    return stg_fail(STG_ERR_USAGE,
                    "--to %s: '%s' and '%s': one trace or data set at a time: export each into a place of its own",
                    format, first, second);
}

/* Of the operands of a format that takes a model and data: whether they are none, but all data. */
static enum stg_status check_model_first(const struct stg_cli *cli, const char *format)
{
    enum stg_kind first, second;
    STG_RETURN_IF_FAILED(stg_kind_of(cli->operands[0], &first));
    STG_RETURN_IF_FAILED(stg_kind_of(cli->operands[1], &second));
    const bool data = (first == STG_KIND_TRACE || first == STG_KIND_DATASET) &&
                      (second == STG_KIND_TRACE || second == STG_KIND_DATASET);
    return data ? refuse_several(format, cli->operands[0], cli->operands[1]) : STG_OK;
}

/* A name with several lines is told by the number of operands. */
static const struct {
    const char *name, *operands;
    size_t n_operands;
    enum stg_status (*run)(const struct settings *s, struct stg_cli *cli);
} formats[] = {
    {"ctf", "TRACE", 1, run_ctf},
    {"ctf", "MODEL DATA|TRACE", 2, run_scored_ctf},
    {"onnx", "MODEL", 1, run_onnx},
    {"perfetto", "MODEL DATA|TRACE", 2, run_perfetto},
    {"csv", "MODEL DATA|TRACE", 2, run_csv},
};

static enum stg_status run(struct stg_cli *cli, void *context, int *exit_code)
{
    const struct settings *s = context;
    const char *operands = NULL;
    (void)exit_code;
    if (s->out == NULL) {
        return stg_fail(STG_ERR_USAGE, "say where to write it: -o DIR for ctf, -o FILE for perfetto, csv and onnx");
    }
    if (strcmp(s->to, "ctf") == 0 && strcmp(s->out, "-") == 0) {
        return stg_fail(STG_ERR_USAGE, "-o -: a CTF trace is a directory: name a new one");
    }
    const struct stg_list inputs = {.items = (const char **)cli->operands, .n = cli->n_operands};
    STG_RETURN_IF_FAILED(stg_output_apart("-o", s->out, &inputs));
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(formats[i].name, s->to) != 0) {
            continue;
        }
        if (cli->n_operands == formats[i].n_operands) {
            STG_RETURN_IF_FAILED(cli->n_operands == 2 ? check_model_first(cli, s->to) : STG_OK);
            return formats[i].run(s, cli);
        }
        operands = formats[i].operands;
    }
    if (cli->n_operands > 2 && strcmp(s->to, "onnx") != 0) {
        return refuse_several(s->to, cli->operands[cli->n_operands - 2], cli->operands[cli->n_operands - 1]);
    }
    return operands == NULL ? stg_fail(STG_ERR_INTERNAL, "--to %s: nothing writes it", s->to)
                            : stg_fail(STG_ERR_USAGE, "--to %s takes %s: %zu operand%s given", s->to, operands,
                                       cli->n_operands, cli->n_operands == 1 ? " was" : "s were");
}

static void defaults(void *context)
{
    struct settings *s = context;
    s->to = "ctf";
    s->rows = "events";
    s->alpha = STG_ALPHA_DEFAULT;
}

static const struct stg_option options[] = {
    {.name = "output",
     .letter = 'o',
     .arg = "PATH",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, out),
     .help = "where to write it: a new directory for ctf, a file for the others, where - is standard output"},
    {.name = "to",
     .arg = "FORMAT",
     .type = STG_OPTION_CHOICE,
     .choices = "ctf|perfetto|csv|onnx",
     .offset = offsetof(struct settings, to),
     .fallback = "ctf",
     .help = "ctf: a CTF 1.8 trace directory, for babeltrace2, Trace Compass and this program; with a model, the "
             "events of all sequences "
             "with their surprisals. perfetto: JSON in the Trace Event Format, for ui.perfetto.dev and "
             "chrome://tracing. csv: a table. onnx: the "
             "net of a neural model, for ONNX Runtime and others"},
    {.name = "rows",
     .arg = "WHAT",
     .type = STG_OPTION_CHOICE,
     .choices = "events|sequences",
     .offset = offsetof(struct settings, rows),
     .fallback = "events",
     .help = "csv: what a row is"},
    STG_OPTION_ALPHA(struct settings, "with a model and data: sequences of a p-value up to this are novel"),
    STG_OPTION_PER_DAY_OF_SEQUENCES(struct settings),
    STG_OPTION_FORMAT(struct settings, "read the trace as this format"),
};

static const char *const description[] = {
    "Writes a trace that can be read (see `strange help prepare`) in another format. CTF: one stream per CPU with "
    "LTTng's event names; times, "
    "threads, arguments, return values, markers and lost events are kept, and what the trace says of its recording "
    "goes into the "
    "environment.",
    "Or writes what a model says of a data set or trace: for Perfetto, threads as tracks, calls as slices with their "
    "surprisal, the surprisal of "
    "a process as its counter and novel sequences as slices of their own; as CSV, a row for each event or for each "
    "sequence; as CTF, the events "
    "of the sequences in the order of time, each with its surprisal (and those of its time and descriptor, where the "
    "model judges them), the "
    "number of its sequence and that one's p-value and verdict.",
    "One trace or data set is written at a time: clocks, threads and sequences of several have nothing to do with each "
    "other.",
    "Or writes a neural model's net as ONNX: what the net reads of each event in, the logarithms of the probabilities "
    "of every next symbol "
    "out. docs/formats/onnx.md says how an event becomes input.",
    NULL,
};

static const struct stg_example examples[] = {
    {"strange export --to perfetto -o run.json web.model next-run/", "see where a run is novel in ui.perfetto.dev"},
    {"strange export --to csv --rows sequences -o run.csv web.model next.data", "a table of scores"},
    {"strange export --to ctf -o scored.ctf web.model next-run/",
     "the events with their surprisals, for Trace Compass"},
    {"strange export --to onnx -o web.onnx web.model", "the net of web.model, for ONNX Runtime"},
    {"strange export --to ctf -o run.ctf strace.txt", "make a trace of strace's text that Trace Compass opens"},
    {NULL, NULL},
};

const struct stg_command stg_command_export = {
    .name = "export",
    .summary = "write a trace, its scores or a net in another format",
    .operands = "[MODEL] [DATA|TRACE]",
    .n_min = 1,
    .n_max = SIZE_MAX, /* more than two are refused in words of their own */
    .description = description,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = examples,
    .settings_size = sizeof(struct settings),
    .defaults = defaults,
    .run = run,
};
