/* Facts: what info and doctor found, as one JSON object that is printed either as it is or as text. */
#ifndef STG_CLI_FACTS_H
#define STG_CLI_FACTS_H

#include "base/buffer.h"
#include "base/strings.h"

#include <jansson.h>
#include <stdint.h>

/* Keys that end in _ns are printed as durations, counts with separators; arrays of {"name","count"} as tables. */
enum stg_status stg_facts_text(struct stg_buffer *out, const json_t *facts) STG_MUST_USE;
/* One line that begins with the schema. */
enum stg_status stg_facts_json(struct stg_buffer *out, const char *schema, const json_t *facts) STG_MUST_USE;

/* Adds value under key; takes the reference even on failure. A NULL value (memory was out) is STG_ERR_MEMORY. */
enum stg_status stg_facts_put(json_t *facts, const char *key, json_t *value) STG_MUST_USE;
/* A text that may not be UTF-8 (a file name, a thread's name): what is not is replaced by U+FFFD. */
json_t *stg_facts_string(const char *text);
/* null for what is no finite number: JSON has none. */
json_t *stg_facts_number(double value);
/* Ids of a vocabulary less those of the special tokens, which are in every one and name nothing. */
json_int_t stg_facts_named(size_t n_ids);

struct stg_facts_count {
    const char *key;
    uint64_t value;
};
/* n counts as one object; NULL when memory is out. */
json_t *stg_facts_counts(const struct stg_facts_count *counts, size_t n);

/* The k highest of counts (n, by id in names) as an array of {"name", "count"}; NULL when memory is out. */
json_t *stg_facts_top(const uint64_t *counts, size_t n, size_t k, const struct stg_strings *names);

/* min, quartiles, 0.99 quantile and max of n values (sorted in place). */
json_t *stg_facts_quantiles(int64_t *values, size_t n);

#endif
