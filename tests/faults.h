/* Faults: system calls and allocations of the code under test that fail on purpose, one per run. A test that includes
 * this has a file NAME_wrap.txt beside it that lists the functions the linker redirects here (`--wrap`);
 * tests/meson.build does the rest.
 *
 * The way to use it: run once undisturbed and read faults_count(); then arm 1, 2, … count, and look at each run's
 * outcome. */
#ifndef TESTS_FAULTS_H
#define TESTS_FAULTS_H

#include <stdint.h>

enum fault {
    FAULT_NONE,
    FAULT_ERROR,     /* the call fails with the given errno; a call that opens, makes or allocates does nothing */
    FAULT_INTERRUPT, /* read, write, pread: −1 with EINTR, as when a signal arrives; nothing else is touched */
    FAULT_SHORT,     /* read, write, pread: half of the bytes (at least one) are moved */
    FAULT_KILL, /* SIGKILL: pwrite has moved half of its bytes by then, another call has not begun. Allocations do not
                   count */
};

/* The n-th counted call from now (1 = the next) meets the fault, once; FAULT_NONE switches off. Calls are counted where
 * the fault can happen: all wrapped ones for FAULT_ERROR, transfers only for the others. */
void faults_arm(enum fault fault, uint64_t n, int error);

/* Calls counted since the last faults_arm(). */
uint64_t faults_count(void);

/* The name of the call that met the fault, NULL when none did yet. */
const char *faults_met(void);

#endif
