#include "cli/behaviour_spans.h"

#include "base/memory.h"
#include "detect/novel.h"
#include "explain/files_apart.h"

#include <stdlib.h>
#include <string.h>

/* Room for a behaviour's sequences is left where there are many known ones at a time. */
enum { MOST_OPEN = 256, MOST_KNOWN = 192 };

/* What a sequence is: one of a behaviour, or one of these. */
enum { OF_KNOWN = UINT32_MAX, OF_NONE = UINT32_MAX - 1 };

struct stg_spans_one {
    struct stg_span span;
    uint32_t of;     /* behaviour; OF_* */
    uint32_t number; /* among those of the behaviour */
};

/* A request has calls of other threads, too; a thread's sequence and a process's have their own alone. */
struct stg_span stg_span_of(const struct stg_model *m, const struct stg_group *g, size_t i_input, size_t index)
{
    if (g->scores == NULL) {
        return (struct stg_span){.begin = 1, .end = 0};
    }
    const struct stg_score *s = &g->scores[g->offset[i_input] + index];
    return (struct stg_span){.begin = s->begin_ns,
                             .end = s->end_ns,
                             .tid = m->recipe.cut == STG_CUT_THREAD ? s->tid : 0,
                             .pid = s->tid == 0 ? s->pid : 0};
}

bool stg_span_has(const struct stg_span *s, const struct stg_event *e)
{
    return (e->has & STG_HAS_TIME) != 0 && (int64_t)e->ts_ns >= s->begin && (int64_t)e->ts_ns <= s->end &&
           (s->tid == 0 || (e->has & STG_HAS_TID) == 0 || e->tid == s->tid) &&
           (s->pid == 0 || (e->has & STG_HAS_PID) == 0 || e->pid == s->pid);
}

static int by_begin(const void *a_, const void *b_)
{
    const struct stg_spans_one *a = a_, *b = b_;
    return a->span.begin < b->span.begin ? -1 : a->span.begin > b->span.begin;
}

enum stg_status stg_spans_init(struct stg_spans *out, const struct stg_behaviours *b, const struct stg_model *m,
                               const struct stg_group *g, size_t i_input, size_t input)
{
    const size_t n = g->scores == NULL ? 0 : g->offset[i_input + 1] - g->offset[i_input];
    *out = (struct stg_spans){.first_end = INT64_MAX};
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->all, n, sizeof *out->all));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->open, MOST_OPEN, sizeof *out->open));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->n_members, b->n, sizeof *out->n_members));
    out->n = n;
    for (size_t i = 0; i < n; i++) {
        const bool novel = stg_is_novel(m, b->aggregate, &g->scores[g->offset[i_input] + i], b->alpha);
        out->all[i] = (struct stg_spans_one){stg_span_of(m, g, i_input, i), novel ? OF_NONE : OF_KNOWN, 0};
    }
    for (size_t i = 0; i < b->n_members; i++) {
        if (b->members[i].input == input && b->members[i].index < n && b->members[i].behaviour < b->n) {
            out->all[b->members[i].index].of = b->members[i].behaviour;
        }
    }
    if (n > 0) {
        qsort(out->all, n, sizeof *out->all, by_begin);
    }
    return STG_OK;
}

void stg_spans_fini(struct stg_spans *s)
{
    stg_mem_free(s->all);
    stg_mem_free(s->open);
    stg_mem_free(s->n_members);
    *s = (struct stg_spans){0};
}

static void begin(struct stg_spans *s, uint32_t i)
{
    struct stg_spans_one *one = &s->all[i];
    if (one->of == OF_NONE || s->n_open >= (one->of == OF_KNOWN ? MOST_KNOWN : MOST_OPEN)) {
        return;
    }
    if (one->of == OF_KNOWN) {
        s->n_known++;
    } else if (s->n_members[one->of] < STG_FILES_APART_MEMBERS) {
        one->number = (uint32_t)s->n_members[one->of]++;
    } else {
        return;
    }
    s->open[s->n_open++] = i;
    s->first_end = one->span.end < s->first_end ? one->span.end : s->first_end;
}

static void end_before(struct stg_spans *s, int64_t time)
{
    size_t kept = 0;
    if (s->first_end >= time) {
        return;
    }
    s->first_end = INT64_MAX;
    for (size_t i = 0; i < s->n_open; i++) {
        const int64_t end = s->all[s->open[i]].span.end;
        if (end >= time) {
            s->open[kept++] = s->open[i];
            s->first_end = end < s->first_end ? end : s->first_end;
        }
    }
    s->n_open = kept;
}

void stg_spans_advance(struct stg_spans *s, const struct stg_event *e)
{
    if ((e->has & STG_HAS_TIME) == 0) {
        return;
    }
    end_before(s, (int64_t)e->ts_ns);
    for (; s->n_begun < s->n && s->all[s->n_begun].span.begin <= (int64_t)e->ts_ns; s->n_begun++) {
        begin(s, (uint32_t)s->n_begun);
    }
}

bool stg_spans_find(const struct stg_spans *s, size_t behaviour, const struct stg_event *e, uint64_t *members)
{
    bool known = false;
    *members = 0;
    for (size_t i = 0; i < s->n_open; i++) {
        const struct stg_spans_one *one = &s->all[s->open[i]];
        const bool has = (one->of == OF_KNOWN || one->of == behaviour) && stg_span_has(&one->span, e);
        known |= has && one->of == OF_KNOWN;
        *members |= has && one->of == behaviour ? UINT64_C(1) << one->number : 0;
    }
    return known || *members != 0;
}
