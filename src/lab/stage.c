/* The stage: what all runs of a campaign share (servers.h). */
#include "lab/process.h"
#include "lab/servers.h"
#include "lab/text.h"

#include "base/buffer.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Users of their own without an entry in the machine's table, as systemd's dynamic users are; in its range. */
#define FIRST_UID 61184U
#define N_UIDS    4336U

/* Programs that must be there; the first three and the helpers by Debian's names. */
static const struct {
    const char *program, *package;
} needed[] = {
    {"apache2", "apache2-bin"},
    {"php-fpm[0-9]*", "php8.2-fpm"},
    {"mariadbd", "mariadb-server-core"},
    {"mariadb-install-db", "mariadb-server-core"},
    {"my_print_defaults", "mariadb-client-core"}, /* mariadb-install-db calls it */
    {"openssl", "openssl"},
    {"stress-ng", "stress-ng"},
    {"cp", "coreutils"},
};

enum stg_status stg_stage_find(struct stg_stage *st, const char *load)
{
    enum stg_status status = STG_OK;
    struct stg_buffer missing = STG_BUFFER_INIT;
    char path[STG_LAB_PATH];
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        stg_process_find(needed[i].program, path, sizeof path);
        if (path[0] == '\0') {
            STG_TRY(stg_buffer_printf(&missing, "%s%s", missing.len > 0 ? ", " : "", needed[i].package));
        }
    }
    if (missing.len > 0) {
        status = stg_fail(STG_ERR_UNSUPPORTED, "packages are missing: %s: run tools/setup lab", missing.data);
        goto out;
    }
    if (access(load, X_OK) != 0) {
        status = stg_fail(STG_ERR_UNSUPPORTED, "%s: the load program is missing: build with OpenSSL (tools/setup lab)",
                          load);
        goto out;
    }
    snprintf(st->load, sizeof st->load, "%s", load);
    stg_process_find("php-fpm[0-9]*", st->php, sizeof st->php);
    stg_process_find("mariadbd", st->mariadbd, sizeof st->mariadbd);
    snprintf(st->modules, sizeof st->modules, "/usr/lib/apache2/modules");
    if (access("/usr/lib/apache2/modules/mod_mpm_event.so", R_OK) != 0) {
        status = stg_fail(STG_ERR_UNSUPPORTED, "%s: no modules of Apache there: run tools/setup lab", st->modules);
    }
out:
    stg_buffer_fini(&missing);
    return status;
}

enum stg_status stg_stage_name(struct stg_stage *st, uint64_t campaign, const char *work)
{
    char name[64];
    if (strlen(work) > 60 || work[0] != '/') {
        return stg_fail(STG_ERR_USAGE, "%s: give an absolute path of at most 60 bytes, as sockets have to fit in it",
                        work);
    }
    snprintf(name, sizeof name, "strange-lab-%08x", (unsigned)(campaign ^ (campaign >> 32)));
    snprintf(st->top, sizeof st->top, "%.60s/%s", work, name);
    snprintf(st->run, sizeof st->run, "%s/run", st->top);
    snprintf(st->apache, sizeof st->apache, "%s/bin/apache2", st->top);
    STG_RETURN_IF_FAILED(stg_cgroup_find(st->cgroup, name));
    snprintf(st->server_cgroup, sizeof st->server_cgroup, "%s/server", st->cgroup);
    snprintf(st->beside_cgroup, sizeof st->beside_cgroup, "%s/beside", st->cgroup);
    snprintf(st->client_cgroup, sizeof st->client_cgroup, "%s/client", st->cgroup);
    snprintf(st->tools_cgroup, sizeof st->tools_cgroup, "%s/tools", st->cgroup);
    st->uid = FIRST_UID + (uid_t)(campaign % N_UIDS);
    while (getpwuid(st->uid) != NULL) { /* somebody's: take the next */
        st->uid = st->uid + 1 < FIRST_UID + N_UIDS ? st->uid + 1 : FIRST_UID;
    }
    return STG_OK;
}

static enum stg_status make_cgroups(const struct stg_stage *st)
{
    STG_RETURN_IF_FAILED(stg_cgroup_make(st->cgroup));
    STG_RETURN_IF_FAILED(stg_cgroup_make(st->server_cgroup));
    STG_RETURN_IF_FAILED(stg_cgroup_make(st->beside_cgroup));
    STG_RETURN_IF_FAILED(stg_cgroup_make(st->client_cgroup));
    return stg_cgroup_make(st->tools_cgroup);
}

/* Runs a program of the stage's making in its group; err gets what it says. */
static enum stg_status make_by(const struct stg_stage *st, uid_t uid, const char *in, const char *log,
                               const char *const *argv)
{
    char err[256], program[STG_LAB_PATH];
    const char *words[24] = {program};
    snprintf(err, sizeof err, "%s/log/%s", st->top, log);
    stg_process_find(argv[0], program, sizeof program);
    for (size_t i = 1; argv[i] != NULL && i < 23; i++) {
        words[i] = argv[i];
    }
    const struct stg_process_settings s = {
        .argv = words, .cgroup = st->tools_cgroup, .uid = uid, .in = in, .out = err, .err = err, .folder = st->top};
    return stg_process_run(&s, argv[0]);
}

static enum stg_status make_folder(const struct stg_stage *st, const char *name, mode_t mode, uid_t owner)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", st->top, name);
    if (mkdir(path, mode) != 0 || chmod(path, mode) != 0 || (owner != 0 && chown(path, owner, (gid_t)owner) != 0)) {
        return stg_fail_errno("%s: cannot be made", path);
    }
    return STG_OK;
}

static enum stg_status make_certificate(const struct stg_stage *st)
{
    char key[256], cert[256], config[STG_LAB_PATH + 64];
    snprintf(key, sizeof key, "%s/tls/key.pem", st->top);
    snprintf(cert, sizeof cert, "%s/tls/cert.pem", st->top);
    snprintf(config, sizeof config, "%s/lab/templates/tls.conf", st->top);
    const char *const argv[] = {"openssl", "req",           "-x509",
                                "-config", config,          "-newkey",
                                "ec",      "-pkeyopt",      "ec_paramgen_curve:prime256v1",
                                "-nodes",  "-days",         "30",
                                "-subj",   "/CN=localhost", "-keyout",
                                key,       "-out",          cert,
                                NULL};
    return make_by(st, st->uid, NULL, "openssl.log", argv);
}

/* The database as every run finds it: the server's own tables and those of the lab. */
static enum stg_status make_database(const struct stg_stage *st)
{
    char datadir[256], sql[STG_LAB_PATH + 64];
    snprintf(datadir, sizeof datadir, "--datadir=%s/db", st->top);
    snprintf(sql, sizeof sql, "%s/lab/sql/schema.sql", st->top);
    const char *const install[] = {"mariadb-install-db",
                                   "--no-defaults",
                                   datadir,
                                   "--skip-test-db",
                                   "--auth-root-authentication-method=normal",
                                   "--innodb-log-file-size=16M",
                                   NULL};
    const char *const load[] = {"mariadbd", "--no-defaults", "--bootstrap", datadir, "--innodb-log-file-size=16M",
                                NULL};
    STG_RETURN_IF_FAILED(make_by(st, st->uid, NULL, "mariadb-install-db.log", install));
    return make_by(st, st->uid, sql, "mariadbd-bootstrap.log", load);
}

static enum stg_status copy(const struct stg_stage *st, const char *from, const char *to)
{
    const char *const argv[] = {"cp", "-RL", "--", from, to, NULL};
    return make_by(st, 0, NULL, "cp.log", argv);
}

static enum stg_status make_top(const struct stg_stage *st)
{
    if (mkdir(st->top, 0711) != 0) {
        return errno == EEXIST ? stg_fail(STG_ERR_IO, "%s: is in the way: remove it", st->top)
                               : stg_fail_errno("%s: cannot be made", st->top);
    }
    return chmod(st->top, 0711) == 0 ? STG_OK : stg_fail_errno("%s", st->top);
}

static enum stg_status make_all(const struct stg_stage *st)
{
    char lab[256], apache[STG_LAB_PATH];
    STG_RETURN_IF_FAILED(make_top(st));
    STG_RETURN_IF_FAILED(make_folder(st, "log", 0755, 0)); /* root reads it; the servers' user writes into run */
    STG_RETURN_IF_FAILED(make_folder(st, "bin", 0755, 0));
    STG_RETURN_IF_FAILED(make_folder(st, "db", 0700, st->uid));
    STG_RETURN_IF_FAILED(make_folder(st, "tls", 0700, st->uid));
    snprintf(lab, sizeof lab, "%s/lab", st->top);
    stg_process_find("apache2", apache, sizeof apache);
    STG_RETURN_IF_FAILED(copy(st, st->files, lab));
    STG_RETURN_IF_FAILED(copy(st, apache, st->apache));
    STG_RETURN_IF_FAILED(make_certificate(st));
    return make_database(st);
}

enum stg_status stg_stage_make(struct stg_stage *st)
{
    STG_RETURN_IF_FAILED(stg_stage_remove(st));
    STG_RETURN_IF_FAILED(make_cgroups(st));
    return make_all(st);
}

enum stg_status stg_stage_remove(const struct stg_stage *st)
{
    struct stat info;
    STG_RETURN_IF_FAILED(stg_cgroup_remove(st->cgroup));
    if (lstat(st->top, &info) != 0) {
        return errno == ENOENT ? STG_OK : stg_fail_errno("%s", st->top);
    }
    if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid()) {
        return stg_fail(STG_ERR_IO, "%s: is not the lab's: remove it yourself", st->top);
    }
    return stg_folder_remove(st->top);
}
