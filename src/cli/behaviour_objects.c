#include "cli/behaviour_objects.h"

#include "base/interrupt.h"
#include "base/majority.h"
#include "base/memory.h"
#include "event/syscalls.h"
#include "import/import.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_EVENTS = 100000, MOST_PENDING = 4096 };

struct object_votes {
    struct stg_majority fd_kind, path;
};

struct behaviour_votes {
    struct object_votes more[STG_BEHAVIOUR_CHANGES], surprises[STG_BEHAVIOUR_SURPRISES], descriptors[STG_BEHAVIOUR_DESCRIPTORS];
};

/* The entry of a thread that has not returned, by the thread's number; another thread's may take its place, and it is not found then. */
struct pending {
    int32_t tid;
    uint16_t call;
    struct stg_event entry;
};

struct reading {
    struct stg_behaviours *b;
    struct stg_source *source;
    size_t input;
    uint8_t *counted;              /* calls of b->names; owned */
    struct behaviour_votes *votes; /* (b->n) owned */
    struct pending *pending;       /* (MOST_PENDING) owned */
};

static uint16_t id_of(const struct stg_strings *names, const struct stg_strings *own, uint32_t id)
{
    const char *text = id == STG_NAME_NONE ? "" : stg_strings_get(own, id);
    const uint32_t found = stg_strings_find(names, text, strlen(text));
    return found == STG_STRINGS_NONE || found > UINT16_MAX ? (uint16_t)STG_TOKEN_UNKNOWN : (uint16_t)found;
}

static void vote(struct object_votes *v, const struct stg_event *e)
{
    if ((e->has & STG_HAS_FD) != 0 && e->fd_kind != STG_FD_OTHER && e->fd_kind != STG_FD_BAD) {
        stg_majority_vote(&v->fd_kind, e->fd_kind, 1);
    }
    if ((e->has & STG_HAS_PATH) != 0) {
        stg_majority_vote(&v->path, e->path, 1);
    }
}

static void vote_on_entry(struct behaviour_votes *v, const struct stg_behaviour *x, const struct stg_event *e, const char *name, uint16_t call,
                          uint16_t proc)
{
    const int at = stg_syscall_descriptor_index(name);
    for (size_t i = 0; i < x->n_more; i++) {
        if (x->more[i].kind.call == call && x->more[i].kind.proc == proc) {
            vote(&v->more[i], e);
        }
    }
    for (size_t i = 0; i < x->n_descriptors && at >= 0 && at < e->n_args; i++) {
        if (x->descriptors[i].proc == proc && x->descriptors[i].number == (int32_t)e->args[at]) {
            vote(&v->descriptors[i], e);
        }
    }
}

/* A result is about what its call was given. Of a kind of result there are expected ones, too: only those that are as the representative's
 * most surprising one count. */
static void vote_on_exit(struct behaviour_votes *v, const struct stg_behaviour *x, const struct stg_kind_of_call *kind, int64_t ret,
                         const struct stg_event *entry)
{
    for (size_t i = 0; i < x->n_surprises; i++) {
        if (stg_usual_key(kind) == stg_usual_key(&x->surprises[i].kind) && ret == x->surprises[i].ret) {
            vote(&v->surprises[i], entry);
        }
    }
}

static void look_at(struct reading *r, const struct stg_event *e)
{
    if (e->kind != STG_EVENT_ENTRY && e->kind != STG_EVENT_EXIT) {
        return;
    }
    const uint16_t call = id_of(r->b->names.calls, r->source->names, e->name),
                   proc = id_of(r->b->names.procs, r->source->comms, (e->has & STG_HAS_COMM) != 0 ? e->comm : STG_NAME_NONE);
    struct pending *p = &r->pending[(uint32_t)e->tid % MOST_PENDING];
    struct stg_kind_of_call kind;
    const bool whole = p->tid == e->tid && p->call == call && e->kind == STG_EVENT_EXIT && (e->has & STG_HAS_RET) != 0;
    (void)stg_usual_kind(&kind, call, proc, STG_PHASE_EXIT, e->ret, r->counted[call] != 0);
    for (size_t i = 0; i < r->b->n; i++) {
        const struct stg_behaviour *x = &r->b->items[i];
        if (x->input == r->input && e->kind == STG_EVENT_ENTRY) {
            vote_on_entry(&r->votes[i], x, e, stg_strings_get(r->source->names, e->name), call, proc);
        } else if (x->input == r->input && whole) {
            vote_on_exit(&r->votes[i], x, &kind, e->ret, &p->entry);
        }
    }
    if (e->kind == STG_EVENT_ENTRY) {
        *p = (struct pending){e->tid, call, *e};
    }
}

/* The end of a long path tells more than its beginning. */
static void take(struct stg_behaviour_object *out, const struct object_votes *v, const struct stg_strings *paths)
{
    out->fd_kind = v->fd_kind.lead > 0 ? (uint8_t)v->fd_kind.candidate : (uint8_t)STG_FD_OTHER;
    if (v->path.lead > 0 && paths != NULL) {
        const char *path = stg_strings_get(paths, v->path.candidate);
        const size_t len = strlen(path);
        const bool fits = len < sizeof out->path;
        const char *end = fits ? path : strchr(path + len - sizeof out->path + 8, '/'); /* whole components, so that no character is cut */
        snprintf(out->path, sizeof out->path, "%s%s", fits ? "" : "…", end == NULL ? "" : end);
    }
}

static void take_all(struct reading *r)
{
    for (size_t i = 0; i < r->b->n; i++) {
        struct stg_behaviour *x = &r->b->items[i];
        const struct behaviour_votes *v = &r->votes[i];
        for (size_t k = 0; k < x->n_more && x->input == r->input; k++) {
            take(&x->more[k].object, &v->more[k], r->source->paths);
        }
        for (size_t k = 0; k < x->n_surprises && x->input == r->input; k++) {
            take(&x->surprises[k].object, &v->surprises[k], r->source->paths);
        }
        for (size_t k = 0; k < x->n_descriptors && x->input == r->input; k++) {
            take(&x->descriptors[k].object, &v->descriptors[k], r->source->paths);
        }
    }
}

static enum stg_status read_trace(struct stg_behaviours *b, size_t input, const char *path)
{
    enum stg_status status = STG_OK;
    struct reading r = {.b = b, .input = input};
    const struct stg_event *events = NULL;
    size_t n = 0, n_read = 0;
    STG_TRY(stg_import_open(&r.source, path, NULL));
    STG_TRY(stg_usual_counted(&r.counted, &b->names));
    STG_TRY(stg_mem_zeroed(&r.votes, b->n, sizeof *r.votes));
    STG_TRY(stg_mem_zeroed(&r.pending, MOST_PENDING, sizeof *r.pending));
    STG_TRY(stg_source_next(r.source, &events, &n));
    while (n > 0 && n_read < MOST_EVENTS) {
        STG_TRY(stg_interrupt_check());
        for (size_t i = 0; i < n; i++) {
            look_at(&r, &events[i]);
        }
        n_read += n;
        STG_TRY(stg_source_next(r.source, &events, &n));
    }
    take_all(&r);
out:
    stg_source_close(r.source);
    stg_mem_free(r.counted);
    stg_mem_free(r.votes);
    stg_mem_free(r.pending);
    return status;
}

static bool is_wanted(const struct stg_behaviours *b, size_t input)
{
    for (size_t i = 0; i < b->n; i++) {
        if (b->items[i].input == input) {
            return true;
        }
    }
    return false;
}

enum stg_status stg_behaviour_objects(struct stg_behaviours *b, const struct stg_groups *groups)
{
    size_t input = 0;
    for (size_t i = 0; i < groups->n; i++) {
        for (size_t k = 0; k < groups->groups[i].n_inputs; k++, input++) {
            const struct stg_input *in = &groups->groups[i].inputs[k];
            struct stat info;
            if (in->is_trace && is_wanted(b, input) && stat(in->path, &info) == 0 && (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))) {
                STG_RETURN_IF_FAILED(read_trace(b, input, in->path));
            }
        }
    }
    return STG_OK;
}
