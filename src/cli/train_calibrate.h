/* Calibration of a trained model: what strange train does with known data that it has not learnt. */
#ifndef STG_CLI_TRAIN_CALIBRATE_H
#define STG_CLI_TRAIN_CALIBRATE_H

#include "cli/options.h"
#include "cli/train_data.h"

#include "model/model.h"

/* Calibrates m, which has learnt `training`, on `from`, each data set a run, and says what that promises. share: of the
 * sequences, the most novel, that are left out and named first (detect/quarantine.h); 0: none. *loss: the mean
 * surprisal per token of all of them, nats; NAN when there are none. */
enum stg_status stg_train_calibrate(const struct stg_cli *cli, struct stg_model *m, struct stg_corpora *training,
                                    struct stg_corpora *from, double share, struct stg_pool *pool,
                                    double *loss) STG_MUST_USE;

#endif
