/* Scenario: one behaviour of the lab, read from a file of `key = value` lines (docs/formats/lab.md).
 *
 * known.conf is the base: it names every setting that the templates use, and what must hold of a run. Another
 * scenario's file says what differs: settings to replace, checks to replace, a program to run beside the servers. */
#ifndef STG_LAB_SCENARIO_H
#define STG_LAB_SCENARIO_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STG_SCENARIO_MAX 64 /* settings, checks */

struct stg_setting {
    char *name, *value; /* owned */
};

enum stg_check_op { STG_CHECK_LESS, STG_CHECK_AT_MOST, STG_CHECK_EQUAL, STG_CHECK_AT_LEAST, STG_CHECK_MORE };

/* What must hold of a run's facts: `closed_by_server >= 5`. */
struct stg_check {
    char *fact; /* owned */
    enum stg_check_op op;
    double value;
};

struct stg_scenario {
    char *name;        /* of the file, without .conf; owned */
    char *description; /* owned, NULL when there is none */
    char *beside;      /* command line of a program that runs beside the servers; owned, NULL: none */
    uint32_t status;   /* HTTP status of the answers */
    struct stg_setting settings[STG_SCENARIO_MAX];
    size_t n_settings;
    struct stg_check checks[STG_SCENARIO_MAX];
    size_t n_checks;
};

/* Parses n bytes of text; where names it in messages. base: the known behaviour, whose settings and checks hold where
 * the text does not replace them; NULL: this is the base. STG_ERR_INPUT `where:line: what: what to do`.
 * stg_scenario_fini() also after a failure. */
enum stg_status stg_scenario_parse(struct stg_scenario *out, const char *name, const char *where, const char *text,
                                   size_t n, const struct stg_scenario *base) STG_MUST_USE;
/* The same from a file, named after it. */
enum stg_status stg_scenario_load(struct stg_scenario *out, const char *path,
                                  const struct stg_scenario *base) STG_MUST_USE;
void stg_scenario_fini(struct stg_scenario *s);

/* The value of a setting, NULL when there is none of that name. */
const char *stg_scenario_get(const struct stg_scenario *s, const char *name);
/* Is it there and not `off`? */
bool stg_scenario_on(const struct stg_scenario *s, const char *name);
/* Adds or replaces a setting. */
enum stg_status stg_scenario_set(struct stg_scenario *s, const char *name, const char *value) STG_MUST_USE;

bool stg_check_holds(const struct stg_check *c, double fact);
const char *stg_check_op_name(enum stg_check_op op); /* ">=" */

#endif
