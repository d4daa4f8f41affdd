/* What the tests of the recorder have in common: the workload, recordings of it kept in memory, and who may record
 * here. */
#ifndef STG_TESTS_RECORD_SUPPORT_H
#define STG_TESTS_RECORD_SUPPORT_H

#include "base/memory.h"
#include "record/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static inline const char *workload(void)
{
    const char *path = getenv("STRANGE_WORKLOAD");
    assert_non_null(path);
    return path;
}

/* Skips by name where the machine does not let this process record; any other failure is a failure. */
static inline void need_recorder(void)
{
    static int known = -1;
    if (known < 0) {
        struct stg_record *r = NULL;
        const struct stg_record_options all = {0};
        const enum stg_status status = stg_record_open(&r, &all);
        stg_record_close(r);
        known = status == STG_OK;
        if (status != STG_OK) {
            print_message("no recording here: %s\n", stg_status_message());
            assert_int_equal(status, STG_ERR_UNSUPPORTED);
        }
    }
    if (!known) {
        skip();
    }
}

/* A recording in memory. */
struct recording {
    struct stg_record *record; /* kept open for its names */
    struct stg_event *events;
    size_t n, cap;
    struct stg_record_stats stats;
    enum stg_record_end end;
};

static inline void recording_take(struct recording *r, uint64_t wait_ns)
{
    const struct stg_event *events;
    size_t n;
    assert_int_equal(stg_record_poll(r->record, wait_ns, &events, &n, &r->end), STG_OK);
    if (n == 0) {
        return;
    }
    assert_int_equal(stg_mem_grow(&r->events, &r->cap, r->n + n, sizeof *r->events), STG_OK);
    memcpy(r->events + r->n, events, n * sizeof *events);
    r->n += n;
}

static inline void recording_start(struct recording *r, const struct stg_record_options *o)
{
    memset(r, 0, sizeof *r);
    if (stg_record_open(&r->record, o) != STG_OK || stg_record_start(r->record) != STG_OK) {
        fail_msg("%s", stg_status_message());
    }
}

static inline void recording_finish(struct recording *r)
{
    while (r->end == STG_RECORD_GOES_ON) {
        recording_take(r, 100000000);
    }
    stg_record_stats(r->record, &r->stats);
}

static inline void recording_fini(struct recording *r)
{
    stg_record_close(r->record);
    stg_mem_free(r->events);
}

/* Records the workload in a mode; argument may be NULL. */
static inline void record_workload(struct recording *r, struct stg_record_options *o, const char *mode,
                                   const char *argument)
{
    char *const command[] = {(char *)workload(), (char *)mode, (char *)argument, NULL};
    o->command = command;
    o->follow = true;
    recording_start(r, o);
    recording_finish(r);
    assert_int_equal(r->end, STG_RECORD_COMMAND_DONE);
    assert_int_equal(stg_record_command_status(r->record), 0);
    o->command = NULL; /* which ends here */
}

static inline const char *event_name(const struct recording *r, const struct stg_event *e)
{
    return e->name == STG_NAME_NONE ? "" : stg_strings_get(stg_record_source(r->record)->names, e->name);
}

static inline const char *event_comm(const struct recording *r, const struct stg_event *e)
{
    return e->comm == STG_NAME_NONE ? "" : stg_strings_get(stg_record_source(r->record)->comms, e->comm);
}

/* Events of a kind and name; tid 0: of any thread. */
static inline uint64_t count_of(const struct recording *r, enum stg_event_kind kind, const char *name, int32_t tid)
{
    uint64_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct stg_event *e = &r->events[i];
        n += e->kind == kind && strcmp(event_name(r, e), name) == 0 && (tid == 0 || e->tid == tid);
    }
    return n;
}

/* The workload that waits for bytes: started, ready, and recorded from outside. */
struct held {
    pid_t pid;
    int in, out;
};

static inline void held_read(const struct held *h, const char *word)
{
    char text[16];
    size_t n = 0;
    while (n < strlen(word) && read(h->out, text + n, 1) == 1) {
        n++;
    }
    assert_int_equal(n, strlen(word));
    assert_memory_equal(text, word, n);
}

/* entered: run in the child before the workload; NULL = nothing. */
static inline void held_start(struct held *h, const char *n_asks, void (*entered)(void *), void *context)
{
    int in[2], out[2];
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    h->pid = fork();
    if (h->pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        for (int fd = 3; fd < 100; fd++) {
            close(fd);
        }
        if (entered != NULL) {
            entered(context);
        }
        execl(workload(), "record_workload", "hold", n_asks, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    h->in = in[1];
    h->out = out[0];
    held_read(h, "ready\n");
}

static inline void held_ask(const struct held *h)
{
    assert_int_equal(write(h->in, "x", 1), 1);
    held_read(h, "done\n");
}

static inline void held_end(struct held *h)
{
    int status;
    close(h->in);
    close(h->out);
    assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
}

#endif
