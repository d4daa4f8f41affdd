/* bench_trace [EVENTS] [ROUNDS] [DIR]: writing a CTF trace of entries and exits on four CPUs, as a recorder puts them;
 * prints each round, then the median. The directory (default /dev/shm, so that no disk is measured) gets one trace at a
 * time, which is removed. */
#include "base/clock.h"
#include "trace/ctf_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define N_BATCH    4096
#define N_BATCHES  16
#define STEP_NS    500
#define N_CPUS     4
#define MAX_ROUNDS 99

static const char *const calls[] = {"read", "write", "futex", "epoll_wait", "recvfrom", "sendto", "openat", "close"};

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fill(struct stg_event *events, uint64_t first)
{
    static const uint8_t n_args[] = {3, 3, 6, 4, 6, 6, 4, 1};
    for (size_t i = 0; i < N_BATCH; i++) {
        const uint64_t n = first + i;
        const bool entry = n / N_CPUS % 2 == 0;
        const size_t call = (size_t)(n / (2 * N_CPUS) % 8);
        events[i] = (struct stg_event){.ts_ns = 1000000000 + n * STEP_NS,
                                       .args = {n, n, n, n, n, n},
                                       .ret = (int64_t)n,
                                       .cgroup_id = 77,
                                       .name = (uint32_t)call,
                                       .comm = (uint32_t)(n / 64 % 4),
                                       .pid = (int32_t)(n % 1000),
                                       .tid = (int32_t)(n % 1000),
                                       .cpu = (int32_t)(n % N_CPUS),
                                       .has = STG_HAS_TIME | STG_HAS_CPU | STG_HAS_PID | STG_HAS_TID | STG_HAS_COMM |
                                              STG_HAS_CGROUP,
                                       .kind = entry ? STG_EVENT_ENTRY : STG_EVENT_EXIT,
                                       .n_args = entry ? n_args[call] : 0};
        events[i].has |= entry ? 0 : STG_HAS_RET;
    }
}

/* Puts the batches again and again; time goes on. */
static enum stg_status write_one(const struct stg_ctf_settings *settings, struct stg_event *events, uint64_t n_events,
                                 struct stg_ctf_stats *stats)
{
    struct stg_ctf_writer *w = NULL;
    STG_RETURN_IF_FAILED(stg_ctf_writer_open(&w, settings));
    enum stg_status status = STG_OK;
    for (uint64_t n = 0; status == STG_OK && n < n_events; n += N_BATCH) {
        struct stg_event *batch = events + n % (N_BATCHES * N_BATCH);
        status = stg_sink_put(stg_ctf_writer_sink(w), batch, N_BATCH);
        for (size_t i = 0; i < N_BATCH; i++) {
            batch[i].ts_ns += (uint64_t)N_BATCHES * N_BATCH * STEP_NS;
        }
    }
    stg_ctf_writer_stats(w, stats);
    const enum stg_status closed = stg_sink_close(stg_ctf_writer_sink(w), 0); /* removes it */
    return status == STG_OK ? closed : status;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static enum stg_status put_all(struct stg_strings *to, const char *const *texts, size_t n)
{
    uint32_t id = 0;
    for (size_t i = 0; i < n; i++) {
        STG_RETURN_IF_FAILED(stg_strings_put(to, texts[i], strlen(texts[i]), &id));
    }
    return STG_OK;
}

static enum stg_status run(const char *path, uint64_t n_events, int n_rounds)
{
    static const char *const comms[] = {"apache2", "php-fpm8.2", "mariadbd", "kworker/0:1"};
    enum stg_status status = STG_OK;
    struct stg_strings *names = NULL, *thread_names = NULL;
    struct stg_ctf_settings settings;
    struct stg_ctf_stats stats;
    double rates[MAX_ROUNDS];
    struct stg_event *events = calloc((size_t)N_BATCHES * N_BATCH, sizeof *events);
    STG_TRY(events == NULL ? stg_fail(STG_ERR_MEMORY, "out of memory") : STG_OK);
    STG_TRY(stg_strings_new(&names));
    STG_TRY(stg_strings_new(&thread_names));
    STG_TRY(put_all(names, calls, 8));
    STG_TRY(put_all(thread_names, comms, 4));
    for (size_t i = 0; i < N_BATCHES; i++) {
        fill(events + i * N_BATCH, i * N_BATCH);
    }
    stg_ctf_settings_default(&settings);
    settings.path = path;
    settings.names = names;
    settings.comms = thread_names;
    for (int i = 0; i < n_rounds; i++) {
        const uint64_t wall = stg_clock_ns(), cpu = cpu_ns();
        STG_TRY(write_one(&settings, events, n_events, &stats));
        const double used = (double)(cpu_ns() - cpu);
        rates[i] = (double)stats.n_events * 1e3 / used;
        (void)printf("round %d: %.2f M events per CPU second (%.2f M/s by the clock), %.1f bytes an event\n", i + 1,
                     rates[i], (double)stats.n_events * 1e3 / (double)(stg_clock_ns() - wall),
                     (double)stats.n_bytes / (double)stats.n_events);
    }
    qsort(rates, (size_t)n_rounds, sizeof *rates, by_size);
    (void)printf("median of %d rounds of %llu events: %.2f M events per CPU second\n", n_rounds,
                 (unsigned long long)stats.n_events, rates[n_rounds / 2]);
out:
    stg_strings_free(names);
    stg_strings_free(thread_names);
    free(events);
    return status;
}

int main(int n_arguments, char **arguments)
{
    char path[512];
    const uint64_t n_events = n_arguments > 1 ? strtoull(arguments[1], NULL, 10) : 2000000;
    const int n_rounds = n_arguments > 2 ? atoi(arguments[2]) : 5;
    if (n_events < N_BATCH || n_rounds < 1 || n_rounds > MAX_ROUNDS) {
        (void)fprintf(stderr, "usage: bench_trace [EVENTS] [ROUNDS] [DIR]\n");
        return 2;
    }
    (void)snprintf(path, sizeof path, "%s/strange-bench-trace-%ld", n_arguments > 3 ? arguments[3] : "/dev/shm",
                   (long)getpid());
    if (run(path, n_events, n_rounds) != STG_OK) {
        (void)fprintf(stderr, "bench_trace: %s\n", stg_status_message());
        return 2;
    }
    return 0;
}
