/* How much of the same a test does. What is tried at each byte, bit, call or moment takes ten times as long under a
 * sanitizer, whose builds set STRANGE_THIN=N in the environment: one point in N is tried there, all of them without it.
 * Kinds of cases are never left out. */
#ifndef TESTS_EFFORT_H
#define TESTS_EFFORT_H

#include <stddef.h>
#include <stdlib.h>

static inline size_t effort_thin(void)
{
    const char *asked = getenv("STRANGE_THIN");
    const size_t n = asked == NULL ? 1 : strtoull(asked, NULL, 10);
    return n > 0 ? n : 1;
}

/* The distance of points that are `step` apart where nothing thins them. */
static inline size_t effort_step(size_t step)
{
    return step * effort_thin();
}

/* How many of n repetitions, but at least so many. */
static inline size_t effort_times(size_t n, size_t at_least)
{
    const size_t few = n / effort_thin();
    return few > at_least ? few : at_least;
}

#endif
