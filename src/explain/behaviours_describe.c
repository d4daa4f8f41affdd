/* A group of novel sequences, described: what is more and what is less than usual, what surprises, where and when. */
#include "base/majority.h"
#include "base/memory.h"
#include "base/sort.h"
#include "detect/novel.h"
#include "event/syscalls.h"
#include "explain/behaviours_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_PLACED = 64,   /* … in which the calls around what is new, and the descriptors, are looked for */
    MAX_PLACES = 1024, /* different ones of these that are told apart */
};

/* Shares of the behaviour's surprisal by feature: the squares of the components, whose sum is 1 in every sequence. */
struct shares {
    float *share;                /* (features) */
    struct stg_majority *before; /* (features) the commonest call before, by weight */
};

static void shares_fini(struct shares *s)
{
    stg_mem_free(s->share);
    stg_mem_free(s->before);
}

static enum stg_status share_out(struct shares *out, const struct behaviour_search *s, uint32_t group, size_t n)
{
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->share, s->features.n, sizeof *out->share));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->before, s->features.n, sizeof *out->before));
    for (size_t i = 0; i < s->n; i++) {
        const struct grouping_vector *v = &s->vectors[i];
        for (uint32_t k = 0; k < v->n && s->group[i] == group; k++) {
            const uint32_t f = v->feature[k];
            const float weight = v->weight[k] * v->weight[k];
            out->share[f] += weight / (float)n;
            stg_majority_vote(&out->before[f], v->before[k], weight);
        }
    }
    return STG_OK;
}

/* --- Counts --- */

bool behaviour_is_chosen(size_t seen, size_t n, size_t taken, size_t most)
{
    return n <= most || (taken < most && seen == taken * n / most);
}

static enum stg_status count_members(struct behaviour_counts *c, const struct behaviour_search *s, uint32_t group,
                                     size_t n)
{
    size_t seen = 0, taken = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->group[i] != group) {
            continue;
        }
        if (behaviour_is_chosen(seen++, n, taken, BEHAVIOUR_MAX_COUNTED)) {
            const struct behaviour_member *m = &s->members[i];
            struct stg_seq seq;
            stg_corpus_get(s->inputs[m->input].corpus, m->index, &seq);
            STG_RETURN_IF_FAILED(stg_usual_add(&c->now, &seq, s->call_of[m->input], s->proc_of[m->input], s->counted));
            taken++;
        }
    }
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->quantiles, c->now.kinds.n, sizeof *c->quantiles));
    return stg_usual_quantiles(&c->now, c->quantiles);
}

static struct stg_usual now_of(const struct behaviour_counts *c, uint64_t key)
{
    const uint32_t kind = stg_keys_find(&c->now.kinds, key);
    return kind == STG_KEYS_NONE ? (struct stg_usual){0} : c->quantiles[kind];
}

bool behaviour_usual_of(const struct stg_model *m, const struct behaviour_counts *c, uint64_t key,
                        struct stg_usual *out)
{
    struct stg_kind_of_call kind;
    stg_usual_unpack(key, &kind);
    return (now_of(c, stg_usual_turns(kind.proc)).share >= STG_USUAL_NEARLY_ALL &&
            stg_usual_find(m, key | STG_USUAL_OF_PROCESS, out)) ||
           stg_usual_find(m, key, out);
}

/* The median ratio of what nine in ten known sequences have. Within half of the usual length nothing is scaled: that
 * would make noise. Time alone brings none of a thread's own events: there three in four sorts of call have to be so
 * many, else what half of them have more of is what the thread does more. */
static enum stg_status find_scale(const struct stg_model *m, const struct behaviour_counts *c, float *scale)
{
    float *ratios = NULL;
    size_t n = 0;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&ratios, m->n_usual, sizeof *ratios));
    for (size_t i = 0; i < m->n_usual && m->usual_key[i] < STG_USUAL_OF_PROCESS; i++) {
        struct stg_kind_of_call kind;
        struct stg_usual usual;
        stg_usual_unpack(m->usual_key[i], &kind);
        (void)stg_usual_find(m, m->usual_key[i], &usual);
        if (kind.call >= STG_TOKEN_SPECIALS && kind.phase == 0 && usual.share >= 0.9f && usual.median >= 1) {
            ratios[n++] = now_of(c, m->usual_key[i]).median / usual.median;
        }
    }
    stg_sort_floats(ratios, n);
    *scale = n == 0 ? 1 : ratios[m->recipe.scope == STG_SCOPE_THREAD ? n / 4 : n / 2];
    if (!(*scale < 0.5f || *scale > 1.5f) || !(*scale > 0)) {
        *scale = 1;
    }
    stg_mem_free(ratios);
    return STG_OK;
}

/* --- Changes --- */

/* A call that no known sequence makes. Not every sequence of a group has to: what happens to a few of them tells as
 * much. */
static bool is_new_call(const struct stg_behaviour_change *c)
{
    return c->kind.phase == 0 && !(c->usual.share > 0) && c->share >= 0.1f;
}

/* What has surprised and what has become many times as much; neither alone would do, as a call may be more without a
 * surprise. Of new calls those that act on others stay, however rare. */
static float rank_of(const struct stg_behaviour_change *c, const struct stg_vocab *names)
{
    const float much = c->weight + 0.1f * fabsf(log2f((c->now + 1) / (c->usual.median + 1)));
    const bool acts =
        is_new_call(c) && stg_syscall_consequence(stg_strings_get(names->calls, c->kind.call)) + 1 == STG_CONSEQUENCES;
    return much + (is_new_call(c) ? 0.3f * c->share : 0) + (acts ? 1 : 0);
}

static bool is_heavier(const struct stg_behaviour_change *a, const struct stg_behaviour_change *b,
                       const struct stg_vocab *names)
{
    const float x = rank_of(a, names), y = rank_of(b, names);
    return x > y || (!(x < y) && stg_usual_key(&a->kind) < stg_usual_key(&b->kind));
}

static bool same_call(const struct stg_kind_of_call *a, const struct stg_kind_of_call *b)
{
    return a->call == b->call && a->proc == b->proc;
}

/* Keeps the heaviest ones; equal ones in the order of their keys. Of one call the three heaviest: others have something
 * to tell as well. */
static void keep(struct stg_behaviour_change *list, size_t *n, const struct stg_behaviour_change *c,
                 const struct stg_vocab *names)
{
    size_t at = *n, alike = 0, lightest = 0;
    for (size_t i = 0; i < *n; i++) {
        if (same_call(&list[i].kind, &c->kind)) {
            alike++;
            lightest = i;
        }
    }
    if (alike >= 3) {
        if (!is_heavier(c, &list[lightest], names)) {
            return;
        }
        memmove(&list[lightest], &list[lightest + 1], (*n - lightest - 1) * sizeof *list);
        at = --*n;
    }
    while (at > 0 && is_heavier(c, &list[at - 1], names)) {
        at--;
    }
    if (at >= STG_BEHAVIOUR_CHANGES) {
        return;
    }
    const size_t kept = *n < STG_BEHAVIOUR_CHANGES ? *n : STG_BEHAVIOUR_CHANGES - 1;
    memmove(&list[at + 1], &list[at], (kept - at) * sizeof *list);
    list[at] = *c;
    *n = kept + 1;
}

/* More than usual, and more than all calls together have become: what a sequence does once it does once in a longer
 * one, too. */
static bool is_more(const struct stg_behaviour_change *c, float scale)
{
    return c->now > c->usual.high * fmaxf(scale, 1) + 0.5f || is_new_call(c);
}

static bool is_fewer(const struct stg_behaviour_change *c, float scale)
{
    return c->now < c->usual.low * fminf(scale, 1) - 0.5f;
}

static struct stg_behaviour_change change_of(const struct behaviour_search *s, const struct behaviour_counts *c,
                                             const struct shares *shares, uint64_t key)
{
    struct stg_behaviour_change out = {0};
    const struct stg_usual now = now_of(c, key);
    stg_usual_unpack(key, &out.kind);
    (void)behaviour_usual_of(s->model, c, key, &out.usual);
    out.now = now.median;
    out.low = now.low;
    out.high = now.high;
    out.share = now.share;
    for (size_t f = 0; f < s->features.n; f++) {
        struct stg_kind_of_call kind;
        stg_usual_unpack(s->features.key[f], &kind);
        out.weight += same_call(&kind, &out.kind) ? shares->share[f] : 0;
    }
    return out;
}

/* Whether known sequences may have it, and the model's table had no room to say so. */
static bool is_not_known(const struct stg_model *m, uint64_t key, const struct stg_kind_of_call *kind)
{
    struct stg_usual usual;
    return !stg_usual_is_complete(m) && !stg_usual_find(m, key, &usual) &&
           stg_vocab_known(kind->call, stg_strings_count(m->vocab.calls)) != STG_TOKEN_UNKNOWN &&
           stg_vocab_known(kind->proc, stg_strings_count(m->vocab.procs)) != STG_TOKEN_UNKNOWN;
}

/* Whether no known sequence makes the call, as far as the model knows. */
static bool is_never_made(const struct stg_model *m, const struct behaviour_counts *c,
                          const struct stg_kind_of_call *kind)
{
    const struct stg_kind_of_call call = {.call = kind->call, .proc = kind->proc};
    const uint64_t key = stg_usual_key(&call);
    struct stg_usual usual = {0};
    (void)behaviour_usual_of(m, c, key, &usual);
    return !(usual.share > 0) && !is_not_known(m, key, &call);
}

/* The size that most of the additional calls return. */
static uint8_t common_size(const struct behaviour_search *s, const struct behaviour_counts *c,
                           const struct stg_kind_of_call *call, float scale)
{
    float most = 0;
    uint8_t size = 0;
    for (size_t i = 0; i < c->now.kinds.n; i++) {
        struct stg_kind_of_call kind;
        struct stg_usual usual;
        stg_usual_unpack(c->now.kinds.key[i], &kind);
        (void)behaviour_usual_of(s->model, c, c->now.kinds.key[i], &usual);
        const float more = c->quantiles[i].median - usual.median * scale;
        if (same_call(&kind, call) && kind.size > 0 && more > most) {
            most = more;
            size = kind.size;
        }
    }
    return size;
}

/* A result adds nothing to a call that has changed in the same direction, unless it is a failure. */
static bool is_told(const struct behaviour_search *s, const struct behaviour_counts *c, const struct shares *shares,
                    const struct stg_behaviour_change *x, float scale)
{
    if (x->kind.phase != STG_PHASE_EXIT || x->kind.errno_class > 1) {
        return false;
    }
    const struct stg_kind_of_call call = {.call = x->kind.call, .proc = x->kind.proc};
    const struct stg_behaviour_change whole = change_of(s, c, shares, stg_usual_key(&call));
    return (is_more(x, scale) && is_more(&whole, scale)) || (is_fewer(x, scale) && is_fewer(&whole, scale));
}

static void find_changes(struct stg_behaviour *out, const struct behaviour_search *s, const struct behaviour_counts *c,
                         const struct shares *shares)
{
    const size_t n = c->now.kinds.n;
    for (size_t i = 0; i < n + s->model->n_usual; i++) {
        const uint64_t key = i < n ? c->now.kinds.key[i] : s->model->usual_key[i - n];
        if (i >= n && (key >= STG_USUAL_OF_PROCESS || stg_keys_find(&c->now.kinds, key) != STG_KEYS_NONE)) {
            continue;
        }
        struct stg_behaviour_change x = change_of(s, c, shares, key);
        if (x.kind.call < STG_TOKEN_UNKNOWN || is_not_known(s->model, key, &x.kind) ||
            is_told(s, c, shares, &x, out->scale)) {
            continue;
        }
        if (is_more(&x, out->scale)) {
            x.size = x.kind.phase == 0 ? common_size(s, c, &x.kind, out->scale) : 0;
            x.is_never = is_never_made(s->model, c, &x.kind);
            keep(out->more, &out->n_more, &x, &s->out->names);
        } else if (is_fewer(&x, out->scale)) {
            keep(out->fewer, &out->n_fewer, &x, &s->out->names);
        }
    }
}

/* The process that nearly all have and the fewest known sequences, where these are few. */
static void find_rare(struct stg_behaviour *out, const struct behaviour_search *s, const struct behaviour_counts *c)
{
    enum { FEW_PERCENT = 10 };
    const size_t n = stg_strings_count(s->out->names.procs);
    for (size_t proc = STG_TOKEN_SPECIALS; proc < n; proc++) {
        const uint64_t key = stg_usual_turns((uint16_t)proc);
        struct stg_usual usual;
        if (now_of(c, key).share >= STG_USUAL_NEARLY_ALL && stg_usual_find(s->model, key, &usual) &&
            usual.share * 100 <= FEW_PERCENT && (out->rare.proc == 0 || usual.share < out->rare.known)) {
            out->rare.proc = (uint16_t)proc;
            out->rare.known = usual.share;
        }
    }
}

static void find_surprises(struct stg_behaviour *out, const struct behaviour_search *s, const struct shares *shares)
{
    for (size_t f = 0; f < s->features.n; f++) {
        struct stg_behaviour_surprise x = {.weight = shares->share[f],
                                           .before = (uint16_t)shares->before[f].candidate,
                                           .ret = STG_RET_ABSENT,
                                           .expected = STG_TOKEN_MASK};
        stg_usual_unpack(s->features.key[f], &x.kind);
        if (x.kind.call == STG_TOKEN_MASK) {
            out->weight_descriptors += x.kind.phase == FEATURE_DESCRIPTOR ? x.weight : 0;
            out->weight_time += x.kind.phase == FEATURE_TIME ? x.weight : 0;
            continue;
        }
        size_t at = out->n_surprises;
        while (at > 0 && out->surprises[at - 1].weight < x.weight) {
            at--;
        }
        if (at < STG_BEHAVIOUR_SURPRISES && x.weight >= 0.02f) {
            const size_t kept =
                out->n_surprises < STG_BEHAVIOUR_SURPRISES ? out->n_surprises : STG_BEHAVIOUR_SURPRISES - 1;
            memmove(&out->surprises[at + 1], &out->surprises[at], (kept - at) * sizeof x);
            out->surprises[at] = x;
            out->n_surprises = kept + 1;
        }
    }
}

/* --- Places --- */

/* Pairs of calls around what is new, and descriptors, with how often and how surprising. */
struct places {
    struct stg_keys around, descriptors;
    float n_around[MAX_PLACES], weight[MAX_PLACES];
    struct stg_majority user[MAX_PLACES]; /* of a descriptor: the call that uses it most */
    int64_t highest, highest_known;
    float all_around, all_weight, beyond_weight;
    uint16_t *last, *before; /* (threads) */
    bool *inside;            /* (threads) */
    size_t cap_last, cap_before, cap_inside, cap_surprisal;
    float *surprisal;
};

/* Whether the event is one that known sequences do not have: a call of which they have none, or hardly any beside what
 * there are now, or a result that they hardly ever have. */
static bool is_new(const struct stg_behaviour *b, const struct stg_kind_of_call *kind)
{
    for (size_t i = 0; i < b->n_more; i++) {
        const struct stg_behaviour_change *c = &b->more[i];
        const bool matches =
            same_call(&c->kind, kind) && (c->kind.phase == 0 || stg_usual_key(&c->kind) == stg_usual_key(kind));
        if (matches && (c->kind.phase == 0 ? c->usual.median * 8 < c->now : c->usual.share < 0.05f)) {
            return true;
        }
    }
    return false;
}

static enum stg_status put_place(struct places *p, uint16_t before, uint16_t after)
{
    uint32_t i;
    STG_RETURN_IF_FAILED(stg_keys_put(&p->around, (uint64_t)before << 16 | after, MAX_PLACES, &i));
    if (i != STG_KEYS_NONE) {
        p->n_around[i]++;
    }
    p->all_around++;
    return STG_OK;
}

static enum stg_status place_calls(struct places *p, const struct behaviour_search *s, const struct stg_behaviour *b,
                                   const struct stg_seq *seq, uint32_t input)
{
    STG_RETURN_IF_FAILED(stg_mem_grow(&p->last, &p->cap_last, seq->n_threads, sizeof *p->last));
    STG_RETURN_IF_FAILED(stg_mem_grow(&p->before, &p->cap_before, seq->n_threads, sizeof *p->before));
    STG_RETURN_IF_FAILED(stg_mem_grow(&p->inside, &p->cap_inside, seq->n_threads, sizeof *p->inside));
    for (size_t t = 0; t < seq->n_threads; t++) {
        p->last[t] = behaviour_call_before(seq, s->call_of[input], t);
        p->inside[t] = false;
    }
    for (size_t i = 0; i < seq->n; i++) {
        const uint16_t t = seq->thread[i];
        const uint16_t call = s->call_of[input][seq->call[i]];
        struct stg_kind_of_call kind;
        (void)stg_usual_kind(&kind, call, s->proc_of[input][seq->thread_proc[t]], seq->phase[i], seq->ret[i],
                             s->counted[call] != 0);
        if (is_new(b, &kind)) {
            p->before[t] = p->inside[t] ? p->before[t] : p->last[t];
            p->inside[t] = true;
        } else if (p->inside[t] && seq->phase[i] != STG_PHASE_EXIT) {
            STG_RETURN_IF_FAILED(put_place(p, p->before[t], call));
            p->inside[t] = false;
        }
        p->last[t] = p->inside[t] ? p->last[t] : call;
    }
    for (size_t t = 0; t < seq->n_threads; t++) {
        if (p->inside[t]) {
            STG_RETURN_IF_FAILED(put_place(p, p->before[t], STG_TOKEN_END));
        }
    }
    return STG_OK;
}

static enum stg_status place_descriptors(struct places *p, const struct behaviour_search *s, const struct stg_seq *seq,
                                         uint32_t input)
{
    double end;
    if (s->model->side[STG_SIDE_STATE] == NULL) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&p->surprisal, &p->cap_surprisal, seq->n, sizeof *p->surprisal));
    STG_RETURN_IF_FAILED(stg_score_events(s->model->side[STG_SIDE_STATE], seq, p->surprisal, &end));
    for (size_t i = 0; i < seq->n; i++) {
        uint32_t k;
        const bool judged = p->surprisal[i] > 0 && seq->phase[i] == STG_PHASE_ENTRY;
        p->highest = judged && seq->ret[i] > p->highest && seq->ret[i] <= INT32_MAX ? seq->ret[i] : p->highest;
        if (!(p->surprisal[i] > BEHAVIOUR_HINGE) || seq->ret[i] < 0 || seq->ret[i] > INT32_MAX) {
            continue;
        }
        const uint64_t key =
            (uint64_t)s->proc_of[input][seq->thread_proc[seq->thread[i]]] << 32 | (uint64_t)seq->ret[i];
        STG_RETURN_IF_FAILED(stg_keys_put(&p->descriptors, key, MAX_PLACES, &k));
        if (k != STG_KEYS_NONE) {
            p->weight[k] += p->surprisal[i];
            stg_majority_vote(&p->user[k], s->call_of[input][seq->call[i]], 1);
        }
        p->all_weight += p->surprisal[i];
        p->beyond_weight += seq->ret[i] > p->highest_known ? p->surprisal[i] : 0;
    }
    return STG_OK;
}

static void take_places(struct stg_behaviour *out, const struct places *p)
{
    for (size_t i = 0; i < p->around.n; i++) {
        const struct stg_behaviour_place place = {.before = (uint16_t)(p->around.key[i] >> 16),
                                                  .after = (uint16_t)p->around.key[i],
                                                  .share = p->n_around[i] / p->all_around};
        size_t at = out->n_places;
        while (at > 0 && out->places[at - 1].share < place.share) {
            at--;
        }
        if (at < STG_BEHAVIOUR_PLACES && place.share >= 0.1f) {
            const size_t kept = out->n_places < STG_BEHAVIOUR_PLACES ? out->n_places : STG_BEHAVIOUR_PLACES - 1;
            memmove(&out->places[at + 1], &out->places[at], (kept - at) * sizeof place);
            out->places[at] = place;
            out->n_places = kept + 1;
        }
    }
    out->highest = p->highest;
    out->highest_known = p->highest_known;
    out->weight_beyond = p->all_weight > 0 ? p->beyond_weight / p->all_weight : 0;
    for (size_t i = 0; i < p->descriptors.n; i++) {
        const float weight = p->weight[i] / p->all_weight;
        size_t at = out->n_descriptors;
        while (at > 0 && out->descriptors[at - 1].weight < weight) {
            at--;
        }
        if (at < STG_BEHAVIOUR_DESCRIPTORS) {
            const size_t kept =
                out->n_descriptors < STG_BEHAVIOUR_DESCRIPTORS ? out->n_descriptors : STG_BEHAVIOUR_DESCRIPTORS - 1;
            memmove(&out->descriptors[at + 1], &out->descriptors[at], (kept - at) * sizeof out->descriptors[0]);
            out->descriptors[at].proc = (uint16_t)(p->descriptors.key[i] >> 32);
            out->descriptors[at].number = (int64_t)(p->descriptors.key[i] & UINT32_MAX);
            out->descriptors[at].weight = weight;
            out->descriptors[at].call = (uint16_t)p->user[i].candidate;
            out->n_descriptors = kept + 1;
        }
    }
}

static enum stg_status find_places(struct stg_behaviour *out, const struct behaviour_search *s, uint32_t group)
{
    enum stg_status status = STG_OK;
    struct places *p = NULL;
    size_t seen = 0, taken = 0;
    const struct stg_model *side = s->model->side[STG_SIDE_STATE];
    STG_TRY(stg_mem_zeroed(&p, 1, sizeof *p));
    p->highest = -1;
    p->highest_known = side == NULL ? -1 : stg_symbols_highest_descriptor(side->symbols);
    for (size_t i = 0; i < s->n; i++) {
        if (s->group[i] == group && behaviour_is_chosen(seen++, out->n, taken, MAX_PLACED)) {
            const struct behaviour_member *m = &s->members[i];
            struct stg_seq seq;
            stg_corpus_get(s->inputs[m->input].corpus, m->index, &seq);
            STG_TRY(place_calls(p, s, out, &seq, m->input));
            STG_TRY(place_descriptors(p, s, &seq, m->input));
            taken++;
        }
    }
    take_places(out, p);
out:
    if (p != NULL) {
        stg_keys_fini(&p->around);
        stg_keys_fini(&p->descriptors);
        stg_mem_free(p->last);
        stg_mem_free(p->before);
        stg_mem_free(p->inside);
        stg_mem_free(p->surprisal);
    }
    stg_mem_free(p);
    return status;
}

/* --- When, and how far from the usual --- */

static void find_times(struct stg_behaviour *out, const struct behaviour_search *s, uint32_t group)
{
    size_t late = 0, end = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct behaviour_member *m = &s->members[i];
        if (s->group[i] != group) {
            continue;
        }
        if (out->n++ == 0) {
            out->first_input = m->input;
            out->first = m->index;
        }
        out->last_input = m->input;
        out->last = m->index;
        out->n_beyond += stg_is_beyond(s->model, s->aggregate, &s->inputs[m->input].scores[m->index]);
        out->slices[m->place * STG_BEHAVIOUR_SLICES / s->out->n_sequences]++;
        late += m->place * 2 >= s->out->n_sequences;
        end = m->place + 1;
    }
    out->n_estimated = (double)out->n * (double)s->out->n_novel / (double)s->out->n_examined;
    const double difference = (double)late * 2 - (double)out->n; /* of n fair coins: mean 0, variance n */
    if (fabs(difference) > 3.29 * sqrt((double)out->n)) {
        out->trend = difference > 0 ? STG_TREND_GROWING : STG_TREND_FADING;
    }
    if (out->slices[STG_BEHAVIOUR_SLICES - 1] == 0 &&
        pow((double)end / (double)s->out->n_sequences, (double)out->n) <= 0.001) {
        out->trend = STG_TREND_ENDED;
    }
}

/* Medians of what the scores say beside the surprisals: of the channels' deviations, then of workers. */
static enum stg_status find_channels(struct stg_behaviour *out, const struct behaviour_search *s, uint32_t group)
{
    float *values = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&values, out->n, sizeof *values));
    for (int c = 0; c <= STG_CHANNELS; c++) {
        size_t n = 0;
        for (size_t i = 0; i < s->n; i++) {
            if (s->group[i] == group) {
                const struct stg_score *score = &s->inputs[s->members[i].input].scores[s->members[i].index];
                values[n++] = c < STG_CHANNELS ? score->z[c] : score->workers;
            }
        }
        stg_sort_floats(values, n);
        *(c < STG_CHANNELS ? &out->z[c] : &out->workers) = values[n / 2];
    }
    stg_mem_free(values);
    return STG_OK;
}

enum stg_status behaviour_describe(struct behaviour_search *s, uint32_t group, struct stg_behaviour *out)
{
    enum stg_status status = STG_OK;
    struct shares shares = {0};
    struct behaviour_counts counts = {0};
    size_t centre;
    *out = (struct stg_behaviour){.scale = 1};
    find_times(out, s, group);
    STG_TRY(find_channels(out, s, group));
    STG_TRY(grouping_centre(s->vectors, s->n, s->features.n, s->group, group, &centre));
    out->input = s->members[centre].input;
    out->index = s->members[centre].index;
    STG_TRY(share_out(&shares, s, group, out->n));
    find_surprises(out, s, &shares);
    STG_TRY(count_members(&counts, s, group, out->n));
    out->events = now_of(&counts, STG_USUAL_EVENTS).median;
    out->duration_ns = now_of(&counts, STG_USUAL_DURATION).median;
    if (s->model->n_usual > 0) {
        STG_TRY(find_scale(s->model, &counts, &out->scale));
        find_changes(out, s, &counts, &shares);
        find_rare(out, s, &counts);
        STG_TRY(behaviour_find_balance(s, group, &counts, out));
    }
    STG_TRY(find_places(out, s, group));
    STG_TRY(behaviour_find_expected(s, out));
out:
    shares_fini(&shares);
    stg_usual_counts_fini(&counts.now);
    stg_mem_free(counts.quantiles);
    return status;
}
