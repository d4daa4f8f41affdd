/* Template: a configuration file with the settings of a scenario put in. `@NAME@` is replaced by the value; a line that
 * begins with
 * `@NAME?@` stays (without that beginning) where the setting is not `off`, and goes where it is. */
#ifndef STG_LAB_TEMPLATE_H
#define STG_LAB_TEMPLATE_H

#include "base/buffer.h"
#include "lab/scenario.h"

/* Appends the n bytes of text, expanded, to out. STG_ERR_INPUT `where:line: …` for a name that is no setting. */
enum stg_status stg_template_expand(struct stg_buffer *out, const char *where, const char *text, size_t n,
                                    const struct stg_scenario *settings) STG_MUST_USE;
/* Expands the file `from` into the file `to`. */
enum stg_status stg_template_file(const char *to, const char *from, const struct stg_scenario *settings) STG_MUST_USE;

#endif
