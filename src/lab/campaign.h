/* Campaign: all runs of the lab in one folder. What is done stays done: a campaign that was interrupted goes on with
 * the runs that are missing.
 *
 *   DIR/campaign.json     the settings, written first; going on with other ones is refused
 *   DIR/runs/NAME/        the trace of a run
 *   DIR/runs/NAME.json    its measures, written last: the run is complete
 *   DIR/lock              held while somebody works on the campaign */
#ifndef STG_LAB_CAMPAIGN_H
#define STG_LAB_CAMPAIGN_H

#include "lab/plan.h"
#include "lab/scenario.h"
#include "lab/session.h"

#include <jansson.h>

#define STG_CAMPAIGN_SCENARIOS 32

struct stg_campaign_settings {
    const char *dir;
    const char *files;            /* the project's folder lab/ */
    const char *work;             /* folder for the servers' files, "/tmp" */
    const char *load;             /* the load program */
    const char *recorder;         /* the program `strange`; NULL: nothing is recorded */
    const char *const *scenarios; /* (n_scenarios) novel ones: names in files/scenarios, or paths of NAME.conf */
    size_t n_scenarios;
    uint64_t seed;
    uint32_t rate, burst, connections, requests, n_calibrate, n_test;
    uint64_t warm_up_ns, settle_ns;
    double foreign;   /* share of the processors that others may use in a run */
    uint32_t repeats; /* of a run that was disturbed; then it is kept and marked */
};

void stg_campaign_settings_default(struct stg_campaign_settings *s);

struct stg_campaign {
    struct stg_campaign_settings settings;                     /* borrowed pointers: of the caller, or of facts */
    json_t *facts;                                             /* campaign.json; owned */
    struct stg_scenario scenarios[STG_CAMPAIGN_SCENARIOS + 1]; /* known first; owned */
    size_t n_scenarios;
    struct stg_plan plan;
    struct stg_stage stage;
    int lock;
};

/* What becomes of an attempt at a run. */
struct stg_judgement {
    bool again;            /* it is made once more */
    const char *disturbed; /* why it is not to be learned from; NULL: nothing speaks against it. Static */
};

/* Judges an attempt, counted from 1, by what was measured. One that was disturbed or shows not its scenario's effect is
 * made again, s->repeats times at most: overload hides effects, and a known run may have one by chance. After that what
 * was disturbed is kept and marked, and STG_ERR_INPUT says which effect is missing. */
enum stg_status stg_campaign_judge(struct stg_judgement *out, const struct stg_campaign_settings *s,
                                   const struct stg_scenario *scenario, const double values[STG_MEASURES],
                                   uint32_t attempt) STG_MUST_USE;

/* Begins a campaign, or goes on with the one that is there if its settings are the same. stg_campaign_close() also
 * after a failure. */
enum stg_status stg_campaign_open(struct stg_campaign *out, const struct stg_campaign_settings *s) STG_MUST_USE;
/* Does the runs that are missing. */
enum stg_status stg_campaign_run(struct stg_campaign *c) STG_MUST_USE;
/* Closes it; what runs on the machine for it is ended and removed. */
void stg_campaign_close(struct stg_campaign *c);

/* Reads DIR/campaign.json; facts is owned by the caller. */
enum stg_status stg_campaign_read(json_t **facts, const char *dir) STG_MUST_USE;
/* The measures of a run, NULL when it is not done. Owned by the caller. */
json_t *stg_campaign_run_facts(const char *dir, const char *run);
/* Ends and removes what a campaign left on the machine; its results stay. STG_ERR_IO when somebody is at work on it. */
enum stg_status stg_campaign_clean(const char *dir) STG_MUST_USE;

#endif
