/* System-call table: the x86-64 names by number; NULL where a number has no call. */
#ifndef STG_EVENT_SYSCALL_TABLE_H
#define STG_EVENT_SYSCALL_TABLE_H

#define STG_SYSCALL_TABLE_LEN 470

extern const char *const stg_syscall_table[STG_SYSCALL_TABLE_LEN];

#endif
