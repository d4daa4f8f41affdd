/* System-call names: number to name (x86-64 and the 32-bit calls), and the prefixes that tracers put in front. */
#ifndef STG_EVENT_SYSCALLS_H
#define STG_EVENT_SYSCALLS_H

#include "event/event.h"

#include <stdbool.h>
#include <stddef.h>

/* The x86-64 name of a system-call number, NULL when there is none. */
const char *stg_syscall_name(int64_t number);
/* The name of a 32-bit call's number, NULL when there is none. */
const char *stg_syscall_compat_name(int64_t number);
/* The other spelling of a call's name, NULL when it has one only. The kernel's tracepoints, its numbers and the tools
 * disagree on a few names ("newfstat", "fstat") and mean the same call. */
const char *stg_syscall_synonym(const char *name);
/* Whether a call, a 32-bit one included, has this name or this other spelling. */
bool stg_syscall_is_known(const char *name);
/* Whether the call returns how many (bytes, descriptors, messages): what it returns has a size. */
bool stg_syscall_returns_count(const char *name);
/* Whether the call waits for something to happen (poll, futex, accept): how long it takes says what others did and how
 * busy the machine is. */
bool stg_syscall_waits(const char *name);
/* How much it matters that a program makes this call at all: 2 where it acts on others (starts processes, connects,
 * takes rights, changes names of files or makes them last), 0 where it asks about itself or arranges its memory, 1
 * else. */
enum { STG_CONSEQUENCES = 3 };
unsigned stg_syscall_consequence(const char *name);
/* How many descriptors the call opens where it succeeds: 2 of a pipe, -1 of close, 0 of what opens none, and of what
 * may put another in the place of one (dup2). */
int stg_syscall_opens(const char *name);
/* The register (0 … 5) of the first argument that is a descriptor, or one of STG_SYSCALL_ARG_* below. */
int stg_syscall_descriptor_index(const char *call);
/* The same of the first argument that is the name of a file. */
int stg_syscall_path_index(const char *call);
/* The symbolic name of an errno ("EAGAIN"), NULL when there is none. */
const char *stg_errno_name(int error);
/* The errno of a symbolic name of len bytes, 0 when unknown. */
int stg_errno_number(const char *name, size_t len);

/* What a descriptor kind is called in traces and for people ("epoll"); NULL for a number that is none. */
const char *stg_fd_kind_name(unsigned kind);

/* The register (0 … 5) of an argument by the kernel's names ("read", "count": 2), or one of the two below. */
int stg_syscall_arg_index(const char *call, const char *arg);
enum {
    STG_SYSCALL_ARG_NONE = -1,         /* the call has no argument of that name */
    STG_SYSCALL_ARG_UNKNOWN_CALL = -2, /* the call has no arguments or is not known */
};

/* The arguments' names in register order (6 places, NULL beyond the last), NULL when the call has none or is not
 * known. */
const char *const *stg_syscall_arg_names(const char *call);

/* Tells what a tracepoint's name means: `syscall_entry_X`, `syscall_exit_X`, `compat_syscall_entry_X` (LTTng 2.x),
 * `sys_X`, `compat_sys_X`, `exit_syscall` (LTTng before 2.6), `sys_enter_X`, `sys_exit_X`, with or without `syscalls:`
 * in front (perf). *name points behind the prefix within the argument ("" for exit_syscall and raw
 * `sys_enter`/`sys_exit`). */
enum stg_event_kind stg_syscall_classify(const char *event_name, const char **name);

#endif
