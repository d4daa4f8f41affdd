/* bench_ctf TRACE [ROUNDS]: reading CTF to events, in turn with `babeltrace2 TRACE -c sink.utils.dummy`, which does the
 * same decoding and throws the messages away. Prints each round, then the medians and their ratio, and the peak memory
 * of reading. */
#include "base/clock.h"
#include "import/import.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define MAX_ROUNDS 99

extern char **environ;

static enum stg_status read_all(const char *path, uint64_t *n_records)
{
    struct stg_source *source = NULL;
    struct stg_source_info info;
    const struct stg_event *events = NULL;
    size_t n = 1;
    uint64_t sum = 0;
    enum stg_status status = stg_import_ctf.open(&source, path);
    while (status == STG_OK && n > 0) {
        status = stg_source_next(source, &events, &n);
        for (size_t i = 0; status == STG_OK && i < n; i++) {
            sum += events[i].ts_ns ^ events[i].name; /* every event is touched */
        }
    }
    if (source != NULL) {
        stg_source_info(source, &info);
        *n_records = info.n_events + info.n_skipped + (sum == 42);
    }
    stg_source_close(source);
    return status;
}

static int run_babeltrace(const char *path)
{
    char *const arguments[] = {(char[]){"babeltrace2"}, (char *)path, (char[]){"-c"}, (char[]){"sink.utils.dummy"},
                               NULL};
    pid_t child = 0;
    int how = 0;
    if (posix_spawnp(&child, "babeltrace2", NULL, NULL, arguments, environ) != 0) {
        return -1;
    }
    return waitpid(child, &how, 0) == child && WIFEXITED(how) && WEXITSTATUS(how) == 0 ? 0 : -1;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, by_size);
    return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static long peak_kib(int who)
{
    struct rusage usage = {0};
    (void)getrusage(who, &usage);
    return usage.ru_maxrss;
}

int main(int n_arguments, char **arguments)
{
    double ours[MAX_ROUNDS];
    double theirs[MAX_ROUNDS];
    uint64_t n_records = 0;
    const int n_rounds = n_arguments > 2 ? atoi(arguments[2]) : 5;
    if (n_arguments < 2 || n_rounds < 1 || n_rounds > MAX_ROUNDS) {
        (void)fprintf(stderr, "usage: bench_ctf TRACE [ROUNDS]\n");
        return 2;
    }
    for (int i = 0; i < n_rounds; i++) {
        const uint64_t start = stg_clock_ns();
        if (read_all(arguments[1], &n_records) != STG_OK) {
            (void)fprintf(stderr, "bench_ctf: %s\n", stg_status_message());
            return 2;
        }
        const uint64_t middle = stg_clock_ns();
        if (i == 0) {
            (void)printf("peak memory: parent %ld KiB, reader %ld KiB\n", peak_kib(RUSAGE_SELF),
                         peak_kib(RUSAGE_CHILDREN));
        }
        const uint64_t between = stg_clock_ns();
        if (run_babeltrace(arguments[1]) != 0) {
            (void)fprintf(stderr, "bench_ctf: babeltrace2 cannot be run: install it\n");
            return 2;
        }
        ours[i] = (double)n_records / ((double)(middle - start) / 1e3);
        theirs[i] = (double)n_records / ((double)(stg_clock_ns() - between) / 1e3);
        (void)printf("round %d: strange %.3f M events/s, babeltrace2 dummy %.3f M events/s\n", i + 1, ours[i],
                     theirs[i]);
    }
    const double a = median(ours, n_rounds);
    const double b = median(theirs, n_rounds);
    (void)printf("median of %d rounds, %llu records: strange %.3f, babeltrace2 dummy %.3f M events/s, ratio %.2f\n",
                 n_rounds, (unsigned long long)n_records, a, b, a / b);
    return 0;
}
