#include "token/cut_parts.h"

#include "base/memory.h"
#include "event/syscalls.h"

#include <stdlib.h>
#include <string.h>

/* Sequences open at a time, of rules that open them by an event; a trace that opens more never closes them. */
#define MAX_OPEN      65536
#define DEFAULT_BOUND ((size_t)512 << 20)

enum stg_status stg_cutter_new(struct stg_cutter **out, const struct stg_recipe *recipe, struct stg_vocab *vocab,
                               stg_cut_take take, void *context)
{
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_recipe_check(recipe));
    if (recipe->cut == STG_CUT_AUTO) {
        return stg_fail(STG_ERR_USAGE, "cut: auto must be resolved for a trace first");
    }
    STG_RETURN_IF_FAILED(stg_mem_zeroed(out, 1, sizeof **out));
    struct stg_cutter *c = *out;
    c->recipe = *recipe;
    stg_recipe_settle(&c->recipe);
    c->vocab = vocab;
    c->take = take;
    c->context = context;
    c->bound = DEFAULT_BOUND;
    cut_load_init(c);
    return STG_OK;
}

void stg_cutter_limit(struct stg_cutter *c, size_t bytes)
{
    c->bound = bytes;
}

void stg_cutter_free(struct stg_cutter *c)
{
    if (c == NULL) {
        return;
    }
    cut_threads_fini(c);
    cut_columns_fini(&c->columns);
    stg_mem_free(c->name_kind);
    stg_mem_free(c->calls.id);
    stg_mem_free(c->procs.id);
    stg_mem_free(c->groups);
    stg_mem_free(c);
}

bool stg_cutter_tells_processes(const struct stg_cutter *c)
{
    return c->tells_processes;
}

void stg_cutter_counts(const struct stg_cutter *c, struct stg_cut_counts *out)
{
    *out = c->counts;
}

enum stg_status stg_cutter_begin(struct stg_cutter *c, uint32_t i_trace, const struct stg_strings *names,
                                 const struct stg_strings *comms)
{
    STG_RETURN_IF_FAILED(stg_cutter_finish(c));
    c->names = names;
    c->comms = comms;
    c->i_trace = i_trace;
    c->started = c->tells_processes = false;
    c->previous_ns = 0;
    c->lost = c->gap = 0;
    c->gap_end_ns = -1;
    c->total = c->recent = (struct cut_load){0};
    if (c->cap_groups > 0) {
        memset(c->groups, 0, c->cap_groups * sizeof *c->groups);
    }
    /* Ids are the source's own: nothing that was looked up for the trace before holds. */
    if (c->cap_kinds > 0) {
        memset(c->name_kind, 0, c->cap_kinds * sizeof *c->name_kind);
    }
    if (c->calls.cap > 0) {
        memset(c->calls.id, 0, c->calls.cap * sizeof *c->calls.id);
    }
    if (c->procs.cap > 0) {
        memset(c->procs.id, 0, c->procs.cap * sizeof *c->procs.id);
    }
    return STG_OK;
}

static enum cut_name_kind classify(const struct stg_cutter *c, const char *name)
{
    if (c->recipe.cut == STG_CUT_REQUEST) {
        return strcmp(name, c->recipe.begin) == 0     ? CUT_NAME_BEGIN
               : strcmp(name, c->recipe.end) == 0     ? CUT_NAME_END
               : strcmp(name, c->recipe.confirm) == 0 ? CUT_NAME_CONFIRM
                                                      : CUT_NAME_OTHER;
    }
    if (c->recipe.cut == STG_CUT_ACCEPT) {
        if (strcmp(name, "accept") == 0 || strcmp(name, "accept4") == 0) {
            return CUT_NAME_ACCEPT;
        }
        if (strcmp(name, "close") == 0 || strcmp(name, "shutdown") == 0) {
            return CUT_NAME_CLOSE;
        }
    }
    return CUT_NAME_OTHER;
}

static enum cut_name_kind classify_end(const char *name)
{
    return strcmp(name, "exit") == 0         ? CUT_NAME_EXIT
           : strcmp(name, "exit_group") == 0 ? CUT_NAME_EXIT_GROUP
                                             : CUT_NAME_OTHER;
}

static bool is_gone(const char *name)
{
    return strcmp(name, "sched_process_exit") == 0 || strcmp(name, "sched:sched_process_exit") == 0;
}

/* What a name means to the cut rule; looked up once per name. */
static enum stg_status kind_of(struct stg_cutter *c, uint32_t name, struct cut_name *kind)
{
    if (name < c->cap_kinds && c->name_kind[name].kind != CUT_NAME_NEW) {
        *kind = c->name_kind[name];
        return STG_OK;
    }
    *kind = (struct cut_name){.kind = CUT_NAME_OTHER, .descriptor = -1};
    if (name >= stg_strings_count(c->names)) {
        return STG_OK;
    }
    const size_t before = c->cap_kinds;
    STG_RETURN_IF_FAILED(stg_mem_grow(&c->name_kind, &c->cap_kinds, (size_t)name + 1, sizeof *c->name_kind));
    memset(c->name_kind + before, CUT_NAME_NEW, (c->cap_kinds - before) * sizeof *c->name_kind);
    const char *text = stg_strings_get(c->names, name);
    kind->kind = (uint8_t)classify_end(text);
    kind->kind = kind->kind != CUT_NAME_OTHER ? kind->kind : (uint8_t)classify(c, text);
    kind->kind = kind->kind == CUT_NAME_OTHER && is_gone(text) ? CUT_NAME_GONE : kind->kind;
    kind->descriptor = (int8_t)stg_syscall_descriptor_index(text);
    c->name_kind[name] = *kind;
    return STG_OK;
}

static bool is_early(const struct stg_cutter *c, int64_t ts_ns)
{
    return c->recipe.skip_first_ns > 0 && c->started && ts_ns - c->first_ns < c->recipe.skip_first_ns;
}

/* The clock of skip_first_ns starts. A source may have times of entries only, and none of exits. */
static enum stg_status note_first(struct stg_cutter *c, const struct stg_event *e, int64_t ts_ns)
{
    if (c->recipe.skip_first_ns > 0 && (e->has & STG_HAS_TIME) == 0 && e->kind != STG_EVENT_EXIT) {
        return stg_fail(STG_ERR_USAGE,
                        "the trace has no times, so that no first second of it can be told: leave out --skip-first");
    }
    if (!c->started) {
        c->started = true;
        c->first_ns = ts_ns;
    }
    return STG_OK;
}

/* Opens a sequence at an event of thread t; keeps: its events are taken. */
static enum stg_status open_new(struct stg_cutter *c, struct cut_thread *t, const struct stg_event *e, int64_t ts_ns,
                                bool keeps, struct cut_open **out)
{
    struct cut_open *open = NULL;
    struct cut_log *log;
    if (c->n_open >= MAX_OPEN) {
        return stg_fail(STG_ERR_MEMORY,
                        "more than %d sequences open at a time: the begin and end markers do not belong together",
                        MAX_OPEN);
    }
    STG_RETURN_IF_FAILED(cut_log_get(c, t, &log));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&open, 1, sizeof *open));
    open->begin_ns = ts_ns > log->now_ns ? ts_ns : log->now_ns;
    log->now_ns = open->begin_ns;
    open->flags = (e->has & STG_HAS_TIME) ? 0 : STG_SEQ_NO_TIME;
    if (keeps) {
        cut_log_open(c, log, open);
    }
    c->n_open++;
    *out = open;
    return STG_OK;
}

static void thread_link(struct cut_thread *t, struct cut_open *open)
{
    open->tid = t->tid;
    open->pid = t->pid;
    open->next_of_thread = t->opens;
    t->opens = open;
}

/* Takes the thread's open sequence of that key out of its list; NULL when there is none. */
static struct cut_open *thread_unlink(struct cut_thread *t, int64_t key)
{
    for (struct cut_open **at = &t->opens; *at != NULL; at = &(*at)->next_of_thread) {
        if ((*at)->key == key) {
            struct cut_open *open = *at;
            *at = open->next_of_thread;
            return open;
        }
    }
    return NULL;
}

void cut_discard(struct stg_cutter *c, struct cut_open *open)
{
    cut_log_close(c, open);
    c->n_open--;
    stg_mem_free(open);
}

static enum stg_status close_open(struct stg_cutter *c, struct cut_open *open, int64_t ts_ns)
{
    enum stg_status status = STG_OK;
    if (open->log != NULL) {
        if (ts_ns < open->log->now_ns) {
            ts_ns = open->log->now_ns;
        }
        if (cut_is_confirmed(c, open)) {
            status = cut_deliver(c, open, ts_ns);
        }
    }
    cut_discard(c, open);
    return status;
}

bool cut_is_confirmed(struct stg_cutter *c, const struct cut_open *open)
{
    const bool yes = open->confirmed || c->recipe.cut != STG_CUT_REQUEST || c->recipe.confirm[0] == '\0';
    c->counts.n_skipped += !yes;
    return yes;
}

static bool is_skipped_state(const struct stg_cutter *c, const struct stg_event *e)
{
    for (uint32_t i = 0; e->n_args > 0 && i < c->recipe.n_skip_state; i++) {
        if (e->args[0] == c->recipe.skip_state[i]) {
            return true;
        }
    }
    return false;
}

/* Whatever is open on the thread is what the marker says. */
static void confirm(struct cut_thread *t)
{
    for (struct cut_open *open = t->opens; open != NULL; open = open->next_of_thread) {
        open->confirmed = true;
    }
}

/* A begin on a thread where one of that key is open: the earlier one never ended. */
static void drop_reopened(struct stg_cutter *c, struct cut_thread *t, int64_t key)
{
    struct cut_open *earlier = thread_unlink(t, key);
    if (earlier != NULL) {
        c->counts.n_reopened++;
        cut_discard(c, earlier);
    }
}

static enum stg_status put_marker(struct stg_cutter *c, const struct stg_event *e, int64_t ts_ns)
{
    struct cut_name kind;
    STG_RETURN_IF_FAILED(kind_of(c, e->name, &kind));
    if (kind.kind == CUT_NAME_GONE) {
        return cut_thread_gone(c, e);
    }
    if (kind.kind != CUT_NAME_BEGIN && kind.kind != CUT_NAME_END && kind.kind != CUT_NAME_CONFIRM) {
        return STG_OK;
    }
    uint32_t index;
    STG_RETURN_IF_FAILED(cut_thread_get(c, e, &index));
    struct cut_thread *t = &c->threads[index];
    struct cut_open *open;
    if (kind.kind == CUT_NAME_CONFIRM) {
        c->counts.n_confirms++;
        confirm(t);
        return STG_OK;
    }
    if (kind.kind == CUT_NAME_END) {
        c->counts.n_ends++;
        open = thread_unlink(t, 0);
        if (open == NULL) {
            c->counts.n_unmatched_end++;
            return STG_OK;
        }
        return close_open(c, open, ts_ns);
    }
    c->counts.n_begins++;
    drop_reopened(c, t, 0);
    STG_RETURN_IF_FAILED(note_first(c, e, ts_ns));
    const bool skipped = is_skipped_state(c, e) || is_early(c, ts_ns);
    c->counts.n_skipped += skipped;
    STG_RETURN_IF_FAILED(open_new(c, t, e, ts_ns, !skipped, &open));
    thread_link(t, open);
    return STG_OK;
}

static enum stg_status put_given(struct stg_cutter *c, const struct stg_event *e, int64_t ts_ns)
{
    if (c->recipe.cut != STG_CUT_GIVEN) {
        return STG_OK;
    }
    struct cut_open *open = c->given;
    c->given = NULL;
    if (e->kind == STG_EVENT_END) {
        if (open == NULL) {
            c->counts.n_unmatched_end++;
            return STG_OK;
        }
        return close_open(c, open, ts_ns);
    }
    if (open != NULL) {
        c->counts.n_reopened++;
        cut_discard(c, open);
    }
    STG_RETURN_IF_FAILED(note_first(c, e, ts_ns));
    uint32_t index;
    STG_RETURN_IF_FAILED(cut_thread_get(c, e, &index));
    /* Sequences of a source are independent of each other: so are their clocks. */
    struct cut_log *log;
    STG_RETURN_IF_FAILED(cut_log_get(c, &c->threads[index], &log));
    log->now_ns = 0;
    const bool early = is_early(c, ts_ns);
    c->counts.n_skipped += early;
    return open_new(c, &c->threads[index], e, ts_ns, !early, &c->given);
}

/* The sequence that a thread, process or window cut has open in this log. */
static void implicit_open(struct stg_cutter *c, struct cut_log *log, const struct cut_thread *t,
                          const struct stg_event *e, int64_t ts_ns)
{
    if (log->implicit.log != NULL || log->muted) {
        return;
    }
    if (is_early(c, ts_ns)) {
        c->counts.n_skipped += c->recipe.cut != STG_CUT_WINDOW;
        log->muted = c->recipe.cut != STG_CUT_WINDOW;
        return;
    }
    log->implicit = (struct cut_open){
        .serial = ++c->n_implicit, .begin_ns = ts_ns, .flags = (e->has & STG_HAS_TIME) ? 0 : STG_SEQ_NO_TIME};
    if (c->recipe.scope == STG_SCOPE_THREAD) {
        log->implicit.tid = t->tid;
    }
    if (c->recipe.scope != STG_SCOPE_SYSTEM) {
        log->implicit.pid = t->pid;
    }
    cut_log_open(c, log, &log->implicit);
}

/* Delivers the log's first sequence. */
static enum stg_status close_first(struct stg_cutter *c, struct cut_log *log)
{
    struct cut_open *first = log->first;
    const enum stg_status status = cut_deliver(c, first, first->end == 0 ? log->now_ns : first->begin_ns);
    cut_log_close(c, first);
    return status;
}

/* Nothing follows in this log. A window after a full one would have let go of that one, had it half of its events: so
 * it joins it. */
enum stg_status cut_implicit_close(struct stg_cutter *c, struct cut_log *log)
{
    if (log->full.log != NULL && log->implicit.log != NULL) {
        cut_log_close(c, &log->implicit);
        log->full.end = 0;
    }
    return log->first == NULL ? STG_OK : close_first(c, log);
}

/* After an event. A full window waits until half of another one follows; so nothing shorter than half a window ever
 * stands alone where there is one to join. */
static enum stg_status window_advance(struct stg_cutter *c, struct cut_log *log)
{
    const uint64_t n = log->implicit.log == NULL ? 0 : log->end - log->implicit.begin, window = c->recipe.window;
    if (n >= window - window / 2 && log->full.log != NULL) {
        STG_RETURN_IF_FAILED(close_first(c, log));
    }
    if (n == window) {
        cut_settle(c, &log->implicit);
        log->full = log->implicit; /* the only one that is open here */
        log->first = log->last = &log->full;
        log->implicit.log = NULL;
    }
    return STG_OK;
}

/* Entries and exits that do not pair: counted, never repaired. */
static void count_pairs(struct stg_cutter *c, struct cut_thread *t, const struct stg_event *e)
{
    if (e->kind == STG_EVENT_ENTRY) {
        c->counts.n_unfinished += t->call != CUT_NAME_NONE;
        t->call = e->name < CUT_NAME_NONE ? e->name : CUT_NAME_NONE;
        return;
    }
    const bool known = e->name < CUT_NAME_NONE;
    if (t->call == CUT_NAME_NONE || (known && t->call != e->name)) {
        c->counts.n_orphan_exits++;
        c->counts.n_unfinished += t->call != CUT_NAME_NONE;
    }
    t->call = CUT_NAME_NONE;
}

/* What the ret column has of an event: the return value of an exit, the descriptor of an entry. */
static int64_t stored_ret(const struct stg_event *e, struct cut_name name)
{
    if (e->kind != STG_EVENT_EXIT) { /* a descriptor is an int: the upper half of the register means nothing */
        return name.descriptor >= 0 && name.descriptor < e->n_args ? (int32_t)(uint32_t)e->args[name.descriptor]
                                                                   : STG_RET_ABSENT;
    }
    if (e->has & STG_HAS_CLASS) {
        return e->ret < 0 ? STG_RET_FAILED : STG_RET_SUCCEEDED;
    }
    if ((e->has & STG_HAS_RET) == 0) {
        return STG_RET_ABSENT;
    }
    return e->ret <= STG_RET_SUCCEEDED ? STG_RET_SUCCEEDED + 1 : e->ret;
}

/* A successful accept opens, before the exit is taken in; closing the descriptor closes, after the entry has been. */
static enum stg_status accept_open(struct stg_cutter *c, uint32_t thread, const struct stg_event *e, int64_t ts_ns)
{
    struct cut_thread *t = &c->threads[thread];
    if (e->kind != STG_EVENT_EXIT || (e->has & STG_HAS_RET) == 0 || e->ret < 0 || e->ret > INT32_MAX) {
        return STG_OK;
    }
    struct cut_open *open;
    drop_reopened(c, t, e->ret);
    STG_RETURN_IF_FAILED(note_first(c, e, ts_ns));
    const bool early = is_early(c, ts_ns);
    c->counts.n_skipped += early;
    STG_RETURN_IF_FAILED(open_new(c, t, e, ts_ns, !early, &open));
    open->key = e->ret;
    thread_link(t, open);
    return STG_OK;
}

static enum stg_status accept_close(struct stg_cutter *c, uint32_t thread, const struct stg_event *e, int64_t ts_ns)
{
    if (e->kind != STG_EVENT_ENTRY || e->n_args == 0) {
        return STG_OK;
    }
    /* A descriptor is an int: the upper half of the register means nothing. */
    struct cut_open *open = thread_unlink(&c->threads[thread], (int64_t)(uint32_t)e->args[0]);
    return open == NULL ? STG_OK : close_open(c, open, ts_ns);
}

/* After the entry of exit or exit_group, which do not return. */
static enum stg_status end_life(struct stg_cutter *c, uint32_t thread, const struct stg_event *e,
                                enum cut_name_kind kind)
{
    c->threads[thread].call = CUT_NAME_NONE;
    if (kind == CUT_NAME_EXIT_GROUP && (e->has & STG_HAS_PID) != 0) {
        STG_RETURN_IF_FAILED(cut_process_end(c, e->pid));
    }
    return cut_thread_end(c, thread);
}

static enum stg_status put_call(struct stg_cutter *c, const struct stg_event *e, int64_t ts_ns)
{
    uint32_t thread;
    struct cut_name kind;
    struct cut_log *log;
    bool late = false;
    c->counts.n_events++;
    STG_RETURN_IF_FAILED(cut_thread_get(c, e, &thread));
    STG_RETURN_IF_FAILED(kind_of(c, e->name, &kind));
    if (c->threads[thread].dying) {
        STG_RETURN_IF_FAILED(cut_thread_revive(c, thread, e, &late));
        STG_RETURN_IF_FAILED(late ? STG_OK : cut_thread_get(c, e, &thread)); /* the new one is of the process, too */
    }
    const bool left_out = late && cut_is_implicit(c->recipe.cut) && c->recipe.scope != STG_SCOPE_SYSTEM;
    STG_RETURN_IF_FAILED(cut_log_get(c, &c->threads[thread], &log));
    if (c->recipe.cut != STG_CUT_GIVEN) {
        count_pairs(c, &c->threads[thread], e);
    }
    if (kind.kind == CUT_NAME_ACCEPT) {
        STG_RETURN_IF_FAILED(accept_open(c, thread, e, ts_ns));
    }
    log->now_ns = ts_ns > log->now_ns ? ts_ns : log->now_ns;
    if (cut_is_implicit(c->recipe.cut) && !left_out) {
        STG_RETURN_IF_FAILED(note_first(c, e, ts_ns));
        implicit_open(c, log, &c->threads[thread], e, log->now_ns);
    }
    struct cut_row row = {
        .ts_ns = log->now_ns,
        .ret = stored_ret(e, kind),
        .thread = thread,
        .name = e->name < CUT_NAME_NONE ? e->name & 0xFFFFFF : CUT_NAME_NONE,
        .phase = e->kind == STG_EVENT_ENTRY ? STG_PHASE_ENTRY : STG_PHASE_EXIT,
        .comm = (e->has & STG_HAS_COMM) && e->comm < CUT_NAME_NONE ? e->comm & 0xFFFFFF : CUT_NAME_NONE,
    };
    cut_load_put(c, &c->threads[thread], e);
    STG_RETURN_IF_FAILED(cut_workers_put(c, thread, e));
    STG_RETURN_IF_FAILED(left_out ? STG_OK : cut_log_push(c, log, &row));
    STG_RETURN_IF_FAILED(cut_ring_put(c, thread, &row));
    if (c->recipe.cut == STG_CUT_WINDOW) {
        STG_RETURN_IF_FAILED(window_advance(c, log));
    }
    if (kind.kind == CUT_NAME_CLOSE) {
        STG_RETURN_IF_FAILED(accept_close(c, thread, e, ts_ns));
    }
    if ((kind.kind == CUT_NAME_EXIT || kind.kind == CUT_NAME_EXIT_GROUP) && e->kind == STG_EVENT_ENTRY) {
        return end_life(c, thread, e, kind.kind);
    }
    return late ? cut_thread_end(c, thread) : STG_OK;
}

/* Whatever is open may miss some of them, on whichever processor they were lost, and so may what begins before the gap
 * ends. */
static void put_gap(struct stg_cutter *c, const struct stg_event *e, int64_t ts_ns)
{
    const uint64_t end = stg_event_gap_end(e), n = e->n_lost < UINT64_MAX - c->lost ? e->n_lost : 0;
    const int64_t end_ns = end > STG_TIME_MAX ? STG_TIME_MAX : (int64_t)end;
    if (ts_ns > c->gap_end_ns) {
        c->gap = 0;
    }
    c->gap += n;
    c->gap_end_ns = end_ns > c->gap_end_ns ? end_ns : c->gap_end_ns;
    c->lost += n;
    c->counts.n_lost += e->n_lost < UINT64_MAX - c->counts.n_lost ? e->n_lost : 0;
    c->counts.n_gaps++;
}

enum stg_status stg_cutter_put(struct stg_cutter *c, const struct stg_event *events, size_t n)
{
    if (c->names == NULL) {
        return stg_fail(STG_ERR_INTERNAL, "cut: events before the beginning of a trace");
    }
    for (size_t i = 0; i < n; i++) {
        const struct stg_event *e = &events[i];
        const int64_t ts_ns = e->ts_ns > STG_TIME_MAX ? STG_TIME_MAX : (int64_t)e->ts_ns;
        enum stg_status status = STG_OK;
        if (e->kind != STG_EVENT_BEGIN) {
            c->counts.n_backward += ts_ns < c->previous_ns;
        }
        c->previous_ns = ts_ns;
        switch (e->kind) {
        case STG_EVENT_ENTRY:
        case STG_EVENT_EXIT:
            status = put_call(c, e, ts_ns);
            break;
        case STG_EVENT_MARKER:
            status = put_marker(c, e, ts_ns);
            break;
        case STG_EVENT_LOST:
            put_gap(c, e, ts_ns);
            break;
        case STG_EVENT_BEGIN:
        case STG_EVENT_END:
            status = put_given(c, e, ts_ns);
            break;
        default:
            break;
        }
        if (status != STG_OK) {
            return status;
        }
    }
    return STG_OK;
}

static int compare_serials(const void *a, const void *b)
{
    const struct cut_log *const *x = a, *const *y = b;
    return (*x)->first->serial < (*y)->first->serial ? -1 : (*x)->first->serial > (*y)->first->serial;
}

/* Threads and processes that live on at the end of the trace, and last windows, in order of their beginning. */
static enum stg_status finish_implicit(struct stg_cutter *c)
{
    enum stg_status status = STG_OK;
    struct cut_log **logs = NULL;
    size_t n = 0, cap = 0;
    for (struct cut_log *log = c->logs; log != NULL; log = log->next) {
        if (log->first != NULL) {
            STG_TRY(stg_mem_grow(&logs, &cap, n + 1, sizeof *logs));
            logs[n++] = log;
        }
    }
    if (n > 0) {
        qsort(logs, n, sizeof *logs, compare_serials);
    }
    for (size_t i = 0; i < n; i++) {
        STG_TRY(cut_implicit_close(c, logs[i]));
    }
out:
    stg_mem_free(logs);
    return status;
}

enum stg_status stg_cutter_finish(struct stg_cutter *c)
{
    enum stg_status status = STG_OK;
    if (c->names == NULL) {
        return STG_OK;
    }
    if (cut_is_implicit(c->recipe.cut)) {
        c->finishing = true;
        status = finish_implicit(c);
        c->finishing = false;
    }
    for (size_t i = 0; i < c->n_threads; i++) {
        c->counts.n_unfinished += c->threads[i].call != CUT_NAME_NONE;
        for (const struct cut_open *open = c->threads[i].opens; open != NULL; open = open->next_of_thread) {
            c->counts.n_open += open->log != NULL;
        }
    }
    c->counts.n_open += c->given != NULL && c->given->log != NULL;
    c->names = c->comms = NULL;
    cut_threads_reset(c);
    return status;
}
