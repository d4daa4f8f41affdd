/* strace import: fixtures are output of strace 6.1 for a program of three threads. */
#include "import_support.h"

#include "import/strace_line.h"
#include "import/text.h"

static size_t count_tid(const struct reading *r, int32_t tid)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        n += r->events[i].tid == tid;
    }
    return n;
}

/* Every exit is that of the thread's last entry, and times never go back. */
static void assert_nested(const struct reading *r)
{
    for (size_t i = 0; i < r->n; i++) {
        if (i > 0) {
            assert_true(r->events[i - 1].ts_ns <= r->events[i].ts_ns);
        }
        if (r->events[i].kind != STG_EVENT_EXIT) {
            continue;
        }
        size_t k = i;
        while (k-- > 0 && r->events[k].tid != r->events[i].tid) {
        }
        assert_true(k < i);
        assert_int_equal(r->events[k].kind, STG_EVENT_ENTRY);
        assert_int_equal(r->events[k].name, r->events[i].name);
    }
}

/* The same program, recorded three times: to a terminal, to a file, and without times. */
static void threads_are_told_apart_in_every_form(void **state)
{
    static const struct {
        const char *name;
        int32_t root;
        bool timed;
    } forms[] = {
        {"strace/terminal.txt", 16416, true}, {"strace/output.txt", 16422, true}, {"strace/notime.txt", 16428, false}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct reading r;
        read_fixture(&r, &stg_import_strace, forms[i].name);
        assert_int_equal(count_kind(&r, STG_EVENT_ENTRY), 73);
        assert_int_equal(count_kind(&r, STG_EVENT_EXIT), 70); /* exit, exit and exit_group do not return */
        assert_int_equal(count_tid(&r, forms[i].root), 97);
        assert_int_equal(count_tid(&r, forms[i].root + 1), 23);
        assert_int_equal(count_tid(&r, forms[i].root + 2), 23);
        assert_nested(&r);
        assert_int_equal(r.info.has_clock, forms[i].timed);
        assert_int_equal((r.events[5].has & STG_HAS_TIME) != 0, forms[i].timed);
        reading_fini(&r);
    }
}

static const struct stg_event *find(const struct reading *r, enum stg_event_kind kind, const char *name)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->events[i].kind == kind && strcmp(name_of(r, i), name) == 0) {
            return &r->events[i];
        }
    }
    fail_msg("no %s", name);
    return NULL;
}

static void strings_that_look_like_results_are_strings(void **state)
{
    struct reading r;
    (void)state;
    read_fixture(&r, &stg_import_strace, "strace/terminal.txt");
    const struct stg_event *e = find(&r, STG_EVENT_EXIT, "write"); /* "x) = 5\n" */
    assert_int_equal(e->ret, 7);
    for (size_t i = 0; i < r.n; i++) {
        if (r.events[i].kind == STG_EVENT_EXIT && strcmp(name_of(&r, i), "openat") == 0) {
            e = &r.events[i]; /* the last: "/nonexistent (a) = 3" */
        }
    }
    assert_int_equal(e->ret, -2);
    reading_fini(&r);
}

static void results_of_every_form_are_read(void **state)
{
    static const char text[] =
        "1700000000.000001 read(3</tmp/a(b>, 0x7ffe0000, 0100) = -1 EAGAIN (Resource temporarily unavailable) "
        "<0.000002>\n"
        "1700000000.000010 mmap(NULL, 4096, PROT_READ, 0, -1, 0) = 0x7f0000000000 <0.000001>\n"
        "1700000000.000020 poll([{fd=3, events=POLLIN}], 1, 5) = 0 (Timeout) <0.000001>\n"
        "1700000000.000030 nanosleep({tv_sec=1, tv_nsec=0}, NULL) = ? ERESTART_RESTARTBLOCK (Interrupted by signal) "
        "<0.5>\n"
        "1700000000.600000 --- SIGCHLD {si_signo=SIGCHLD} ---\n"
        "1700000000.600040 restart_syscall(<... resuming interrupted nanosleep ...>) = 0 <0.000100>\n"
        "1700000000.700050 fcntl(3, F_GETFL) = 0x8402 (flags O_RDWR|O_APPEND|O_LARGEFILE) <0.000001>\n"
        "1700000000.700060 ioctl(3, FOO, 1<<2) = -1 ESTRANGE (new) <0.000001>\n"
        "1700000000.700065 connect(4<TCP:[127.0.0.1:1->127.0.0.1:2]>, 1) = 0 <0.000001>\n"
        "1700000000.700067 getppid() = -1 (errno 600) <0.000001>\n"
        "1700000000.700070 exit_group(0)         = ?\n"
        "1700000000.700080 +++ exited with 0 +++\n";
    struct reading r;
    (void)state;
    assert_int_equal(read_text(&r, &stg_import_strace, text, sizeof text - 1), STG_OK);
    assert_int_equal(r.n, 19);
    assert_int_equal(r.info.n_skipped, 2);
    assert_int_equal(r.events[0].n_args, 3);
    assert_int_equal(r.events[0].args[0], 3);
    assert_int_equal(r.events[0].args[2], 64);
    assert_int_equal(r.events[1].ret, -11);
    assert_int_equal(r.events[1].ts_ns - r.events[0].ts_ns, 2000);
    assert_int_equal(r.events[2].n_args, 2); /* up to PROT_READ */
    assert_int_equal(r.events[3].ret, INT64_C(0x7f0000000000));
    assert_int_equal(r.events[4].n_args, 0);
    assert_int_equal(r.events[5].ret, 0);
    assert_int_equal(r.events[7].ret, -516);
    assert_int_equal(r.events[7].ts_ns - r.events[6].ts_ns, 500000000);
    assert_string_equal(name_of(&r, 8), "restart_syscall");
    assert_int_equal(r.events[11].ret, 0x8402);
    assert_int_equal(r.events[13].has & (STG_HAS_CLASS | STG_HAS_RET), STG_HAS_CLASS); /* an errno nobody knows */
    assert_int_equal(r.events[14].args[0], 4);
    assert_int_equal(r.events[14].n_args, 2);
    assert_int_equal(r.events[17].ret, -600); /* one that has no name */
    assert_string_equal(name_of(&r, 18), "exit_group");
    assert_int_equal(r.events[18].has & STG_HAS_TID, 0);
    reading_fini(&r);
}

static void exits_stand_behind_the_entries_they_overlap(void **state)
{
    static const char text[] =
        "7 1700000000.000001 read(3, \"\", 1) = 0 <0.000008>\n"
        "7 1700000000.000008 futex(0x10, 1 <unfinished ...>\n" /* rounding: before its thread's exit */
        "8 1700000000.000020 getpid() = 8 <0.000001>\n"
        "8 1700000000.000030 write(1, \"\", 1) = 1 <0.000020>\n"
        "7 1700000000.000060 <... futex resumed>) = 0 <0.000030>\n"
        "9 1700000000.000070 <... accept4 resumed>NULL, NULL) = 5 <10.0>\n";
    static const int32_t tids[] = {7, 7, 7, 8, 8, 8, 7, 8, 9};
    struct reading r;
    (void)state;
    assert_int_equal(read_text(&r, &stg_import_strace, text, sizeof text - 1), STG_OK);
    assert_int_equal(r.n, 9);
    for (size_t i = 0; i < r.n; i++) {
        assert_int_equal(r.events[i].tid, tids[i]);
    }
    assert_int_equal(r.events[1].kind, STG_EVENT_EXIT);
    assert_int_equal(r.events[2].ts_ns, r.events[1].ts_ns);
    assert_int_equal(r.events[6].ts_ns, UINT64_C(1700000000000039000)); /* entry, moved to .000009, + 30 µs */
    assert_int_equal(r.events[8].ts_ns, UINT64_C(1700000000000070000)); /* its entry is not in the file */
    reading_fini(&r);
}

/* 300 threads begin a call each and end it in reverse order, many times: more than one batch, more threads than fit at
 * first. */
/* A clock that is set back changes times, not the order. */
static void a_clock_set_back_keeps_the_order(void **state)
{
    static const char text[] =
        "7 1700000001.000000 getpid() = 7 <0.000001>\n"
        "7 1700000001.000010 futex(0x10, 1 <unfinished ...>\n"
        "8 1700000000.000000 getuid() = 0 <0.000001>\n"
        "7 1700000000.000020 <... futex resumed>) = 0 <0.000030>\n" /* behind what was before it, all the same */
        "7 1700000000.500000 gettid() = 7 <0.000001>\n";
    static const char *const calls[] = {"getpid", "getpid", "futex", "getuid", "getuid", "futex", "gettid", "gettid"};
    struct reading r;
    (void)state;
    assert_int_equal(read_text(&r, &stg_import_strace, text, sizeof text - 1), STG_OK);
    assert_int_equal(r.n, 8);
    for (size_t i = 0; i < r.n; i++) {
        assert_string_equal(name_of(&r, i), calls[i]);
    }
    assert_int_equal(r.events[5].ts_ns,
                     UINT64_C(1700000000000020000)); /* its line's time: its beginning's is another */
    reading_fini(&r);
}

static void many_threads_are_kept_apart(void **state)
{
    enum { THREADS = 300, ROUNDS = 10, LINE = 80 };
    struct reading r;
    char *text = malloc(2 * THREADS * ROUNDS * LINE);
    size_t len = 0;
    unsigned us = 0;
    (void)state;
    assert_non_null(text);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < THREADS; i++, us++) {
            len += (size_t)snprintf(text + len, LINE, "%d 1700000000.%06u futex(0x10 <unfinished ...>\n", 1000 + i, us);
        }
        for (int i = THREADS; i-- > 0; us++) {
            len +=
                (size_t)snprintf(text + len, LINE, "%d 1700000000.%06u <... futex resumed>) = %d\n", 1000 + i, us, i);
        }
    }
    assert_int_equal(read_text(&r, &stg_import_strace, text, len), STG_OK);
    free(text);
    assert_int_equal(r.n, 2 * THREADS * ROUNDS);
    for (size_t i = 0; i < r.n; i++) {
        const struct stg_event *e = &r.events[i];
        assert_int_equal(e->ts_ns, UINT64_C(1700000000000000000) + i * 1000);
        assert_true(e->kind == STG_EVENT_ENTRY || e->ret == e->tid - 1000);
    }
    reading_fini(&r);
}

/* Without order in time nothing waits for ever: 20,000 calls that claim to take hours come out, all of them. */
static void the_heap_is_bounded(void **state)
{
    enum { CALLS = 20000, LINE = 80 };
    struct reading r;
    char *text = malloc(CALLS * LINE);
    size_t len = 0;
    (void)state;
    assert_non_null(text);
    for (unsigned i = 0; i < CALLS; i++) {
        len += (size_t)snprintf(text + len, LINE, "7 1700000000.%06u getpid() = 7 <%u.5>\n", i, 9000 - i % 9000);
    }
    assert_int_equal(read_text(&r, &stg_import_strace, text, len), STG_OK);
    free(text);
    assert_int_equal(r.n, 2 * CALLS);
    reading_fini(&r);
}

/* "tid call name" of every event, "-" where the thread's name is not known. */
static const char *names_of(const struct reading *r, char out[4096])
{
    size_t len = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct stg_event *e = &r->events[i];
        const char *comm = (e->has & STG_HAS_COMM) ? stg_strings_get(r->source->comms, e->comm) : "-";
        len += (size_t)snprintf(out + len, 4096 - len, "%s%d%s%s %s", i > 0 ? ", " : "", e->tid,
                                e->kind == STG_EVENT_ENTRY ? ">" : "<", name_of(r, i), comm);
    }
    return out;
}

static void expect_names(const char *text, const char *names)
{
    struct reading r;
    char found[4096];
    assert_int_equal(read_text(&r, &stg_import_strace, text, strlen(text)), STG_OK);
    assert_string_equal(names_of(&r, found), names);
    reading_fini(&r);
}

/* With -Y it tells them. */
static void names_come_from_the_prefix(void **state)
{
    static const char attached[] =
        "[pid 7<sh>] 1700000001.000010 clone(child_stack=NULLstrace: Process 8<sh> attached\n";
    (void)state;
    expect_names("7<strace> 1700000001.000001 execve(\"/bin/sh\", [\"sh\"], 0x7) = 0 <0.000001>\n"
                 "7<sh> 1700000001.000010 wait4(8<ls>,  <unfinished ...>\n"
                 "8<l\\76s> 1700000001.000012 getpid() = 8<l\\76s> <0.000001>\n"
                 "8<l\\76s> 1700000001.000015 +++ exited with 0 +++\n"
                 "7<sh> 1700000001.000020 <... wait4 resumed>NULL, 0, NULL) = 8 <0.000010>\n",
                 "7>execve strace, 7<execve sh, 7>wait4 sh, 8>getpid l\\76s, 8<getpid l\\76s, 7<wait4 sh");
    expect_names("[pid     7<sh>] 1700000001.000001 brk(NULL) = 0x5 <0.000001>\n", "7>brk sh, 7<brk sh");
    assert_int_equal(strace_line_attached(attached, sizeof attached - 1), 8);
}

/* Without, it shows the calls that give and hand them on. */
static void names_come_from_the_calls_that_give_them(void **state)
{
    (void)state;
    expect_names(
        "7 1700000001.000001 brk(NULL) = 0x5 <0.000001>\n"
        "7 1700000001.000010 execve(\"/usr/bin/a-very-long-program-name\", [\"x\"], 0x7 /* 2 vars */) = 0 <0.000001>\n"
        "7 1700000001.000020 execve(\"/bin/none\", [\"none\"], 0x7) = -1 ENOENT (No such file or directory) "
        "<0.000001>\n"
        "7 1700000001.000030 prctl(PR_SET_NAME, \"main\\\"loop\") = 0 <0.000001>\n",
        "7>brk -, 7<brk -, 7>execve -, 7<execve a-very-long-pro, 7>execve a-very-long-pro, "
        "7<execve a-very-long-pro, 7>prctl a-very-long-pro, 7<prctl main\\\"loop");
    /* A child that shows before or after its maker's call returns; a failed one makes none. */
    expect_names("7 1700000001.000001 execve(\"sh\", [\"sh\"], 0x7) = 0 <0.000001>\n"
                 "7 1700000001.000010 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>\n"
                 "8 1700000001.000012 getpid() = 8 <0.000001>\n"
                 "7 1700000001.000020 <... clone resumed>) = 8 <0.000010>\n"
                 "7 1700000001.000030 vfork() = 9 <0.000001>\n"
                 "9 1700000001.000040 execve(\"/bin/ls\", [\"ls\"], 0x7) = 0 <0.000001>\n"
                 "9 1700000001.000050 +++ exited with 0 +++\n"
                 "9 1700000001.000060 getpid() = 9 <0.000001>\n",
                 "7>execve -, 7<execve sh, 7>clone sh, 8>getpid sh, 8<getpid sh, 7<clone sh, 7>vfork sh, 7<vfork sh, "
                 "9>execve sh, 9<execve ls, 9>getpid -, 9<getpid -");
    /* Two makers of different names at a time: whose the child is shows when its maker's call returns. */
    expect_names("7 1700000001.000001 execve(\"a\", [\"a\"], 0x7) = 0 <0.000001>\n"
                 "8 1700000001.000002 execve(\"b\", [\"b\"], 0x7) = 0 <0.000001>\n"
                 "7 1700000001.000010 fork( <unfinished ...>\n"
                 "8 1700000001.000011 fork( <unfinished ...>\n"
                 "9 1700000001.000012 getpid() = 9 <0.000001>\n"
                 "8 1700000001.000020 <... fork resumed>) = 9 <0.000009>\n"
                 "7 1700000001.000021 <... fork resumed>) = 10 <0.000009>\n"
                 "9 1700000001.000030 getpid() = 9 <0.000001>\n"
                 "10 1700000001.000040 getpid() = 10 <0.000001>\n",
                 "7>execve -, 7<execve a, 8>execve -, 8<execve b, 7>fork a, 8>fork b, 9>getpid -, 9<getpid -, "
                 "7<fork a, 8<fork b, 9>getpid b, 9<getpid b, 10>getpid a, 10<getpid a");
    /* To a terminal, the call is broken by a message. */
    expect_names("[pid 7] 1700000001.000001 execve(\"a\", [\"a\"], 0x7) = 0 <0.000001>\n"
                 "[pid 7] 1700000001.000010 clone(child_stack=NULLstrace: Process 8 attached\n"
                 ", flags=SIGCHLD) = 8 <0.000010>\n"
                 "[pid 8] 1700000001.000030 getpid() = 8 <0.000001>\n",
                 "7>execve -, 7<execve a, 7>clone a, 7<clone a, 8>getpid a, 8<getpid a");
}

/* A process whose other thread executes a program goes on as its first one: under its number, with that program's name,
 * and the call that the other made returns to it. */
static void an_execve_of_another_thread_goes_on_as_the_first(void **state)
{
    (void)state;
    expect_names("7 1700000001.000001 execve(\"a\", [\"a\"], 0x7) = 0 <0.000001>\n"
                 "7 1700000001.000010 clone(child_stack=0x7, flags=CLONE_THREAD) = 8 <0.000001>\n"
                 "7 1700000001.000020 pause( <unfinished ...>\n"
                 "8 1700000001.000030 execve(\"/bin/echo\", [\"echo\"], 0x7 <unfinished ...>\n"
                 "7 1700000001.000040 <... pause resumed>) = ?\n"
                 "7 1700000001.000050 +++ superseded by execve in pid 8 +++\n"
                 "7 1700000001.000060 <... execve resumed>) = 0 <0.000025>\n"
                 "7 1700000001.000070 brk(NULL) = 0x5 <0.000001>\n",
                 "7>execve -, 7<execve a, 7>clone a, 7<clone a, 7>pause a, 8>execve a, 7<execve echo, 7>brk echo, "
                 "7<brk echo");
    /* To a terminal, where the first thread was in no call that is shown. */
    expect_names("1700000001.000001 execve(\"a\", [\"a\"], 0x7) = 0 <0.000001>\n"
                 "strace: Process 8 attached\n"
                 "[pid 8] 1700000001.000015 getpid() = 7 <0.000001>\n"
                 "[pid 7] 1700000001.000020 getuid() = 0 <0.000001>\n"
                 "[pid 8] 1700000001.000030 execve(\"/bin/echo\", [\"echo\"], 0x7 <pid changed to 7 ...>\n"
                 "1700000001.000050 +++ superseded by execve in pid 8 +++\n"
                 "1700000001.000060 <... execve resumed>) = 0 <0.000025>\n"
                 "1700000001.000070 brk(NULL) = 0x5 <0.000001>\n",
                 "7>execve -, 7<execve a, 8>getpid -, 8<getpid -, 7>getuid a, 7<getuid a, 8>execve -, "
                 "7<execve echo, 7>brk echo, 7<brk echo");
    /* Whose number shows there alone; without messages (-qqq); and nowhere. */
    expect_names("1700000001.000001 execve(\"a\", [\"a\"], 0x7) = 0 <0.000001>\n"
                 "strace: Process 8 attached\n"
                 "[pid 8] 1700000001.000030 execve(\"/bin/echo\", [\"echo\"], 0x7 <pid changed to 7 ...>\n"
                 "1700000001.000050 +++ superseded by execve in pid 8 +++\n"
                 "1700000001.000060 <... execve resumed>) = 0 <0.000025>\n",
                 "0>execve -, 0<execve a, 8>execve -, 7<execve echo");
    expect_names("1700000001.000001 execve(\"a\", [\"a\"], 0x7) = 0 <0.000001>\n"
                 "[pid 8] 1700000001.000030 execve(\"/bin/echo\", [\"echo\"], 0x7 <pid changed to 7 ...>\n"
                 "1700000001.000060 <... execve resumed>) = 0 <0.000025>\n",
                 "0>execve -, 0<execve a, 8>execve -, 7<execve echo");
    expect_names("1700000001.000001 execve(\"a\", [\"a\"], 0x7) = 0 <0.000001>\n"
                 "strace: Process 8 attached\n"
                 "[pid 8] 1700000001.000030 execve(\"/bin/echo\", [\"echo\"], 0x7 <unfinished ...>\n"
                 "1700000001.000050 +++ superseded by execve in pid 8 +++\n"
                 "1700000001.000060 <... execve resumed>) = 0 <0.000025>\n",
                 "0>execve -, 0<execve a, 8>execve -, 0<execve echo");
}

/* Whose the lines without a prefix are, where nothing was announced (-q): of the thread that goes on with the call that
 * they left open; nobody's where none is known to. */
static void the_first_thread_is_found_without_announcements(void **state)
{
    (void)state;
    expect_names("1700000001.000010 clone3({flags=CLONE_THREAD}, 88 <unfinished ...>\n"
                 "[pid 8] 1700000001.000012 getuid() = 0 <0.000001>\n"
                 "[pid 7] 1700000001.000020 <... clone3 resumed>) = 8 <0.000010>\n",
                 "7>clone3 -, 8>getuid -, 8<getuid -, 7<clone3 -");
    expect_names("1700000001.000010 clone3({flags=CLONE_THREAD}, 88) = 8 <0.000001>\n"
                 "[pid 8] 1700000001.000012 getuid() = 0 <0.000001>\n"
                 "[pid 7] 1700000001.000020 getpid() = 7 <0.000001>\n",
                 "7>clone3 -, 7<clone3 -, 8>getuid -, 8<getuid -, 7>getpid -, 7<getpid -");
    expect_names("1700000001.000010 getpid() = 7 <0.000001>\n"
                 "[pid 8] 1700000001.000012 getuid() = 0 <0.000001>\n"
                 "[pid 7] 1700000001.000020 getpid() = 7 <0.000001>\n",
                 "0>getpid -, 0<getpid -, 8>getuid -, 8<getuid -, 7>getpid -, 7<getpid -");
}

/* Of the one that strace was attached to (-p), which it says; not of one that came later, whose lines are told apart
 * even where none of them is a call. */
static void the_thread_that_was_attached_to_is_told(void **state)
{
    (void)state;
    expect_names("strace: Process 7 attached\n"
                 "1700000001.000010 getuid() = 0 <0.000001>\n"
                 "1700000001.000020 clone3({flags=CLONE_THREAD}, 88strace: Process 8 attached\n"
                 ") = 8 <0.000001>\n"
                 "[pid 8] 1700000001.000030 getuid() = 0 <0.000001>\n"
                 "[pid 7] 1700000001.000040 getpid() = 7 <0.000001>\n",
                 "7>getuid -, 7<getuid -, 7>clone3 -, 7<clone3 -, 8>getuid -, 8<getuid -, 7>getpid -, 7<getpid -");
    expect_names("strace: Process 8 attached\n"
                 "[pid 8] 1700000001.000010 +++ exited with 0 +++\n"
                 "1700000001.000020 getpid() = 7 <0.000001>\n",
                 "0>getpid -, 0<getpid -");
    expect_names("1700000001.000020 clone3({flags=CLONE_THREAD}, 88strace: Process 8 attached\n"
                 ") = 8 <0.000001>\n"
                 "[pid 7] 1700000001.000040 getpid() = 7 <0.000001>\n",
                 "7>clone3 -, 7<clone3 -, 7>getpid -, 7<getpid -");
}

static void exits_without_duration_have_no_time(void **state)
{
    static const char text[] = "1700000000.000001 getpid() = 8\n1700000000.000005 getuid() = 0\n";
    struct reading r;
    (void)state;
    assert_int_equal(read_text(&r, &stg_import_strace, text, sizeof text - 1), STG_OK);
    assert_int_equal(r.n, 4);
    assert_int_equal(r.events[0].has & STG_HAS_TIME, STG_HAS_TIME);
    assert_int_equal(r.events[1].has & STG_HAS_TIME, 0);
    assert_string_equal(name_of(&r, 1), "getpid");
    reading_fini(&r);
}

/* What --absolute-timestamps=format:unix,precision:s and --relative-timestamps=s print is too coarse for a time, and no
 * thread. */
static void whole_seconds_are_no_times(void **state)
{
    static const char *const texts[] = {
        "1700000000 getpid() = 8\n1700000001 getuid() = 0\n", "8 1700000000 getpid() = 8\n8 1700000001 getuid() = 0\n",
        "8      0 getpid() = 8\n8      1 getuid() = 0\n", "     0 getpid() = 8\n     1 getuid() = 0\n"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct reading r;
        assert_int_equal(read_text(&r, &stg_import_strace, texts[i], strlen(texts[i])), STG_OK);
        assert_int_equal(r.n, 4);
        assert_int_equal(r.events[2].tid, i == 1 || i == 2 ? 8 : 0);
        assert_int_equal(r.events[2].has & STG_HAS_TIME, 0);
        assert_string_equal(name_of(&r, 2), "getuid");
        reading_fini(&r);
    }
}

static void times_of_day_pass_midnight(void **state)
{
    static const char text[] = "23:59:59.999999 getpid() = 8 <0.000001>\n00:00:00.000005 getuid() = 0 <0.000001>\n";
    struct reading r;
    (void)state;
    assert_int_equal(read_text(&r, &stg_import_strace, text, sizeof text - 1), STG_OK);
    assert_int_equal(r.n, 4);
    assert_int_equal(r.events[2].ts_ns - r.events[0].ts_ns, 6000);
    reading_fini(&r);
    read_fixture(&r, &stg_import_strace, "strace/daytime.txt");
    assert_int_equal(r.events[0].has & STG_HAS_TIME, STG_HAS_TIME);
    assert_false(r.info.has_clock);
    reading_fini(&r);
}

static const char *path_of(const struct reading *r, size_t i)
{
    assert_true(i < r->n);
    return (r->events[i].has & STG_HAS_PATH) == 0 ? NULL : stg_strings_get(r->source->paths, r->events[i].path);
}

/* One line each, and the name that its entry must have, NULL: none. */
static void names_of_files_are_read(void **state)
{
    static const struct {
        const char *line, *path;
    } cases[] = {
        {"openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY|O_CLOEXEC) = 3", "/etc/passwd"},
        {"openat(AT_FDCWD</root>, \"a/../b\", O_RDONLY) = 3</root/b>", "a/../b"},
        {"openat(3</a, \"b\">, \"c\", O_RDONLY) = 4", "c"},
        {"openat(AT_FDCWD, \"/etc/shadow\" <unfinished ...>", "/etc/shadow"},
        {"openat(AT_FDCWD, \"/etc/sh <unfinished ...>", NULL},
        {"openat(AT_FDCWD, \"/etc/sh\"..., O_RDONLY) = 3", NULL}, /* cut short: no one's name */
        {"openat(AT_FDCWD, 0x7ffe10, O_RDONLY) = -1 EFAULT (Bad address)", NULL},
        {"openat(AT_FDCWD, \"\", O_RDONLY) = -1 ENOENT (No such file or directory)", NULL},
        {"execve(\"/bin/ls\", [\"ls\", \"/x\"], 0x7ffe /* 3 vars */) = 0", "/bin/ls"},
        {"rename(\"/old\", \"/new\") = 0", "/old"},
        {"unlink(\"a \\\"b\\\", c)\\\\\") = 0", "a \"b\", c)\\"},
        {"unlink(\"\\303\\251 \\xc3\\xA9 \\377\\12\\n1\\0013\") = 0", "\303\251 \303\251 ???1?3"},
        {"fanotify_mark(3, FAN_MARK_ADD, FAN_OPEN, 4, \"/m\") = 0", "/m"},
        {"statx(3</d>, \"e\", {a, \"/no\"}, 1) = 0", "e"},
        {"read(3</etc/passwd>, \"/x\", 5) = 2", "/etc/passwd"},
        {"read(3</a\\74b\\76c>, \"\", 5) = 0", "/a<b>c"},
        {"read(3</tmp/x>(deleted), \"\", 5) = 0", "/tmp/x"},
        {"write(1</dev/pts/0<char 136:0>>, \"x\", 1) = 1", "/dev/pts/0"},
        {"read(3<pipe:[12]>, \"x\", 1) = 1", NULL},
        {"read(3<TCP:[127.0.0.1:1->127.0.0.1:2]>, \"x\", 1) = 1", NULL},
        {"read(3, \"/x\", 1) = 1", NULL},
        {"connect(3, {sa_family=AF_UNIX, sun_path=\"/run/x\"}, 110) = 0", NULL},
        {"no_call(\"/x\") = 0", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        struct reading r;
        const int len = snprintf(text, sizeof text, "12 %s\n", cases[i].line);
        assert_int_equal(read_text(&r, &stg_import_strace, text, (size_t)len), STG_OK);
        assert_true(r.n >= 1);
        if (cases[i].path == NULL) {
            assert_null(path_of(&r, 0));
        } else {
            assert_non_null(path_of(&r, 0));
            assert_string_equal(path_of(&r, 0), cases[i].path);
        }
        assert_true(r.n < 2 || path_of(&r, 1) == NULL);
        reading_fini(&r);
    }
}

/* What -y and -yy put behind a descriptor hides no argument. */
static void descriptors_are_arguments_however_they_are_told(void **state)
{
    static const char *const told[] = {"", "</x>", "</tmp/x>(deleted)", "</dev/pts/0<char 136:0>>",
                                       "<TCP:[127.0.0.1:1->127.0.0.1:2]>"};
    (void)state;
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        char text[128];
        struct reading r;
        const int len = snprintf(text, sizeof text, "12 dup3(5%s, 7%s, 0) = 7%s\n", told[i], told[i], told[i]);
        assert_int_equal(read_text(&r, &stg_import_strace, text, (size_t)len), STG_OK);
        assert_int_equal(r.n, 2);
        assert_int_equal(r.events[0].n_args, 3);
        assert_int_equal(r.events[0].args[0], 5);
        assert_int_equal(r.events[0].args[1], 7);
        assert_int_equal(r.events[1].ret, 7);
        reading_fini(&r);
    }
}

/* Names beyond the bounds: a long one is cut, and where there are too many the new ones are left out and counted. */
static void names_of_files_are_bounded(void **state)
{
    enum { MORE = 3 };
    struct reading r;
    char path[64], longest[5001];
    (void)state;
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    write_temporary(path, "", 0);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "12 unlink(\"%s\") = 0\n", longest);
    for (int i = 0; i < STG_TEXT_MAX_PATHS - 1 + MORE; i++) {
        fprintf(f, "12 unlink(\"%d\") = 0\n", i);
    }
    fprintf(f, "12 unlink(\"0\") = 0\n");
    assert_int_equal(fclose(f), 0);
    assert_int_equal(reading_init(&r, &stg_import_strace, path), STG_OK);
    unlink(path);
    assert_int_equal(strlen(path_of(&r, 0)), STG_TEXT_MAX_PATH_LEN);
    assert_int_equal(stg_strings_count(r.source->paths), STG_TEXT_MAX_PATHS);
    assert_int_equal(r.info.n_no_path, MORE);
    assert_null(path_of(&r, r.n - 4));
    assert_string_equal(path_of(&r, r.n - 2), "0");
    reading_fini(&r);
}

static void other_text_is_refused(void **state)
{
    struct reading r;
    (void)state;
    assert_int_equal(read_text(&r, &stg_import_strace, "int main(void)\n", 15), STG_ERR_INPUT);
    assert_non_null(strstr(stg_status_message(), "no system call as strace prints it"));
    reading_fini(&r);
}

static void the_probe_knows_its_text(void **state)
{
    (void)state;
    assert_probed(&stg_import_strace, "strace/terminal.txt");
    assert_probed(&stg_import_strace, "strace/output.txt");
    assert_probed(&stg_import_strace, "strace/notime.txt");
    assert_probed(&stg_import_strace, "strace/daytime.txt");
}

static void damage_is_survived(void **state)
{
    (void)state;
    read_damaged(&stg_import_strace, "strace/terminal.txt", 700);
    read_without_memory(&stg_import_strace, "strace/terminal.txt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_are_told_apart_in_every_form),
        cmocka_unit_test(strings_that_look_like_results_are_strings),
        cmocka_unit_test(results_of_every_form_are_read),
        cmocka_unit_test(exits_stand_behind_the_entries_they_overlap),
        cmocka_unit_test(a_clock_set_back_keeps_the_order),
        cmocka_unit_test(many_threads_are_kept_apart),
        cmocka_unit_test(the_heap_is_bounded),
        cmocka_unit_test(names_come_from_the_prefix),
        cmocka_unit_test(names_come_from_the_calls_that_give_them),
        cmocka_unit_test(an_execve_of_another_thread_goes_on_as_the_first),
        cmocka_unit_test(the_first_thread_is_found_without_announcements),
        cmocka_unit_test(the_thread_that_was_attached_to_is_told),
        cmocka_unit_test(exits_without_duration_have_no_time),
        cmocka_unit_test(whole_seconds_are_no_times),
        cmocka_unit_test(times_of_day_pass_midnight),
        cmocka_unit_test(names_of_files_are_read),
        cmocka_unit_test(descriptors_are_arguments_however_they_are_told),
        cmocka_unit_test(names_of_files_are_bounded),
        cmocka_unit_test(other_text_is_refused),
        cmocka_unit_test(the_probe_knows_its_text),
        cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
