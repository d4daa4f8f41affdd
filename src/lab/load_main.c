/* lab-load: the lab's load as a program of its own, so that it has a cgroup of its own and the command itself needs no
 * TLS.
 *
 *   lab-load port=N [tls=1] [path=/x?id=] [ids=200] [rate=880] [burst=0] [connections=64] [status=200] [seed=1]
 * [total=0] [body=1]
 *
 * SIGUSR1 begins the window that is counted, SIGUSR2 ends it, SIGTERM stops. Prints the counts as one JSON object, or
 * with body=1 the bodies. Exit status 0 when everything was answered as expected, 1 when not, 2 on a failure. */
#include "lab/load.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void print_body(void *context, const char *data, size_t n)
{
    (void)context;
    (void)fwrite(data, 1, n, stdout);
}

static enum stg_status take_word(struct stg_load_settings *s, const char *word)
{
    const char *equals = strchr(word, '=');
    char *end = NULL;
    errno = 0;
    const unsigned long long value = equals == NULL ? 0 : strtoull(equals + 1, &end, 10);
    if (equals != NULL && strncmp(word, "path=/", 6) == 0) {
        s->path = equals + 1;
        return STG_OK;
    }
    if (equals == NULL || equals[1] < '0' || equals[1] > '9' || *end != '\0' || errno != 0) {
        return stg_fail(STG_ERR_USAGE, "%s: give KEY=NUMBER or path=/PATH", word);
    }
    const size_t len = (size_t)(equals - word);
    const struct {
        const char *key;
        uint32_t *to;
        uint32_t min, max;
    } keys[] = {
        {"ids", &s->n_ids, 0, 1000000},   {"rate", &s->rate, 1, 1000000},
        {"burst", &s->burst, 0, 1000000}, {"connections", &s->connections, 1, 10000},
        {"status", &s->status, 100, 599},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strlen(keys[i].key) == len && strncmp(word, keys[i].key, len) == 0) {
            if (value < keys[i].min || value > keys[i].max) {
                return stg_fail(STG_ERR_USAGE, "%s: give %u to %u", word, keys[i].min, keys[i].max);
            }
            *keys[i].to = (uint32_t)value;
            return STG_OK;
        }
    }
    if (strncmp(word, "port=", 5) == 0 && value <= UINT16_MAX) {
        s->port = (uint16_t)value;
    } else if (strncmp(word, "tls=", 4) == 0) {
        s->tls = value != 0;
    } else if (strncmp(word, "seed=", 5) == 0) {
        s->seed = value;
    } else if (strncmp(word, "total=", 6) == 0) {
        s->total = value;
    } else if (strncmp(word, "body=", 5) == 0) {
        s->body = value != 0 ? print_body : NULL;
    } else {
        return stg_fail(STG_ERR_USAGE, "%s: no such setting", word);
    }
    return STG_OK;
}

static enum stg_status take_words(struct stg_load_settings *s, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        STG_RETURN_IF_FAILED(take_word(s, argv[i]));
    }
    if (s->port == 0) {
        return stg_fail(STG_ERR_USAGE, "port=N is missing");
    }
    if (s->burst >= s->rate && s->total == 0) {
        return stg_fail(STG_ERR_USAGE, "burst=%u: give less than rate=%u", s->burst, s->rate);
    }
    return strlen(s->path) > 128 ? stg_fail(STG_ERR_USAGE, "path=: longer than 128 bytes") : STG_OK;
}

static void print_counts(const struct stg_load_counts *c)
{
    const struct {
        const char *key;
        uint64_t value;
    } all[] = {
        {"ns", c->ns},
        {"due", c->due},
        {"answered", c->answered},
        {"other_status", c->other_status},
        {"failed", c->failed},
        {"dropped", c->dropped},
        {"connections", c->connections},
        {"handshakes", c->handshakes},
        {"closed_announced", c->closed_announced},
        {"closed_idle", c->closed_idle},
        {"retried", c->retried},
        {"late", c->late},
        {"in_flight_max", c->in_flight_max},
        {"mean_ns", c->latency.n == 0 ? 0 : c->latency.sum_ns / c->latency.n},
        {"p50_ns", stg_histogram_quantile(&c->latency, 0.5)},
        {"p90_ns", stg_histogram_quantile(&c->latency, 0.9)},
        {"p99_ns", stg_histogram_quantile(&c->latency, 0.99)},
        {"max_ns", c->latency.max_ns},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        printf("%s\"%s\": %llu", i == 0 ? "{" : ", ", all[i].key, (unsigned long long)all[i].value);
    }
    printf("}\n");
}

int main(int argc, char **argv)
{
    static struct stg_load_counts counts;
    struct stg_load_settings s = {
        .path = "/actor.php?id=", .n_ids = 200, .rate = 880, .connections = 64, .status = 200, .seed = 1};
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1000UL); /* ns: a request is sent when it is due, not when it suits the timer */
    enum stg_status status = take_words(&s, argc, argv);
    if (status == STG_OK) {
        status = stg_load_run(&s, &counts);
    }
    if (status != STG_OK) {
        fprintf(stderr, "lab-load: %s\n", stg_status_message());
        return 2;
    }
    if (s.body == NULL) {
        print_counts(&counts);
    }
    if (fflush(stdout) != 0) {
        fprintf(stderr, "lab-load: standard output: %s\n", strerror(errno));
        return 2;
    }
    return counts.failed + counts.other_status + counts.dropped == 0 ? 0 : 1;
}
