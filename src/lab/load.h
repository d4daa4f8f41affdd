/* Load: open-loop requests at a constant rate over many client connections, from one thread.
 *
 * Every request has a time at which it is due, made from the rate and the seed alone: a slow answer delays nothing but
 * the next request of the same connection, and latency is counted from the time the request was due. Most requests are
 * spread evenly with a jitter inside their slot; `burst` of those of each second are due at the same moment.
 * Connections take turns. A connection waits only between an answer and its next request: one that the server has
 * closed is opened again when a request is due, not before, so that no wait falls into the time that the server counts
 * for a request. */
#ifndef STG_LAB_LOAD_H
#define STG_LAB_LOAD_H

#include "base/status.h"
#include "lab/histogram.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stg_load_settings {
    uint16_t port; /* on 127.0.0.1 */
    bool tls;
    const char *path; /* "/actor.php?id=" */
    uint32_t n_ids;   /* a random number 1 … n_ids is put behind path; 0: path as it is */
    uint32_t rate;    /* requests per second */
    uint32_t burst;   /* of them, due at once each second */
    uint32_t connections;
    uint32_t status; /* HTTP status that is expected */
    uint64_t seed;
    uint64_t total;                                          /* stop after so many; 0: at SIGTERM or SIGINT */
    void (*body)(void *context, const char *data, size_t n); /* gets the bodies; NULL: nobody */
    void *context;
};

/* Counts of a window of time: from the start or SIGUSR1 to SIGUSR2 or the end. */
struct stg_load_counts {
    uint64_t due;      /* requests whose time came */
    uint64_t answered; /* with the expected status */
    uint64_t other_status;
    uint64_t failed;           /* no connection, no answer, not HTTP */
    uint64_t dropped;          /* the connection's queue of due requests was full */
    uint64_t connections;      /* opened */
    uint64_t handshakes;       /* TLS */
    uint64_t closed_announced; /* by the server, with "Connection: close" */
    uint64_t closed_idle;      /* by the server between two requests, unannounced */
    uint64_t retried;          /* requests sent again because the server closed before it answered */
    uint64_t late; /* sent more than 1 ms after they were due because the generator was late, not the connection */
    uint64_t in_flight_max;
    uint64_t ns; /* length of the window */
    struct stg_histogram latency;
};

/* Runs until it is told to stop; SIGUSR1, SIGUSR2, SIGTERM and SIGINT are taken over. */
enum stg_status stg_load_run(const struct stg_load_settings *s, struct stg_load_counts *out) STG_MUST_USE;

#endif
