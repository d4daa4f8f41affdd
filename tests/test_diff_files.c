#include "explain/diff.h"

#include "base/rng.h"
#include "explain/diff_internal.h"
#include "must.h"
#include "report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { OPENAT, READ, UNAME, STAT, N_CALLS, MAX_EVENTS = 16384, ROUNDS = 1500 };
enum { WEB, SHELL, N_NAMES };

/* Both sides of made-up events, and what differs. */
struct trace {
    struct stg_source source;
    struct stg_event *events;
    size_t n;
    uint64_t now_ns;
    struct stg_diff *diff;
    struct stg_diff_result result;
    bool strict;
};

static void trace_init(struct trace *t)
{
    static const char *const names[N_CALLS] = {"openat", "read", "uname", "stat"};
    static const char *const comms[N_NAMES] = {"web", "sh"};
    uint32_t id;
    memset(t, 0, sizeof *t);
    must(stg_strings_new(&t->source.names));
    must(stg_strings_new(&t->source.comms));
    must(stg_strings_new(&t->source.paths));
    for (size_t i = 0; i < N_CALLS; i++) {
        must(stg_strings_put(t->source.names, names[i], strlen(names[i]), &id));
    }
    for (size_t i = 0; i < N_NAMES; i++) {
        must(stg_strings_put(t->source.comms, comms[i], strlen(comms[i]), &id));
    }
    t->events = calloc(MAX_EVENTS, sizeof *t->events);
    must(stg_diff_new(&t->diff));
}

static void trace_fini(struct trace *t)
{
    stg_diff_result_fini(&t->result);
    stg_diff_free(t->diff);
    stg_strings_free(t->source.names);
    stg_strings_free(t->source.comms);
    stg_strings_free(t->source.paths);
    free(t->events);
}

/* One call of the process; path NULL: none. */
static void put(struct trace *t, uint32_t comm, uint32_t call, const char *path, int64_t ret)
{
    assert_true(t->n + 2 <= MAX_EVENTS);
    struct stg_event e = {.ts_ns = t->now_ns,
                          .name = call,
                          .comm = comm,
                          .tid = 100 + (int32_t)comm,
                          .pid = 100 + (int32_t)comm,
                          .has = STG_HAS_TIME | STG_HAS_TID | STG_HAS_PID | STG_HAS_COMM,
                          .kind = STG_EVENT_ENTRY};
    if (path != NULL) {
        e.has |= STG_HAS_PATH;
        must(stg_strings_put(t->source.paths, path, strlen(path), &e.path));
    }
    t->events[t->n++] = e;
    e.has = (uint16_t)((e.has & ~STG_HAS_PATH) | STG_HAS_RET);
    e.kind = STG_EVENT_EXIT;
    e.ret = ret;
    e.ts_ns += 100;
    t->events[t->n++] = e;
    t->now_ns = e.ts_ns + 500;
}

static void open_file(struct trace *t, const char *path)
{
    put(t, WEB, OPENAT, path, 3);
}

/* What was put is counted for the side. */
static void give(struct trace *t, int side)
{
    must(stg_diff_add_events(t->diff, side, &t->source, t->events, t->n));
    t->n = 0;
}

/* One after the other, of that side. */
static void open_all(struct trace *t, int side, const char *const *paths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        open_file(t, paths[i]);
    }
    give(t, side);
}

/* A run of two processes that read; with a name, it is opened after each `every` reads. */
static void fill(struct trace *t, const char *path, int every)
{
    put(t, SHELL, READ, NULL, 0);
    open_file(t, "/etc/hosts");
    for (int i = 0; i < ROUNDS; i++) {
        put(t, WEB, READ, NULL, 0);
        if (path != NULL && i % every == every / 2) {
            open_file(t, path);
        }
    }
}

static void both(struct trace *t)
{
    trace_init(t);
    for (int side = 0; side < STG_DIFF_SIDES; side++) {
        fill(t, NULL, 0);
        give(t, side);
    }
}

static const struct stg_diff_result *result_of(struct trace *t)
{
    struct stg_diff_settings s;
    stg_diff_settings_default(&s);
    s.strict = t->strict;
    stg_diff_result_fini(&t->result);
    must(stg_diff_compare(&t->result, t->diff, &s));
    return &t->result;
}

static const struct stg_diff_only *find(const struct stg_diff_result *r, const char *path)
{
    for (size_t i = 0; i < r->n_only; i++) {
        if (r->only[i].kind == STG_DIFF_FILE && strcmp(r->only[i].path, path) == 0) {
            return &r->only[i];
        }
    }
    return NULL;
}

/* Once is told and decides nothing, unless strictly; it is of the process that was given it. */
static void test_once(void **state)
{
    (void)state;
    struct trace t;
    both(&t);
    open_file(&t, "/etc/shadow");
    put(&t, SHELL, READ, NULL, 0);
    give(&t, STG_DIFF_B);
    const struct stg_diff_result *r = result_of(&t);
    const struct stg_diff_only *shadow = find(r, "/etc/shadow");
    assert_int_equal(r->n_only, 1);
    assert_non_null(shadow);
    assert_true(shadow->side == STG_DIFF_B && shadow->n == 1 && shadow->n_files == 1 && shadow->n_occasions == 1);
    assert_true(!shadow->decides && shadow->error == 0 && shadow->other_error == 0 && !shadow->more_calls);
    assert_string_equal(stg_strings_get(r->names->procs, shadow->proc), "web");
    assert_string_equal(stg_strings_get(r->names->calls, shadow->call), "openat");
    assert_false(r->changed);
    assert_int_equal(r->n_files_of[STG_DIFF_B], 1);
    t.strict = true;
    r = result_of(&t);
    assert_true(r->changed && r->n_files_deciding == 1 && r->n_deciding == 0);
    trace_fini(&t);
}

/* A name that comes all through one side is a change by itself; that the other process has it does not help. */
static void test_often(void **state)
{
    (void)state;
    for (int every = 60; every <= 240; every *= 4) {
        struct trace t;
        trace_init(&t);
        fill(&t, NULL, 0);
        put(&t, SHELL, OPENAT, "/etc/app/extra.conf", 3);
        put(&t, WEB, OPENAT, "/etc/hosts", 3);
        give(&t, STG_DIFF_A);
        fill(&t, "/etc/app/extra.conf", every);
        put(&t, SHELL, OPENAT, "/etc/app/extra.conf", 3);
        give(&t, STG_DIFF_B);
        const struct stg_diff_result *r = result_of(&t);
        const struct stg_diff_only *extra = find(r, "/etc/app/extra.conf");
        assert_non_null(extra);
        assert_int_equal(extra->decides, every == 60);
        assert_int_equal(r->n_files_deciding, every == 60);
        assert_true(every > 60 || extra->n_occasions >= 12);
        trace_fini(&t);
    }
}

/* Names that both sides have anew are one and the same; names that one side has, of numbers or by chance, are one row.
 */
static void test_renewed(void **state)
{
    (void)state;
    static const char *const a[] = {"/tmp/ccLpD2vq.s", "/srv/log.2201", "/proc/31872/stat", "work/sedXk9Qw2",
                                    "/run/x.11"};
    static const char *const b[] = {"/tmp/ccArhr2h.s", "/srv/log.2302", "/proc/31937/stat", "work/sedq7RvB1",
                                    "/run/x.12"};
    struct trace t;
    both(&t);
    open_all(&t, STG_DIFF_A, a, sizeof a / sizeof a[0]);
    open_all(&t, STG_DIFF_B, b, sizeof b / sizeof b[0]);
    const struct stg_diff_result *r = result_of(&t);
    assert_int_equal(r->n_only, 0);
    assert_int_equal(r->n_renewed, 8); /* of processes the number is none of the name */
    static const char *const more[] = {"/tmp/xyLpD2vq.o", "/tmp/xyArhr2h.o", "/tmp/xyQQrr3k.o", "/srv/run/100",
                                       "/srv/run/101"};
    open_all(&t, STG_DIFF_B, more, sizeof more / sizeof more[0]);
    r = result_of(&t);
    const struct stg_diff_only *drawn = find(r, "/tmp/xy*.o"), *numbered = find(r, "/srv/run/<n>");
    assert_non_null(drawn);
    assert_non_null(numbered);
    assert_true(drawn->n_files == 3 && drawn->n == 3 && numbered->n_files == 2);
    assert_int_equal(r->n_only, 2);
    trace_fini(&t);
}

/* Numbered files in a directory whose name is drawn in each run, digits or not, are each other's; what one side alone
 * puts there is told, and so are directories whose names are words. */
static void test_renewed_directories(void **state)
{
    (void)state;
    static const char *const dirs[STG_DIFF_SIDES][4] = {
        {"/tmp/tmp.mHS9jE12JA", "/srv/job/tmpjsgypio8", "/tmp/tmpwchgfpql", "/srv/apache2"},
        {"/tmp/tmp.qbGxWcLiQe", "/srv/job/tmpnr_anph0", "/tmp/tmpkogdnvqh", "/srv/apricot"}};
    struct trace t;
    both(&t);
    for (int side = 0; side < STG_DIFF_SIDES; side++) {
        for (int i = 0; i < 160; i++) {
            char path[64];
            snprintf(path, sizeof path, "%s/part%d.txt", dirs[side][i % 4], i / 4 + 10 + 25 * side);
            open_file(&t, path);
        }
        give(&t, side);
    }
    static const char *const more[] = {"/tmp/tmp.qbGxWcLiQe/own12.txt", "/tmp/tmp.qbGxWcLiQe/own13.txt"};
    open_all(&t, STG_DIFF_B, more, sizeof more / sizeof more[0]);
    const struct stg_diff_result *r = result_of(&t);
    assert_int_equal(r->n_only, 3);
    assert_non_null(find(r, "/tmp/tmp.qbGxWcLiQe/own<n>.txt"));
    assert_non_null(find(r, "/srv/apache2/part<n>.txt"));
    assert_non_null(find(r, "/srv/apricot/part<n>.txt"));
    trace_fini(&t);
}

/* Other configuration is told, though it is alike: one digit, an installed version, words of equal length. */
static void test_alike(void **state)
{
    (void)state;
    static const char *const a[] = {"conf/app1.ini", "/usr/lib/libssl.so.11", "conf/parseHtml.js",
                                    "/etc/app/10-a.conf"};
    static const char *const b[] = {"conf/app2.ini", "/usr/lib/libssl.so.12", "conf/parseJson.js",
                                    "/etc/app/11-a.conf"};
    struct trace t;
    both(&t);
    open_all(&t, STG_DIFF_A, a, sizeof a / sizeof a[0]);
    open_all(&t, STG_DIFF_B, b, sizeof b / sizeof b[0]);
    const struct stg_diff_result *r = result_of(&t);
    for (size_t i = 0; i < sizeof a / sizeof a[0]; i++) {
        const struct stg_diff_only *in_a = find(r, a[i]), *in_b = find(r, b[i]);
        assert_non_null(in_a);
        assert_non_null(in_b);
        assert_true(in_a->side == STG_DIFF_A && in_b->side == STG_DIFF_B);
    }
    assert_int_equal(r->n_renewed, 0);
    trace_fini(&t);
}

/* What is looked for in vain counts, and what is there on one side alone is told. */
static void test_errors(void **state)
{
    (void)state;
    struct trace t;
    both(&t);
    put(&t, WEB, STAT, "/etc/hosts", 0);
    give(&t, STG_DIFF_A);
    put(&t, WEB, STAT, "/opt/probe", -2);
    put(&t, WEB, OPENAT, "/opt/probe", -2);
    give(&t, STG_DIFF_B);
    for (int side = 0; side < STG_DIFF_SIDES; side++) {
        put(&t, WEB, OPENAT, "/etc/app.conf", side == STG_DIFF_A ? -2 : 5);
        put(&t, WEB, OPENAT, "/etc/gone.conf", side == STG_DIFF_A ? 5 : -13);
        put(&t, WEB, OPENAT, "/etc/never.conf", -2);
        give(&t, side);
    }
    const struct stg_diff_result *r = result_of(&t);
    const struct stg_diff_only *probe = find(r, "/opt/probe"), *app = find(r, "/etc/app.conf"),
                               *gone = find(r, "/etc/gone.conf");
    assert_int_equal(r->n_only, 3);
    assert_true(probe != NULL && app != NULL && gone != NULL);
    assert_true(probe->error == 2 + 2 && probe->other_error == 0 && probe->more_calls && probe->side == STG_DIFF_B);
    assert_true(app->side == STG_DIFF_B && app->error == 0 && app->other_error == 2 + 2);
    assert_true(gone->side == STG_DIFF_A && gone->error == 0 && gone->other_error == 2 + 13);
    assert_ptr_equal(&r->only[2], probe); /* what failed comes last */
    trace_fini(&t);
}

/* Where the other side has calls whose names are not known, it may have had the same; not where both have them. */
static void test_unnamed(void **state)
{
    (void)state;
    struct trace t;
    both(&t);
    put(&t, WEB, OPENAT, NULL, 3);
    give(&t, STG_DIFF_A);
    open_file(&t, "/usr/lib/locale/locale-archive");
    give(&t, STG_DIFF_B);
    assert_int_equal(result_of(&t)->n_only, 0);
    open_file(&t, "/etc/shadow"); /* one of two may be it */
    give(&t, STG_DIFF_B);
    assert_int_equal(result_of(&t)->n_only, 2);
    put(&t, WEB, OPENAT, NULL, 3);
    put(&t, WEB, OPENAT, NULL, 3);
    give(&t, STG_DIFF_A);
    assert_int_equal(result_of(&t)->n_only, 0);
    put(&t, WEB, OPENAT, NULL, 3);
    put(&t, WEB, OPENAT, NULL, 3);
    give(&t, STG_DIFF_B);
    assert_int_equal(result_of(&t)->n_only, 2);
    trace_fini(&t);
}

/* A program that opens a file whose name is never in memory does so on both sides, on the longer one more often: that
 * hides nothing of what it opens once, on whichever side. */
static void test_unnamed_longer(void **state)
{
    (void)state;
    for (int shorter = 0; shorter < STG_DIFF_SIDES; shorter++) {
        struct trace t;
        trace_init(&t);
        for (int side = 0; side < STG_DIFF_SIDES; side++) {
            for (int i = 0; i < (side == shorter ? 600 : 900); i++) {
                put(&t, WEB, OPENAT, NULL, 3);
                put(&t, WEB, READ, NULL, 0);
                put(&t, WEB, READ, NULL, 0);
            }
            if (side == shorter) {
                open_file(&t, "/etc/shadow");
            }
            give(&t, side);
        }
        const struct stg_diff_result *r = result_of(&t);
        assert_int_equal(r->n_only, 1);
        assert_int_equal(r->only[0].side, shorter);
        assert_string_equal(r->only[0].path, "/etc/shadow");
        trace_fini(&t);
    }
}

/* Two runs alike that give their calls thousands of other names each, some of them twice: sorts by the hundred on both
 * sides are no change, however many the sign test looks at. */
static void test_many_sorts(void **state)
{
    (void)state;
    enum { NAMES = 1300, OF_DIR = 13 };
    struct trace t;
    struct stg_rng rng;
    stg_rng_seed(&rng, 5);
    trace_init(&t);
    for (int side = 0; side < STG_DIFF_SIDES; side++) {
        for (int i = 0; i < 2 * NAMES; i++) {
            const unsigned k = (unsigned)stg_rng_below(&rng, NAMES);
            char name[32];
            snprintf(name, sizeof name, "/srv/%c%c/%c%c", 'g' + (int)(k / OF_DIR / 10), 'k' + (int)(k / OF_DIR % 10),
                     side == STG_DIFF_A ? 'x' : 'y', 'k' + (int)(k % OF_DIR));
            open_file(&t, name);
            put(&t, WEB, READ, NULL, 0);
        }
        give(&t, side);
    }
    const struct stg_diff_result *r = result_of(&t);
    assert_true(r->n_files_of[STG_DIFF_A] > NAMES / 2 && r->n_files_of[STG_DIFF_B] > NAMES / 2);
    assert_true(r->files_chance > 0.05);
    assert_int_equal(r->n_files_deciding, 0);
    trace_fini(&t);
}

/* The name of the call that was put last was not in memory when it began. */
static void name_late(struct trace *t)
{
    t->events[t->n - 2].has &= (uint16_t)~STG_HAS_PATH;
    t->events[t->n - 1].has |= STG_HAS_PATH;
}

/* A name that came with a call's exit is the call's as any other, also for what it is about; such calls are not without
 * names. */
static void test_late(void **state)
{
    (void)state;
    struct trace t;
    both(&t);
    for (int i = 0; i < 50; i++) {
        open_file(&t, "/etc/hosts");
        name_late(&t);
    }
    give(&t, STG_DIFF_A);
    put(&t, WEB, OPENAT, "/etc/shadow", -13);
    name_late(&t);
    put(&t, SHELL, STAT, "/etc/secret", 0);
    name_late(&t);
    t.events[t.n - 1].has &= (uint16_t)~STG_HAS_RET;
    give(&t, STG_DIFF_B);
    const struct stg_diff_result *r = result_of(&t);
    const struct stg_diff_only *shadow = find(r, "/etc/shadow");
    assert_non_null(shadow);
    assert_true(shadow->n == 1 && shadow->n_occasions == 1 && shadow->error != 0);
    assert_string_equal(stg_strings_get(r->names->procs, shadow->proc), "web");
    assert_string_equal(stg_strings_get(r->names->calls, shadow->call), "openat");
    assert_null(find(r, "/etc/hosts"));
    const struct stg_diff_only *call = NULL;
    for (size_t i = 0; i < r->n_only; i++) {
        call = r->only[i].kind == STG_DIFF_CALL ? &r->only[i] : call;
    }
    assert_non_null(call);
    assert_string_equal(call->path, "/etc/secret");
    trace_fini(&t);
}

/* What uname(2) was given is no file; a program that one side has alone is told without its files. */
static void test_no_file(void **state)
{
    (void)state;
    struct trace t;
    both(&t);
    put(&t, WEB, UNAME, NULL, 0);
    give(&t, STG_DIFF_A);
    put(&t, WEB, UNAME, "\x01garbage", 0);
    give(&t, STG_DIFF_B);
    assert_int_equal(result_of(&t)->n_only, 0);
    trace_fini(&t);
    trace_init(&t);
    fill(&t, NULL, 0);
    give(&t, STG_DIFF_B);
    put(&t, WEB, OPENAT, "/etc/hosts", 3);
    for (int i = 0; i < ROUNDS; i++) {
        put(&t, WEB, READ, NULL, 0);
    }
    give(&t, STG_DIFF_A);
    put(&t, SHELL, OPENAT, "/etc/shadow", 3);
    give(&t, STG_DIFF_B);
    const struct stg_diff_result *r = result_of(&t);
    assert_true(r->n_only == 1 && r->only[0].kind == STG_DIFF_PROGRAM && r->changed);
    trace_fini(&t);
}

/* What a run like A has is no news; what only A has, all of them have. */
static void test_like(void **state)
{
    (void)state;
    struct trace t;
    both(&t);
    open_file(&t, "/etc/one.conf");
    open_file(&t, "/etc/two.conf");
    give(&t, STG_DIFF_B);
    open_file(&t, "/etc/old.conf");
    open_file(&t, "/etc/older.conf");
    open_file(&t, "/tmp/ccLpD2vq.s");
    give(&t, STG_DIFF_A);
    fill(&t, NULL, 0);
    open_file(&t, "/etc/one.conf");
    open_file(&t, "/etc/old.conf");
    open_file(&t, "/tmp/ccQQrr3k.s");
    give(&t, STG_DIFF_LIKE);
    must(stg_diff_end_like(t.diff));
    const struct stg_diff_result *r = result_of(&t);
    assert_null(find(r, "/etc/one.conf"));
    assert_non_null(find(r, "/etc/two.conf"));
    assert_null(find(r, "/etc/older.conf"));
    const struct stg_diff_only *old = find(r, "/etc/old.conf"), *drawn = find(r, "/tmp/cc*.s");
    assert_true(old != NULL && old->side == STG_DIFF_A && old->n_occasions == 2);
    assert_true(drawn != NULL && drawn->side == STG_DIFF_A); /* another name in each, and none in B */
    assert_int_equal(r->n_only, 3);
    trace_fini(&t);
}

/* Twelve names that one side alone has are one occasion where they come at once; all through it, they are many. */
static void test_sorts(void **state)
{
    (void)state;
    for (int apart = 0; apart < 2; apart++) {
        struct trace t;
        trace_init(&t);
        fill(&t, NULL, 0);
        give(&t, STG_DIFF_A);
        put(&t, SHELL, READ, NULL, 0);
        open_file(&t, "/etc/hosts");
        for (int i = 0; i < ROUNDS; i++) {
            char path[32];
            snprintf(path, sizeof path, "/etc/%c.conf", 'a' + (apart != 0 ? i / 125 : i));
            put(&t, WEB, READ, NULL, 0);
            if (apart != 0 ? i % 125 == 60 : i < 12) {
                open_file(&t, path);
            }
        }
        give(&t, STG_DIFF_B);
        const struct stg_diff_result *r = result_of(&t);
        assert_int_equal(r->n_files_of[STG_DIFF_B], 12);
        assert_int_equal(r->n_files_deciding, apart != 0 ? 12 : 0);
        assert_int_equal(r->changed, apart != 0);
        trace_fini(&t);
    }
}

/* A directory that has too many names is compared as one; what there is no room for at all is counted. */
static void test_bounds(void **state)
{
    (void)state;
    struct trace t;
    both(&t);
    for (int i = 0; i < DIFF_MAX_OF_DIR + 100; i++) {
        char path[32];
        snprintf(path, sizeof path, "cache/%c%c%c", 'g' + i % 16, 'g' + i / 16 % 16, 'g' + i / 256);
        open_file(&t, path);
    }
    give(&t, STG_DIFF_B);
    const struct stg_diff_result *r = result_of(&t);
    const struct stg_diff_only *dir = find(r, "cache/…");
    assert_non_null(dir);
    assert_int_equal(dir->n_files, DIFF_MAX_OF_DIR + 1);
    assert_int_equal(dir->n, DIFF_MAX_OF_DIR + 100);
    assert_int_equal(r->n_only, 1);
    open_file(&t, "cache/zzz"); /* one of them or another: not known */
    give(&t, STG_DIFF_A);
    assert_int_equal(result_of(&t)->n_only, 0);
    assert_int_equal(t.result.n_left_out, 0);
    for (int i = 0; i < DIFF_MAX_FILES + 10; i++) {
        char path[64];
        snprintf(path, sizeof path, "d%c%c/x%c%c", 'g' + i % 16, 'g' + i / 16 % 16, 'g' + i / 256 % 16,
                 'g' + i / 4096 % 18);
        open_file(&t, path);
        if (t.n + 2 > MAX_EVENTS) {
            give(&t, STG_DIFF_B);
        }
    }
    give(&t, STG_DIFF_B);
    assert_true(result_of(&t)->n_left_out > 1000);
    trace_fini(&t);
}

static void put_numbered(struct trace *t, int side)
{
    for (int i = 0; i < 500; i++) {
        char path[32];
        snprintf(path, sizeof path, "/srv/item%d.json", 10 + i % 10);
        open_file(t, path);
    }
    give(t, side);
}

/* A block of a run like A is one occasion, whatever the number of names that are one. */
static void test_like_occasions(void **state)
{
    (void)state;
    static const char *const paths[] = {"a", "b"};
    struct trace t;
    struct stg_buffer out = STG_BUFFER_INIT;
    both(&t);
    put_numbered(&t, STG_DIFF_A);
    const struct stg_diff_only *items = find(result_of(&t), "/srv/item<n>.json");
    assert_non_null(items);
    const unsigned n = items->n_occasions;
    assert_true(n > 1);
    for (unsigned run = 1; run <= 2; run++) {
        fill(&t, NULL, 0); /* as A */
        put_numbered(&t, STG_DIFF_LIKE);
        must(stg_diff_end_like(t.diff));
        items = find(result_of(&t), "/srv/item<n>.json");
        assert_non_null(items);
        assert_int_equal(items->n, 500);
        assert_int_equal(items->n_occasions, n + run * n);
    }
    must(stg_report_diff_text(&out, &t.result, paths, 10, false));
    must(stg_buffer_put(&out, "", 1));
    assert_non_null(strstr((const char *)out.data,
                           "\n   occasions of what only A has are those of these runs, too; the calls are A's\n"));
    stg_buffer_fini(&out);
    trace_fini(&t);
}

/* What is printed is no more than text, and names more than one line can hold stand for their directory. */
static void test_text(void **state)
{
    (void)state;
    static const char *const paths[] = {"a", "b"};
    struct trace t;
    struct stg_buffer out = STG_BUFFER_INIT;
    both(&t);
    open_file(&t, "/etc/\x1b[31mred\n");
    for (int i = 0; i < 12; i++) {
        char path[32];
        snprintf(path, sizeof path, "/opt/%c", 'a' + i);
        open_file(&t, path);
    }
    put(&t, WEB, STAT, "/srv/x", -2);
    give(&t, STG_DIFF_B);
    put(&t, WEB, STAT, "/etc/was.conf", 0);
    give(&t, STG_DIFF_A);
    put(&t, WEB, STAT, "/etc/was.conf", -13);
    give(&t, STG_DIFF_B);
    must(stg_report_diff_text(&out, result_of(&t), paths, 10, false));
    must(stg_buffer_put(&out, "", 1));
    const char *text = (const char *)out.data;
    assert_non_null(
        strstr(text, "nothing changed beyond chance; 15 files on one side only (--strict: exit status 1)\n"));
    assert_non_null(strstr(text, "\nfiles only in A "));
    assert_non_null(strstr(text, "  /etc/was.conf: stat, in B EACCES\n"));
    assert_non_null(strstr(text, "  /opt/a: openat; and 11 more of the directory\n"));
    assert_null(strstr(text, "/opt/b"));
    assert_non_null(strstr(text, "  /srv/x: stat ENOENT\n"));
    assert_null(strchr(text, '\x1b'));
    assert_null(strstr(text, "red\n\n"));
    stg_buffer_fini(&out);
    must(stg_report_diff_json(&out, &t.result, paths));
    must(stg_buffer_put(&out, "", 1));
    text = (const char *)out.data;
    assert_non_null(strstr(text,
                           "\"kind\": \"file\", \"process\": \"web\", \"calls\": 1, \"decides\": false, \"file\": "
                           "\"/srv/x\", \"files\": 1, \"call\": \"stat\", \"more_calls\": false, \"error\": "
                           "\"ENOENT\", \"other_error\": null, \"occasions\": 1, \"chance\": 1.0"));
    assert_non_null(strstr(text, "\"/opt/l\""));
    assert_non_null(strstr(text, "\"other_error\": \"EACCES\""));
    assert_null(strchr(text, '\x1b'));
    stg_buffer_fini(&out);
    trace_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once),           cmocka_unit_test(test_often),
        cmocka_unit_test(test_renewed),        cmocka_unit_test(test_renewed_directories),
        cmocka_unit_test(test_alike),          cmocka_unit_test(test_errors),
        cmocka_unit_test(test_late),           cmocka_unit_test(test_unnamed),
        cmocka_unit_test(test_unnamed_longer), cmocka_unit_test(test_many_sorts),
        cmocka_unit_test(test_no_file),        cmocka_unit_test(test_like),
        cmocka_unit_test(test_sorts),          cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_like_occasions), cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
