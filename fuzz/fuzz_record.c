/* Fuzz target of the recorder's rings: what stands in them is taken from the input, in two rings that wrap. Whatever it
 * is, the merge and the decoder deliver sound events, each CPU's in order of time, give back all they have read, or
 * refuse. */
#include "record/merge.h"

#include <stdlib.h>
#include <string.h>

#define SIZE 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const markers[] = {"m:begin", "m:end"};

static void check(const struct stg_decoder *d, const struct stg_event *e, uint64_t last_ns[2])
{
    const bool lost = e->kind == STG_EVENT_LOST;
    if (e->kind < STG_EVENT_ENTRY || e->kind > STG_EVENT_LOST || e->n_args > STG_EVENT_MAX_ARGS || e->cpu < 0 ||
        e->cpu > 1 || (lost ? e->name != STG_NAME_NONE || e->n_lost == 0 : e->name >= stg_strings_count(d->names)) ||
        ((e->has & STG_HAS_COMM) != 0) != (e->comm != STG_NAME_NONE) ||
        (e->comm != STG_NAME_NONE && e->comm >= stg_strings_count(d->comms)) ||
        ((e->has & STG_HAS_PATH) != 0 && e->path >= stg_strings_count(d->paths)) ||
        ((e->has & STG_HAS_FD) != 0 && e->fd_kind >= STG_N_FD_KINDS) || ((e->has & STG_HAS_TID) != 0) != (e->tid > 0) ||
        e->ts_ns < last_ns[e->cpu]) {
        abort();
    }
    last_ns[e->cpu] = e->ts_ns;
}

/* Moves the next bytes of the input into a ring, as far as there is room; a record that runs on behind the end finds
 * there what wraps. The input holds plain lengths where the programs put words, of which the next is at *next. */
static void feed(uint64_t *ring, uint64_t consumer, uint64_t *producer, uint64_t *next, const uint8_t **data,
                 size_t *size)
{
    uint8_t *bytes = (uint8_t *)ring;
    while (*size >= 8 && *producer + 8 - consumer <= SIZE) {
        const uint64_t at = *producer & (SIZE - 1);
        uint64_t word;
        memcpy(&word, *data, sizeof word);
        if (*producer == *next) {
            *next += word <= UINT8_MAX ? (word + STG_ABI_WORD_SIZE + 7) & ~UINT64_C(7) : 0;
            word = STG_ABI_WORD(0, *producer, word);
        }
        memcpy(bytes + at, &word, sizeof word);
        memcpy(bytes + at + SIZE, &word, sizeof word);
        *producer += 8;
        *data += 8;
        *size -= 8;
    }
}

static bool take_all(struct stg_merge *m, struct stg_decoder *d, uint64_t limit_ns, uint64_t last_ns[2])
{
    struct stg_event events[16];
    double used;
    size_t n = 1;
    stg_merge_scan(m, &used);
    while (n > 0) {
        if (stg_merge_take(m, d, limit_ns, events, 16, &n) != STG_OK) {
            return false;
        }
        for (size_t i = 0; i < n; i++) {
            check(d, &events[i], last_ns);
        }
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t memory[2][2 * SIZE / 8];
    uint64_t consumers[2] = {0, 0}, producers[2] = {0, 0}, next[2] = {0, 0}, last_ns[2] = {0, 0};
    struct stg_merge m;
    struct stg_decoder d;
    memset(memory, 0, sizeof memory);
    if (stg_merge_init(&m, 2) != STG_OK || stg_decoder_init(&d, markers, 2) != STG_OK) {
        abort();
    }
    for (int i = 0; i < 2; i++) {
        m.lanes[i].cpu = i;
        m.lanes[i].ring = (struct stg_ring){
            .data = (const uint8_t *)memory[i], .size = SIZE, .consumer = &consumers[i], .reserved = &producers[i]};
    }
    bool good = true;
    for (int round = 0; good && round < 64 && size >= 8; round++) {
        feed(memory[round & 1], consumers[round & 1], &producers[round & 1], &next[round & 1], &data, &size);
        good = take_all(&m, &d, round % 3 == 2 ? UINT64_MAX : (uint64_t)round << 40, last_ns);
    }
    good = good && take_all(&m, &d, UINT64_MAX, last_ns);
    for (int i = 0; i < 2; i++) {
        /* What is not given back is not finished: an event that is complete was handed out. */
        if (good && m.lanes[i].head != m.lanes[i].tail) {
            abort();
        }
        memset(&m.lanes[i].ring, 0, sizeof m.lanes[i].ring);
    }
    stg_merge_fini(&m);
    stg_decoder_fini(&d);
    return 0;
}
