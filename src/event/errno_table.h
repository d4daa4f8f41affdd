/* Error table: symbolic names by errno; NULL where a number has none. */
#ifndef STG_EVENT_ERRNO_TABLE_H
#define STG_EVENT_ERRNO_TABLE_H

#define STG_ERRNO_TABLE_LEN 532

extern const char *const stg_errno_table[STG_ERRNO_TABLE_LEN];

#endif
