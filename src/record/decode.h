/* Decode: a record of a ring to an event. Trusts no length and no number of the record. */
#ifndef STG_RECORD_DECODE_H
#define STG_RECORD_DECODE_H

#include "base/strings.h"
#include "event/event.h"
#include "record/record_abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STG_DECODE_COMMS 256 /* slots of the cache of thread names; power of 2 */

struct stg_decoder {
    struct stg_strings *names, *comms, *paths; /* owned */
    uint32_t calls[2]
                  [STG_ABI_MAX_CALLS]; /* names of the 64-bit and the 32-bit calls, STG_NAME_NONE = not asked for yet */
    uint64_t n_beyond;                 /* names that numbers beyond these got or asked for */
    uint32_t life[3];                  /* names of fork, exec, exit */
    uint32_t *markers;                 /* (n_markers) names; owned */
    size_t n_markers;
    struct {
        uint64_t text[2];
        uint32_t id;
    } cache[STG_DECODE_COMMS];
    size_t max_strings;            /* in comms, and in paths */
    uint64_t n_no_comm, n_no_path; /* events whose name was left out for that */
    uint64_t n_damaged;            /* records that could not be read */
};

/* markers: n names. */
enum stg_status stg_decoder_init(struct stg_decoder *d, const char *const *markers, size_t n) STG_MUST_USE;
void stg_decoder_fini(struct stg_decoder *d);

/* Fills *out from the len bytes at record. *good = false for a record that cannot be; it is counted. A failure is one
 * of memory. */
enum stg_status stg_decode(struct stg_decoder *d, const uint8_t *record, size_t len, int32_t cpu, struct stg_event *out,
                           bool *good) STG_MUST_USE;

#endif
