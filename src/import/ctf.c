/* CTF import: the source. The parent of the process that reads; it adds the strings, hands batches on, and tells how it
 * ended. */
#include "import/import.h"

#include "import/ctf_internal.h"

#include "base/interrupt.h"
#include "base/log.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Address space that the child may add to what it was born with. */
#define CHILD_MEMORY (UINT64_C(2) << 30)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

struct ctf_source {
    struct stg_source base;
    char *path;
    struct ctf_traces traces;
    struct ctf_ring ring;
    pid_t child;                   /* 0 when reaped */
    struct ctf_batch *own;         /* copy of the last batch, which the child cannot change any more; owned */
    const struct ctf_batch *batch; /* own, not yet handed on; NULL when none */
    bool ended;
    enum stg_status status; /* how it ended */
    char message[CTF_MESSAGE_LEN + 64];
    struct ctf_totals totals;
    struct stg_strings *facts; /* "key=value" of the traces' environments */
    uint64_t n_events, n_lost, n_gaps;
    uint64_t n_torn;       /* streams whose end is missing, not told yet */
    struct stg_event torn; /* the gap at the end */
};

/* --- The child's surroundings --- */

static void limit_memory(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file != NULL) {
        if (fscanf(file, "%llu", &pages) != 1) {
            pages = 0;
        }
        fclose(file);
    }
    const rlim_t size = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + CHILD_MEMORY;
    if (!SANITIZED && pages > 0) {
        (void)setrlimit(RLIMIT_AS, &(struct rlimit){size, size});
    }
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
}

/* Standard streams to /dev/null (a sanitizer keeps its own report), everything else but the socket closed. */
static void leave_files(int socket)
{
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(null, STDOUT_FILENO);
        if (!SANITIZED) {
            (void)dup2(null, STDERR_FILENO);
        }
    }
    if (socket > STDERR_FILENO + 1) {
        (void)close_range(STDERR_FILENO + 1, (unsigned)socket - 1, 0);
    }
    (void)close_range((unsigned)socket + 1, ~0U, 0);
}

static void reset_signals(void)
{
    static const int handled[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGTERM, SIGPROF};
    for (size_t i = 0; i < sizeof handled / sizeof handled[0]; i++) {
        (void)signal(handled[i], SIG_DFL);
    }
    /* Ctrl-C and the end of a terminal go to the whole group; it is the parent that decides. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void run_child(struct ctf_source *s, int socket, pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(CTF_EXIT_ORPHAN);
    }
    reset_signals();
    s->ring.socket = socket;
    leave_files(socket);
    limit_memory();
    ctf_child_run(&s->ring, &s->traces);
    _exit(0);
}

static enum stg_status start_child(struct ctf_source *s)
{
    int other = -1;
    STG_RETURN_IF_FAILED(ctf_ring_init(&s->ring, &other));
    const pid_t parent = getpid();
    (void)fflush(NULL); /* what is buffered must not come out twice */
    const pid_t child = fork();
    if (child == 0) {
        run_child(s, other, parent);
    }
    const enum stg_status status = child < 0 ? stg_fail_errno("%s: cannot start the reader", s->path) : STG_OK;
    close(other);
    s->child = child < 0 ? 0 : child;
    return status;
}

/* --- How it ended --- */

static int reap(struct ctf_source *s, bool force)
{
    int how = 0;
    if (s->child == 0) {
        return 0;
    }
    if (force) {
        (void)kill(s->child, SIGKILL);
    }
    while (waitpid(s->child, &how, 0) < 0 && errno == EINTR) {
    }
    s->child = 0;
    return how;
}

static void end(struct ctf_source *s, enum stg_status status)
{
    s->ended = true;
    s->status = status;
}

/* The child went without a last batch. */
static void end_by_death(struct ctf_source *s)
{
    const int how = reap(s, false);
    const char *what = "stopped without a reason";
    char text[64];
    if (WIFEXITED(how) && WEXITSTATUS(how) == CTF_EXIT_HANG) {
        what = "made no progress";
    } else if (WIFSIGNALED(how)) {
        (void)snprintf(text, sizeof text, "crashed (signal %d)", WTERMSIG(how));
        what = text;
    }
    (void)snprintf(s->message, sizeof s->message, "%s: babeltrace2 %s while reading it: the trace is malformed",
                   s->path, what);
    /* A sanitizer ends the process with a status of its own; what it found is a defect here, not in the trace. */
    const bool found_defect = SANITIZED && WIFEXITED(how) && WEXITSTATUS(how) < CTF_EXIT_HANG;
    end(s, found_defect ? STG_ERR_INTERNAL : STG_ERR_INPUT);
}

static void end_by_batch(struct ctf_source *s, const struct ctf_batch *b)
{
    (void)reap(s, false);
    const size_t len = strnlen(b->message, sizeof b->message);
    /* The message begins with a trace's path when it is about one of several. */
    const bool named = len > 0 && strncmp(b->message, s->path, strlen(s->path)) == 0;
    (void)snprintf(s->message, sizeof s->message, "%s%s%.*s", named ? "" : s->path, named ? "" : ": ", (int)len,
                   b->message);
    end(s, b->status <= STG_ERR_INTERNAL ? (enum stg_status)b->status : STG_ERR_INTERNAL);
    const bool one = s->totals.n_no_tid == 1;
    if (s->status == STG_OK && s->totals.n_no_tid > 0) {
        stg_log(STG_LOG_WARN, "%s: %llu event%s before the first sched_switch of %s CPU", s->path,
                (unsigned long long)s->totals.n_no_tid,
                one ? " has no thread id: it came" : "s have no thread id: they came", one ? "its" : "their");
    }
}

/* --- Batches --- */

static enum stg_status add_strings(struct ctf_source *s, const struct ctf_batch *b)
{
    struct stg_strings *const tables[] = {
        [CTF_NAMES] = s->base.names, [CTF_COMMS] = s->base.comms, [CTF_PATHS] = s->base.paths, [CTF_FACTS] = s->facts};
    for (size_t i = 0; i + CTF_RECORD_HEAD <= b->text_size;) {
        const size_t len = b->text[i + 1] | (size_t)b->text[i + 2] << 8;
        uint32_t id = 0;
        if (i + CTF_RECORD_HEAD + len > b->text_size || b->text[i] >= CTF_N_TABLES || len > CTF_TEXT_LEN) {
            break;
        }
        STG_RETURN_IF_FAILED(
            stg_strings_put(tables[b->text[i]], (const char *)b->text + i + CTF_RECORD_HEAD, len, &id));
        i += CTF_RECORD_HEAD + len;
    }
    return STG_OK;
}

/* The child may have been led astray by its input, and can write to what it shares: a batch is looked at once, where it
 * cannot. */
static bool copy_batch(struct ctf_batch *to, const struct ctf_batch *from)
{
    memcpy(to, from, offsetof(struct ctf_batch, text));
    if (to->n_events > CTF_BATCH_EVENTS || to->text_size > CTF_BATCH_TEXT) {
        return false;
    }
    memcpy(to->text, from->text, to->text_size);
    memcpy(to->events, from->events, to->n_events * sizeof *to->events);
    return true;
}

/* Nothing in a batch is believed. */
static bool is_sound(const struct ctf_source *s, const struct ctf_batch *b)
{
    const size_t n_names = stg_strings_count(s->base.names);
    const size_t n_comms = stg_strings_count(s->base.comms);
    const size_t n_paths = stg_strings_count(s->base.paths);
    for (uint32_t i = 0; i < b->n_events; i++) {
        const struct stg_event *e = &b->events[i];
        const bool named = e->name < n_names || (e->kind >= STG_EVENT_LOST && e->name == STG_NAME_NONE);
        if (!named || (e->comm >= n_comms && e->comm != STG_NAME_NONE) || e->n_args > STG_EVENT_MAX_ARGS ||
            ((e->has & STG_HAS_PATH) != 0 && e->path >= n_paths) || e->kind < STG_EVENT_ENTRY ||
            e->kind > STG_EVENT_END) {
            return false;
        }
    }
    return true;
}

static void count(struct ctf_source *s, const struct ctf_batch *b)
{
    for (uint32_t i = 0; i < b->n_events; i++) {
        if (b->events[i].kind == STG_EVENT_LOST) {
            s->n_gaps++;
            s->n_lost += b->events[i].n_lost;
        } else if (b->events[i].kind < STG_EVENT_LOST) {
            s->n_events++;
        }
        s->torn.ts_ns = b->events[i].ts_ns > s->torn.ts_ns ? b->events[i].ts_ns : s->torn.ts_ns;
        s->torn.has = b->events[i].has & STG_HAS_TIME;
    }
}

/* Waits for the next batch; afterwards either s->batch or s->ended is set. */
static enum stg_status take_batch(struct ctf_source *s)
{
    const struct ctf_batch *shared = NULL, *b = s->own;
    switch (ctf_ring_take(&s->ring, &shared)) {
    case CTF_INTERRUPTED:
        return stg_interrupt_check();
    case CTF_DIED:
        end_by_death(s);
        return STG_OK;
    case CTF_TAKEN:
        break;
    }
    const bool sizes = copy_batch(s->own, shared);
    if (sizes) {
        STG_RETURN_IF_FAILED(add_strings(s, b));
    }
    if (!sizes || !is_sound(s, b)) {
        (void)reap(s, true);
        (void)snprintf(s->message, sizeof s->message, "%s: babeltrace2 broke while reading it: the trace is malformed",
                       s->path);
        end(s, STG_ERR_INPUT);
        return STG_OK;
    }
    s->totals = b->totals;
    count(s, b);
    if (b->last != 0) {
        end_by_batch(s, b);
    }
    s->batch = b->n_events > 0 ? b : NULL;
    return STG_OK;
}

/* --- The source --- */

static void ctf_close(struct stg_source *source)
{
    struct ctf_source *s = (struct ctf_source *)source;
    (void)reap(s, true);
    ctf_ring_fini(&s->ring);
    stg_mem_free(s->own);
    ctf_find_fini(&s->traces);
    stg_strings_free(s->base.names);
    stg_strings_free(s->base.comms);
    stg_strings_free(s->base.paths);
    stg_strings_free(s->facts);
    stg_mem_free(s->path);
    stg_mem_free(s);
}

static enum stg_status ctf_next(struct stg_source *source, const struct stg_event **events, size_t *n)
{
    struct ctf_source *s = (struct ctf_source *)source;
    *n = 0;
    *events = NULL;
    while (s->batch == NULL && !s->ended) {
        STG_RETURN_IF_FAILED(take_batch(s));
    }
    if (s->batch != NULL) {
        *events = s->batch->events;
        *n = s->batch->n_events;
        s->batch = NULL;
        return STG_OK;
    }
    if (s->status == STG_OK && s->n_torn > 0) {
        s->n_torn--;
        s->n_gaps++;
        s->n_lost++;
        *events = &s->torn;
        *n = 1;
        return STG_OK;
    }
    return s->status == STG_OK ? STG_OK : stg_fail(s->status, "%s", s->message);
}

static bool are_siblings(const struct ctf_trace *a, const struct ctf_trace *b)
{
    const size_t n = (size_t)(strrchr(a->path, '/') - a->path);
    return strncmp(a->path, b->path, n) == 0 && b->path + n == strrchr(b->path, '/');
}

/* Trace i is a chunk of the same recording as the first. */
static bool follows(const struct ctf_traces *traces, size_t i)
{
    return traces->items[i].is_chunk && traces->items[0].is_chunk && are_siblings(&traces->items[i], &traces->items[0]);
}

/* Snapshots are no parts of one recording: what is in the window of two of them would come twice, and what fell out
 * between them would leave no gap. */
static enum stg_status refuse_snapshots(const struct ctf_source *s)
{
    size_t n = 1;
    for (size_t i = 1; i < s->traces.n; i++) {
        const struct ctf_trace *last = &s->traces.items[i], *before = last - 1;
        const bool is_next = last->is_snapshot && before->is_snapshot && are_siblings(last, before);
        n = is_next ? n + 1 : 1;
        if (n > 1 && (i + 1 == s->traces.n || !are_siblings(last, last + 1))) {
            return stg_fail(STG_ERR_INPUT,
                            "%s: the %zu snapshots of a flight recorder, each a trace of its own: give one of them, "
                            "as %s, the last",
                            s->path, n, last->path);
        }
    }
    return STG_OK;
}

static enum stg_status ctf_open(struct stg_source **out, const char *path)
{
    enum stg_status status = STG_OK;
    struct ctf_source *s = NULL;
    STG_TRY(stg_mem_zeroed(&s, 1, sizeof *s));
    s->base.ops = &stg_import_ctf;
    s->torn = (struct stg_event){.comm = STG_NAME_NONE, .name = STG_NAME_NONE, .kind = STG_EVENT_LOST, .n_lost = 1};
    s->ring.socket = -1;
    STG_TRY(stg_strings_new(&s->base.names));
    STG_TRY(stg_strings_new(&s->base.comms));
    STG_TRY(stg_strings_new(&s->base.paths));
    STG_TRY(stg_strings_new(&s->facts));
    STG_TRY(stg_mem_strdup(&s->path, path));
    STG_TRY(ctf_find(&s->traces, path));
    if (s->traces.bare != NULL) {
        STG_TRY(stg_fail(STG_ERR_INPUT,
                         "%s: streams of a CTF trace without their file `metadata`: copy or record the trace again",
                         s->traces.bare));
    }
    s->traces.one_by_one = true;
    for (size_t i = 0; i < s->traces.n; i++) {
        STG_TRY(ctf_metadata_check(s->traces.items[i].path));
        STG_TRY(ctf_repair(&s->traces.items[i]));
        s->n_torn += s->traces.items[i].n_torn;
        s->traces.one_by_one = s->traces.one_by_one && follows(&s->traces, i);
    }
    STG_TRY(refuse_snapshots(s));
    if (!s->traces.one_by_one && s->traces.n > CTF_MAX_AT_ONCE) {
        STG_TRY(stg_fail(STG_ERR_INPUT, "%s: more than %d traces below one directory: name a smaller one", path,
                         CTF_MAX_AT_ONCE));
    }
    STG_TRY(stg_mem_zeroed(&s->own, 1, sizeof *s->own));
    STG_TRY(start_child(s));
    /* The first batch comes now, so that what cannot be read at all is refused here. */
    while (s->batch == NULL && !s->ended) {
        STG_TRY(take_batch(s));
    }
    if (s->batch == NULL && s->status != STG_OK) {
        STG_TRY(stg_fail(s->status, "%s", s->message));
    }
    *out = &s->base;
    return STG_OK;
out:
    if (s != NULL) {
        ctf_close(&s->base);
    }
    return status;
}

static void ctf_info(const struct stg_source *source, struct stg_source_info *out)
{
    const struct ctf_source *s = (const struct ctf_source *)source;
    *out = (struct stg_source_info){
        .format = "ctf",
        .path = s->path,
        .n_events = s->n_events,
        .n_lost = s->n_lost,
        .n_gaps = s->n_gaps,
        .n_skipped = s->totals.n_skipped,
        .done = s->totals.done,
        .total = s->totals.total,
        .has_clock = s->totals.has_clock != 0,
        .has_sequences = s->totals.has_sequences != 0,
        .n_no_path = s->totals.n_no_path,
        .facts = s->facts,
    };
}

/* A directory with a trace in it, or any directory: no other source reads those. */
static int ctf_probe(const char *path, const uint8_t *head, size_t n_head)
{
    struct ctf_traces traces = {0};
    (void)head;
    if (n_head > 0) {
        return 0;
    }
    if (ctf_find(&traces, path) != STG_OK) {
        return 0;
    }
    ctf_find_fini(&traces);
    return 100;
}

const struct stg_source_ops stg_import_ctf = {
    .name = "ctf",
    .summary = "CTF 1.8 trace directory: LTTng kernel and user space, perf data convert, strange record",
    .probe = ctf_probe,
    .open = ctf_open,
    .next = ctf_next,
    .info = ctf_info,
    .close = ctf_close,
};
