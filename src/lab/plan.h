/* Plan: which runs a campaign has, and in which order. Every part of it follows from the settings and the seed. */
#ifndef STG_LAB_PLAN_H
#define STG_LAB_PLAN_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum stg_role { STG_ROLE_TRAIN, STG_ROLE_VALID, STG_ROLE_CALIBRATE, STG_ROLE_TEST };

struct stg_run {
    char name[96];     /* "known-train", "known-calibrate-2", "io-test" */
    size_t i_scenario; /* 0: the known behaviour */
    enum stg_role role;
    uint32_t requests; /* to be recorded, about */
    uint64_t seed;     /* of its load */
};

struct stg_plan_settings {
    const char *const *scenarios; /* (n_scenarios) names; the first is the known behaviour */
    size_t n_scenarios;
    uint32_t requests;    /* of the training run; other known runs have a sixth, novel ones an eighth, at least 50 */
    uint32_t n_calibrate; /* known runs for calibration */
    uint32_t n_test;      /* known runs for the test */
    uint64_t seed;
};

struct stg_plan {
    struct stg_run *runs; /* (n) in the order in which they are recorded; owned */
    size_t n;
};

/* The runs' names, requests and seeds depend on what they are alone; the order is shuffled by the seed. */
enum stg_status stg_plan_make(struct stg_plan *out, const struct stg_plan_settings *s) STG_MUST_USE;
void stg_plan_fini(struct stg_plan *p);
const char *stg_role_name(enum stg_role role);
/* FNV-1a, 64 bit: a name's number. */
uint64_t stg_name_hash(const char *name);

#endif
