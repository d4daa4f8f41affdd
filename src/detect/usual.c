#include "detect/usual.h"

#include "base/memory.h"
#include "base/sort.h"
#include "event/syscalls.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct stg_usual) == STG_MODEL_USUAL_COLUMNS * sizeof(float), "a row of the model file");

enum { MAX_SEQUENCES = 4096, PHASE_TURN = 3 }; /* which is no phase of a call */

uint64_t stg_usual_key(const struct stg_kind_of_call *kind)
{
    return (uint64_t)kind->call | (uint64_t)kind->proc << 16 | (uint64_t)kind->phase << 32 |
           (uint64_t)kind->errno_class << 34 | (uint64_t)kind->size << 48;
}

void stg_usual_unpack(uint64_t key, struct stg_kind_of_call *kind)
{
    *kind = (struct stg_kind_of_call){.call = (uint16_t)key,
                                      .proc = (uint16_t)(key >> 16),
                                      .phase = (uint8_t)(key >> 32 & 3),
                                      .errno_class = (uint16_t)(key >> 34 & 0x3FFF),
                                      .size = (uint8_t)(key >> 48 & 0x7F)};
}

uint64_t stg_usual_turns(uint16_t proc)
{
    const struct stg_kind_of_call kind = {.proc = proc, .phase = PHASE_TURN};
    return stg_usual_key(&kind);
}

bool stg_usual_kind(struct stg_kind_of_call *out, uint16_t call, uint16_t proc, uint8_t phase, int64_t ret,
                    bool counted)
{
    *out = (struct stg_kind_of_call){.call = call, .proc = proc};
    if (phase != STG_PHASE_EXIT) {
        return true;
    }
    out->phase = STG_PHASE_EXIT;
    out->errno_class = stg_ret_errno_class(phase, ret);
    if (counted && ret >= 0) {
        out->size = ret == 0 ? 1 : (uint8_t)(65 - __builtin_clzll((uint64_t)ret));
    }
    return out->errno_class > 1 || out->size > 0;
}

static enum stg_status count_one(struct stg_usual_counts *c, uint64_t key, uint64_t add, size_t *n_touched)
{
    uint32_t kind;
    STG_RETURN_IF_FAILED(stg_keys_put(&c->kinds, key, STG_USUAL_MAX_KINDS, &kind));
    if (kind == STG_KEYS_NONE) {
        return STG_OK;
    }
    if (c->count[kind] == 0 && add > 0) {
        c->touched[(*n_touched)++] = kind;
    }
    c->count[kind] += add;
    return STG_OK;
}

static enum stg_status count_events(struct stg_usual_counts *c, const struct stg_seq *seq, const uint16_t *call_of,
                                    const uint16_t *proc_of, const uint8_t *counted, size_t *n_touched)
{
    const uint64_t duration = seq->flags & STG_SEQ_NO_TIME ? 0 : (uint64_t)(seq->end_ns - seq->begin_ns);
    STG_RETURN_IF_FAILED(count_one(c, STG_USUAL_EVENTS, seq->n, n_touched));
    STG_RETURN_IF_FAILED(count_one(c, STG_USUAL_DURATION, duration, n_touched));
    uint32_t last = UINT32_MAX;
    for (size_t i = 0; i < seq->n; i++) {
        const uint16_t id = seq->thread_proc[seq->thread[i]], proc = proc_of == NULL ? id : proc_of[id];
        const uint16_t call = call_of == NULL ? seq->call[i] : call_of[seq->call[i]];
        struct stg_kind_of_call kind;
        if (proc != last) {
            STG_RETURN_IF_FAILED(count_one(c, stg_usual_turns(proc), 1, n_touched));
            last = proc;
        }
        if (call >= STG_TOKEN_SPECIALS &&
            stg_usual_kind(&kind, call, proc, seq->phase[i], seq->ret[i], counted[call] != 0)) {
            STG_RETURN_IF_FAILED(count_one(c, stg_usual_key(&kind), 1, n_touched));
        }
    }
    return STG_OK;
}

/* A kind and its count in one number, which sorts by the kind and then by the count: floats that are not negative sort
 * as their bits do. */
static uint64_t pair_of(uint32_t kind, uint64_t count)
{
    const float value = (float)count;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint64_t)kind << 32 | bits;
}

enum stg_status stg_usual_add(struct stg_usual_counts *c, const struct stg_seq *seq, const uint16_t *call_of,
                              const uint16_t *proc_of, const uint8_t *counted)
{
    size_t n_touched = 0;
    if (c->n + STG_USUAL_MAX_KINDS > STG_USUAL_MAX_PAIRS) {
        return STG_OK;
    }
    if (c->count == NULL) {
        STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->count, STG_USUAL_MAX_KINDS, sizeof *c->count));
    }
    if (c->touched == NULL) {
        STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->touched, STG_USUAL_MAX_KINDS, sizeof *c->touched));
    }
    STG_RETURN_IF_FAILED(count_events(c, seq, call_of, proc_of, counted, &n_touched));
    STG_RETURN_IF_FAILED(stg_mem_grow(&c->pairs, &c->cap, c->n + n_touched, sizeof *c->pairs));
    for (size_t i = 0; i < n_touched; i++) {
        c->pairs[c->n++] = pair_of(c->touched[i], c->count[c->touched[i]]);
        c->count[c->touched[i]] = 0;
    }
    c->n_sequences++;
    return STG_OK;
}

static float count_of(uint64_t pair)
{
    const uint32_t bits = (uint32_t)pair;
    float count;
    memcpy(&count, &bits, sizeof count);
    return count;
}

/* The sequences without the kind are zeros in front of the n sorted counts. */
static float quantile(const uint64_t *sorted, size_t n, size_t n_all, double q)
{
    const size_t rank = (size_t)(q * (double)(n_all - 1) + 0.5);
    return rank < n_all - n ? 0 : count_of(sorted[rank - (n_all - n)]);
}

/* Of the counts of one kind: over n_all sequences, those without it among them. */
static struct stg_usual usual_of(const struct stg_usual_counts *c, const uint64_t *sorted, size_t n, size_t n_all)
{
    return (struct stg_usual){.low = quantile(sorted, n, n_all, 0.05),
                              .median = quantile(sorted, n, n_all, 0.5),
                              .high = quantile(sorted, n, n_all, 0.95),
                              .share = (float)((double)n / (double)c->n_sequences)};
}

/* first (kinds.n + 1): where the pairs of each kind begin, once they are sorted. */
static enum stg_status sort_pairs(struct stg_usual_counts *c, size_t **first)
{
    uint64_t *room = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(first, c->kinds.n + 1, sizeof **first));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&room, c->n, sizeof *room));
    stg_sort_records(c->pairs, room, c->n, sizeof *room);
    stg_mem_free(room);
    for (size_t kind = 0, i = 0; kind <= c->kinds.n; kind++) {
        while (i < c->n && c->pairs[i] >> 32 < kind) {
            i++;
        }
        (*first)[kind] = i;
    }
    return STG_OK;
}

enum stg_status stg_usual_quantiles(struct stg_usual_counts *c, struct stg_usual *out)
{
    enum stg_status status = STG_OK;
    size_t *first = NULL;
    STG_TRY(sort_pairs(c, &first));
    for (size_t k = 0; k < c->kinds.n; k++) {
        const size_t n = first[k + 1] - first[k];
        out[k] = n == 0 ? (struct stg_usual){0} : usual_of(c, c->pairs + first[k], n, c->n_sequences);
    }
out:
    stg_mem_free(first);
    return status;
}

void stg_usual_counts_fini(struct stg_usual_counts *c)
{
    stg_keys_fini(&c->kinds);
    stg_mem_free(c->pairs);
    stg_mem_free(c->count);
    stg_mem_free(c->touched);
    memset(c, 0, sizeof *c);
}

enum stg_status stg_usual_counted(uint8_t **counted, const struct stg_vocab *v)
{
    const size_t n = stg_strings_count(v->calls);
    STG_RETURN_IF_FAILED(stg_mem_zeroed(counted, n, 1));
    for (size_t i = STG_TOKEN_SPECIALS; i < n; i++) {
        (*counted)[i] = stg_syscall_returns_count(stg_strings_get(v->calls, (uint32_t)i));
    }
    return STG_OK;
}

/* What a model does not know by name it cannot call usual: such ids are UNKNOWN. */
static enum stg_status known_ids(uint16_t **out, const struct stg_strings *names)
{
    const size_t n = stg_strings_count(names);
    STG_RETURN_IF_FAILED(stg_mem_zeroed(out, (size_t)UINT16_MAX + 1, sizeof **out));
    for (size_t i = 0; i <= UINT16_MAX; i++) {
        (*out)[i] = stg_vocab_known((uint16_t)i, n);
    }
    return STG_OK;
}

static int compare_keys(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

struct row {
    uint64_t key;
    struct stg_usual usual;
};

static int compare_rows(const void *a, const void *b)
{
    return compare_keys(&((const struct row *)a)->key, &((const struct row *)b)->key);
}

/* rows (2 × kinds.n): each kind over all sequences, and over those with its process where these are not nearly all. Of
 * n_seen sequences one has it at least. */
static size_t make_rows(const struct stg_usual_counts *c, const size_t *first, size_t n_seen, struct row *rows)
{
    size_t n_rows = 0;
    for (size_t k = 0; k < c->kinds.n; k++) {
        struct stg_kind_of_call kind;
        const uint64_t *sorted = c->pairs + first[k];
        const size_t n = first[k + 1] - first[k];
        struct row *row = &rows[n_rows++];
        *row = (struct row){.key = c->kinds.key[k]};
        stg_usual_unpack(c->kinds.key[k], &kind);
        if (n == 0) { /* a call of other sequences, or how long they last without times */
            row->usual.share = kind.call >= STG_TOKEN_SPECIALS ? (float)(1.0 / (double)n_seen) : 0;
            continue;
        }
        row->usual = usual_of(c, sorted, n, c->n_sequences);
        const uint32_t turns = stg_keys_find(&c->kinds, stg_usual_turns(kind.proc));
        const size_t n_with = turns == STG_KEYS_NONE ? 0 : first[turns + 1] - first[turns];
        if (kind.call >= STG_TOKEN_SPECIALS && n_with >= n &&
            (double)n_with < (double)STG_USUAL_NEARLY_ALL * (double)c->n_sequences) {
            rows[n_rows++] =
                (struct row){.key = c->kinds.key[k] | STG_USUAL_OF_PROCESS, .usual = usual_of(c, sorted, n, n_with)};
        }
    }
    return n_rows;
}

/* Rows in order of their keys, so that a look-up is a bisection. */
static enum stg_status take_rows(struct stg_model *m, struct stg_usual_counts *c, size_t n_seen)
{
    enum stg_status status = STG_OK;
    struct row *rows = NULL;
    uint64_t *keys = NULL;
    float *values = NULL;
    size_t *first = NULL;
    STG_TRY(sort_pairs(c, &first));
    STG_TRY(stg_mem_zeroed(&rows, 2 * c->kinds.n, sizeof *rows));
    const size_t n = make_rows(c, first, n_seen, rows);
    STG_TRY(stg_mem_zeroed(&values, n, sizeof rows->usual));
    STG_TRY(stg_mem_zeroed(&keys, n, sizeof *keys));
    qsort(rows, n, sizeof *rows, compare_rows);
    for (size_t i = 0; i < n; i++) {
        keys[i] = rows[i].key;
        memcpy(values + i * STG_MODEL_USUAL_COLUMNS, &rows[i].usual, sizeof rows[i].usual);
    }
    stg_mem_free(m->usual_key);
    stg_mem_free(m->usual);
    m->usual_key = keys;
    m->usual = values;
    m->n_usual = n;
    keys = NULL;
    values = NULL;
out:
    stg_mem_free(first);
    stg_mem_free(rows);
    stg_mem_free(keys);
    stg_mem_free(values);
    return status;
}

/* What the ids of sequences are called by, and which processes make which calls at all. */
struct fit {
    struct stg_usual_counts counts;
    uint16_t *call_of, *proc_of;
    uint8_t *counted;
    uint8_t **made;             /* (procs) of each process that is there, whether it makes the call (calls) */
    size_t n_calls, n_procs, n; /* n: sequences that were looked at */
    uint8_t **made_of;          /* (threads of the sequence at hand) */
    size_t cap_made_of;
};

/* Of every event no more than who calls what: this goes over all of the training. */
static enum stg_status see_one(struct fit *f, const struct stg_corpus *corpus, size_t index)
{
    struct stg_seq seq;
    stg_corpus_get(corpus, index, &seq);
    STG_RETURN_IF_FAILED(stg_mem_grow((void *)&f->made_of, &f->cap_made_of, seq.n_threads, sizeof *f->made_of));
    for (size_t t = 0; t < seq.n_threads; t++) {
        uint8_t **made = &f->made[f->proc_of[seq.thread_proc[t]]];
        if (*made == NULL) {
            STG_RETURN_IF_FAILED(stg_mem_zeroed(made, f->n_calls, 1));
        }
        f->made_of[t] = *made;
    }
    for (size_t i = 0; i < seq.n; i++) {
        if (seq.call[i] < f->n_calls) {
            f->made_of[seq.thread[i]][seq.call[i]] = 1;
        }
    }
    f->n++;
    return STG_OK;
}

/* Calls that no counted sequence has, and others have, get rows: none is usual, and one at least has them. */
static enum stg_status take_seen(struct fit *f)
{
    for (size_t proc = 0; proc < f->n_procs; proc++) {
        for (size_t call = STG_TOKEN_SPECIALS; call < f->n_calls && f->made[proc] != NULL; call++) {
            const struct stg_kind_of_call kind = {.call = (uint16_t)call, .proc = (uint16_t)proc};
            uint32_t i;
            if (f->made[proc][call] != 0) {
                STG_RETURN_IF_FAILED(stg_keys_put(&f->counts.kinds, stg_usual_key(&kind), STG_USUAL_MAX_KINDS, &i));
            }
        }
    }
    return STG_OK;
}

/* The held-out sequences that are not left out; *n of them. */
static enum stg_status find_kept(size_t **kept, size_t *n, const struct stg_corpus *held_out, const uint32_t *left_out)
{
    STG_RETURN_IF_FAILED(stg_mem_zeroed(kept, held_out->n, sizeof **kept));
    for (size_t i = 0; i < held_out->n; i++) {
        if (left_out == NULL || left_out[i] == 0) {
            (*kept)[(*n)++] = i;
        }
    }
    return STG_OK;
}

static void fit_fini(struct fit *f)
{
    stg_usual_counts_fini(&f->counts);
    for (size_t i = 0; i < f->n_procs && f->made != NULL; i++) {
        stg_mem_free(f->made[i]);
    }
    stg_mem_free((void *)f->made);
    stg_mem_free((void *)f->made_of);
    stg_mem_free(f->call_of);
    stg_mem_free(f->proc_of);
    stg_mem_free(f->counted);
}

enum stg_status stg_usual_fit(struct stg_model *m, const struct stg_corpus *held_out, const uint32_t *left_out,
                              const struct stg_corpus *training)
{
    enum { STRETCH = 256 }; /* sequences of the training that may be in memory at a time */
    enum stg_status status = STG_OK;
    struct fit f = {.n_calls = stg_strings_count(m->vocab.calls), .n_procs = stg_strings_count(m->vocab.procs)};
    size_t *kept = NULL, n_kept = 0;
    STG_TRY(known_ids(&f.call_of, m->vocab.calls));
    STG_TRY(known_ids(&f.proc_of, m->vocab.procs));
    STG_TRY(stg_usual_counted(&f.counted, &m->vocab));
    STG_TRY(stg_mem_zeroed((void *)&f.made, f.n_procs, sizeof *f.made));
    STG_TRY(find_kept(&kept, &n_kept, held_out, left_out));
    const size_t n = n_kept < MAX_SEQUENCES ? n_kept : MAX_SEQUENCES;
    for (size_t i = 0; i < n; i++) {
        struct stg_seq seq;
        stg_corpus_get(held_out, kept[i * n_kept / n], &seq);
        STG_TRY(stg_usual_add(&f.counts, &seq, f.call_of, f.proc_of, f.counted));
    }
    for (size_t i = 0; i < n_kept && n > 0; i++) {
        STG_TRY(see_one(&f, held_out, kept[i]));
    }
    for (size_t i = 0; i < training->n && n > 0; i++) {
        STG_TRY(see_one(&f, training, i));
        if ((i + 1) % STRETCH == 0 || i + 1 == training->n) {
            stg_corpus_release(training, i / STRETCH * STRETCH, i + 1);
        }
    }
    STG_TRY(take_seen(&f));
    STG_TRY(take_rows(m, &f.counts, f.n));
out:
    fit_fini(&f);
    stg_mem_free(kept);
    return status;
}

bool stg_usual_find(const struct stg_model *m, uint64_t key, struct stg_usual *out)
{
    const uint64_t *found =
        m->n_usual == 0 ? NULL : bsearch(&key, m->usual_key, m->n_usual, sizeof *m->usual_key, compare_keys);
    memset(out, 0, sizeof *out);
    if (found != NULL) {
        memcpy(out, m->usual + (size_t)(found - m->usual_key) * STG_MODEL_USUAL_COLUMNS, sizeof *out);
    }
    return found != NULL;
}

bool stg_usual_is_complete(const struct stg_model *m)
{
    const size_t most = STG_USUAL_MAX_KINDS; /* rows with STG_USUAL_OF_PROCESS come behind the others */
    return m->n_usual < most || m->usual_key[most - 1] >= STG_USUAL_OF_PROCESS;
}
