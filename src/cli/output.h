/* Output: data on standard output. What cannot be written is an error, not silence. */
#ifndef STG_CLI_OUTPUT_H
#define STG_CLI_OUTPUT_H

#include "base/buffer.h"

#include "cli/options.h"

/* Writes all of the buffer to standard output and empties it. A full disk or a closed pipe is STG_ERR_IO. */
enum stg_status stg_output_write(struct stg_buffer *b) STG_MUST_USE;
/* stg_output_write() once the buffer holds 64 KiB. */
enum stg_status stg_output_flush_large(struct stg_buffer *b) STG_MUST_USE;
/* Writes all of the buffer as the file at path, which appears when it is complete; "-" is standard output. */
enum stg_status stg_output_write_file(struct stg_buffer *b, const char *path) STG_MUST_USE;
/* Fails when the file at path (of `option`; NULL: none) is one of the inputs, which would be lost. */
enum stg_status stg_output_apart(const char *option, const char *path, const struct stg_list *inputs) STG_MUST_USE;
/* Columns that text is wrapped to: the terminal's, from 60 to 100; 80 where standard output is none. */
size_t stg_output_width(void);
/* Descriptors 0, 1 and 2 that are closed are opened on /dev/null so that no data file gets their number; writing to
 * such a standard output still fails. */
void stg_output_init(void);

#endif
