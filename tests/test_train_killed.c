/* Training that is killed without warning at random moments and resumed each time comes to the same bits as one that
 * was left alone: one model, an ensemble, a student. STRANGE_TEST_SEED=N in the environment gives the moments of an
 * earlier run again, as far as the machine's speed allows. */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/rng.h"

#include "effort.h"
#include "scratch.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

enum { MAX_RUNS = 400, MAX_WORDS = 64 };

/* A training that writes `out`; what it leaves when it is killed says whether it can be resumed. */
struct training {
    const char *name, *line; /* with %s for the output */
    const char *left[4];     /* files beside the output, NULL-terminated */
};

#define SMALL "--rate 0.02 --layers 1 --threads 2 --batch-tokens 200 --eval-every 4 --stop-after 0 --valid valid.data"

static const struct training trainings[] = {
    {"one model", "-q train --model lstm --hidden 32 --updates 120 " SMALL " -o %s train.data", {"checkpoint"}},
    {"ensemble",
     "-q train --model lstm --ensemble 3 --hidden 24 --updates 40 " SMALL " -o %s train.data",
     {"checkpoint", "member-0", "member-1"}},
    {"student", "-q distill --hidden 24 --updates 60 " SMALL " -o %s teacher.model train.data", {"checkpoint"}},
};

static char directory[128];

/* The command line in a process of its own, killed after moment_ns (0: never). The signal that ended it, or 0. */
static int run(const char *line, const char *output, bool resume, uint64_t moment_ns)
{
    static char text[1024];
    char *words[MAX_WORDS] = {(char *)"strange"};
    int n = 1;
    int status = 0;
    char *rest = NULL;
    snprintf(text, sizeof text, line, output);
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        assert_true(n < MAX_WORDS - 2);
        words[n++] = word;
    }
    if (resume) {
        words[n++] = (char *)"--resume";
    }
    fflush(stdout);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        /* What it says of itself (a student's table) is not of interest; why it fails is. */
        const bool ready = freopen("/dev/null", "w", stdout) != NULL;
        _exit(ready ? stg_cli_main(n, words) : 3);
    }
    if (moment_ns > 0) {
        const struct timespec t = {(time_t)(moment_ns / 1000000000), (long)(moment_ns % 1000000000)};
        (void)nanosleep(&t, NULL);
        kill(pid, SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status)) {
        assert_int_equal(WEXITSTATUS(status), 0);
        return 0;
    }
    return WTERMSIG(status);
}

static bool can_resume(const struct training *t, const char *output)
{
    for (size_t i = 0; t->left[i] != NULL; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s.%s", output, t->left[i]);
        if (access(path, F_OK) == 0) {
            return true;
        }
    }
    return false;
}

/* The tensors of a model file, without the metadata, which holds dates and times. */
static char *tensors_of(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    uint64_t header = 0;
    struct stat st;
    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &st), 0);
    assert_int_equal(fread(&header, sizeof header, 1, f), 1);
    assert_true(header + 8 < (uint64_t)st.st_size);
    *size = (size_t)st.st_size - 8 - header;
    char *bytes = malloc(*size);
    assert_non_null(bytes);
    assert_int_equal(fseek(f, (long)(8 + header), SEEK_SET), 0);
    assert_int_equal(fread(bytes, 1, *size, f), *size);
    fclose(f);
    return bytes;
}

static void same_model(const char *name)
{
    size_t n[2];
    char *straight = tensors_of("straight.model", &n[0]);
    char *killed = tensors_of("killed.model", &n[1]);
    assert_int_equal(n[0], n[1]);
    if (memcmp(straight, killed, n[0]) != 0) {
        fail_msg("%s: not the same bits", name);
    }
    free(straight);
    free(killed);
}

/* What a killed process could not clean up. */
static void remove_all(const char *beginning)
{
    DIR *d = opendir(".");
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        if (e->d_name[0] != '.' && strncmp(e->d_name, beginning, strlen(beginning)) == 0) {
            unlink(e->d_name);
        }
    }
    closedir(d);
}

static void check(const struct training *t, struct stg_rng *rng)
{
    unsigned n_killed = 0;
    unsigned n_finished = 0;
    unsigned n_resumed = 0;
    const size_t kills = effort_times(20, 8);
    const uint64_t begin = stg_clock_ns();
    assert_int_equal(run(t->line, "straight.model", false, 0), 0);
    const double whole = (double)(stg_clock_ns() - begin);
    for (unsigned i = 0; n_killed < kills || can_resume(t, "killed.model") || n_finished == 0; i++) {
        const uint64_t moment = n_killed < kills ? 1 + (uint64_t)(stg_rng_unit(rng) * whole) : 0;
        const bool resume = can_resume(t, "killed.model");
        assert_true(i < MAX_RUNS);
        n_resumed += resume;
        if (run(t->line, "killed.model", resume, moment) == SIGKILL) {
            n_killed++;
            continue;
        }
        same_model(t->name);
        assert_false(can_resume(t, "killed.model"));
        remove_all("killed.model");
        n_finished++;
    }
    print_message("%s: killed %u times within %.0f ms, resumed %u times, finished %u times\n", t->name, n_killed,
                  whole / 1e6, n_resumed, n_finished);
    assert_true(n_resumed > 0);
    remove_all("straight.model");
}

static void killed_and_resumed_is_the_same(void **state)
{
    const char *given = getenv("STRANGE_TEST_SEED");
    const uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : stg_clock_ns() % 1000000;
    struct stg_rng rng;
    (void)state;
    print_message("STRANGE_TEST_SEED=%llu\n", (unsigned long long)seed);
    stg_rng_seed(&rng, seed);
    assert_int_equal(
        run("-q train --model lstm --hidden 16 --updates 30 " SMALL " -o %s train.data", "teacher.model", false, 0), 0);
    for (size_t i = 0; i < sizeof trainings / sizeof trainings[0]; i++) {
        check(&trainings[i], &rng);
    }
}

static void write_lists(const char *path, uint64_t seed)
{
    struct stg_rng rng;
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    stg_rng_seed(&rng, seed);
    for (int i = 0; i < 80; i++) {
        uint64_t call = 0;
        for (int k = 0; k < 20; k++) {
            call = stg_rng_below(&rng, 4) == 0 ? stg_rng_below(&rng, 7) : (call * 3 + 1) % 7;
            fprintf(f, "%llu ", (unsigned long long)call);
        }
        fprintf(f, "\n");
    }
    fclose(f);
}

static int setup(void **state)
{
    (void)state;
    scratch_path(directory, sizeof directory, "killed-XXXXXX");
    if (mkdtemp(directory) == NULL || chdir(directory) != 0) {
        return -1;
    }
    write_lists("train.txt", 1);
    write_lists("valid.txt", 2);
    return run("-q prepare --format intlist -o %s train.txt", "train.data", false, 0) +
           run("-q prepare --format intlist --vocab train.data -o %s valid.txt", "valid.data", false, 0);
}

static int teardown(void **state)
{
    (void)state;
    remove_all("");
    return chdir("/") == 0 ? rmdir(directory) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_and_resumed_is_the_same),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
