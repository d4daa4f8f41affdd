/* Lab, report: the table of models × behaviours of a campaign. */
#ifndef STG_CLI_LAB_REPORT_H
#define STG_CLI_LAB_REPORT_H

#include "base/buffer.h"

#include <jansson.h>
#include <stdbool.h>

/* *out = the report as one JSON object (docs/formats/lab.md), owned by the caller. */
enum stg_status stg_lab_report(json_t **out, const char *dir) STG_MUST_USE;
/* The same as text. */
enum stg_status stg_lab_report_text(struct stg_buffer *out, const json_t *report) STG_MUST_USE;
/* 95 % interval of the mean of n values by Student's t; false when n < 2. */
bool stg_lab_interval(const double *values, size_t n, double *low, double *high);

#endif
