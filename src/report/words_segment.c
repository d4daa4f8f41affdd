/* Segments in words. */
#include "report/words.h"

#include <inttypes.h>
#include <stdio.h>

/* Calls of a segment that are named. */
#define MAX_CALLS 4

struct text {
    char *out;
    size_t len, cap;
};

static void put(struct text *t, const char *a, const char *b)
{
    const int n = t->len < t->cap ? snprintf(t->out + t->len, t->cap - t->len, "%s%s", a, b) : 0;
    t->len = n < 0 ? t->len : t->len + (size_t)n < t->cap ? t->len + (size_t)n : t->cap;
}

static const struct stg_explained_event *event_at(const struct stg_explanation *x, const struct stg_segment *s,
                                                  uint32_t i)
{
    return &x->events[x->order[s->first + i]];
}

uint32_t words_calls(const struct stg_explanation *x, const struct stg_segment *s, uint32_t from, uint32_t *n_calls)
{
    const uint16_t call = event_at(x, s, from)->call;
    uint32_t i = from, entries = 0, exits = 0;
    for (; i < s->n && event_at(x, s, i)->call == call; i++) {
        entries += event_at(x, s, i)->phase == STG_PHASE_ENTRY;
        exits += event_at(x, s, i)->phase == STG_PHASE_EXIT;
    }
    *n_calls = entries > exits ? entries : exits > 0 ? exits : i - from;
    return i;
}

static void put_calls(struct text *t, const struct stg_explanation *x, const struct stg_segment *s)
{
    uint32_t shown = 0;
    for (uint32_t i = 0, n; i < s->n; shown++) {
        char name[WORDS_CALL], times[24] = "";
        struct stg_explained_event bare = *event_at(x, s, i); /* the call alone: neither phase nor what it returned */
        if (shown == MAX_CALLS) {
            put(t, ", …", "");
            return;
        }
        i = words_calls(x, s, i, &n);
        bare.phase = STG_PHASE_NONE;
        words_event(x, &bare, name, sizeof name);
        put(t, shown > 0 ? ", " : "", name);
        if (n > 1) {
            snprintf(times, sizeof times, " ×%" PRIu32, n);
            put(t, times, "");
        }
    }
}

void words_segment(const struct stg_explanation *x, const struct stg_segment *s, char *out, size_t cap)
{
    struct text t = {out, 0, cap};
    const struct stg_explained_event *first = event_at(x, s, 0), *last = event_at(x, s, s->n - 1);
    char time[40], thread[24];
    const char *between = " (";
    out[0] = '\0';
    snprintf(thread, sizeof thread, "thread %" PRId32 ", ", first->tid);
    words_time(x, first, time);
    put(&t, first->tid != 0 ? thread : "", time);
    words_time(x, last, time);
    put(&t, s->n > 1 ? " to " : "", s->n > 1 ? time : "");
    put(&t, ": ", "");
    put_calls(&t, x, s);
    for (int f = 0; f < STG_FIELDS_TO_BLAME; f++) {
        if (s->fields & 1U << f) {
            put(&t, between, stg_field_name((enum stg_field)f));
            between = ", ";
        }
    }
    put(&t, ")", "");
}

void words_counterfactual(const struct stg_counterfactual *c, char out[256])
{
    char bound[64] = "";
    if (c->n > c->at_least) {
        snprintf(bound, sizeof bound, "; no fewer than %zu would do", c->at_least);
    }
    snprintf(out, 256, "%zu segment%s, %s%s; the p-value would be %.3g", c->n, c->n == 1 ? "" : "s",
             c->n > c->at_least ? "found greedily" : "the fewest that do", bound, c->p_after);
}
