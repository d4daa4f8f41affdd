#include "cli/behaviour_objects.h"

#include "cli/behaviour_spans.h"

#include "base/interrupt.h"
#include "base/majority.h"
#include "base/memory.h"
#include "event/syscalls.h"
#include "explain/files_apart.h"
#include "import/import.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* MOST_EVENTS: for what stands anywhere in a trace; MOST_READ: to come to the sequences that are shown. */
enum { MOST_EVENTS = 100000, MOST_READ = 1000000, MOST_PENDING = 4096 };

/* Of calls in the time of the sequence that is shown, and of all that were read: those of other sequences may be about
 * something else. */
struct object_votes {
    struct votes {
        uint32_t of_kind[STG_N_FD_KINDS];
        struct stg_majority path;
    } near, all;
};

struct behaviour_votes {
    struct object_votes more[STG_BEHAVIOUR_CHANGES], surprises[STG_BEHAVIOUR_SURPRISES],
        expected[STG_BEHAVIOUR_SURPRISES], descriptors[STG_BEHAVIOUR_DESCRIPTORS];
};

/* The entry of a thread that has not returned, by the thread's number; another thread's may take its place, and it is
 * not found then. */
struct pending {
    int32_t tid;
    uint16_t call;
    struct stg_event entry;
};

struct reading {
    struct stg_behaviours *b;
    const struct stg_model *model;
    const struct stg_group *group; /* the input is its i_input-th */
    size_t i_input;
    struct stg_source *source;
    size_t input; /* the same among those of b */
    size_t n_read;
    uint8_t *counted;              /* calls of b->names; owned */
    struct behaviour_votes *votes; /* (b->n) owned */
    struct object_votes *unseen;   /* (b->n_unseen) owned */
    struct pending *pending;       /* (MOST_PENDING) owned */
    struct stg_spans spans;
    struct stg_files_apart files; /* of the calls that are more than usual */
};

static uint16_t id_of(const struct stg_strings *names, const struct stg_strings *own, uint32_t id)
{
    const char *text = id == STG_NAME_NONE ? "" : stg_strings_get(own, id);
    const uint32_t found = stg_strings_find(names, text, strlen(text));
    return found == STG_STRINGS_NONE || found > UINT16_MAX ? (uint16_t)STG_TOKEN_UNKNOWN : (uint16_t)found;
}

static struct stg_span span_of(const struct reading *r, size_t index)
{
    return stg_span_of(r->model, r->group, r->i_input, index);
}

static void vote_once(struct votes *v, const struct stg_event *e)
{
    if ((e->has & STG_HAS_FD) != 0 && e->fd_kind != STG_FD_OTHER && e->fd_kind < STG_FD_BAD) {
        v->of_kind[e->fd_kind]++;
    }
    if ((e->has & STG_HAS_PATH) != 0) {
        stg_majority_vote(&v->path, e->path, 1);
    }
}

static void vote(struct object_votes *v, const struct stg_span *w, const struct reading *r, const struct stg_event *e)
{
    if (stg_span_has(w, e)) {
        vote_once(&v->near, e);
    }
    if (r->n_read < MOST_EVENTS) {
        vote_once(&v->all, e);
    }
}

static uint32_t slot_of(const struct reading *r, const struct stg_behaviour *x, size_t i)
{
    return (uint32_t)((size_t)(x - r->b->items) * STG_BEHAVIOUR_CHANGES + i);
}

/* A call of the i-th kind of which x has more: whose file it was given, of x's sequences or of known ones. */
static enum stg_status note_file(struct reading *r, const struct stg_behaviour *x, size_t i, const struct stg_event *e)
{
    uint64_t members;
    if ((e->has & STG_HAS_PATH) == 0 || r->source->paths == NULL ||
        !stg_spans_find(&r->spans, (size_t)(x - r->b->items), e, &members)) {
        return STG_OK;
    }
    return stg_files_apart_add(&r->files, slot_of(r, x, i), r->source->paths, e->path, members);
}

static enum stg_status vote_on_entry(struct behaviour_votes *v, const struct stg_behaviour *x, const struct stg_span *w,
                                     struct reading *r, const struct stg_event *e, uint16_t call, uint16_t proc)
{
    const int at = stg_syscall_descriptor_index(stg_strings_get(r->source->names, e->name));
    for (size_t i = 0; i < x->n_more; i++) {
        const struct stg_kind_of_call *kind = &x->more[i].kind;
        if (kind->call == call && kind->proc == proc && kind->phase == 0) {
            vote(&v->more[i], w, r, e);
            STG_RETURN_IF_FAILED(note_file(r, x, i, e));
        }
    }
    for (size_t i = 0; i < x->n_descriptors && at >= 0 && at < e->n_args; i++) {
        if (x->descriptors[i].proc == proc && x->descriptors[i].number == (int32_t)e->args[at]) {
            vote(&v->descriptors[i], w, r, e);
        }
    }
    return STG_OK;
}

/* A result is about what its call was given. Of a kind of surprising result there are expected ones, too: only those
 * that are as the representative's most surprising one count, and apart from them those that are what was expected in
 * its place. */
static enum stg_status vote_on_exit(struct behaviour_votes *v, const struct stg_behaviour *x, const struct stg_span *w,
                                    struct reading *r, const struct stg_kind_of_call *kind, int64_t ret,
                                    const struct stg_event *entry)
{
    for (size_t i = 0; i < x->n_more; i++) {
        if (x->more[i].kind.phase == STG_PHASE_EXIT && stg_usual_key(kind) == stg_usual_key(&x->more[i].kind)) {
            vote(&v->more[i], w, r, entry);
            STG_RETURN_IF_FAILED(note_file(r, x, i, entry));
        }
    }
    for (size_t i = 0; i < x->n_surprises; i++) {
        const struct stg_behaviour_surprise *s = &x->surprises[i];
        if (stg_usual_key(kind) == stg_usual_key(&s->kind) && ret == s->ret) {
            vote(&v->surprises[i], w, r, entry);
        } else if (kind->call == s->kind.call && kind->proc == s->kind.proc && s->expected >= STG_TOKEN_SPECIALS &&
                   s->expected != STG_TOKEN_MASK &&
                   stg_symbols_find(r->model->symbols, kind->call, STG_PHASE_EXIT, ret) == s->expected) {
            vote(&v->expected[i], w, r, entry);
        }
    }
    return STG_OK;
}

static void vote_on_unseen(struct reading *r, const struct stg_event *e, uint16_t call, uint16_t proc)
{
    for (size_t i = 0; i < r->b->n_unseen; i++) {
        const struct stg_behaviour_unseen *u = &r->b->unseen[i];
        if (u->call == call && u->proc == proc && u->input == r->input) {
            const struct stg_span w = span_of(r, u->index);
            vote(&r->unseen[i], &w, r, e);
        }
    }
}

/* The name that comes with a call's exit, as it was not in memory before: a vote for it, as the entry's was without. */
static enum stg_status look_at_late_name(struct reading *r, struct stg_event *entry, const struct stg_event *e,
                                         uint16_t call, uint16_t proc)
{
    entry->path = e->path;
    entry->has |= STG_HAS_PATH;
    struct stg_event name = *entry;
    name.has &= (uint16_t)~STG_HAS_FD;
    for (size_t i = 0; i < r->b->n; i++) {
        const struct stg_behaviour *x = &r->b->items[i];
        if (x->input == r->input) {
            const struct stg_span w = span_of(r, x->index);
            STG_RETURN_IF_FAILED(vote_on_entry(&r->votes[i], x, &w, r, &name, call, proc));
        }
    }
    vote_on_unseen(r, &name, call, proc);
    return STG_OK;
}

static enum stg_status look_at(struct reading *r, const struct stg_event *e)
{
    if (e->kind != STG_EVENT_ENTRY && e->kind != STG_EVENT_EXIT) {
        return STG_OK;
    }
    stg_spans_advance(&r->spans, e);
    const uint16_t call = id_of(r->b->names.calls, r->source->names, e->name),
                   proc = id_of(r->b->names.procs, r->source->comms,
                                (e->has & STG_HAS_COMM) != 0 ? e->comm : STG_NAME_NONE);
    struct pending *p = &r->pending[(uint32_t)e->tid % MOST_PENDING];
    struct stg_kind_of_call kind;
    const bool ends = p->tid == e->tid && p->call == call && e->kind == STG_EVENT_EXIT,
               whole = ends && (e->has & STG_HAS_RET) != 0;
    (void)stg_usual_kind(&kind, call, proc, STG_PHASE_EXIT, e->ret, r->counted[call] != 0);
    if (ends && (e->has & ~p->entry.has & STG_HAS_PATH) != 0) {
        STG_RETURN_IF_FAILED(look_at_late_name(r, &p->entry, e, call, proc));
    }
    for (size_t i = 0; i < r->b->n; i++) {
        const struct stg_behaviour *x = &r->b->items[i];
        if (x->input != r->input) {
            continue;
        }
        const struct stg_span w = span_of(r, x->index);
        if (e->kind == STG_EVENT_ENTRY) {
            STG_RETURN_IF_FAILED(vote_on_entry(&r->votes[i], x, &w, r, e, call, proc));
        } else if (whole) {
            STG_RETURN_IF_FAILED(vote_on_exit(&r->votes[i], x, &w, r, &kind, e->ret, &p->entry));
        }
    }
    if (e->kind == STG_EVENT_ENTRY) {
        vote_on_unseen(r, e, call, proc);
        *p = (struct pending){e->tid, call, *e};
    }
    return STG_OK;
}

static bool is_voted(const struct votes *v)
{
    bool any = v->path.lead > 0;
    for (unsigned k = 0; k < STG_N_FD_KINDS; k++) {
        any |= v->of_kind[k] > 0;
    }
    return any;
}

/* The end of a long path tells more than its beginning. */
static void put_path(struct stg_behaviour_object *out, const char *path)
{
    const size_t len = strlen(path);
    const bool fits = len < sizeof out->path;
    const char *end =
        fits ? path
             : strchr(path + len - sizeof out->path + 8, '/'); /* whole components, so that no character is cut */
    snprintf(out->path, sizeof out->path, "%s%s", fits ? "" : "…", end == NULL ? "" : end);
}

static void take(struct stg_behaviour_object *out, const struct object_votes *of, const struct stg_strings *paths)
{
    const struct votes *v = is_voted(&of->near) ? &of->near : &of->all;
    memcpy(out->of_kind, v->of_kind, sizeof out->of_kind);
    out->fd_kind = STG_FD_OTHER;
    for (unsigned k = 0; k < STG_N_FD_KINDS; k++) {
        out->fd_kind = v->of_kind[k] > v->of_kind[out->fd_kind] ? (uint8_t)k : out->fd_kind;
    }
    if (v->path.lead > 0 && paths != NULL) {
        put_path(out, stg_strings_get(paths, v->path.candidate));
    }
}

/* Of calls that come more often than usual, the file of those that usual sequences do not make. */
static void take_file(struct reading *r, struct stg_behaviour *x, size_t i)
{
    uint32_t path;
    if (stg_files_apart_find(&r->files, slot_of(r, x, i), r->spans.n_members[x - r->b->items], r->spans.n_known,
                             &path)) {
        put_path(&x->more[i].object, stg_strings_get(r->source->paths, path));
    }
}

static void take_all(struct reading *r)
{
    const struct stg_strings *paths = r->source->paths;
    for (size_t i = 0; i < r->b->n; i++) {
        struct stg_behaviour *x = &r->b->items[i];
        const struct behaviour_votes *v = &r->votes[i];
        for (size_t k = 0; k < x->n_more && x->input == r->input; k++) {
            take(&x->more[k].object, &v->more[k], paths);
            take_file(r, x, k);
        }
        for (size_t k = 0; k < x->n_surprises && x->input == r->input; k++) {
            take(&x->surprises[k].object, &v->surprises[k], paths);
            take(&x->surprises[k].expected_object, &v->expected[k], paths);
        }
        for (size_t k = 0; k < x->n_descriptors && x->input == r->input; k++) {
            take(&x->descriptors[k].object, &v->descriptors[k], paths);
        }
    }
    for (size_t i = 0; i < r->b->n_unseen; i++) {
        if (r->b->unseen[i].input == r->input) {
            take(&r->b->unseen[i].object, &r->unseen[i], paths);
        }
    }
}

/* When the last of the sequences that are shown ends; INT64_MIN: none is known. */
static int64_t last_end(const struct reading *r)
{
    int64_t last = INT64_MIN;
    for (size_t i = 0; i < r->b->n + r->b->n_unseen && r->group->scores != NULL; i++) {
        const bool is_item = i < r->b->n;
        const struct stg_behaviour_unseen *u = is_item ? NULL : &r->b->unseen[i - r->b->n];
        if ((is_item ? r->b->items[i].input : u->input) == r->input) {
            const struct stg_span w = span_of(r, is_item ? r->b->items[i].index : u->index);
            last = w.end > last ? w.end : last;
        }
    }
    return last;
}

static enum stg_status read_events(struct reading *r)
{
    const int64_t until = last_end(r);
    const struct stg_event *events = NULL;
    size_t n = 0;
    bool more = true;
    STG_RETURN_IF_FAILED(stg_source_next(r->source, &events, &n));
    while (n > 0 && more) {
        STG_RETURN_IF_FAILED(stg_interrupt_check());
        for (size_t i = 0; i < n; i++, r->n_read++) {
            STG_RETURN_IF_FAILED(look_at(r, &events[i]));
        }
        more = r->n_read < MOST_EVENTS || (r->n_read < MOST_READ && (int64_t)events[n - 1].ts_ns <= until);
        STG_RETURN_IF_FAILED(stg_source_next(r->source, &events, &n));
    }
    return STG_OK;
}

static enum stg_status read_trace(struct stg_behaviours *b, const struct stg_model *m, const struct stg_group *group,
                                  size_t i_input, size_t input)
{
    enum stg_status status = STG_OK;
    struct reading r = {.b = b, .model = m, .group = group, .i_input = i_input, .input = input};
    STG_TRY(stg_import_open(&r.source, group->inputs[i_input].path, NULL));
    STG_TRY(stg_usual_counted(&r.counted, &b->names));
    STG_TRY(stg_mem_zeroed(&r.votes, b->n, sizeof *r.votes));
    STG_TRY(stg_mem_zeroed(&r.unseen, b->n_unseen, sizeof *r.unseen));
    STG_TRY(stg_mem_zeroed(&r.pending, MOST_PENDING, sizeof *r.pending));
    STG_TRY(stg_spans_init(&r.spans, b, m, group, i_input, input));
    STG_TRY(read_events(&r));
    take_all(&r);
out:
    stg_source_close(r.source);
    stg_mem_free(r.counted);
    stg_mem_free(r.votes);
    stg_mem_free(r.unseen);
    stg_mem_free(r.pending);
    stg_spans_fini(&r.spans);
    stg_files_apart_fini(&r.files);
    return status;
}

static bool is_wanted(const struct stg_behaviours *b, size_t input)
{
    for (size_t i = 0; i < b->n; i++) {
        if (b->items[i].input == input) {
            return true;
        }
    }
    for (size_t i = 0; i < b->n_unseen; i++) {
        if (b->unseen[i].input == input) {
            return true;
        }
    }
    return false;
}

enum stg_status stg_behaviour_objects(struct stg_behaviours *b, const struct stg_groups *groups,
                                      const struct stg_model *m)
{
    size_t input = 0;
    for (size_t i = 0; i < groups->n; i++) {
        for (size_t k = 0; k < groups->groups[i].n_inputs; k++, input++) {
            const struct stg_input *in = &groups->groups[i].inputs[k];
            struct stat info;
            if (in->is_trace && is_wanted(b, input) && stat(in->path, &info) == 0 &&
                (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))) {
                STG_RETURN_IF_FAILED(read_trace(b, m, &groups->groups[i], k, input));
            }
        }
    }
    return STG_OK;
}
