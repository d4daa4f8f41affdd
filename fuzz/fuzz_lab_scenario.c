/* A scenario file, the base's and another's: the input up to its first NUL is the base, the rest the other one. What it
 * says is put into the same text as a template. */
#include "lab/measure.h"
#include "lab/scenario.h"
#include "lab/template.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(enum stg_status status)
{
    if (status != STG_OK && (status != STG_ERR_INPUT || stg_status_message()[0] == '\0')) {
        abort(); /* a failure that is not the file's, or without a reason */
    }
}

static void use(const struct stg_scenario *s, const char *text, size_t n)
{
    struct stg_buffer out = STG_BUFFER_INIT;
    const double values[STG_MEASURES] = {0};
    check(stg_template_expand(&out, "fuzz", text, n, s));
    check(stg_measure_check_names(s));
    check(stg_measure_check(s, values));
    if (s->n_settings > STG_SCENARIO_MAX || s->n_checks > STG_SCENARIO_MAX) {
        abort();
    }
    stg_buffer_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stg_scenario base, other;
    const char *text = (const char *)data;
    const uint8_t *nul = size == 0 ? NULL : memchr(data, 0, size);
    const size_t n = nul == NULL ? size : (size_t)(nul - data), rest = nul == NULL ? size : n + 1;
    const enum stg_status status = stg_scenario_parse(&base, "base", "base.conf", text, n, NULL);
    check(status);
    if (status == STG_OK) {
        use(&base, text, size);
        const enum stg_status second =
            stg_scenario_parse(&other, "other", "other.conf", text + rest, size - rest, &base);
        check(second);
        if (second == STG_OK) {
            use(&other, text, size);
        }
        stg_scenario_fini(&other);
    }
    stg_scenario_fini(&base);
    return 0;
}
