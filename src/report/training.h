/* Training: the log that `strange train --log` writes (docs/formats/checkpoint.md), read for its learning curves. */
#ifndef STG_REPORT_TRAINING_H
#define STG_REPORT_TRAINING_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* An evaluation. NAN: the line has it not. */
struct stg_training_point {
    uint64_t update, tokens;               /* so far */
    double train_loss, valid_loss;         /* nats per token */
    double train_accuracy, valid_accuracy; /* 0 … 1 */
    double gradient_norm, rate;
};

struct stg_training_log {
    const char *path;                  /* borrowed */
    struct stg_training_point *points; /* (n) in the order of the lines; owned */
    size_t n, cap;
};

#define STG_TRAINING_LINES 1000000 /* of a log at most */
#define STG_TRAINING_LINE  65536   /* bytes of a line at most */

/* Reads the file: a line that is no evaluation, or no line at all, is STG_ERR_INPUT. Memory: 64 bytes a line.
 * stg_training_log_fini() also after a failure. */
enum stg_status stg_training_log_read(struct stg_training_log *out, const char *path) STG_MUST_USE;
/* Adds one line, the one of that number in the file at log->path. */
enum stg_status stg_training_log_add(struct stg_training_log *log, const char *line, size_t len,
                                     uint64_t number) STG_MUST_USE;
void stg_training_log_fini(struct stg_training_log *log);

#endif
