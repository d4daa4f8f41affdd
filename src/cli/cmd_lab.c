/* strange lab: the web-server experiment, from servers to table. */
#include "cli/commands.h"
#include "cli/common_options.h"
#include "cli/facts.h"
#include "cli/lab_analysis.h"
#include "cli/lab_report.h"
#include "cli/output.h"

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "lab/campaign.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct settings {
    bool json, no_record, no_analysis;
    const char *out, *files, *budget;
    struct stg_list scenarios, models;
    struct stg_campaign_settings campaign;
    int64_t warm_up_ns, settle_ns;
};

static const char *const default_scenarios[] = {"connection", "cpu", "io", "opcache", "socket", "ssl"};
static const char *const default_models[] = {"ngram", "ngram-paper", "stide", "lstm"};

/* Places that are found from where the program stands: in a build folder inside the source tree, or installed under a
 * prefix. */
struct places {
    char program[PATH_MAX], files[PATH_MAX], load[PATH_MAX], dir[PATH_MAX];
};

static bool folder_of(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return false;
    }
    *slash = '\0';
    return true;
}

/* Where something is installed: dir is a path from the folder of the program, or an absolute one. */
static void installed(char out[PATH_MAX], const char *folder, const char *dir, const char *name)
{
    const bool from_folder = dir[0] != '/';
    snprintf(out, PATH_MAX, "%s%s%s/%s", from_folder ? folder : "", from_folder ? "/" : "", dir, name);
}

static enum stg_status find_places(struct places *p, const struct settings *s)
{
    char folder[PATH_MAX - 64];
    const ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
    if (n <= 0) {
        return stg_fail_errno("/proc/self/exe: cannot find the program's own place");
    }
    folder[n] = '\0';
    snprintf(p->program, sizeof p->program, "%s", folder);
    if (!folder_of(folder)) {
        return stg_fail(STG_ERR_INTERNAL, "%s: no folder", p->program);
    }
    snprintf(p->load, sizeof p->load, "%s/lab-load", folder);
    if (access(p->load, X_OK) != 0) {
        installed(p->load, folder, STG_LIBEXECDIR, "lab-load");
    }
    if (s->files != NULL) {
        snprintf(p->files, sizeof p->files, "%s", s->files);
        return STG_OK;
    }
    snprintf(p->files, sizeof p->files, "%s/../lab", folder);
    if (!stg_file_is_directory(p->files)) {
        installed(p->files, folder, STG_DATADIR, "lab");
    }
    return stg_file_is_directory(p->files)
               ? STG_OK
               : stg_fail(STG_ERR_UNSUPPORTED,
                          "the lab's files are neither at %s/../lab nor installed: give --files DIR", folder);
}

/* Programs of the lab are started elsewhere: its folder's path is made absolute. */
static enum stg_status absolute(char out[PATH_MAX], const char *path)
{
    char here[PATH_MAX];
    if (path[0] == '/') {
        snprintf(out, PATH_MAX, "%s", path);
        return STG_OK;
    }
    if (getcwd(here, sizeof here) == NULL) {
        return stg_fail_errno("the working directory has no name");
    }
    return snprintf(out, PATH_MAX, "%s/%s", here, path) < PATH_MAX ? STG_OK
                                                                   : stg_fail(STG_ERR_USAGE, "%s: too long", path);
}

static enum stg_status print_report(const char *dir, bool json)
{
    enum stg_status status;
    json_t *report = NULL;
    struct stg_buffer out = STG_BUFFER_INIT;
    STG_TRY(stg_lab_report(&report, dir));
    STG_TRY(json ? stg_facts_json(&out, "strange.lab-report/1", report) : stg_lab_report_text(&out, report));
    STG_TRY(stg_output_write(&out));
out:
    json_decref(report);
    stg_buffer_fini(&out);
    return status;
}

static void fill(struct stg_campaign_settings *c, const struct settings *s, const struct places *p)
{
    *c = s->campaign;
    c->dir = p->dir;
    c->files = p->files;
    c->load = p->load;
    c->recorder = s->no_record ? NULL : p->program;
    c->scenarios = s->scenarios.n > 0 ? s->scenarios.items : default_scenarios;
    c->n_scenarios = s->scenarios.n > 0 ? s->scenarios.n : sizeof default_scenarios / sizeof default_scenarios[0];
    c->warm_up_ns = (uint64_t)s->warm_up_ns;
    c->settle_ns = (uint64_t)s->settle_ns;
}

static enum stg_status analyse(const struct stg_cli *cli, const struct settings *s, const struct places *p,
                               const json_t *campaign)
{
    const struct stg_list all = {.items = (const char **)default_models,
                                 .n = sizeof default_models / sizeof default_models[0]};
    const struct stg_analysis_settings a = {.dir = p->dir,
                                            .program = p->program,
                                            .models = s->models.n > 0 ? &s->models : &all,
                                            .budget = s->budget,
                                            .seed = s->campaign.seed,
                                            .threads = cli->threads};
    STG_RETURN_IF_FAILED(stg_analysis_run(&a, campaign));
    return print_report(p->dir, s->json);
}

static enum stg_status check_usage(const struct settings *s)
{
    int64_t ns;
    if (s->out == NULL || s->out[0] == '\0') {
        return stg_fail(STG_ERR_USAGE, "-o DIR is missing: say where the campaign's folder is");
    }
    if (s->campaign.burst >= s->campaign.rate) {
        return stg_fail(STG_ERR_USAGE, "--burst: give less than --rate");
    }
    STG_RETURN_IF_FAILED(stg_parse_duration(s->budget, "--budget", &ns));
    return stg_analysis_check_models(&s->models);
}

static enum stg_status run_campaign(struct stg_cli *cli, const struct settings *s)
{
    struct places *p = NULL;
    struct stg_campaign *campaign = NULL;
    struct stg_campaign_settings c;
    enum stg_status status;
    STG_TRY(check_usage(s));
    STG_TRY(stg_mem_zeroed(&p, 1, sizeof *p));
    STG_TRY(stg_mem_zeroed(&campaign, 1, sizeof *campaign));
    campaign->lock = -1;
    STG_TRY(find_places(p, s));
    STG_TRY(absolute(p->dir, s->out));
    fill(&c, s, p);
    STG_TRY(stg_campaign_open(campaign, &c));
    STG_TRY(stg_campaign_run(campaign));
    STG_TRY(stg_stage_remove(&campaign->stage)); /* before the analysis, which takes minutes */
    STG_TRY(s->no_record || s->no_analysis ? print_report(p->dir, s->json) : analyse(cli, s, p, campaign->facts));
out:
    if (campaign != NULL) {
        char message[STG_STATUS_MESSAGE_SIZE];
        snprintf(message, sizeof message, "%s", stg_status_message()); /* closing may set another one */
        stg_campaign_close(campaign);
        status = status == STG_OK ? STG_OK : stg_fail(status, "%s", message);
    }
    stg_mem_free(campaign);
    stg_mem_free(p);
    return status;
}

static enum stg_status run(struct stg_cli *cli, void *context, int *exit_code)
{
    const struct settings *s = context;
    static const char *const words[] = {"run", "report", "clean"};
    const char *word = cli->operands[0];
    (void)exit_code;
    if (strcmp(word, "run") == 0) {
        return cli->n_operands == 1
                   ? run_campaign(cli, s)
                   : stg_fail(STG_ERR_USAGE, "run takes its folder by -o DIR: leave out '%s'", cli->operands[1]);
    }
    const bool report = strcmp(word, "report") == 0;
    if (report || strcmp(word, "clean") == 0) {
        const char *dir = cli->n_operands > 1 ? cli->operands[1] : s->out;
        if (dir == NULL) {
            return stg_fail(STG_ERR_USAGE, "%s DIR: say which campaign", word);
        }
        return report ? print_report(dir, s->json) : stg_campaign_clean(dir);
    }
    const char *near = stg_suggest(word, words, sizeof words / sizeof words[0]);
    return near == NULL ? stg_fail(STG_ERR_USAGE, "'%s' is none of run, report, clean", word)
                        : stg_fail(STG_ERR_USAGE, "'%s' is none of run, report, clean: did you mean '%s'?", word, near);
}

static void defaults(void *context)
{
    struct settings *s = context;
    stg_campaign_settings_default(&s->campaign);
    s->warm_up_ns = (int64_t)s->campaign.warm_up_ns;
    s->settle_ns = (int64_t)s->campaign.settle_ns;
    s->budget = "90s";
}

#define AT(field)    offsetof(struct settings, field)
#define GROUP_RUNS   "Runs"
#define GROUP_LOAD   "Load"
#define GROUP_MODELS "Models"

static const struct stg_option options[] = {
    {.name = "output",
     .letter = 'o',
     .arg = "DIR",
     .type = STG_OPTION_STRING,
     .offset = AT(out),
     .help = "the campaign's folder; one that is there goes on with what is missing"},
    STG_OPTION_JSON(struct settings, "print the report as one JSON object"),
    {.name = "scenarios",
     .arg = "NAME…",
     .type = STG_OPTION_LIST,
     .offset = AT(scenarios),
     .choices = "connection|cpu|io|opcache|socket|ssl|disk|page|sql-error|update",
     .fallback = "the six of the paper: connection cpu io opcache socket ssl",
     .group = GROUP_RUNS,
     .help = "novel behaviours: names in the lab's folder scenarios/, or paths of such files"},
    {.name = "seed",
     .arg = "N",
     .type = STG_OPTION_U64,
     .offset = AT(campaign.seed),
     .max = 9e15,
     .fallback = "1",
     .group = GROUP_RUNS,
     .help = "of the order of the runs, the load and the models"},
    {.name = "requests",
     .arg = "N",
     .type = STG_OPTION_U32,
     .offset = AT(campaign.requests),
     .min = 100,
     .max = 1e7,
     .fallback = "12000",
     .group = GROUP_RUNS,
     .help = "of the training run; other known runs have a sixth, novel ones an eighth of it"},
    {.name = "calibrate-runs",
     .arg = "N",
     .type = STG_OPTION_U32,
     .offset = AT(campaign.n_calibrate),
     .min = 1,
     .max = 60,
     .fallback = "6",
     .group = GROUP_RUNS,
     .help = "known runs for calibration"},
    {.name = "test-runs",
     .arg = "N",
     .type = STG_OPTION_U32,
     .offset = AT(campaign.n_test),
     .min = 1,
     .max = 60,
     .fallback = "3",
     .group = GROUP_RUNS,
     .help = "known runs to compare novel ones with"},
    {.name = "warm-up",
     .arg = "TIME",
     .type = STG_OPTION_DURATION,
     .offset = AT(warm_up_ns),
     .fallback = "5s",
     .group = GROUP_RUNS,
     .help = "load before a run is recorded, at least"},
    {.name = "settle",
     .arg = "TIME",
     .type = STG_OPTION_DURATION,
     .offset = AT(settle_ns),
     .fallback = "3s",
     .group = GROUP_RUNS,
     .help = "and until no thread of the servers has come or gone for so long"},
    {.name = "foreign",
     .arg = "PART",
     .type = STG_OPTION_DOUBLE,
     .offset = AT(campaign.foreign),
     .min = 0,
     .max = 1,
     .fallback = "0.1",
     .group = GROUP_RUNS,
     .help = "part of the processors that other programs may take in a run; above it the run is repeated"},
    {.name = "repeats",
     .arg = "N",
     .type = STG_OPTION_U32,
     .offset = AT(campaign.repeats),
     .min = 0,
     .max = 100,
     .fallback = "2",
     .group = GROUP_RUNS,
     .help = "of a disturbed run, before it is kept and marked"},
    {.name = "no-record",
     .type = STG_OPTION_FLAG,
     .offset = AT(no_record),
     .group = GROUP_RUNS,
     .help = "runs without a recorder, to look at servers, load and effects alone"},
    {.name = "files",
     .arg = "DIR",
     .type = STG_OPTION_STRING,
     .offset = AT(files),
     .fallback = "beside the program, or installed",
     .group = GROUP_RUNS,
     .help = "the lab's templates, pages, SQL and scenarios"},
    {.name = "work",
     .arg = "DIR",
     .type = STG_OPTION_STRING,
     .offset = AT(campaign.work),
     .fallback = "/tmp",
     .group = GROUP_RUNS,
     .help = "where the servers' folder is made while runs last; a short path, without : # \" and \\"},
    {.name = "rate",
     .arg = "N",
     .type = STG_OPTION_U32,
     .offset = AT(campaign.rate),
     .min = 1,
     .max = 100000,
     .fallback = "440",
     .group = GROUP_LOAD,
     .help = "requests per second, whether or not the servers keep up"},
    {.name = "burst",
     .arg = "N",
     .type = STG_OPTION_U32,
     .offset = AT(campaign.burst),
     .min = 0,
     .max = 10000,
     .fallback = "45",
     .group = GROUP_LOAD,
     .help = "of them, how many come at the same moment once a second"},
    {.name = "connections",
     .arg = "N",
     .type = STG_OPTION_U32,
     .offset = AT(campaign.connections),
     .min = 1,
     .max = 1000,
     .fallback = "64",
     .group = GROUP_LOAD,
     .help = "clients, each with a connection of its own"},
    {.name = "models",
     .arg = "NAME…",
     .type = STG_OPTION_LIST,
     .offset = AT(models),
     .choices = "stide|ngram|lstm|transformer|longformer|ngram-paper|lstm-paper|transformer-paper|longformer-paper",
     .fallback = "ngram ngram-paper stide lstm",
     .group = GROUP_MODELS,
     .help = "what to train; -paper is the published preset. report.html is about the first"},
    {.name = "budget",
     .arg = "TIME",
     .type = STG_OPTION_STRING,
     .offset = AT(budget),
     .fallback = "90s",
     .group = GROUP_MODELS,
     .help = "for the training of a net"},
    {.name = "no-analysis",
     .type = STG_OPTION_FLAG,
     .offset = AT(no_analysis),
     .group = GROUP_MODELS,
     .help = "record only"},
};

static const char *const description[] = {
    "Runs a web application (Apache, PHP-FPM, MariaDB) with servers of its own beside those of the machine, records "
    "its known behaviour and "
    "novel ones in which one thing is changed, trains models on the known one and prints how well each tells the novel "
    "ones apart.",
    "`run` makes the campaign in DIR and prints the table; after an interruption it goes on with what is missing. "
    "`report` prints the table "
    "again. `clean` ends and removes what a killed campaign left on the machine: processes, control groups and the "
    "servers' folder.",
    "Every run starts the servers afresh, warms them up until no process or thread comes or goes, and is recorded "
    "under a constant open-loop load. A run whose scenario had no effect, or that other programs disturbed, is "
    "repeated; without its effect to the last it is a failure. Needs root and the packages of `tools/setup lab`; "
    "services and ports of the machine are left alone.",
    NULL,
};

static const struct stg_example examples[] = {
    {"strange lab run -o out/lab", "the whole experiment, with the paper's six novel behaviours"},
    {"strange lab run -o out/more --scenarios page update disk --models ngram lstm", "other behaviours, two models"},
    {"strange lab report --json out/lab", "the table as JSON"},
    {"strange lab clean out/lab", "after a kill -9"},
    {NULL, NULL},
};

const struct stg_command stg_command_lab = {
    .name = "lab",
    .summary = "run the web-server experiment: record, train, compare",
    .operands = "run|report|clean [DIR]",
    .n_min = 1,
    .n_max = 2,
    .description = description,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = examples,
    .ends_in_order = true, /* servers run */
    .settings_size = sizeof(struct settings),
    .defaults = defaults,
    .run = run,
};
