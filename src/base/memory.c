#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static atomic_uint_fast64_t n_allocations;
static atomic_uint_fast64_t fail_at;

void stg_mem_fail_at(uint64_t n)
{
    atomic_store(&fail_at, n == 0 ? 0 : atomic_load(&n_allocations) + n);
}

uint64_t stg_mem_count(void)
{
    return atomic_load(&n_allocations);
}

static bool must_fail(void)
{
    const uint64_t serial = atomic_fetch_add_explicit(&n_allocations, 1, memory_order_relaxed) + 1;
    return serial == atomic_load_explicit(&fail_at, memory_order_relaxed);
}

bool stg_mem_product(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static enum stg_status out_of_memory(size_t n, size_t size)
{
    return stg_fail(STG_ERR_MEMORY, "out of memory: %zu items of %zu bytes: free memory or use smaller settings", n,
                    size);
}

enum stg_status stg_mem_zeroed(void *out, size_t n, size_t size)
{
    size_t total;
    void *p = NULL;
    if (!must_fail() && stg_mem_product(n, size, &total) && total <= PTRDIFF_MAX) {
        p = calloc(1, total == 0 ? 1 : total);
    }
    memcpy(out, &p, sizeof p);
    return p == NULL ? out_of_memory(n, size) : STG_OK;
}

enum { LINE = 64, LARGE_PAGE = 2 << 20 };

/* AddressSanitizer sees what runs over the end of an allocation, but not into the rest of its page. */
#if defined(__SANITIZE_ADDRESS__)
#define EXACT 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EXACT 1
#endif
#endif
#ifndef EXACT
#define EXACT 0
#endif

/* Whole large pages for at least half a page, a last one included that is at least half full; lines otherwise. The
 * kernel may decline. */
static void *allocate_aligned(size_t total)
{
    const size_t pages = (total + LARGE_PAGE / 2) / LARGE_PAGE * LARGE_PAGE;
    if (EXACT || pages == 0) {
        return aligned_alloc(LINE, total);
    }
    void *p = aligned_alloc(LARGE_PAGE,
                            (total + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE); /* what is not touched is no memory */
    if (p != NULL) {
        (void)madvise(p, pages, MADV_HUGEPAGE);
    }
    return p;
}

enum stg_status stg_mem_aligned(void *out, size_t n, size_t size)
{
    size_t total;
    void *p = NULL;
    if (!must_fail() && stg_mem_product(n, size, &total) && total <= PTRDIFF_MAX - 2 * LARGE_PAGE) {
        total = (total + LINE) / LINE * LINE;
        p = allocate_aligned(total);
        if (p != NULL) {
            memset(p, 0, total); /* all of it is touched here, so that asking for large pages makes no memory of what
                                    nobody uses */
        }
    }
    memcpy(out, &p, sizeof p);
    return p == NULL ? out_of_memory(n, size) : STG_OK;
}

enum stg_status stg_mem_grow(void *array, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap) {
        return STG_OK;
    }
    size_t wanted = *cap > SIZE_MAX / 2 ? need : *cap * 2;
    wanted = wanted < need ? need : wanted;
    wanted = wanted < 16 ? 16 : wanted;
    size_t total;
    void *old;
    void *grown = NULL;
    memcpy(&old, array, sizeof old);
    if (!must_fail() && stg_mem_product(wanted, size, &total) && total <= PTRDIFF_MAX) {
        grown = realloc(old, total);
    }
    if (grown == NULL) {
        return out_of_memory(wanted, size);
    }
    memcpy(array, &grown, sizeof grown);
    *cap = wanted;
    return STG_OK;
}

enum stg_status stg_mem_dup(void *out, const void *from, size_t n)
{
    STG_RETURN_IF_FAILED(stg_mem_zeroed(out, n, 1));
    void *p;
    memcpy(&p, out, sizeof p);
    if (n > 0) {
        memcpy(p, from, n);
    }
    return STG_OK;
}

enum stg_status stg_mem_strdup(char **out, const char *from)
{
    return stg_mem_dup(out, from, strlen(from) + 1);
}

void stg_mem_free(void *pointer)
{
    free(pointer);
}
