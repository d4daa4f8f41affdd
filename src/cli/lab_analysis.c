#include "cli/lab_analysis.h"

#include "base/buffer.h"
#include "base/log.h"
#include "base/memory.h"
#include "lab/process.h"
#include "lab/text.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const kinds[] = {"stide", "ngram", "lstm", "transformer", "longformer"};

/* A command line under construction. */
struct words {
    char **items; /* owned strings, owned; NULL-terminated */
    size_t n, cap;
};

static enum stg_status put(struct words *w, const char *word)
{
    STG_RETURN_IF_FAILED(stg_mem_grow(&w->items, &w->cap, w->n + 2, sizeof *w->items));
    STG_RETURN_IF_FAILED(stg_mem_strdup(&w->items[w->n], word));
    w->items[++w->n] = NULL;
    return STG_OK;
}

static enum stg_status put_all(struct words *w, const char *const *words)
{
    for (; *words != NULL; words++) {
        STG_RETURN_IF_FAILED(put(w, *words));
    }
    return STG_OK;
}

static enum stg_status STG_PRINTF(2, 3) put_path(struct words *w, const char *fmt, ...)
{
    char path[2 * PATH_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(path, sizeof path, fmt, args);
    va_end(args);
    return put(w, path);
}

static void words_fini(struct words *w)
{
    for (size_t i = 0; i < w->n; i++) {
        stg_mem_free(w->items[i]);
    }
    stg_mem_free((void *)w->items);
    *w = (struct words){0};
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* "lstm-paper" → its kind; *paper: with the published preset. NULL when it is none. */
static const char *kind_of(const char *model, bool *paper)
{
    *paper = false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const size_t n = strlen(kinds[i]);
        if (strncmp(model, kinds[i], n) == 0 && (model[n] == '\0' || strcmp(model + n, "-paper") == 0)) {
            *paper = model[n] != '\0';
            return kinds[i];
        }
    }
    return NULL;
}

enum stg_status stg_analysis_check_models(const struct stg_list *models)
{
    for (size_t i = 0; i < models->n; i++) {
        bool paper;
        const char *kind = kind_of(models->items[i], &paper);
        if (kind == NULL || (paper && strcmp(kind, "stide") == 0)) {
            return stg_fail(STG_ERR_USAGE,
                            "--models: '%s' is none: stide, ngram, lstm, transformer, longformer; -paper behind the "
                            "last four for the "
                            "published preset",
                            models->items[i]);
        }
    }
    return STG_OK;
}

/* Runs `strange` with these words; name is that of its log. out: where its standard output goes, NULL: the log. */
static enum stg_status run_strange(const struct stg_analysis_settings *s, const struct words *w, const char *name,
                                   const char *out)
{
    char log[PATH_MAX];
    snprintf(log, sizeof log, "%s/log/%s.log", s->dir, name);
    const struct stg_process_settings p = {.argv = (const char *const *)w->items,
                                           .env = (const char *const *)environ,
                                           .out = out == NULL ? log : out,
                                           .err = log,
                                           .folder = "."};
    const enum stg_status status = stg_process_run(&p, w->items[1]);
    return status == STG_OK ? STG_OK : stg_context(status, "%s", name);
}

static enum stg_status begin_words(struct words *w, const struct stg_analysis_settings *s, const char *command)
{
    char threads[16];
    STG_RETURN_IF_FAILED(put(w, s->program));
    STG_RETURN_IF_FAILED(put(w, command));
    if (s->threads > 0) {
        snprintf(threads, sizeof threads, "%u", s->threads);
        STG_RETURN_IF_FAILED(put(w, "--threads"));
        STG_RETURN_IF_FAILED(put(w, threads));
    }
    return put(w, "--no-progress");
}

#define SUFFIX(paper) ((paper) ? "paper" : "data")

static enum stg_status prepare_one(const struct stg_analysis_settings *s, const char *run, bool paper)
{
    static const char *const cut[] = {"--cut",
                                      "request",
                                      "--begin",
                                      "httpd:enter_event_handler",
                                      "--end",
                                      "httpd:exit_event_handler",
                                      "--confirm",
                                      "httpd:process_request",
                                      "--skip-first",
                                      "250ms",
                                      NULL};
    static const char *const preset[] = {"--preset", "paper", NULL};
    struct words w = {0};
    enum stg_status status;
    char out[PATH_MAX], name[160];
    snprintf(out, sizeof out, "%s/data/%s.%s", s->dir, run, SUFFIX(paper));
    if (is_there(out)) {
        return STG_OK;
    }
    STG_TRY(begin_words(&w, s, "prepare"));
    STG_TRY(put_all(&w, cut));
    STG_TRY(paper ? put_all(&w, preset) : STG_OK);
    if (strcmp(run, "known-train") != 0) {
        STG_TRY(put(&w, "--vocab"));
        STG_TRY(put_path(&w, "%s/data/known-train.%s", s->dir, SUFFIX(paper)));
    }
    STG_TRY(put(&w, "-o"));
    STG_TRY(put(&w, out));
    STG_TRY(put_path(&w, "%s/runs/%s", s->dir, run));
    snprintf(name, sizeof name, "prepare-%s-%s", run, SUFFIX(paper));
    STG_TRY(run_strange(s, &w, name, NULL));
out:
    words_fini(&w);
    return status;
}

static enum stg_status prepare_all(const struct stg_analysis_settings *s, const json_t *runs, bool paper)
{
    size_t i;
    json_t *run;
    STG_RETURN_IF_FAILED(prepare_one(s, "known-train", paper)); /* first: its vocabulary serves all */
    json_array_foreach(runs, i, run)
    {
        STG_RETURN_IF_FAILED(prepare_one(s, stg_text_of(run, "name"), paper));
    }
    return STG_OK;
}

/* The data of all runs of a behaviour and role; NULL behaviour: every novel one, each with "NAME=" in front. */
static enum stg_status put_data(struct words *w, const struct stg_analysis_settings *s, const json_t *runs,
                                const char *behaviour, const char *role, bool paper)
{
    size_t i;
    json_t *run;
    json_array_foreach(runs, i, run)
    {
        const char *name = stg_text_of(run, "name"), *of = stg_text_of(run, "behaviour");
        const bool wanted = behaviour == NULL ? strcmp(of, "known") != 0 : strcmp(of, behaviour) == 0;
        if (wanted && strcmp(stg_text_of(run, "role"), role) == 0) {
            STG_RETURN_IF_FAILED(put_path(w, "%s%s%s/data/%s.%s", behaviour == NULL ? of : "",
                                          behaviour == NULL ? "=" : "", s->dir, name, SUFFIX(paper)));
        }
    }
    return STG_OK;
}

static enum stg_status train_one(const struct stg_analysis_settings *s, const json_t *runs, const char *model)
{
    bool paper;
    const char *kind = kind_of(model, &paper);
    const bool net = strcmp(kind, "ngram") != 0 && strcmp(kind, "stide") != 0;
    struct words w = {0};
    enum stg_status status;
    char out[PATH_MAX], name[160], seed[32], checkpoint[PATH_MAX + 16];
    snprintf(out, sizeof out, "%s/models/%s.model", s->dir, model);
    snprintf(checkpoint, sizeof checkpoint, "%s.checkpoint", out);
    if (is_there(out)) {
        return STG_OK;
    }
    stg_log(STG_LOG_INFO, "training %s%s%s", model, net ? ", " : "", net ? s->budget : "");
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)s->seed);
    const char *const net_options[] = {"--budget", s->budget, "--seed", seed, is_there(checkpoint) ? "--resume" : NULL,
                                       NULL};
    STG_TRY(begin_words(&w, s, "train"));
    STG_TRY(put(&w, "--model"));
    STG_TRY(put(&w, kind));
    STG_TRY(paper ? put_path(&w, "--preset=paper") : STG_OK);
    STG_TRY(net ? put_all(&w, net_options) : STG_OK);
    STG_TRY(put(&w, "--valid"));
    STG_TRY(put_data(&w, s, runs, "known", "valid", paper));
    STG_TRY(put(&w, "--calibrate"));
    STG_TRY(put_data(&w, s, runs, "known", "calibrate", paper));
    STG_TRY(put(&w, "-o"));
    STG_TRY(put(&w, out));
    STG_TRY(put_path(&w, "%s/data/known-train.%s", s->dir, SUFFIX(paper)));
    snprintf(name, sizeof name, "train-%s", model);
    STG_TRY(run_strange(s, &w, name, NULL));
out:
    words_fini(&w);
    return status;
}

/* known_run: with this run alone as known data; NULL: with all known test runs. */
static enum stg_status eval_one(const struct stg_analysis_settings *s, const json_t *runs, const char *model,
                                const char *known_run)
{
    bool paper;
    struct words w = {0};
    enum stg_status status;
    char out[PATH_MAX], made[PATH_MAX + 16], name[200];
    (void)kind_of(model, &paper);
    snprintf(name, sizeof name, "%s%s%s", model, known_run == NULL ? "" : ".", known_run == NULL ? "" : known_run);
    snprintf(out, sizeof out, "%s/eval/%s.json", s->dir, name);
    snprintf(made, sizeof made, "%s.part", out);
    if (is_there(out)) {
        return STG_OK;
    }
    STG_TRY(begin_words(&w, s, "eval"));
    STG_TRY(put(&w, "--json"));
    STG_TRY(put_path(&w, "%s/models/%s.model", s->dir, model));
    STG_TRY(put(&w, "--known"));
    STG_TRY(known_run == NULL ? put_data(&w, s, runs, "known", "test", paper)
                              : put_path(&w, "%s/data/%s.%s", s->dir, known_run, SUFFIX(paper)));
    STG_TRY(put(&w, "--novel"));
    STG_TRY(put_data(&w, s, runs, NULL, "test", paper));
    STG_TRY(put(&w, "--valid-known"));
    STG_TRY(put_data(&w, s, runs, "known", "valid", paper));
    STG_TRY(put(&w, "--valid-novel"));
    STG_TRY(put_data(&w, s, runs, NULL, "valid", paper));
    char log[220];
    snprintf(log, sizeof log, "eval-%s", name);
    STG_TRY(run_strange(s, &w, log, made));
    if (rename(made, out) != 0) {
        status = stg_fail_errno("%s", out);
    }
out:
    words_fini(&w);
    return status;
}

static enum stg_status eval_all(const struct stg_analysis_settings *s, const json_t *runs, const char *model)
{
    size_t i;
    json_t *run;
    STG_RETURN_IF_FAILED(eval_one(s, runs, model, NULL));
    json_array_foreach(runs, i, run)
    {
        if (strcmp(stg_text_of(run, "behaviour"), "known") == 0 && strcmp(stg_text_of(run, "role"), "test") == 0) {
            STG_RETURN_IF_FAILED(eval_one(s, runs, model, stg_text_of(run, "name")));
        }
    }
    return STG_OK;
}

static enum stg_status write_report(const struct stg_analysis_settings *s, const json_t *runs, const char *model)
{
    bool paper;
    struct words w = {0};
    enum stg_status status;
    char out[PATH_MAX];
    (void)kind_of(model, &paper);
    snprintf(out, sizeof out, "%s/report.html", s->dir);
    if (is_there(out)) {
        return STG_OK;
    }
    STG_TRY(begin_words(&w, s, "report"));
    STG_TRY(put(&w, "-o"));
    STG_TRY(put(&w, out));
    STG_TRY(put_path(&w, "%s/models/%s.model", s->dir, model));
    STG_TRY(put(&w, "--known"));
    STG_TRY(put_data(&w, s, runs, "known", "test", paper));
    STG_TRY(put(&w, "--novel"));
    STG_TRY(put_data(&w, s, runs, NULL, "test", paper));
    STG_TRY(run_strange(s, &w, "report", NULL));
out:
    words_fini(&w);
    return status;
}

static enum stg_status make_folders(const struct stg_analysis_settings *s)
{
    static const char *const names[] = {"data", "models", "eval", "log"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", s->dir, names[i]);
        STG_RETURN_IF_FAILED(stg_folder_make(path));
    }
    return STG_OK;
}

enum stg_status stg_analysis_run(const struct stg_analysis_settings *s, const json_t *campaign)
{
    const json_t *runs = json_object_get(campaign, "runs");
    bool prepared[2] = {false, false};
    STG_RETURN_IF_FAILED(make_folders(s));
    for (size_t i = 0; i < s->models->n; i++) {
        bool paper;
        const char *model = s->models->items[i];
        (void)kind_of(model, &paper);
        if (!prepared[paper]) {
            stg_log(STG_LOG_INFO, "cutting the runs into requests%s", paper ? ", as in the paper" : "");
            STG_RETURN_IF_FAILED(prepare_all(s, runs, paper));
            prepared[paper] = true;
        }
        STG_RETURN_IF_FAILED(train_one(s, runs, model));
        STG_RETURN_IF_FAILED(eval_all(s, runs, model));
    }
    return s->models->n > 0 ? write_report(s, runs, s->models->items[0]) : STG_OK;
}
