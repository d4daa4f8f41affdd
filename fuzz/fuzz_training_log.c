/* The log of a training, line by line. */
#include "report/training.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct stg_training_point *p)
{
    if (isnan(p->train_loss) || isinf(p->train_loss) || isinf(p->valid_loss) || isinf(p->gradient_norm)) {
        abort(); /* the curves are drawn of what came */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stg_training_log log = {.path = "fuzz.log"};
    enum stg_status status = STG_OK;
    uint64_t number = 0;
    for (size_t at = 0; at < size && status == STG_OK;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        const size_t len = (end == NULL ? size : (size_t)(end - data)) - at;
        const size_t before = log.n;
        status = stg_training_log_add(&log, (const char *)data + at, len, ++number);
        if ((status != STG_OK && (status != STG_ERR_INPUT || stg_status_message()[0] == '\0' || log.n != before)) ||
            (status == STG_OK && log.n != before + 1)) {
            abort();
        }
        at += len + 1;
    }
    for (size_t i = 0; i < log.n; i++) {
        check(&log.points[i]);
    }
    stg_training_log_fini(&log);
    return 0;
}
