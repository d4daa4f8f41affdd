/* Who works. Of the threads that have a name, how many would make the events of that name if all made as many: the
 * perplexity of who makes one, the exponential of the entropy of their shares. An event counts by 1 −
 * 1/STG_SEQ_LOAD_EVENTS less with each of its name that follows. A server whose workers are limited does the same with
 * fewer.
 *
 * Threads that are gone go on counting, and not every trace tells which are. So it says nothing of sequences that are a
 * thread's life each: of threads that come and go it would be how many came. And nothing of what only the end of the
 * trace closes, when the thread may be long gone: it would be how long the recording is. */
#include "token/cut_parts.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

#define GROWTH     (1 / (1 - 1.0 / STG_SEQ_LOAD_EVENTS))
#define MOST_GAIN  1e12  /* then the weights are made small again */
#define MAX_GROUPS 65536 /* names beyond are not told */

static double entropy_of(double weight)
{
    return weight > 0 ? weight * log(weight) : 0;
}

static void leave_group(struct stg_cutter *c, struct cut_thread *t)
{
    if (t->group != CUT_NAME_NONE) {
        c->groups[t->group].sum -= t->weight;
        c->groups[t->group].entropy -= t->entropy;
    }
    t->weight = t->entropy = 0;
}

/* The same shares by smaller weights, and sums that are exact again. */
static void rescale(struct stg_cutter *c, uint32_t group)
{
    struct cut_group *g = &c->groups[group];
    g->sum = g->entropy = 0;
    for (size_t i = 0; i < c->n_threads; i++) {
        struct cut_thread *t = &c->threads[i];
        if (t->group == group) {
            t->weight /= g->gain;
            t->entropy = entropy_of(t->weight);
            g->sum += t->weight;
            g->entropy += t->entropy;
        }
    }
    g->gain = 1;
}

static enum stg_status reserve(struct stg_cutter *c, size_t n)
{
    const size_t before = c->cap_groups;
    STG_RETURN_IF_FAILED(stg_mem_grow(&c->groups, &c->cap_groups, n, sizeof *c->groups));
    memset(c->groups + before, 0, (c->cap_groups - before) * sizeof *c->groups);
    return STG_OK;
}

enum stg_status cut_workers_put(struct stg_cutter *c, uint32_t thread, const struct stg_event *e)
{
    struct cut_thread *t = &c->threads[thread];
    if ((e->has & STG_HAS_TID) == 0 || (e->has & STG_HAS_COMM) == 0 || e->comm >= MAX_GROUPS) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(reserve(c, (size_t)e->comm + 1));
    if (t->group != e->comm) {
        leave_group(c, t);
        t->group = e->comm;
    }
    struct cut_group *g = &c->groups[e->comm];
    g->gain = g->gain > 0 ? g->gain * GROWTH : 1;
    g->entropy -= t->entropy;
    t->weight += g->gain;
    t->entropy = entropy_of(t->weight);
    g->sum += g->gain;
    g->entropy += t->entropy;
    if (g->gain > MOST_GAIN) {
        rescale(c, e->comm);
    }
    return STG_OK;
}

void cut_workers_describe(const struct stg_cutter *c, const struct cut_open *open, struct cut_facts *facts)
{
    if (c->recipe.cut == STG_CUT_THREAD || c->finishing) {
        return;
    }
    const uint32_t i = stg_keys_find(&c->tids, (uint32_t)open->tid);
    const uint32_t group = open->tid == 0 || i == STG_KEYS_NONE ? CUT_NAME_NONE : c->threads[i].group;
    if (group == CUT_NAME_NONE || c->groups[group].sum < STG_SEQ_LOAD_LEAST * c->groups[group].gain) {
        return;
    }
    const struct cut_group *g = &c->groups[group];
    facts->workers = (float)fmax(exp(log(g->sum) - g->entropy / g->sum), 1);
}
