/* JSON: what the writers of JSON share. Private to report/. */
#ifndef STG_REPORT_JSON_PARTS_H
#define STG_REPORT_JSON_PARTS_H

#include "base/buffer.h"

#include <jansson.h>

/* JSON has no infinities: null. */
json_t *json_of_number(double value);
/* Names come from traces and need not be UTF-8. */
json_t *json_of_text(const char *from);
/* Appends object (taken, NULL when memory was out while it was made) and a newline. */
enum stg_status json_put_line(struct stg_buffer *out, json_t *object) STG_MUST_USE;

#endif
