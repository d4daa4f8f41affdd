/* System-call tables: the x86-64 names by number, NULL where a number has no call; and the names of the arguments. */
#ifndef STG_EVENT_SYSCALL_TABLE_H
#define STG_EVENT_SYSCALL_TABLE_H

#define STG_SYSCALL_TABLE_LEN 470

extern const char *const stg_syscall_table[STG_SYSCALL_TABLE_LEN];

#define STG_SYSCALL_COMPAT_LEN 424

extern const char *const stg_syscall_compat_table[STG_SYSCALL_COMPAT_LEN]; /* the 32-bit calls */

#define STG_SYSCALL_ARGS_LEN 339

struct stg_syscall_args {
    const char *call;
    const char *args[6]; /* in register order; NULL beyond the last */
};

extern const struct stg_syscall_args stg_syscall_args_table[STG_SYSCALL_ARGS_LEN]; /* sorted by call */

#endif
