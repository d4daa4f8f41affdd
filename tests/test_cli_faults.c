/* Every command, with each of its calls into the system failing in turn: exit status 2, one line on standard error, no
 * output file, no temporary file, nothing leaked (the sanitizers look). A fault that a command can do without (a probe,
 * a directory that cannot be synced) leaves the result as it was. */
#include "faults.h"
#include "scratch.h"

#include "cli/commands.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_WORDS = 40, MAX_TEXT = 1 << 20 };

/* Faults tried per command: all when there are no more, else evenly spread ones. STRANGE_FAULTS=N in the environment
 * sets another number for every command. */
enum { MAX_FAULTS = 75 };

/* What starts no second thread has nothing to tell ThreadSanitizer, under which it takes minutes. */
#ifdef __SANITIZE_THREAD__
#define ONLY_THREADS 1
#else
#define ONLY_THREADS 0
#endif

/* What a run did. */
struct outcome {
    int code;        /* exit status */
    const char *met; /* the call that met the fault, NULL = none */
    uint64_t n_calls;
    size_t n_out;
    char out[MAX_TEXT], err[MAX_TEXT];
};

/* A command line, and what it leaves. */
struct command {
    const char *line;
    int code;            /* exit status when nothing fails */
    const char *output;  /* file in out/, NULL = none */
    const char *resume;  /* checkpoint that is laid to out/checkpoint before each run, NULL = none */
    bool varies;         /* standard output differs from run to run (times, free memory) */
    uint64_t max_faults; /* 0 = MAX_FAULTS */
};

static struct outcome undisturbed, now;

/* --- Runs --- */

static size_t read_back(int fd, char *text)
{
    const ssize_t n = pread(fd, text, MAX_TEXT - 1, 0);
    assert_true(n >= 0);
    text[n] = '\0';
    close(fd);
    return (size_t)n;
}

/* Runs the program in this process with its streams caught; the fault is armed for the run only. */
static void run(struct outcome *o, const char *line, enum fault fault, uint64_t at, int error)
{
    char words[1024], *rest = words, *argv[MAX_WORDS] = {0};
    int argc = 0;
    snprintf(words, sizeof words, "strange -q %s", line);
    while (rest != NULL && argc + 1 < MAX_WORDS) {
        argv[argc++] = strsep(&rest, " ");
    }
    fflush(NULL);
    const int kept_out = dup(STDOUT_FILENO), kept_err = dup(STDERR_FILENO);
    const int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC);
    assert_true(kept_out >= 0 && kept_err >= 0 && out >= 0 && err >= 0);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    faults_arm(fault, at, error);
    o->code = stg_cli_main(argc, argv);
    o->met = faults_met();
    o->n_calls = faults_count();
    faults_arm(FAULT_NONE, 0, 0);
    fflush(NULL);
    dup2(kept_out, STDOUT_FILENO);
    dup2(kept_err, STDERR_FILENO);
    close(kept_out);
    close(kept_err);
    o->n_out = read_back(out, o->out);
    read_back(err, o->err);
}

static void must_run(const char *line, int code)
{
    run(&now, line, FAULT_NONE, 0, 0);
    if (now.code != code) {
        fail_msg("%s: exit status %d: %s", line, now.code, now.err);
    }
}

/* --- Files --- */

/* The name of a file in the directory that is neither of the two (NULL = no such), NULL when there is none. */
static const char *other_file(const char *directory, const char *but, const char *and_but)
{
    static char name[256];
    const struct dirent *entry;
    DIR *d = opendir(directory);
    assert_non_null(d);
    *name = '\0';
    while ((entry = readdir(d)) != NULL) {
        const char *const known[] = {".", "..", but, and_but};
        bool is_known = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
            is_known |= known[i] != NULL && strcmp(entry->d_name, known[i]) == 0;
        }
        if (!is_known) {
            snprintf(name, sizeof name, "%s", entry->d_name);
        }
    }
    closedir(d);
    return *name == '\0' ? NULL : name;
}

static void empty(const char *directory)
{
    const char *name;
    while ((name = other_file(directory, NULL, NULL)) != NULL) {
        char path[512];
        assert_true((size_t)snprintf(path, sizeof path, "%s/%s", directory, name) < sizeof path);
        if (unlink(path) != 0) { /* a trace */
            empty(path);
            assert_int_equal(rmdir(path), 0);
        }
    }
}

static bool exists(const char *directory, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return access(path, F_OK) == 0;
}

static void copy(const char *from, const char *to)
{
    static char bytes[MAX_TEXT];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    const size_t n = fread(bytes, 1, sizeof bytes, in);
    assert_true(n > 0 && n < sizeof bytes);
    assert_int_equal(fwrite(bytes, 1, n, out), n);
    fclose(in);
    fclose(out);
}

/* --- One command --- */

static void lay_out(const struct command *c)
{
    empty("out");
    if (c->resume != NULL) {
        copy(c->resume, "out/checkpoint");
    }
}

static size_t lines(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += *text == '\n';
    }
    return n;
}

/* What failed after the output was in place (a summary on standard output) leaves it whole: a data set or model that
 * `info` reads, a page with its end. */
static bool is_whole(const char *name)
{
    static struct outcome info;
    char text[512];
    snprintf(text, sizeof text, "info out/%s", name);
    run(&info, text, FAULT_NONE, 0, 0);
    return info.code == 0 && strstr(info.out, "kind             trace") == NULL;
}

/* A run that failed: the line, and nothing else left. A checkpoint may stay: it is what --resume goes on from. */
static const char *failure_is_clean(const struct command *c, const struct outcome *o)
{
    if (o->code != 2) {
        return "exit status";
    }
    if (lines(o->err) != 1 || strncmp(o->err, "strange: ", 9) != 0) {
        return "not one line on standard error";
    }
    if (strstr(o->err, "Success") != NULL || strstr(o->err, "no error") != NULL) {
        return "a message without a cause";
    }
    if (other_file("out", "checkpoint", c->output) != NULL) {
        return "a file left behind";
    }
    return c->output != NULL && exists("out", c->output) && !is_whole(c->output) ? "a half-written output" : NULL;
}

/* A run that did without: all as when nothing fails. */
static const char *success_is_whole(const struct command *c, const struct outcome *o)
{
    if (o->err[0] != '\0') {
        return "something on standard error";
    }
    if (!c->varies && (o->n_out != undisturbed.n_out || memcmp(o->out, undisturbed.out, o->n_out) != 0)) {
        return "another standard output";
    }
    if (c->output != NULL && !exists("out", c->output)) {
        return "no output file";
    }
    return other_file("out", c->output, NULL) != NULL ? "a file left behind" : NULL;
}

/* A disturbed run either failed cleanly or was not disturbed at all. Returns true when it failed. */
static bool check(const struct command *c, const struct outcome *o, uint64_t at)
{
    const bool failed = o->code != c->code || o->err[0] != '\0';
    const char *wrong = failed ? failure_is_clean(c, o) : success_is_whole(c, o);
    if (wrong == NULL && other_file("tmp", "log", NULL) != NULL) {
        wrong = "a temporary file left behind";
    }
    if (wrong != NULL) {
        fail_msg(
            "strange %s: call %llu (%s) failed: %s\n  exit status %d, standard error: %s\n  standard output: %.200s",
            c->line, (unsigned long long)at, o->met == NULL ? "none" : o->met, wrong, o->code, o->err, o->out);
    }
    return failed;
}

static void start(const struct command *c)
{
    lay_out(c);
    run(&undisturbed, c->line, FAULT_ERROR, 0, 0); /* counts only */
    if (undisturbed.code != c->code || undisturbed.err[0] != '\0') {
        fail_msg("strange %s: exit status %d: %s", c->line, undisturbed.code, undisturbed.err);
    }
}

static uint64_t max_faults(const struct command *c)
{
    const char *asked = getenv("STRANGE_FAULTS");
    if (asked != NULL) {
        return strtoull(asked, NULL, 10);
    }
    return c->max_faults != 0 ? c->max_faults : MAX_FAULTS;
}

/* Each call fails in turn. */
static void fail_each(const struct command *c)
{
    uint64_t n_failed = 0;
    start(c);
    const uint64_t n = undisturbed.n_calls;
    const uint64_t points = n < max_faults(c) ? n : max_faults(c);
    assert_true(n > 0);
    for (uint64_t i = 0; i < points; i++) {
        const uint64_t at = 1 + i * n / points;
        lay_out(c);
        run(&now, c->line, FAULT_ERROR, at, i % 2 == 0 ? EIO : ENOSPC);
        n_failed += check(c, &now, at);
    }
    /* Most calls are needed. */
    if (n_failed < points / 2) {
        fail_msg("strange %s: only %llu of %llu faults were noticed", c->line, (unsigned long long)n_failed,
                 (unsigned long long)points);
    }
}

/* Transfers that are interrupted or move fewer bytes change nothing. */
static void disturb_transfers(const struct command *c)
{
    for (enum fault fault = FAULT_INTERRUPT; fault <= FAULT_SHORT; fault++) {
        lay_out(c);
        run(&now, c->line, fault, 0, 0);
        const uint64_t n = now.n_calls;
        const uint64_t points = n < max_faults(c) / 8 ? n : max_faults(c) / 8;
        for (uint64_t i = 0; i < points; i++) {
            const uint64_t at = 1 + i * n / points;
            lay_out(c);
            run(&now, c->line, fault, at, 0);
            if (now.code != c->code) {
                fail_msg("strange %s: transfer %llu (%s) %s: exit status %d: %s", c->line, (unsigned long long)at,
                         now.met == NULL ? "none" : now.met, fault == FAULT_SHORT ? "was short" : "was interrupted",
                         now.code, now.err);
            }
            (void)check(c, &now, at);
        }
    }
}

static void disturb(const struct command *commands, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (ONLY_THREADS && strstr(commands[i].line, "--threads 2") == NULL) {
            continue;
        }
        fail_each(&commands[i]);
        disturb_transfers(&commands[i]);
    }
}

#define DISTURB(commands) disturb((commands), sizeof(commands) / sizeof((commands)[0]))

/* --- The commands --- */

static void test_prepare(void **state)
{
    static const struct command commands[] = {
        {.line = "prepare -o out/x --format intlist in/list.txt", .output = "x"},
        {.line = "prepare -o out/x --format intlist data/intlist/directory", .output = "x"},
        {.line = "prepare -o out/x --json --cut accept --scope thread data/strace/terminal.txt", .output = "x"},
        {.line = "prepare -o out/x --cut thread data/sysdig/newest.txt data/sysdig/default.txt", .output = "x"},
        {.line = "prepare -o out/x --cut window:3 --order time data/perf/named.txt", .output = "x"},
        {.line = "prepare -o out/x --preset paper data/paper/data.txt", .output = "x"},
        {.line = "prepare -o out/x --vocab in/train.data --format intlist in/test.txt", .output = "x"},
        {.line = "prepare -o out/x --vocab in/ngram.model --format intlist in/test.txt", .output = "x"},
    };
    (void)state;
    DISTURB(commands);
}

static void test_export(void **state)
{
    const struct command commands[] = {
        {.line = "export -o out/x data/strace/terminal.txt", .output = "x"},
        {.line = "export -o out/x --format intlist in/list.txt", .output = "x"},
    };
    (void)state;
    DISTURB(commands);
}

static void test_prepare_ctf(void **state)
{
    static const struct command commands[] = {
        {.line = "prepare -o out/x data/ctf-web", .output = "x", .max_faults = 40}, /* a process each */
    };
    (void)state;
    DISTURB(commands);
}

static void test_train_counted(void **state)
{
    static const struct command commands[] = {
        {.line = "train --threads 1 -o out/x --ngram-order 3 in/train.data", .output = "x"},
        {.line = "train --threads 2 -o out/x --smoothing paper in/train.data", .output = "x"},
        {.line = "train --threads 1 -o out/x --json --valid in/test.data -- in/train.data",
         .output = "x",
         .varies = true},
        {.line = "train --threads 1 -o out/x --model stide --calibrate in/test.data -- in/train.data", .output = "x"},
    };
    (void)state;
    DISTURB(commands);
}

#define LSTM                                                                                                       \
    "train --model lstm --hidden 8 --layers 1 --threads 1 --batch 4 --eval-every 2 --valid in/test.data -o out/x " \
    "--schedule plateau --checkpoint out/checkpoint " /* linear would not resume with another bound */

static void test_train_lstm(void **state)
{
    static const struct command commands[] = {
        {.line = LSTM "--updates 4 --log tmp/log in/train.data", .output = "x", .max_faults = 60},
        {.line = LSTM "--updates 6 --resume in/train.data", .output = "x", .resume = "in/checkpoint", .max_faults = 60},
    };
    (void)state;
    DISTURB(commands);
}

static void test_score(void **state)
{
    static const struct command commands[] = {
        {.line = "score --threads 1 in/ngram.model in/test.data in/novel.data", .code = 1},
        {.line = "score --threads 2 --alpha 0.2 --json in/stide.model in/novel.data", .code = 1},
        {.line = "score --threads 1 in/lstm.model in/test.data"},
        {.line = "score --threads 1 --verdict out/whole.json in/ngram.model in/novel.data",
         .code = 1,
         .output = "whole.json"},
        {.line = "score --threads 1 in/strace.model data/strace/terminal.txt"},
    };
    (void)state;
    DISTURB(commands);
}

static void test_eval_and_report(void **state)
{
    static const struct command commands[] = {
        {.line = "eval --threads 1 in/ngram.model --known in/test.data --novel n=in/novel.data"},
        {.line = "eval --threads 2 --json in/ngram.model --known in/test.data --novel n=in/novel.data --valid-known "
                 "in/test.data --valid-novel n=in/novel.data"},
        {.line = "report --threads 1 -o out/x --known in/test.data --novel n=in/novel.data -- in/ngram.model",
         .output = "x"},
        {.line = "report --threads 1 -o out/x --known in/test.data -- in/stide.model", .output = "x"},
    };
    (void)state;
    DISTURB(commands);
}

static void test_explain(void **state)
{
    static const struct command commands[] = {
        {.line = "explain --threads 1 in/ngram.model in/novel.data"},
        {.line = "explain --threads 1 --json --worst 2 in/stide.model in/novel.data"},
        {.line = "explain --threads 1 --sequence 2 in/lstm.model in/novel.data"},
        {.line = "explain --threads 2 --behaviours in/ngram.model in/novel.data"},
        {.line = "export --threads 1 --to perfetto -o out/x in/ngram.model in/test.data", .output = "x"},
        {.line = "export --threads 1 --to csv -o out/x in/ngram.model in/test.data", .output = "x"},
        {.line = "export --threads 1 --to ctf -o out/x in/ngram.model in/test.data", .output = "x", .max_faults = 60},
        {.line = "export --to onnx -o out/x in/lstm.model", .output = "x", .max_faults = 60},
        {.line = "export --threads 1 --to csv --rows sequences -o - in/ngram.model in/test.data"},
        {.line = "diff --threads 1 in/train.data in/novel.data"},
        {.line = "diff --json data/strace/terminal.txt data/perf/raw.txt"},
        {.line = "diff --threads 1 in/train.data in/novel.data --like in/test.data"},
    };
    (void)state;
    DISTURB(commands);
}

static void test_info(void **state)
{
    static const struct command commands[] = {
        {.line = "info in/train.data in/ngram.model in/stide.model"},
        {.line = "info --json in/lstm.model in/checkpoint"},
        {.line = "info data/strace/terminal.txt data/perf/raw.txt"},
        {.line = "info --json data/ctf-web", .max_faults = 25},
    };
    (void)state;
    DISTURB(commands);
}

static void test_help_and_doctor(void **state)
{
    static const struct command commands[] = {
        {.line = "help"},
        {.line = "help train"},
        {.line = "help --man score"},
        {.line = "help --completion bash"},
        {.line = "help --completion zsh"},
        {.line = "--version"},
    };
    static const struct command doctor[] = {
        {.line = "doctor", .varies = true},
        {.line = "doctor --json", .varies = true},
    };
    (void)state;
    DISTURB(commands);
    DISTURB(doctor);
}

/* --- Set-up --- */

static char home[64];

static void write_list(const char *path, int n, int step, int odd)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < n; i++) {
        fprintf(file, "3 4 5 %d 6 3 4 7 8 %s\n", 3 + i * step % 4, odd ? "59 60 61 59 62" : "3 4");
    }
    fclose(file);
}

/* The checkpoint of a training that was interrupted; in a process of its own, as it ends by a signal. */
static void make_checkpoint(void)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        run(&now, LSTM "in/train.data", FAULT_NONE, 0, 0);
        _exit(now.code);
    }
    for (int i = 0; i < 600 && !exists("out", "checkpoint"); i++) {
        usleep(50000);
    }
    int how = 0;
    kill(child, SIGINT);
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 2);
    assert_int_equal(rename("out/checkpoint", "in/checkpoint"), 0);
}

static int set_up(void **state)
{
    const char *data = getenv("STRANGE_TEST_DATA");
    (void)state;
    scratch_path(home, sizeof home, "faults-XXXXXX");
    if (data == NULL || mkdtemp(home) == NULL || chdir(home) != 0 || symlink(data, "data") != 0 ||
        mkdir("in", 0700) != 0 || mkdir("out", 0700) != 0 || mkdir("tmp", 0700) != 0 ||
        setenv("TMPDIR", "tmp", 1) != 0 || setenv("SOURCE_DATE_EPOCH", "1700000000", 1) != 0) {
        return -1;
    }
    write_list("in/list.txt", 30, 1, 0);
    write_list("in/test.txt", 80, 3, 0);
    write_list("in/novel.txt", 40, 1, 1);
    must_run("prepare --format intlist -o in/train.data in/list.txt", 0);
    must_run("prepare --format intlist --vocab in/train.data -o in/test.data in/test.txt", 0);
    must_run("prepare --format intlist --vocab in/train.data -o in/novel.data in/novel.txt", 0);
    must_run("prepare --cut thread -o in/strace.data data/strace/terminal.txt", 0);
    must_run("train --calibrate in/test.data -o in/ngram.model in/train.data", 0);
    must_run("train --model stide --calibrate in/test.data -o in/stide.model in/train.data", 0);
    must_run("train --model lstm --hidden 8 --layers 1 --updates 3 --valid in/test.data -o in/lstm.model in/train.data",
             0);
    must_run("train --calibrate in/strace.data -o in/strace.model in/strace.data", 0);
    make_checkpoint();
    return 0;
}

static int tear_down(void **state)
{
    static const char *const directories[] = {"in", "out", "tmp"};
    (void)state;
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
        empty(directories[i]);
        rmdir(directories[i]);
    }
    unlink("data");
    return chdir("/") == 0 ? rmdir(home) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prepare),         cmocka_unit_test(test_prepare_ctf), cmocka_unit_test(test_export),
        cmocka_unit_test(test_train_counted),   cmocka_unit_test(test_train_lstm),  cmocka_unit_test(test_score),
        cmocka_unit_test(test_eval_and_report), cmocka_unit_test(test_explain),     cmocka_unit_test(test_info),
        cmocka_unit_test(test_help_and_doctor),
    };
    const struct CMUnitTest threaded[] = {
        cmocka_unit_test(test_train_counted),
        cmocka_unit_test(test_score),
        cmocka_unit_test(test_eval_and_report),
        cmocka_unit_test(test_explain),
    };
    cmocka_set_test_filter(getenv("CMOCKA_TEST_FILTER"));
    return ONLY_THREADS ? cmocka_run_group_tests_name("cli_faults", threaded, set_up, tear_down)
                        : cmocka_run_group_tests_name("cli_faults", tests, set_up, tear_down);
}
