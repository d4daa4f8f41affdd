#include "report/training.h"

#include "base/file.h"
#include "base/memory.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>

static enum stg_status refuse(const struct stg_training_log *log, uint64_t number, const char *what)
{
    return stg_fail(STG_ERR_INPUT, "%s: line %" PRIu64 ": %s: give a file that `strange train --log` wrote", log->path,
                    number, what);
}

/* A count: an integer that is not negative. */
static bool read_count(const json_t *line, const char *key, uint64_t *out)
{
    const json_t *value = json_object_get(line, key);
    *out = json_is_integer(value) && json_integer_value(value) >= 0 ? (uint64_t)json_integer_value(value) : 0;
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

/* A number that may be missing, but not be something else. */
static bool read_number(const json_t *line, const char *key, double *out)
{
    const json_t *value = json_object_get(line, key);
    *out = json_is_number(value) ? json_number_value(value) : (double)NAN;
    return value == NULL || json_is_number(value);
}

static bool read_point(const json_t *line, struct stg_training_point *p)
{
    return read_count(line, "update", &p->update) && read_count(line, "tokens", &p->tokens) &&
           read_number(line, "train_loss", &p->train_loss) && read_number(line, "valid_loss", &p->valid_loss) &&
           read_number(line, "train_accuracy", &p->train_accuracy) &&
           read_number(line, "valid_accuracy", &p->valid_accuracy) &&
           read_number(line, "gradient_norm", &p->gradient_norm) && read_number(line, "rate", &p->rate) &&
           !isnan(p->train_loss);
}

enum stg_status stg_training_log_add(struct stg_training_log *log, const char *line, size_t len, uint64_t number)
{
    struct stg_training_point p;
    if (log->n >= STG_TRAINING_LINES) {
        return refuse(log, number, "more lines than a log may have");
    }
    json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    if (object == NULL) {
        return refuse(log, number, "no JSON");
    }
    const bool valid = json_is_object(object) && read_point(object, &p);
    json_decref(object);
    if (!valid) {
        return refuse(log, number, "no evaluation of a training (update, tokens and train_loss)");
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&log->points, &log->cap, log->n + 1, sizeof *log->points));
    log->points[log->n++] = p;
    return STG_OK;
}

enum stg_status stg_training_log_read(struct stg_training_log *out, const char *path)
{
    enum stg_status status = STG_OK;
    struct stg_lines *lines = NULL;
    const char *line = NULL;
    size_t len;
    *out = (struct stg_training_log){.path = path};
    STG_TRY(stg_lines_open(&lines, path, STG_TRAINING_LINE));
    for (;;) {
        STG_TRY(stg_lines_next(lines, &line, &len));
        if (line == NULL) {
            break;
        }
        STG_TRY(stg_training_log_add(out, line, len, stg_lines_number(lines)));
    }
    if (out->n == 0) {
        status = stg_fail(STG_ERR_INPUT, "%s: no line: give a file that `strange train --log` wrote", path);
    }
out:
    stg_lines_free(lines);
    return status;
}

void stg_training_log_fini(struct stg_training_log *log)
{
    stg_mem_free(log->points);
    *log = (struct stg_training_log){.path = NULL};
}
