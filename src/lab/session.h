/* Session: one run of a campaign: fresh servers, a warm-up until nothing changes any more, then a window that is
 * recorded, measured and accounted for. */
#ifndef STG_LAB_SESSION_H
#define STG_LAB_SESSION_H

#include "lab/measure.h"
#include "lab/plan.h"
#include "lab/servers.h"

struct stg_session_settings {
    const struct stg_stage *stage;
    uint32_t rate, burst, connections; /* of the load (load.h) */
    uint64_t warm_up_ns;               /* at least */
    uint64_t settle_ns;                /* and until no task of the servers has come or gone for so long */
    uint64_t max_warm_ns;              /* STG_ERR_IO when they have not settled by then */
    uint64_t lead_ns;                  /* recorded before the window, to be skipped later: probes are being attached */
    const char *recorder;              /* the program `strange`; NULL: nothing is recorded */
};

/* Runs it. trace: the folder that the recorder writes. values: all measures. Nothing of the run is
 * left running whatever comes out. Whether the scenario had its effect is for the caller to check (measure.h). */
enum stg_status stg_session_run(const struct stg_session_settings *s, const struct stg_scenario *scenario,
                                const struct stg_run *run, const char *trace, double values[STG_MEASURES]) STG_MUST_USE;

#endif
