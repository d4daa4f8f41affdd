#include "lab/campaign.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "lab/process.h"
#include "lab/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define SECOND_NS UINT64_C(1000000000)
#define KEPT_UP   0.8 /* of the requests due in a window; some of its last ones are always under way */

void stg_campaign_settings_default(struct stg_campaign_settings *s)
{
    *s = (struct stg_campaign_settings){
        .work = "/tmp",
        .seed = 1,
        .rate = 440,
        .burst = 45,
        .connections = 64,
        .requests = 12000,
        .n_calibrate = 6,
        .n_test = 3,
        .warm_up_ns = 5 * SECOND_NS,
        .settle_ns = 3 * SECOND_NS,
        .foreign = 0.1,
        .repeats = 2,
    };
}

/* Before the campaign's folder is made, as its settings stay. */
static enum stg_status check_work(const char *work)
{
    char path[PATH_MAX];
    const char *odd = strpbrk(work, ":#\"\\"); /* PHP-FPM takes what has a : for a host and its port */
    if (odd != NULL) {
        return stg_fail(STG_ERR_USAGE,
                        "--work %s: the servers' configuration takes no path with '%c': give another one", work, *odd);
    }
    if (!stg_file_is_directory(work)) {
        return stg_fail(STG_ERR_USAGE, "--work %s: is no folder: make it, or give another one", work);
    }
    if (access(work, W_OK | X_OK) != 0) {
        return stg_fail_errno("--work %s: cannot write there", work);
    }
    if (realpath(work, path) == NULL) {
        return stg_fail_errno("--work %s", work);
    }
    for (char *end = path + strlen(path); end > path; end = strrchr(path, '/')) { /* it, and what it lies in */
        struct stat info;
        *end = '\0';
        if (stat(path, &info) != 0 || (info.st_mode & S_IXOTH) == 0) {
            return stg_fail(STG_ERR_USAGE,
                            "--work %s: the servers' user may not enter %s: chmod o+x, or give another one", work,
                            path);
        }
    }
    return STG_OK;
}

/* The user who called sudo; root where nobody did. */
static uid_t caller(void)
{
    const char *text = getenv("SUDO_UID");
    char *rest = NULL;
    const unsigned long uid = text == NULL ? 0 : strtoul(text, &rest, 10);
    return text != NULL && rest != text && *rest == '\0' ? (uid_t)uid : 0;
}

/* Who may write in a campaign's folder may put a link where root writes a file of that name. */
static enum stg_status check_private(const char *dir)
{
    struct stat info;
    if (stat(dir, &info) != 0) {
        return stg_fail_errno("%s", dir);
    }
    if ((info.st_uid != 0 && info.st_uid != caller()) || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return stg_fail(STG_ERR_USAGE,
                        "%s: others than root and who called sudo may write in this folder: name a new one, or chown "
                        "and chmod go-w it",
                        dir);
    }
    return STG_OK;
}

/* The real path's hash: one campaign, one stage, however the path is written. */
static enum stg_status campaign_hash(const char *dir, uint64_t *out)
{
    char path[PATH_MAX];
    if (realpath(dir, path) == NULL) {
        return stg_fail_errno("%s: cannot find the campaign", dir);
    }
    *out = stg_name_hash(path);
    return STG_OK;
}

/* A lock of this process alone: children that a kill -9 leaves between fork and exec do not hold it. */
static enum stg_status take_lock(const char *dir, int *lock)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/lock", dir);
    *lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644); /* the folder may be a user's */
    if (*lock < 0) {
        return stg_fail_errno("%s: cannot be opened", path);
    }
    if (fcntl(*lock, F_SETLK, &whole) != 0) {
        return errno == EACCES || errno == EAGAIN
                   ? stg_fail(STG_ERR_IO, "%s: another `strange lab` is at work on it: wait, or end that one first",
                              dir)
                   : stg_fail_errno("%s", path);
    }
    return STG_OK;
}

static enum stg_status load_scenarios(struct stg_campaign *c)
{
    const struct stg_campaign_settings *s = &c->settings;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/scenarios/known.conf", s->files);
    STG_RETURN_IF_FAILED(stg_scenario_load(&c->scenarios[0], path, NULL));
    c->n_scenarios = 1;
    STG_RETURN_IF_FAILED(stg_measure_check_names(&c->scenarios[0]));
    for (size_t i = 0; i < s->n_scenarios; i++) {
        struct stg_scenario *new = &c->scenarios[c->n_scenarios];
        const char *name = s->scenarios[i];
        if (c->n_scenarios > STG_CAMPAIGN_SCENARIOS) {
            return stg_fail(STG_ERR_USAGE, "more than %d scenarios", STG_CAMPAIGN_SCENARIOS);
        }
        if (strchr(name, '/') != NULL) {
            snprintf(path, sizeof path, "%s", name);
        } else {
            snprintf(path, sizeof path, "%s/scenarios/%s.conf", s->files, name);
        }
        if (access(path, R_OK) != 0) {
            return stg_fail(STG_ERR_USAGE, "scenario %s: cannot read %s: see its folder for what there is", name, path);
        }
        c->n_scenarios++; /* _fini takes it also when it is only half read */
        STG_RETURN_IF_FAILED(stg_scenario_load(new, path, &c->scenarios[0]));
        STG_RETURN_IF_FAILED(stg_measure_check_names(new));
        STG_RETURN_IF_FAILED(stg_servers_check_scenario(new));
        for (size_t k = 0; k + 1 < c->n_scenarios; k++) {
            if (strcmp(c->scenarios[k].name, new->name) == 0) {
                return stg_fail(STG_ERR_USAGE, "scenario %s: given twice", new->name);
            }
        }
    }
    return STG_OK;
}

static enum stg_status make_plan(struct stg_campaign *c)
{
    const char *names[STG_CAMPAIGN_SCENARIOS + 1];
    const struct stg_campaign_settings *s = &c->settings;
    for (size_t i = 0; i < c->n_scenarios; i++) {
        names[i] = c->scenarios[i].name;
    }
    const struct stg_plan_settings p = {.scenarios = names,
                                        .n_scenarios = c->n_scenarios,
                                        .requests = s->requests,
                                        .n_calibrate = s->n_calibrate,
                                        .n_test = s->n_test,
                                        .seed = s->seed};
    return stg_plan_make(&c->plan, &p);
}

static json_t *plan_json(const struct stg_campaign *c)
{
    json_t *runs = json_array();
    for (size_t i = 0; i < c->plan.n; i++) {
        const struct stg_run *r = &c->plan.runs[i];
        if (json_array_append_new(runs, json_pack("{s:s, s:s, s:s, s:i}", "name", r->name, "behaviour",
                                                  c->scenarios[r->i_scenario].name, "role", stg_role_name(r->role),
                                                  "requests", (int)r->requests)) != 0) {
            json_decref(runs);
            return NULL;
        }
    }
    return runs;
}

/* What servers and load are told of a behaviour, as a number. */
static enum stg_status hash_of(const struct stg_scenario *s, char out[17])
{
    enum stg_status status = STG_OK;
    struct stg_buffer text = STG_BUFFER_INIT;
    STG_TRY(stg_buffer_printf(&text, "%u\n%s\n", s->status, s->beside == NULL ? "" : s->beside));
    for (size_t i = 0; i < s->n_settings; i++) {
        STG_TRY(stg_buffer_printf(&text, "%s=%s\n", s->settings[i].name, s->settings[i].value));
    }
    snprintf(out, 17, "%016llx", (unsigned long long)stg_name_hash(text.data));
out:
    stg_buffer_fini(&text);
    return status;
}

static json_t *behaviours_json(const struct stg_campaign *c)
{
    json_t *all = json_array();
    for (size_t i = 0; i < c->n_scenarios; i++) {
        char hash[17];
        const char *text = c->scenarios[i].description;
        if (hash_of(&c->scenarios[i], hash) != STG_OK ||
            json_array_append_new(all, json_pack("{s:s, s:s, s:s}", "name", c->scenarios[i].name, "description",
                                                 text == NULL ? "" : text, "hash", hash)) != 0) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

/* What decides the runs; compared when a campaign goes on. */
static json_t *settings_json(const struct stg_campaign_settings *s)
{
    return json_pack("{s:I, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:i, s:b, s:s}", "seed", (json_int_t)s->seed,
                     "rate", (int)s->rate, "burst", (int)s->burst, "connections", (int)s->connections, "requests",
                     (int)s->requests, "calibrate_runs", (int)s->n_calibrate, "test_runs", (int)s->n_test, "warm_up_s",
                     (double)s->warm_up_ns / 1e9, "settle_s", (double)s->settle_ns / 1e9, "foreign", s->foreign,
                     "repeats", (int)s->repeats, "recorded", s->recorder != NULL, "work", s->work);
}

static json_t *facts_json(const struct stg_campaign *c)
{
    char date[21];
    struct utsname host;
    stg_clock_date(date);
    if (uname(&host) != 0) {
        return NULL;
    }
    const long n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return json_pack("{s:s, s:s, s:o, s:{s:s, s:s, s:i}, s:o, s:o}", "schema", "strange.lab/1", "begun", date,
                     "settings", settings_json(&c->settings), "machine", "kernel", host.release, "architecture",
                     host.machine, "processors", (int)n_cpus, "behaviours", behaviours_json(c), "runs", plan_json(c));
}

static enum stg_status write_json(const char *path, const json_t *value)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    if (text == NULL) {
        return stg_fail(STG_ERR_MEMORY, "%s: out of memory", path);
    }
    const enum stg_status status = stg_text_write(path, text, strlen(text));
    free(text);
    return status;
}

enum stg_status stg_campaign_read(json_t **facts, const char *dir)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/campaign.json", dir);
    *facts = NULL;
    if (access(path, F_OK) != 0) {
        return stg_fail(STG_ERR_INPUT, "%s: no campaign there: `strange lab run -o %s` makes one", dir, dir);
    }
    *facts = stg_text_json(path);
    const char *schema = json_string_value(json_object_get(*facts, "schema"));
    if (schema == NULL || strcmp(schema, "strange.lab/1") != 0 ||
        !json_is_object(json_object_get(*facts, "settings")) || !json_is_array(json_object_get(*facts, "behaviours")) ||
        !json_is_array(json_object_get(*facts, "runs"))) {
        json_decref(*facts);
        *facts = NULL;
        return stg_fail(STG_ERR_INPUT, "%s: not a campaign's file: remove the folder and begin again", path);
    }
    return STG_OK;
}

json_t *stg_campaign_run_facts(const char *dir, const char *run)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/runs/%s.json", dir, run);
    return stg_text_json(path);
}

/* The settings that a campaign was begun with and those of now: the name of the first that differs, NULL when none
 * does. */
static const char *difference(const json_t *then, json_t *now)
{
    const char *key;
    json_t *value;
    json_object_foreach(now, key, value)
    {
        const json_t *old = json_object_get(then, key);
        const bool numbers = json_is_number(old) && json_is_number(value);
        const double gap = json_number_value(old) - json_number_value(value);
        if (numbers ? gap > 1e-5 || gap < -1e-5 : !json_equal(old, value)) {
            return key;
        }
    }
    return NULL;
}

/* A scenario that is another one by now, as its file or known.conf was changed: its name, NULL when none is. */
static const char *changed_scenario(const json_t *then, const json_t *now)
{
    size_t i;
    json_t *behaviour;
    json_array_foreach(json_object_get(now, "behaviours"), i, behaviour)
    {
        const json_t *old = json_array_get(json_object_get(then, "behaviours"), i);
        const char *hash = json_string_value(json_object_get(old, "hash")); /* older campaigns have none */
        if (hash != NULL && strcmp(hash, stg_text_of(behaviour, "hash")) != 0) {
            return stg_text_of(behaviour, "name");
        }
    }
    return NULL;
}

/* Runs of different settings are not to be compared. */
static enum stg_status check_same(const json_t *then, const json_t *now, const char *dir)
{
    const char *key = difference(json_object_get(then, "settings"), json_object_get(now, "settings"));
    if (key != NULL || !json_equal(json_object_get(then, "runs"), json_object_get(now, "runs"))) {
        return stg_fail(
            STG_ERR_USAGE,
            "%s: a campaign with another setting (%s) is there: go on with the same ones, or give another folder", dir,
            key == NULL ? "scenarios" : key);
    }
    const char *scenario = changed_scenario(then, now);
    return scenario == NULL ? STG_OK
                            : stg_fail(STG_ERR_USAGE,
                                       "%s: scenario %s is not as it was when the campaign was begun: make it so "
                                       "again, or give another folder",
                                       dir, scenario);
}

static enum stg_status open_facts(struct stg_campaign *c)
{
    char path[PATH_MAX];
    const char *dir = c->settings.dir;
    snprintf(path, sizeof path, "%s/campaign.json", dir);
    json_t *now = facts_json(c);
    if (now == NULL) {
        return stg_fail(STG_ERR_MEMORY, "%s: out of memory", path);
    }
    if (access(path, F_OK) != 0) {
        c->facts = now;
        return write_json(path, now);
    }
    const enum stg_status status = stg_campaign_read(&c->facts, dir);
    const enum stg_status same = status == STG_OK ? check_same(c->facts, now, dir) : status;
    json_decref(now);
    return same;
}

enum stg_status stg_campaign_open(struct stg_campaign *c, const struct stg_campaign_settings *s)
{
    uint64_t hash = 0;
    char path[PATH_MAX];
    *c = (struct stg_campaign){.settings = *s, .lock = -1};
    STG_RETURN_IF_FAILED(load_scenarios(c));
    STG_RETURN_IF_FAILED(make_plan(c));
    STG_RETURN_IF_FAILED(stg_stage_find(&c->stage, s->load));
    if (geteuid() != 0) {
        return stg_fail(STG_ERR_UNSUPPORTED,
                        "the lab needs root, for control groups, users and the recorder: run it with sudo");
    }
    STG_RETURN_IF_FAILED(stg_stage_name(&c->stage, hash, s->work)); /* refuses a path that is too long */
    STG_RETURN_IF_FAILED(check_work(s->work));
    STG_RETURN_IF_FAILED(stg_folder_make(s->dir));
    STG_RETURN_IF_FAILED(check_private(s->dir));
    snprintf(path, sizeof path, "%s/runs", s->dir);
    STG_RETURN_IF_FAILED(stg_folder_make(path));
    STG_RETURN_IF_FAILED(take_lock(s->dir, &c->lock));
    STG_RETURN_IF_FAILED(campaign_hash(s->dir, &hash));
    STG_RETURN_IF_FAILED(stg_stage_name(&c->stage, hash, s->work));
    snprintf(c->stage.files, sizeof c->stage.files, "%s", s->files);
    return open_facts(c);
}

static json_t *run_json(const struct stg_campaign *c, const struct stg_run *run, const double values[STG_MEASURES],
                        uint32_t attempts, bool disturbed)
{
    char date[21];
    stg_clock_date(date);
    json_t *measures = json_object();
    for (size_t m = 0; m < STG_MEASURES; m++) {
        if (json_object_set_new(measures, stg_measure_name((enum stg_measure)m), json_real(values[m])) != 0) {
            json_decref(measures);
            return NULL;
        }
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:i, s:b, s:o}", "schema", "strange.lab-run/1", "name", run->name,
                     "behaviour", c->scenarios[run->i_scenario].name, "role", stg_role_name(run->role), "seed",
                     (json_int_t)run->seed, "ended", date, "attempts", (int)attempts, "disturbed", disturbed,
                     "measures", measures);
}

/* Why a run is not to be learned from, NULL when nothing speaks against it. */
static const char *disturbance(const struct stg_campaign_settings *s, const double v[STG_MEASURES])
{
    return v[STG_MEASURE_FOREIGN_CPU_SHARE] + v[STG_MEASURE_STEAL_CPU_SHARE] > s->foreign
               ? "other programs took too much of the processors"
           : v[STG_MEASURE_NEW_PROCESSES] > 0        ? "a process of the servers was born"
           : v[STG_MEASURE_ANSWERED_SHARE] < KEPT_UP ? "the servers did not keep up with the load"
                                                     : NULL;
}

enum stg_status stg_campaign_judge(struct stg_judgement *out, const struct stg_campaign_settings *s,
                                   const struct stg_scenario *scenario, const double values[STG_MEASURES],
                                   uint32_t attempt)
{
    const enum stg_status status = stg_measure_check(scenario, values);
    out->disturbed = disturbance(s, values);
    out->again = (out->disturbed != NULL || status != STG_OK) && attempt <= s->repeats;
    return status == STG_OK || out->disturbed == NULL || out->again ? status
                                                                    : stg_context(status, "%s", out->disturbed);
}

static void say_run(const struct stg_run *run, const double v[STG_MEASURES], size_t i, size_t n)
{
    stg_log(STG_LOG_INFO,
            "run %zu of %zu: %s: %.0f requests, %.0f/s, p50 %.2f ms, p99 %.2f ms, foreign CPU %.1f %%, settled after "
            "%.1f s",
            i + 1, n, run->name, v[STG_MEASURE_REQUESTS], v[STG_MEASURE_RATE], v[STG_MEASURE_P50_MS],
            v[STG_MEASURE_P99_MS], 100 * (v[STG_MEASURE_FOREIGN_CPU_SHARE] + v[STG_MEASURE_STEAL_CPU_SHARE]),
            v[STG_MEASURE_SETTLED_AFTER]);
}

/* Keeps what the servers said, for people who look for the reason of a failure. */
static void keep_logs(const struct stg_campaign *c, const struct stg_run *run)
{
    static const char *const logs[] = {"error.log",  "php.log",      "php-fpm.log", "db.log",
                                       "beside.log", "mariadbd.out", "php-fpm.out", "apache2.out"};
    for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++) {
        char from[PATH_MAX], to[PATH_MAX];
        struct stg_buffer text = STG_BUFFER_INIT;
        snprintf(from, sizeof from, "%s/%s", c->stage.run, logs[i]);
        snprintf(to, sizeof to, "%s/failed/%s-%s", c->settings.dir, run->name, logs[i]);
        if (stg_text_size(from) > 0 && stg_text_read(&text, from) == STG_OK) {
            if (stg_text_write(to, text.data, text.len) != STG_OK) {
                stg_log(STG_LOG_WARN, "%s", stg_status_message());
            }
        }
        stg_buffer_fini(&text);
    }
}

/* Half a trace is of no use to anybody. */
static enum stg_status fail_run(const struct stg_campaign *c, const struct stg_run *run, enum stg_status status,
                                const char *trace)
{
    char folder[PATH_MAX], message[STG_STATUS_MESSAGE_SIZE];
    snprintf(message, sizeof message, "%s", stg_status_message());
    snprintf(folder, sizeof folder, "%s/failed", c->settings.dir);
    if (status != STG_ERR_INTERRUPTED && stg_folder_make(folder) == STG_OK) {
        keep_logs(c, run);
    }
    if (stg_folder_remove(trace) != STG_OK) {
        stg_log(STG_LOG_WARN, "%s", stg_status_message());
    }
    return stg_fail(status, "run %s: %s", run->name, message);
}

static enum stg_status do_run(struct stg_campaign *c, size_t i, const struct stg_session_settings *session)
{
    const struct stg_run *run = &c->plan.runs[i];
    char trace[PATH_MAX], done[PATH_MAX];
    double values[STG_MEASURES];
    snprintf(trace, sizeof trace, "%s/runs/%s", c->settings.dir, run->name);
    snprintf(done, sizeof done, "%s/runs/%s.json", c->settings.dir, run->name);
    for (uint32_t attempt = 1;; attempt++) {
        STG_RETURN_IF_FAILED(stg_folder_remove(trace)); /* of an attempt before */
        const struct stg_scenario *scenario = &c->scenarios[run->i_scenario];
        enum stg_status status = stg_session_run(session, scenario, run, trace, values);
        if (status != STG_OK) {
            return fail_run(c, run, status, trace);
        }
        say_run(run, values, i, c->plan.n);
        struct stg_judgement is;
        status = stg_campaign_judge(&is, &c->settings, scenario, values, attempt);
        if (is.again) {
            stg_log(STG_LOG_WARN, "%s: %s: again, %u of %u", run->name,
                    is.disturbed != NULL ? is.disturbed : stg_status_message(), attempt, c->settings.repeats);
            continue;
        }
        if (status != STG_OK) {
            return fail_run(c, run, status, trace);
        }
        json_t *facts = run_json(c, run, values, attempt, is.disturbed != NULL);
        const enum stg_status written = write_json(done, facts);
        json_decref(facts);
        return written;
    }
}

static bool is_done(const struct stg_campaign *c, const struct stg_run *run)
{
    json_t *facts = stg_campaign_run_facts(c->settings.dir, run->name);
    const bool done = facts != NULL;
    json_decref(facts);
    return done;
}

enum stg_status stg_campaign_run(struct stg_campaign *c)
{
    const struct stg_campaign_settings *s = &c->settings;
    const struct stg_session_settings session = {.stage = &c->stage,
                                                 .rate = s->rate,
                                                 .burst = s->burst,
                                                 .connections = s->connections,
                                                 .warm_up_ns = s->warm_up_ns,
                                                 .settle_ns = s->settle_ns,
                                                 .max_warm_ns = 12 * (s->warm_up_ns + s->settle_ns),
                                                 .lead_ns = SECOND_NS / 2,
                                                 .recorder = s->recorder};
    bool staged = false;
    for (size_t i = 0; i < c->plan.n; i++) {
        if (is_done(c, &c->plan.runs[i])) {
            continue;
        }
        if (!staged) {
            stg_log(STG_LOG_INFO, "making certificate and database in %s", c->stage.top);
            STG_RETURN_IF_FAILED(stg_stage_make(&c->stage));
            staged = true;
        }
        STG_RETURN_IF_FAILED(stg_interrupt_check());
        STG_RETURN_IF_FAILED(do_run(c, i, &session));
    }
    return STG_OK;
}

void stg_campaign_close(struct stg_campaign *c)
{
    if (c->lock >= 0 && c->stage.top[0] != '\0' && stg_stage_remove(&c->stage) != STG_OK) {
        stg_log(STG_LOG_WARN, "%s: `strange lab clean %s` tries again", stg_status_message(), c->settings.dir);
    }
    for (size_t i = 0; i < c->n_scenarios; i++) {
        stg_scenario_fini(&c->scenarios[i]);
    }
    stg_plan_fini(&c->plan);
    json_decref(c->facts);
    if (c->lock >= 0) {
        close(c->lock);
    }
    *c = (struct stg_campaign){.lock = -1};
}

enum stg_status stg_campaign_clean(const char *dir)
{
    enum stg_status status;
    json_t *facts = NULL;
    struct stg_stage stage = {0};
    uint64_t hash = 0;
    int lock = -1;
    STG_TRY(stg_campaign_read(&facts, dir));
    STG_TRY(take_lock(dir, &lock));
    STG_TRY(campaign_hash(dir, &hash));
    const char *work = json_string_value(json_object_get(json_object_get(facts, "settings"), "work"));
    STG_TRY(stg_stage_name(&stage, hash, work == NULL ? "/tmp" : work));
    STG_TRY(stg_stage_remove(&stage));
out:
    json_decref(facts);
    if (lock >= 0) {
        close(lock);
    }
    return status;
}
