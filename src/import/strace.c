/* strace import: the text of `strace -f -ttt -T`, to a terminal ("[pid N] " in front) or with -o ("N " in front).
 *
 *     [pid 12] 1700000000.000100 read(3, "x", 1) = 1 <0.000020>         an entry, and an exit 20 µs later
 *     [pid 12] 1700000000.000200 poll([{fd=3}], 1, 5 <unfinished ...>   an entry
 *     [pid 12] 1700000000.000900 <... poll resumed>) = 0 (Timeout) <0.000690>
 *
 * A line is printed when its call ends, or when another thread's line must come between; exits are therefore put into a
 * heap and leave it in time order, together with the entries. Times: -ttt, or -tt with midnight unwrapped; without
 * either (or with -t and -r, which are too coarse or relative) events carry no time and their order is that of the
 * lines. */
#include "base/memory.h"
#include "event/syscalls.h"
#include "import/import.h"
#include "import/strace_line.h"
#include "import/text.h"

#include <string.h>

#define HEAP_MAX    8192               /* events that wait for their time */
#define HOLD_NS     UINT64_C(10000000) /* how late, after its exit, a call's line may be printed */
#define THREADS_MAX 65536              /* threads whose open calls are known */
#define SEARCH_MAX  1024               /* threads among which that of a line without prefix is looked for */
#define CLONING_MAX 16                 /* calls under way that make threads */
#define ROOT_LINES  1000000            /* lines within which the first thread's id is looked for */
#define ROOT_OTHERS 64                 /* threads that may show before it does */

/* What is known of a thread. */
struct thread {
    int32_t tid; /* 0: no prefix */
    bool used, open, gone;
    bool entry_timed;
    uint32_t name;              /* of the open call */
    uint32_t comm;              /* the thread's name, STG_NAME_NONE while unknown */
    uint32_t next_comm;         /* when the open call succeeds; STG_NAME_NONE: the same */
    uint32_t entry_era;         /* of the open call's beginning */
    uint64_t entry_ns, exit_ns; /* of the open call; of the last exit */
};

struct waiting {
    struct stg_event event;
    uint64_t serial; /* equal times keep the order of the lines */
    uint32_t era;
};

struct strace {
    struct stg_text text;
    enum strace_time time; /* of the first call's line; other lines than such are not events */
    bool any, at_end;
    struct stg_daytime daytime;
    uint64_t now_ns;              /* time of the last line */
    uint32_t era;                 /* how often the clock was set back: times of two eras have no order */
    int32_t bare_tid;             /* thread of the lines without a prefix, 0 while unknown */
    bool bare_searched;           /* it was looked for since the last line with one */
    int32_t cloning[CLONING_MAX]; /* threads that are in a call that makes threads, oldest first */
    size_t n_cloning;             /* CLONING_MAX + 1: more than are known */
    bool broken;                  /* the next line may go on with the call of broken_tid */
    int32_t broken_tid;
    struct waiting *heap; /* (HEAP_MAX) */
    size_t n_heap;
    uint64_t n_serial;
    struct thread *threads; /* (cap_threads) open addressing */
    size_t n_threads, cap_threads;
};

/* --- Threads --- */

static size_t slot_of(const struct strace *s, int32_t tid)
{
    size_t i = ((size_t)(uint32_t)tid * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (s->cap_threads - 1);
    while (s->threads[i].used && s->threads[i].tid != tid) {
        i = (i + 1) & (s->cap_threads - 1);
    }
    return i;
}

static enum stg_status grow_threads(struct strace *s)
{
    struct thread *old = s->threads;
    const size_t n_old = s->cap_threads;
    struct thread *bigger = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&bigger, n_old * 2, sizeof *bigger));
    s->threads = bigger;
    s->cap_threads = n_old * 2;
    for (size_t i = 0; i < n_old; i++) {
        if (old[i].used) {
            s->threads[slot_of(s, old[i].tid)] = old[i];
        }
    }
    stg_mem_free(old);
    return STG_OK;
}

/* --- Names: strace tells them with -Y only, but it shows the calls that give and hand them on --- */

/* The name of a thread that shows for the first time: that of its maker, when there can be one name only. */
static uint32_t inherited(const struct strace *s)
{
    uint32_t comm = STG_NAME_NONE;
    for (size_t i = 0; i < s->n_cloning && s->n_cloning <= CLONING_MAX; i++) {
        const struct thread *maker = &s->threads[slot_of(s, s->cloning[i])];
        if (!maker->used || maker->comm == STG_NAME_NONE || (i > 0 && maker->comm != comm)) {
            return STG_NAME_NONE;
        }
        comm = maker->comm;
    }
    return s->n_cloning <= CLONING_MAX ? comm : STG_NAME_NONE;
}

static void cloning_put(struct strace *s, int32_t tid)
{
    if (s->n_cloning < CLONING_MAX) {
        s->cloning[s->n_cloning] = tid;
    }
    s->n_cloning = s->n_cloning <= CLONING_MAX ? s->n_cloning + 1 : s->n_cloning;
}

static void cloning_take(struct strace *s, int32_t tid)
{
    for (size_t i = 0; i < s->n_cloning && s->n_cloning <= CLONING_MAX; i++) {
        if (s->cloning[i] == tid) {
            memmove(&s->cloning[i], &s->cloning[i + 1], (s->n_cloning - i - 1) * sizeof s->cloning[0]);
            s->n_cloning--;
            return;
        }
    }
}

/* *out stays valid until the next call. */
static enum stg_status thread_of(struct strace *s, int32_t tid, struct thread **out)
{
    size_t i = slot_of(s, tid);
    if (!s->threads[i].used) {
        if (s->n_threads == THREADS_MAX) {
            /* Thread ids come round again: what is open here has long ended. */
            memset(s->threads, 0, s->cap_threads * sizeof *s->threads);
            s->n_threads = 0;
        } else if (s->n_threads >= s->cap_threads / 2) {
            STG_RETURN_IF_FAILED(grow_threads(s));
        }
        i = slot_of(s, tid);
        s->threads[i] = (struct thread){.tid = tid, .used = true, .comm = STG_NAME_NONE, .next_comm = STG_NAME_NONE};
        s->threads[i].comm = inherited(s);
        s->n_threads++;
    }
    *out = &s->threads[i];
    return STG_OK;
}

/* The only thread that is not gone or, with a name, whose open call has it; 0 when there is none or more than one. */
static int32_t find_only(const struct strace *s, bool open, uint32_t name)
{
    int32_t found = 0;
    for (size_t i = 0; i < s->cap_threads && s->n_threads <= SEARCH_MAX; i++) {
        const struct thread *t = &s->threads[i];
        const bool fits = open ? t->open && t->name == name : !t->gone;
        if (t->used && fits && t->tid != 0) {
            if (found != 0) {
                return 0;
            }
            found = t->tid;
        }
    }
    return found;
}

/* When all threads but one are gone, strace leaves out the prefix. That thread is the only one left or, where ends were
 * not seen, the only one whose open call has the name that is resumed. */
static int32_t find_bare(const struct strace *s, const struct strace_line *l)
{
    const uint32_t name = stg_strings_find(s->text.source.names, l->name, l->name_len);
    return find_only(s, l->what == STRACE_RESUMED, name);
}

/* --- The heap, by time and then by arrival --- */

static bool before(const struct waiting *a, const struct waiting *b)
{
    if (a->era != b->era) {
        return a->era < b->era;
    }
    return a->event.ts_ns != b->event.ts_ns ? a->event.ts_ns < b->event.ts_ns : a->serial < b->serial;
}

static void heap_push(struct strace *s, const struct stg_event *event)
{
    const struct waiting item = {*event, s->n_serial++, s->era};
    size_t i = s->n_heap++;
    while (i > 0 && before(&item, &s->heap[(i - 1) / 2])) {
        s->heap[i] = s->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->heap[i] = item;
}

static struct stg_event heap_pop(struct strace *s)
{
    const struct stg_event top = s->heap[0].event;
    const struct waiting last = s->heap[--s->n_heap];
    size_t i = 0;
    for (size_t child = 1; child < s->n_heap; child = 2 * i + 1) {
        if (child + 1 < s->n_heap && before(&s->heap[child + 1], &s->heap[child])) {
            child++;
        }
        if (!before(&s->heap[child], &last)) {
            break;
        }
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = last;
    return top;
}

/* Puts what is due; leaves room for one line's two events. */
static enum stg_status drain(struct strace *s)
{
    const bool timed = s->time != STRACE_TIME_NONE;
    for (size_t i = 0; i < STG_TEXT_STEP && s->n_heap > 0; i++) {
        const uint64_t due = s->heap[0].event.ts_ns;
        const bool ripe =
            !timed || s->at_end || s->heap[0].era != s->era || due + HOLD_NS <= s->now_ns || due > s->now_ns + HOLD_NS;
        if (!ripe && s->n_heap + 2 <= HEAP_MAX) {
            break;
        }
        const struct stg_event event = heap_pop(s);
        struct stg_event *e = stg_text_put(&s->text, (enum stg_event_kind)event.kind, 0);
        if (e == NULL) {
            return stg_fail(STG_ERR_INTERNAL, "strace: a step gave too many events");
        }
        *e = event;
    }
    return STG_OK;
}

/* --- Lines --- */

static struct stg_event event_of(const struct strace *s, enum stg_event_kind kind, const struct thread *t)
{
    struct stg_event e = {.kind = (uint8_t)kind, .name = t->name, .comm = t->comm, .tid = t->tid};
    e.has = (uint16_t)((t->tid > 0 ? STG_HAS_TID : 0) | (t->comm != STG_NAME_NONE ? STG_HAS_COMM : 0));
    e.ts_ns = s->time == STRACE_TIME_NONE ? s->n_serial : s->now_ns;
    return e;
}

/* The file that the call is given by its name, or by a descriptor of which strace tells it. */
static enum stg_status name_file(struct strace *s, const struct strace_line *l, struct stg_event *e)
{
    char path[STRACE_PATH_SIZE];
    size_t len = 0;
    struct stg_text_places places;
    STG_RETURN_IF_FAILED(stg_text_places(&s->text, e->name, &places));
    const bool named = places.path >= 0 ? strace_line_path(l, places.path, path, &len)
                                        : strace_line_descriptor_path(l, places.descriptor, path, &len);
    return named ? stg_text_path(&s->text, path, len, e) : STG_OK;
}

static enum stg_status push_entry(struct strace *s, const struct strace_line *l, struct thread *t)
{
    struct stg_event e = event_of(s, STG_EVENT_ENTRY, t);
    if (s->time != STRACE_TIME_NONE) {
        e.has |= STG_HAS_TIME;
        /* Time and duration are rounded apart: keep an entry behind its thread's last exit. */
        if (t->exit_ns > e.ts_ns && t->exit_ns - e.ts_ns < HOLD_NS) {
            e.ts_ns = t->exit_ns;
        }
    }
    e.n_args = l->n_args;
    memcpy(e.args, l->args, sizeof e.args);
    t->entry_ns = e.ts_ns;
    t->entry_era = s->era;
    t->entry_timed = s->time != STRACE_TIME_NONE;
    STG_RETURN_IF_FAILED(name_file(s, l, &e));
    heap_push(s, &e);
    return STG_OK;
}

static void push_exit(struct strace *s, const struct strace_line *l, struct thread *t)
{
    struct stg_event e = event_of(s, STG_EVENT_EXIT, t);
    const bool resumed = l->what == STRACE_RESUMED;
    if (s->time != STRACE_TIME_NONE && l->has_duration && t->entry_timed && t->entry_era == s->era) {
        e.ts_ns = t->entry_ns + l->duration_ns;
        e.has |= STG_HAS_TIME;
    } else if (s->time != STRACE_TIME_NONE && resumed) {
        e.has |= STG_HAS_TIME; /* the time of the line is when the call ended */
    } else if (s->time != STRACE_TIME_NONE) {
        e.ts_ns = t->entry_ns; /* without -T nobody knows; the time is marked absent */
    }
    e.ret = l->ret;
    e.has |= l->ret_class ? STG_HAS_CLASS : l->has_ret ? STG_HAS_RET : 0;
    t->exit_ns = e.ts_ns;
    heap_push(s, &e);
}

/* A call begins: the name that it will give. */
static enum stg_status note_begin(struct strace *s, const struct strace_line *l, struct thread *t)
{
    size_t len = 0;
    const char *comm = strace_line_comm(l, &len);
    t->next_comm = STG_NAME_NONE;
    if (strace_line_makes_thread(l) && l->what != STRACE_CALL) {
        cloning_put(s, t->tid);
    }
    return comm == NULL ? STG_OK : stg_text_comm(&s->text, comm, len, &t->next_comm);
}

/* A call returns, before its exit is put: a new name holds from here on, and a new thread has its maker's. */
static enum stg_status note_end(struct strace *s, const struct strace_line *l, struct thread **t)
{
    const bool good = l->has_ret && l->ret >= 0;
    if (good && (*t)->next_comm != STG_NAME_NONE) {
        (*t)->comm = (*t)->next_comm;
    }
    if (!strace_line_makes_thread(l)) {
        return STG_OK;
    }
    const int32_t tid = (*t)->tid;
    const uint32_t comm = (*t)->comm;
    struct thread *made = NULL;
    cloning_take(s, tid);
    if (!good || l->ret == 0 || l->ret > INT32_MAX || comm == STG_NAME_NONE) {
        return STG_OK;
    }
    const bool fresh = !s->threads[slot_of(s, (int32_t)l->ret)].used;
    STG_RETURN_IF_FAILED(thread_of(s, (int32_t)l->ret, &made));
    if (fresh || made->gone || made->comm == STG_NAME_NONE) {
        made->comm = comm;
    }
    return thread_of(s, tid, t);
}

/* The thread's number is no one's any more. What it does goes on, where it executes a program, under its process's
 * first thread's; without a prefix that is the only one left. */
static enum stg_status take_end(struct strace *s, const struct strace_end *end)
{
    struct thread *t = NULL;
    STG_RETURN_IF_FAILED(thread_of(s, end->gone, &t));
    const struct thread before = *t;
    t->open = false;
    t->gone = true;
    cloning_take(s, end->gone);
    if (!end->superseded || !before.open) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(thread_of(s, end->heir != 0 ? end->heir : find_only(s, false, 0), &t));
    t->name = before.name;
    t->next_comm = before.next_comm;
    t->entry_timed = before.entry_timed;
    t->entry_era = before.entry_era;
    t->entry_ns = before.entry_ns;
    t->open = true;
    return STG_OK;
}

static enum stg_status take_call(struct strace *s, const struct strace_line *l)
{
    struct thread *t = NULL;
    int32_t tid = l->tid;
    uint32_t name;
    STG_RETURN_IF_FAILED(stg_text_name(&s->text, l->name, l->name_len, &name));
    if (tid == 0) {
        if (!s->bare_searched) {
            s->bare_tid = find_bare(s, l);
            s->bare_searched = true;
        }
        tid = s->bare_tid;
    } else if (l->bracketed) {
        s->bare_searched = false; /* there are several threads again; whose the next bare line is shows then */
    }
    STG_RETURN_IF_FAILED(thread_of(s, tid, &t));
    t->comm = t->gone ? inherited(s) : t->comm; /* its id has come round again */
    if (l->comm != NULL) {
        STG_RETURN_IF_FAILED(stg_text_comm(&s->text, l->comm, l->comm_len, &t->comm));
    }
    if (l->what != STRACE_RESUMED) {
        t->name = name;
        t->entry_timed = false;
        STG_RETURN_IF_FAILED(note_begin(s, l, t));
        STG_RETURN_IF_FAILED(push_entry(s, l, t));
    } else if (!t->open || t->name != name) {
        t->name = name; /* its beginning lies before the recording */
        t->entry_timed = false;
        t->next_comm = STG_NAME_NONE;
    }
    t->open = l->what == STRACE_UNFINISHED || l->what == STRACE_BROKEN;
    t->gone = false;
    s->broken = l->what == STRACE_BROKEN;
    s->broken_tid = tid;
    if (l->has_exit) {
        STG_RETURN_IF_FAILED(note_end(s, l, &t));
        push_exit(s, l, t);
    }
    const struct strace_end end = {.gone = tid, .superseded = true, .heir = l->heir};
    return l->heir == 0 || l->heir == tid ? STG_OK : take_end(s, &end);
}

/* A line that is too late for its place is one of a clock that was set back: what waits comes before it. */
static void set_time(struct strace *s, const struct strace_line *l)
{
    const uint64_t ns = s->time == STRACE_TIME_DAY ? stg_daytime_unwrap(&s->daytime, l->ts_ns) : l->ts_ns;
    s->era += ns + HOLD_NS < s->now_ns ? 1 : 0;
    s->now_ns = ns;
}

/* A line that is no call: the rest of a broken one, a thread's end, or nothing that matters. */
static enum stg_status take_other(struct strace *s, const char *line, size_t len)
{
    struct strace_line l;
    struct strace_end end;
    struct thread *t = NULL;
    if (s->broken) {
        s->broken = false;
        STG_RETURN_IF_FAILED(thread_of(s, s->broken_tid, &t));
        if (t->open && strace_line_continue(&l, line, len)) {
            t->open = false;
            l.name = stg_strings_get(s->text.source.names, t->name);
            l.name_len = strlen(l.name);
            if (l.has_exit) {
                STG_RETURN_IF_FAILED(note_end(s, &l, &t));
                push_exit(s, &l, t);
            }
            return STG_OK;
        }
    }
    if (strace_line_known(&end, line, len) && end.gone != 0) {
        STG_RETURN_IF_FAILED(take_end(s, &end));
    }
    s->text.n_skipped += len > 0 ? 1 : 0;
    return STG_OK;
}

static enum stg_status take_line(struct strace *s, const char *line, size_t len)
{
    struct strace_line l;
    if (!strace_line_read(&l, line, len)) {
        return take_other(s, line, len);
    }
    if (!s->any) {
        s->any = true;
        s->time = l.time;
        s->text.has_clock = l.time == STRACE_TIME_EPOCH;
    }
    if (l.time != s->time) {
        s->text.n_skipped++;
        return STG_OK;
    }
    set_time(s, &l);
    return take_call(s, &l);
}

static enum stg_status step(struct stg_text *t)
{
    struct strace *s = (struct strace *)t;
    const char *line;
    size_t len;
    const size_t n = t->n;
    STG_RETURN_IF_FAILED(drain(s));
    if (t->n > n) {
        return STG_OK;
    }
    if (s->at_end) {
        t->ended = true;
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_lines_next(t->lines, &line, &len));
    if (line == NULL) {
        s->at_end = true;
        return stg_text_check_known(t, s->any, "system call as strace prints it");
    }
    return take_line(s, line, len);
}

/* --- The source --- */

/* What is known, line by line, of the first thread. */
struct root {
    /* Threads that it is not: announced, made by a call, or not in the call that it is in. */
    int32_t others[ROOT_OTHERS];
    size_t n_others;
    char open[STG_TEXT_MAX_NAME_LEN]; /* the call that the last line without a prefix left open; n_open 0: none */
    size_t n_open;
    bool broken;    /* the next line may end it */
    bool any;       /* there was a call without a prefix */
    bool bracketed; /* there was a line with one */
    bool over;      /* there is no call without before the first one with */
};

static bool is_other(const struct root *r, int32_t tid)
{
    for (size_t i = 0; i < r->n_others; i++) {
        if (r->others[i] == tid) {
            return true;
        }
    }
    return false;
}

static void note_other(struct root *r, int32_t tid)
{
    if (tid != 0 && r->n_others < ROOT_OTHERS && !is_other(r, tid)) {
        r->others[r->n_others++] = tid;
    }
}

/* A call, or a part of one, without a prefix: the first thread's. */
static void note_bare(struct root *r, const struct strace_line *l)
{
    const bool open = l->what == STRACE_UNFINISHED || l->what == STRACE_BROKEN;
    r->any = true;
    r->broken = l->what == STRACE_BROKEN;
    r->n_open = open && l->name_len <= sizeof r->open ? l->name_len : 0;
    memcpy(r->open, l->name, r->n_open);
}

/* The first thread's number, where the line tells it, or 0. */
static int32_t root_of(struct root *r, const char *line, size_t len)
{
    struct strace_line l;
    const int32_t tid = strace_line_bracketed(line, len);
    const int32_t attached = r->n_others == 1 && !r->any && !r->bracketed ? r->others[0] : 0;
    note_other(r, strace_line_attached(line, len));
    if (r->broken && strace_line_continue(&l, line, len)) {
        r->n_open = 0;
    }
    r->broken = false;
    const bool call = strace_line_read(&l, line, len);
    if (call && strace_line_makes_thread(&l) && l.has_exit && l.ret > 0 && l.ret <= INT32_MAX) {
        note_other(r, (int32_t)l.ret);
    }
    if (call && l.tid == 0) {
        note_bare(r, &l);
        if (attached != 0) {
            return attached;
        }
    }
    r->bracketed = r->bracketed || tid != 0;
    r->over = call && l.tid != 0 && !r->any;
    const bool resumes =
        call && l.what == STRACE_RESUMED && l.name_len == r->n_open && memcmp(l.name, r->open, r->n_open) == 0;
    if (r->n_open > 0 && !resumes) {
        note_other(r, tid);
    }
    return is_other(r, tid) || (r->n_others == 0 && !resumes) ? 0 : tid;
}

/* The first thread's lines have no prefix until there is a second thread. Its id is the first "[pid N]" of a thread
 * that can be it: one that nobody made meanwhile, and that goes on with the call that those lines left open. Of a
 * thread that strace was attached to (-p), it is announced. */
static enum stg_status find_root(struct strace *s)
{
    enum stg_status status;
    struct stg_lines *lines = NULL;
    struct root root = {.n_others = 0};
    STG_TRY(stg_lines_open(&lines, s->text.path, STG_TEXT_LINE_MAX));
    for (size_t n = 0; n < ROOT_LINES && root.n_others < ROOT_OTHERS && !root.over && s->bare_tid == 0; n++) {
        const char *line;
        size_t len;
        STG_TRY(stg_lines_next(lines, &line, &len));
        if (line == NULL) {
            break;
        }
        s->bare_tid = root_of(&root, line, len);
    }
    s->bare_searched = s->bare_tid != 0;
    status = STG_OK;
out:
    stg_lines_free(lines);
    return status;
}

static bool matches(const char *line, size_t len)
{
    struct strace_line l;
    struct strace_end end;
    return strace_line_read(&l, line, len) || strace_line_known(&end, line, len);
}

static int strace_probe(const char *path, const uint8_t *head, size_t n_head)
{
    (void)path;
    return stg_text_probe(head, n_head, matches);
}

static void strace_close(struct stg_source *source)
{
    struct strace *s = (struct strace *)source;
    stg_mem_free(s->heap);
    stg_mem_free(s->threads);
    stg_text_fini(&s->text);
    stg_mem_free(s);
}

static enum stg_status strace_open(struct stg_source **out, const char *path)
{
    enum stg_status status;
    struct strace *s = NULL;
    bool regular;
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s, 1, sizeof *s));
    STG_TRY(stg_text_init(&s->text, &stg_import_strace, path, step));
    STG_TRY(stg_text_keep_paths(&s->text));
    STG_TRY(stg_mem_zeroed(&s->heap, HEAP_MAX, sizeof *s->heap));
    s->cap_threads = 64;
    STG_TRY(stg_mem_zeroed(&s->threads, s->cap_threads, sizeof *s->threads));
    STG_TRY(stg_text_is_regular(path, &regular));
    if (regular) {
        STG_TRY(find_root(s));
    }
    STG_TRY(stg_lines_open(&s->text.lines, path, STG_TEXT_LINE_MAX));
    *out = &s->text.source;
    return STG_OK;
out:
    strace_close(&s->text.source);
    return status;
}

const struct stg_source_ops stg_import_strace = {
    .name = "strace",
    .summary = "text of strace -f -ttt -T",
    .probe = strace_probe,
    .open = strace_open,
    .next = stg_text_next,
    .info = stg_text_info,
    .close = strace_close,
};
