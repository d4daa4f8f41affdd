#include "lab/servers.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "lab/process.h"
#include "lab/template.h"
#include "lab/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define READY_NS    UINT64_C(60000000000) /* servers have so long to become ready */
#define GREETING_MS 10000
#define MAX_WORDS   32 /* of the program beside the servers */

/* A port of 127.0.0.1 that nobody listens on. */
static enum stg_status free_port(uint16_t *out)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    enum stg_status status = STG_OK;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0) {
        status = stg_fail_errno("127.0.0.1: no free port");
    }
    *out = ntohs(at.sin_port);
    if (fd >= 0) {
        close(fd);
    }
    return status;
}

/* A descriptor; -1 when nobody listens there. */
static int connect_to(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%.107s", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool answers(const char *path)
{
    const int fd = connect_to(path);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

static void log_of(const struct stg_servers *s, const char *name, char out[256])
{
    snprintf(out, 256, "%s/%s", s->stage->run, name);
}

enum stg_status stg_servers_check(struct stg_servers *s)
{
    const struct {
        pid_t *pid;
        const char *what, *log, *out; /* before it has opened its log, it complains on standard error */
    } all[] = {
        {&s->mariadbd, "mariadbd", "db.log", "mariadbd.out"},
        {&s->php, "php-fpm", "php-fpm.log", "php-fpm.out"},
        {&s->apache, "apache2", "error.log", "apache2.out"},
        {&s->beside, s->settings.beside == NULL ? "the program beside the servers" : s->settings.beside, "beside.log",
         NULL},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char log[256], out[256];
        log_of(s, all[i].log, log);
        log_of(s, all[i].out == NULL ? all[i].log : all[i].out, out);
        STG_RETURN_IF_FAILED(stg_process_check(all[i].pid, all[i].what, stg_text_size(log) > 0 ? log : out));
    }
    return STG_OK;
}

static enum stg_status wait_socket(struct stg_servers *s, const char *name)
{
    char path[256];
    const uint64_t start = stg_clock_ns();
    log_of(s, name, path);
    while (!answers(path)) {
        STG_RETURN_IF_FAILED(stg_interrupt_check());
        STG_RETURN_IF_FAILED(stg_servers_check(s));
        if (stg_clock_ns() - start > READY_NS) {
            return stg_fail(STG_ERR_IO, "%s: nothing listens there after 60 s", path);
        }
        stg_sleep_ns(UINT64_C(50000000));
    }
    return STG_OK;
}

/* The settings of the scenario and the places of a run, by whose names templates call them. */
static enum stg_status join_settings(struct stg_scenario *to, const struct stg_scenario *from, const char *top,
                                     const char *run, const char *port, const char *modules)
{
    char www[256];
    snprintf(www, sizeof www, "%s/lab/www", top);
    const struct {
        const char *name, *value;
    } places[] = {{"TOP", top}, {"RUN", run}, {"WWW", www}, {"PORT", port}, {"APACHE_MODULES", modules}};
    *to = (struct stg_scenario){.status = from->status};
    for (size_t i = 0; i < from->n_settings; i++) {
        STG_RETURN_IF_FAILED(stg_scenario_set(to, from->settings[i].name, from->settings[i].value));
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        STG_RETURN_IF_FAILED(stg_scenario_set(to, places[i].name, places[i].value));
    }
    return STG_OK;
}

/* settings->beside = the scenario's command line with these settings in it. */
static enum stg_status expand_beside(struct stg_scenario *settings, const struct stg_scenario *from)
{
    char where[128];
    enum stg_status status = STG_OK;
    struct stg_buffer line = STG_BUFFER_INIT;
    if (from->beside == NULL) {
        return STG_OK;
    }
    snprintf(where, sizeof where, "scenario %s: beside", from->name);
    STG_TRY(stg_template_expand(&line, where, from->beside, strlen(from->beside), settings));
    STG_TRY(stg_mem_strdup(&settings->beside, line.data == NULL ? "" : line.data));
out:
    stg_buffer_fini(&line);
    return status;
}

static enum stg_status make_settings(struct stg_servers *s)
{
    char port[16];
    snprintf(port, sizeof port, "%u", s->port);
    STG_RETURN_IF_FAILED(
        join_settings(&s->settings, s->scenario, s->stage->top, s->stage->run, port, s->stage->modules));
    return expand_beside(&s->settings, s->scenario);
}

/* TOP/run afresh: configuration, an empty tmp, a copy of the database. */
static enum stg_status make_run(struct stg_servers *s)
{
    static const char *const files[] = {"httpd.conf", "php-fpm.conf", "php.ini", "my.cnf"};
    const struct stg_stage *st = s->stage;
    char to[256], from[256];
    STG_RETURN_IF_FAILED(stg_folder_remove(st->run));
    /* The database lets in everybody who comes to its socket, as its root. */
    if (mkdir(st->run, S_IRWXU) != 0) {
        return stg_fail_errno("%s: cannot be made", st->run);
    }
    snprintf(to, sizeof to, "%s/tmp", st->run);
    STG_RETURN_IF_FAILED(stg_folder_make(to));
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(to, sizeof to, "%s/%s", st->run, files[i]);
        snprintf(from, sizeof from, "%s/lab/templates/%s", st->top, files[i]);
        STG_RETURN_IF_FAILED(stg_template_file(to, from, &s->settings));
        if (chmod(to, 0644) != 0) {
            return stg_fail_errno("%s", to);
        }
    }
    STG_RETURN_IF_FAILED(stg_folder_give(st->run, st->uid));
    snprintf(from, sizeof from, "%s/db", st->top);
    snprintf(to, sizeof to, "%s/db", st->run);
    char program[STG_LAB_PATH], log[256];
    stg_process_find("cp", program, sizeof program);
    snprintf(log, sizeof log, "%s/log/cp.log", st->top);
    const char *const argv[] = {program, "-a", "--", from, to, NULL};
    const struct stg_process_settings p = {.argv = argv, .cgroup = st->tools_cgroup, .out = log, .err = log};
    return stg_process_run(&p, "cp");
}

static enum stg_status start(struct stg_servers *s, pid_t *pid, const char *group, const char *log,
                             const char *const *argv)
{
    static const char *const env[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C",
                                      "PHP_INI_SCAN_DIR=", NULL};
    char path[256];
    log_of(s, log, path);
    const struct stg_process_settings p = {.argv = argv,
                                           .env = env,
                                           .cgroup = group,
                                           .uid = s->stage->uid,
                                           .out = path,
                                           .err = path,
                                           .folder = s->stage->run};
    return stg_process_start(pid, &p);
}

/* MariaDB makes a thread when more clients come than it has threads, and keeps it: as many as a run can need are made
 * here, so that none is while a run is recorded. A client that has left may hold its thread for a while. */
static enum stg_status make_database_threads(const struct stg_servers *s)
{
    enum { MOST = 64 }; /* my.cnf: thread_cache_size */
    enum stg_status status = STG_OK;
    struct pollfd clients[MOST];
    char path[256];
    const size_t wanted = 2 * strtoul(stg_scenario_get(&s->settings, "PHP_CHILDREN"), NULL, 10);
    size_t n = 0;
    log_of(s, "db.sock", path);
    while (n < MOST && n < wanted && status == STG_OK) {
        clients[n] = (struct pollfd){.fd = connect_to(path), .events = POLLIN};
        if (poll(&clients[n++], 1, GREETING_MS) != 1) { /* the thread greets; of a descriptor of -1 nothing comes */
            status =
                stg_fail(STG_ERR_IO, "%s: MariaDB does not greet client %zu of %zu; see db.log there", path, n, wanted);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (clients[i].fd >= 0) {
            close(clients[i].fd);
        }
    }
    return status;
}

static enum stg_status start_backends(struct stg_servers *s)
{
    char my_cnf[256], fpm[256], ini[256];
    const struct stg_stage *st = s->stage;
    snprintf(my_cnf, sizeof my_cnf, "--defaults-file=%s/my.cnf", st->run);
    log_of(s, "php-fpm.conf", fpm);
    log_of(s, "php.ini", ini);
    const char *const db[] = {st->mariadbd, my_cnf, NULL};
    const char *const php[] = {st->php, "-F", "-y", fpm, "-c", ini, NULL};
    STG_RETURN_IF_FAILED(start(s, &s->mariadbd, st->server_cgroup, "mariadbd.out", db));
    STG_RETURN_IF_FAILED(start(s, &s->php, st->server_cgroup, "php-fpm.out", php));
    STG_RETURN_IF_FAILED(wait_socket(s, "db.sock"));
    STG_RETURN_IF_FAILED(make_database_threads(s));
    return wait_socket(s, "php.sock");
}

static enum stg_status start_apache(struct stg_servers *s)
{
    char config[256], out[256];
    const uint64_t begin = stg_clock_ns();
    log_of(s, "httpd.conf", config);
    snprintf(out, sizeof out, "%s/log/ready.out", s->stage->top);
    const char *const argv[] = {s->stage->apache, "-d", s->stage->run, "-f", config, "-DFOREGROUND", NULL};
    STG_RETURN_IF_FAILED(start(s, &s->apache, s->stage->server_cgroup, "apache2.out", argv));
    for (;;) {
        const enum stg_status status = stg_servers_ask(s, "/facts.php", 200, out);
        if (status == STG_OK || status == STG_ERR_INTERRUPTED) {
            return status;
        }
        STG_RETURN_IF_FAILED(stg_servers_check(s));
        if (stg_clock_ns() - begin > READY_NS) {
            return stg_context(status, "apache2 does not answer");
        }
        stg_sleep_ns(UINT64_C(100000000));
    }
}

static enum stg_status find_beside(const char *scenario, const char *name, char program[STG_LAB_PATH])
{
    stg_process_find(name, program, STG_LAB_PATH);
    return program[0] != '\0' ? STG_OK
                              : stg_fail(STG_ERR_UNSUPPORTED, "scenario %s: %s is not installed", scenario, name);
}

/* The words of a command line, cut in place; more than there is room for are counted, too. */
static size_t split(char *line, const char *words[MAX_WORDS])
{
    size_t n = 0;
    char *save = NULL;
    for (const char *word = strtok_r(line, " \t\n", &save); word != NULL; word = strtok_r(NULL, " \t\n", &save)) {
        if (n < MAX_WORDS) {
            words[n] = word;
        }
        n++;
    }
    return n;
}

enum stg_status stg_servers_check_scenario(const struct stg_scenario *scenario)
{
    char program[STG_LAB_PATH];
    const char *words[MAX_WORDS];
    struct stg_scenario settings = {0};
    enum stg_status status = STG_OK;
    /* places of no run: what is named by one is not there yet */
    STG_TRY(join_settings(&settings, scenario, "/", "/", "1", "/"));
    STG_TRY(expand_beside(&settings, scenario));
    const size_t n = settings.beside == NULL ? 0 : split(settings.beside, words);
    if (n > MAX_WORDS) {
        STG_TRY(stg_fail(STG_ERR_INPUT, "scenario %s: beside: %zu words: at most %d, or put them into a script",
                         scenario->name, n, MAX_WORDS));
    }
    const char *own = scenario->beside == NULL ? "" : scenario->beside + strspn(scenario->beside, " \t");
    if (n > 0 && memchr(own, '@', strcspn(own, " \t")) == NULL) {
        status = find_beside(scenario->name, words[0], program);
    }
out:
    stg_scenario_fini(&settings);
    return status;
}

static enum stg_status start_beside(struct stg_servers *s)
{
    char program[STG_LAB_PATH];
    const char *words[MAX_WORDS + 1] = {NULL};
    const size_t n = s->settings.beside == NULL ? 0 : split(s->settings.beside, words);
    if (n == 0) { /* also where its setting is off */
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(find_beside(s->scenario->name, words[0], program));
    words[0] = program;
    return start(s, &s->beside, s->stage->beside_cgroup, "beside.log", words);
}

enum stg_status stg_servers_start(struct stg_servers *s, const struct stg_stage *st,
                                  const struct stg_scenario *scenario)
{
    *s = (struct stg_servers){.stage = st, .scenario = scenario, .tls = stg_scenario_on(scenario, "TLS")};
    const char *page = stg_scenario_get(scenario, "PAGE");
    snprintf(s->page, sizeof s->page, "/%.100s?id=", page == NULL ? "" : page);
    STG_RETURN_IF_FAILED(free_port(&s->port));
    STG_RETURN_IF_FAILED(make_settings(s));
    STG_RETURN_IF_FAILED(make_run(s));
    STG_RETURN_IF_FAILED(start_backends(s));
    STG_RETURN_IF_FAILED(start_apache(s));
    return start_beside(s);
}

enum stg_status stg_servers_ask(const struct stg_servers *s, const char *path, uint32_t status, const char *to)
{
    char port[32], tls[16], where[160], expect[32], err[300];
    snprintf(port, sizeof port, "port=%u", s->port);
    snprintf(tls, sizeof tls, "tls=%d", s->tls);
    snprintf(where, sizeof where, "path=%.150s", path);
    snprintf(expect, sizeof expect, "status=%u", status);
    snprintf(err, sizeof err, "%s.err", to);
    const char *const argv[] = {s->stage->load,  port,      tls,      where, expect, "ids=0",
                                "connections=1", "total=1", "body=1", NULL};
    const struct stg_process_settings p = {.argv = argv, .cgroup = s->stage->client_cgroup, .out = to, .err = err};
    const enum stg_status done = stg_process_run(&p, path);
    return done == STG_OK || done == STG_ERR_INTERRUPTED ? done : stg_context(done, "no answer with status %u", status);
}

void stg_servers_stop(struct stg_servers *s)
{
    if (s->stage == NULL) {
        return;
    }
    /* The data is a copy and nobody's: no use in waiting for an orderly end. */
    const char *const groups[] = {s->stage->server_cgroup, s->stage->client_cgroup, s->stage->beside_cgroup};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (stg_cgroup_kill(groups[i]) != STG_OK) {
            /* what is left is found again when the stage is removed, and reported there */
        }
    }
    stg_process_kill(s->mariadbd);
    stg_process_kill(s->php);
    stg_process_kill(s->apache);
    stg_process_kill(s->beside);
    stg_scenario_fini(&s->settings);
    s->stage = NULL;
}
