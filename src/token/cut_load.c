#include "token/cut_parts.h"

#include <float.h>
#include <math.h>

/* What an event still counts after the next one. */
#define KEPT (1 - 1.0 / STG_SEQ_LOAD_EVENTS)

static void add(struct cut_load *to, double factor, const struct cut_load *load)
{
    to->n = to->n * factor + load->n;
    to->ln_runnable = to->ln_runnable * factor + load->ln_runnable;
    to->alone = to->alone * factor + load->alone;
    to->n_placed = to->n_placed * factor + load->n_placed;
    to->stayed = to->stayed * factor + load->stayed;
}

void cut_load_init(struct stg_cutter *c)
{
    for (int i = 1; i <= STG_EVENT_MOST_RUNNABLE; i++) {
        c->ln[i] = log(i);
    }
}

void cut_load_put(struct stg_cutter *c, struct cut_thread *t, const struct stg_event *e)
{
    struct cut_load load = {0};
    if ((e->has & STG_HAS_RUNNABLE) != 0 && e->runnable > 0) {
        load.n = 1;
        load.ln_runnable = c->ln[e->runnable < STG_EVENT_MOST_RUNNABLE ? e->runnable : STG_EVENT_MOST_RUNNABLE];
        load.alone = e->runnable == 1;
    }
    if ((e->has & STG_HAS_CPU) != 0 && (e->has & STG_HAS_TID) != 0) {
        load.n_placed = t->cpu >= 0;
        load.stayed = t->cpu == e->cpu;
        t->cpu = e->cpu;
    }
    add(&c->total, 1, &load);
    add(&c->recent, KEPT, &load);
}

void cut_load_open(const struct stg_cutter *c, struct cut_open *open)
{
    open->before = c->total;
    add(&open->before, -1, &c->recent);
}

void cut_load_describe(const struct stg_cutter *c, const struct cut_open *open, struct cut_facts *facts)
{
    struct cut_load load = c->total;
    add(&load, 1, &open->before);
    if (load.n >= STG_SEQ_LOAD_LEAST) {
        facts->runnable = (float)exp(load.ln_runnable / load.n);
        facts->alone = (float)(load.alone / load.n);
    }
    if (load.n_placed >= STG_SEQ_LOAD_LEAST) {
        facts->stayed = (float)fmax(load.stayed / load.n_placed, FLT_MIN);
    }
}
