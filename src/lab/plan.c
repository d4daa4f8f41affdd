#include "lab/plan.h"

#include "base/memory.h"
#include "base/rng.h"

#include <stdio.h>
#include <string.h>

#define MIN_REQUESTS 50

static const char *const role_names[] = {"train", "valid", "calibrate", "test"};

const char *stg_role_name(enum stg_role role)
{
    return role_names[role];
}

uint64_t stg_name_hash(const char *name)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *name != '\0'; name++) {
        h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    }
    return h;
}

static uint32_t requests_of(const struct stg_plan_settings *s, size_t i_scenario, enum stg_role role)
{
    const uint32_t n = role == STG_ROLE_TRAIN ? s->requests : s->requests / (i_scenario == 0 ? 6 : 8);
    return n < MIN_REQUESTS ? MIN_REQUESTS : n;
}

/* serial 0: the only one of its role. */
static void add(struct stg_plan *p, const struct stg_plan_settings *s, size_t i_scenario, enum stg_role role,
                uint32_t serial)
{
    struct stg_run *r = &p->runs[p->n++];
    struct stg_rng rng;
    char number[16] = "";
    if (serial > 0) {
        snprintf(number, sizeof number, "-%u", serial);
    }
    snprintf(r->name, sizeof r->name, "%.60s-%s%s", s->scenarios[i_scenario], stg_role_name(role), number);
    r->i_scenario = i_scenario;
    r->role = role;
    r->requests = requests_of(s, i_scenario, role);
    stg_rng_seed(&rng, s->seed ^ stg_name_hash(r->name));
    r->seed = stg_rng_next(&rng) >> 1;
}

static enum stg_status shuffle(struct stg_plan *p, uint64_t seed)
{
    struct stg_rng rng;
    uint32_t *order = NULL;
    struct stg_run *shuffled = NULL;
    enum stg_status status;
    STG_TRY(stg_mem_zeroed(&order, p->n, sizeof *order));
    STG_TRY(stg_mem_zeroed(&shuffled, p->n, sizeof *shuffled));
    for (size_t i = 0; i < p->n; i++) {
        order[i] = (uint32_t)i;
    }
    stg_rng_seed(&rng, seed);
    stg_rng_shuffle(&rng, order, p->n);
    for (size_t i = 0; i < p->n; i++) {
        shuffled[i] = p->runs[order[i]];
    }
    memcpy(p->runs, shuffled, p->n * sizeof *shuffled);
out:
    stg_mem_free(order);
    stg_mem_free(shuffled);
    return status;
}

enum stg_status stg_plan_make(struct stg_plan *out, const struct stg_plan_settings *s)
{
    *out = (struct stg_plan){0};
    if (s->n_scenarios == 0) {
        return stg_fail(STG_ERR_USAGE, "no scenario");
    }
    const size_t n = 2 + (size_t)s->n_calibrate + s->n_test + 2 * (s->n_scenarios - 1);
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->runs, n, sizeof *out->runs));
    add(out, s, 0, STG_ROLE_TRAIN, 0);
    add(out, s, 0, STG_ROLE_VALID, 0);
    for (uint32_t i = 0; i < s->n_calibrate; i++) {
        add(out, s, 0, STG_ROLE_CALIBRATE, i + 1);
    }
    for (uint32_t i = 0; i < s->n_test; i++) {
        add(out, s, 0, STG_ROLE_TEST, i + 1);
    }
    for (size_t i = 1; i < s->n_scenarios; i++) {
        add(out, s, i, STG_ROLE_VALID, 0);
        add(out, s, i, STG_ROLE_TEST, 0);
    }
    return shuffle(out, s->seed);
}

void stg_plan_fini(struct stg_plan *p)
{
    stg_mem_free(p->runs);
    *p = (struct stg_plan){0};
}
