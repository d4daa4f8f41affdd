#include "base/interrupt.h"

#include <stdatomic.h>

/* Every thread of a pool looks at what one thread's handler writes: a sig_atomic_t is for the thread that the signal
 * interrupts. */
static atomic_int asked;
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a signal handler may not wait for a lock");

void stg_interrupt_ask(void)
{
    atomic_store_explicit(&asked, 1, memory_order_relaxed);
}

bool stg_interrupt_asked(void)
{
    return atomic_load_explicit(&asked, memory_order_relaxed) != 0;
}

enum stg_status stg_interrupt_check(void)
{
    return stg_interrupt_asked() ? stg_fail(STG_ERR_INTERRUPTED, "interrupted") : STG_OK;
}
