/* Faithfulness: what was changed in a known sequence is what is blamed for it, whatever the channel, and without it all
 * is as before. */
#include "changes.h"
#include "detect/calibrate.h"
#include "explain/counterfactual.h"
#include "explain/explain.h"
#include "fake_model.h"
#include "must.h"
#include "report/report.h"
#include "score/channels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_TRAIN = 400, N_CALIBRATE = 200, N_EACH = 30, N_WANTED = 27, FIRST = N_TRAIN + N_CALIBRATE };

struct fixture {
    struct stg_vocab vocab;
    struct stg_recipe recipe;
    struct fake_seq *seqs;
    struct stg_model *model;
};

/* Requests whose descriptors are small and whose times vary by half. */
static void fill(struct fake_seq *s, uint64_t id, struct stg_rng *rng)
{
    int64_t late = 0;
    fake_request(s, id, rng, 0);
    for (size_t i = 0; i < s->n; i++) {
        late += (int64_t)stg_rng_below(rng, 1500);
        s->time_ns[i] += late;
        if (s->phase[i] == STG_PHASE_ENTRY && s->call[i] != FAKE_OPENAT && s->call[i] != FAKE_FUTEX) {
            s->ret[i] = 7;
        }
    }
}

static int calibrate(struct fixture *f)
{
    static struct stg_score scores[N_CALIBRATE];
    struct stg_corpus corpus = {.n = N_CALIBRATE, .context = f->seqs + N_TRAIN, .get = fake_corpus_get};
    struct stg_pool *pool = NULL;
    must(stg_pool_new(&pool, 1));
    must(stg_score_corpus(f->model, &corpus, pool, NULL, scores));
    must(stg_channels_fit(f->model, scores, (const size_t[]){0, N_CALIBRATE}, 1));
    for (size_t i = 0; i < N_CALIBRATE; i++) {
        stg_channels_judge(f->model, &scores[i]);
    }
    must(stg_calibrate(f->model, scores, N_CALIBRATE));
    stg_pool_free(pool);
    return 0;
}

static int setup(void **state)
{
    static struct fixture f;
    static const char *const calls[] = {"read", "write", "openat", "close", "futex", "epoll_wait"};
    struct stg_model_settings s;
    struct stg_rng rng;
    uint16_t id;
    f = (struct fixture){0};
    must(stg_vocab_init(&f.vocab));
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        must(stg_vocab_call(&f.vocab, calls[i], &id));
    }
    stg_recipe_default(&f.recipe);
    f.recipe.order = STG_ORDER_THREAD;
    f.seqs = calloc(FIRST + N_EACH, sizeof *f.seqs);
    assert_non_null(f.seqs);
    stg_rng_seed(&rng, 3);
    for (size_t i = 0; i < FIRST + N_EACH; i++) {
        fill(&f.seqs[i], i, &rng);
    }
    struct stg_corpus corpus = {.n = N_TRAIN, .context = f.seqs, .get = fake_corpus_get};
    stg_model_settings_default(&s);
    s.kind = "ngram";
    must(stg_model_new(&f.model, &s, &f.recipe, &f.vocab));
    must(f.model->ops->fit(f.model, &corpus, NULL, NULL));
    must(stg_model_fit_sides(f.model, &corpus, NULL, NULL));
    *state = &f;
    return calibrate(&f);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    stg_model_free(f->model);
    stg_vocab_fini(&f->vocab);
    free(f->seqs);
    return 0;
}

/* Marks the rows of a segment; whether what was changed is among them. */
static bool mark_segment(const struct stg_explanation *x, const struct stg_segment *s, const struct changed *c,
                         bool *marked)
{
    bool found = false;
    for (uint32_t i = s->first; i < s->first + s->n; i++) {
        const uint32_t row = x->events[x->order[i]].index;
        if (row != UINT32_MAX) {
            marked[row] = true;
            found |= c->rows[row].changed;
        }
    }
    return found;
}

/* Of N_EACH held-out sequences with that change, those in which the first segment is it and is about one of the
 * fields. */
static size_t count_found(struct fixture *f, enum change what, unsigned fields)
{
    struct stg_rng rng;
    size_t n = 0;
    stg_rng_seed(&rng, 5);
    for (size_t i = 0; i < N_EACH; i++) {
        bool made, marked[FAKE_MAX_EVENTS] = {false};
        struct stg_seq seq;
        struct changed c;
        struct stg_explanation x;
        fake_seq_get(&f->seqs[FIRST + i], &seq);
        if (what == CHANGE_DOUBLED) { /* its one write is the last call; something must follow */
            fake_put(&f->seqs[FIRST + i], 101, FAKE_APACHE, FAKE_OPENAT, STG_PHASE_ENTRY, STG_RET_ABSENT, 3);
            fake_seq_get(&f->seqs[FIRST + i], &seq);
        }
        must(change_somewhere(&c, what, &seq, &f->vocab, &rng, &made));
        assert_true(made);
        must(stg_explain(&x, f->model, &c.seq, &f->vocab, 3));
        const bool found = x.n_segments > 0 && mark_segment(&x, &x.segments[0], &c, marked);
        n += found && (x.segments[0].fields & fields) != 0;
        stg_explanation_fini(&x);
        changed_fini(&c);
        f->seqs[FIRST + i].n -= what == CHANGE_DOUBLED ? 1 : 0;
    }
    return n;
}

static void test_changes_are_blamed(void **state)
{
    static const unsigned fields[CHANGES] = {
        [CHANGE_FOREIGN] = 1U << STG_FIELD_TO_BLAME_CALL,
        [CHANGE_DELAY] = 1U << STG_FIELD_TO_BLAME_PAUSE,
        [CHANGE_ERROR] = 1U << STG_FIELD_TO_BLAME_ERRNO,
        [CHANGE_DOUBLED] = 1U << STG_FIELD_TO_BLAME_CALL,
    };
    for (int what = 0; what < CHANGES; what++) {
        const size_t n = count_found(*state, (enum change)what, fields[what]);
        if (n < N_WANTED) {
            fail_msg("%s: blamed in %zu of %d sequences, wanted %d", change_names[what], n, N_EACH, N_WANTED);
        }
    }
}

/* The call that a foreign call's segment holds taken out, with its time, the score is the known one's again. */
static void test_without_the_blamed_all_is_known(void **state)
{
    struct fixture *f = *state;
    struct stg_rng rng;
    stg_rng_seed(&rng, 6);
    for (size_t i = 0; i < N_EACH; i++) {
        bool made, marked[FAKE_MAX_EVENTS] = {false};
        struct stg_seq seq;
        struct changed c, less;
        struct stg_explanation x;
        struct stg_score before, after;
        fake_seq_get(&f->seqs[FIRST + i], &seq);
        must(change_somewhere(&c, CHANGE_FOREIGN, &seq, &f->vocab, &rng, &made));
        must(stg_explain(&x, f->model, &c.seq, &f->vocab, 3));
        for (size_t k = 0; k < c.n; k++) {
            marked[k] = c.rows[k].changed;
        }
        must(changed_init(&less, &c.seq));
        changed_remove(&less, marked);
        must(stg_score_sequence(f->model, &seq, &before));
        must(stg_score_sequence(f->model, &less.seq, &after));
        assert_true(x.score.value[STG_AGGREGATE_MEAN] > before.value[STG_AGGREGATE_MEAN] + 0.1f);
        assert_float_equal(after.value[STG_AGGREGATE_MEAN], before.value[STG_AGGREGATE_MEAN], 1e-6);
        assert_int_equal(less.seq.n, seq.n);
        stg_explanation_fini(&x);
        changed_fini(&less);
        changed_fini(&c);
    }
}

/* One foreign call makes a sequence novel, and without its segment, and no other, it would be normal. */
static void test_counterfactual(void **state)
{
    struct fixture *f = *state;
    struct stg_rng rng;
    size_t n_novel = 0, n_exact = 0;
    stg_rng_seed(&rng, 7);
    for (size_t i = 0; i < N_EACH; i++) {
        bool made, marked[FAKE_MAX_EVENTS] = {false};
        struct stg_seq seq;
        struct changed c;
        struct stg_explanation x;
        struct stg_counterfactual w;
        fake_seq_get(&f->seqs[FIRST + i], &seq);
        must(stg_explain(&x, f->model, &seq, &f->vocab, 0));
        must(stg_counterfactual(&w, f->model, &x, stg_aggregate_default(f->model), 0.01));
        const bool known = !w.novel;
        assert_true(w.novel || (w.n == 0 && w.segments == NULL && !w.enough));
        stg_counterfactual_fini(&w);
        stg_explanation_fini(&x);
        must(change_somewhere(&c, CHANGE_FOREIGN, &seq, &f->vocab, &rng, &made));
        must(stg_explain(&x, f->model, &c.seq, &f->vocab, 0));
        must(stg_counterfactual(&w, f->model, &x, stg_aggregate_default(f->model), 0.01));
        n_novel += known && w.novel;
        if (known && w.novel) {
            assert_true(w.p_before <= 0.01 && (!w.enough || w.p_after > 0.01));
            assert_true(!w.enough || (w.at_least >= 1 && w.at_least <= w.n));
            n_exact += w.enough && w.n == 1 && mark_segment(&x, &x.segments[w.segments[0]], &c, marked);
        }
        stg_counterfactual_fini(&w);
        stg_explanation_fini(&x);
        changed_fini(&c);
    }
    assert_true(n_novel >= N_WANTED && n_exact * 10 >= n_novel * 9);
}

/* Several changes need several segments, the largest first; less than was asked of alpha is enough only where it says
 * so. */
static void test_counterfactual_of_several(void **state)
{
    struct fixture *f = *state;
    struct stg_seq seq;
    struct stg_explanation x;
    struct stg_counterfactual w;
    static struct fake_seq odd;
    odd = f->seqs[FIRST + 1];
    size_t n_reads = 0;
    for (size_t i = 0; i < odd.n; i++) {
        if (odd.call[i] == FAKE_READ && odd.phase[i] == STG_PHASE_EXIT && n_reads++ % 3 == 0) {
            odd.ret[i] = -5;
        }
    }
    fake_seq_get(&odd, &seq);
    must(stg_explain(&x, f->model, &seq, &f->vocab, 0));
    must(stg_counterfactual(&w, f->model, &x, stg_aggregate_default(f->model), 0.01));
    assert_true(w.novel && w.enough && w.p_after > 0.01);
    assert_true(w.n >= 1 && w.n <= x.n_segments && w.at_least <= w.n);
    for (size_t i = 0; i < w.n; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(w.segments[i], w.segments[k]);
        }
    }
    stg_counterfactual_fini(&w);
    /* The least p-value that there is: nothing is that novel. */
    must(stg_counterfactual(&w, f->model, &x, stg_aggregate_default(f->model), 1e-9));
    assert_false(w.novel);
    stg_counterfactual_fini(&w);
    for (uint64_t n = 1, status = STG_ERR_MEMORY; status != STG_OK; n++) {
        stg_mem_fail_at(n);
        status = stg_counterfactual(&w, f->model, &x, stg_aggregate_default(f->model), 0.01);
        stg_mem_fail_at(0);
        assert_true((status == STG_OK || status == STG_ERR_MEMORY) && n < 1000);
    }
    stg_counterfactual_fini(&w);
    stg_explanation_fini(&x);
}

enum { APART = 6, MANY = 41, MANY_EVENTS = MANY * APART };

/* An explanation by hand, of MANY_EVENTS events on one walk whose n segments are single events, APART from each other;
 * what is usual has a surprisal of 1, times and descriptors none. */
struct by_hand {
    struct stg_explained_event events[MANY_EVENTS];
    struct stg_segment segments[MANY];
    uint32_t order[MANY_EVENTS];
    struct stg_explanation x;
    struct stg_model m, side;
};

static void by_hand_init(struct by_hand *h, size_t n, float step)
{
    enum { N_KNOWN = 199, MIDDLE = 99 };
    static struct stg_score known[N_KNOWN];
    *h = (struct by_hand){.m = {.recipe = {.order = STG_ORDER_TIME}}};
    for (uint32_t i = 0; i < MANY_EVENTS; i++) {
        h->events[i] = (struct stg_explained_event){.index = UINT32_MAX, .surprisal = 1};
        h->order[i] = i;
    }
    for (uint32_t i = 0; i < n; i++) {
        h->segments[i] = (struct stg_segment){.first = i * APART, .n = 1};
    }
    for (int i = 0; i < N_KNOWN; i++) {
        known[i] = (struct stg_score){.id = (uint64_t)i};
        known[i].value[STG_AGGREGATE_MEAN] = 1 + step * (float)(i - MIDDLE);
    }
    must(stg_calibrate(&h->m, known, N_KNOWN));
    h->x = (struct stg_explanation){.events = h->events,
                                    .n = MANY_EVENTS,
                                    .order = h->order,
                                    .segments = h->segments,
                                    .n_segments = n,
                                    .score = {.n_tokens = MANY_EVENTS, .n_events = MANY_EVENTS}};
}

static void by_hand_fini(struct by_hand *h)
{
    stg_mem_free(h->m.calibration);
    stg_mem_free(h->m.stream);
    json_decref(h->m.record);
}

/* What takes off most is found wherever it stands among those to blame. */
static void test_counterfactual_of_the_least(void **state)
{
    static struct by_hand h;
    struct stg_counterfactual w;
    double sum = MANY_EVENTS;
    (void)state;
    by_hand_init(&h, MANY, 0.005f); /* novel from about 1.49 on */
    for (uint32_t i = 0; i < MANY; i++) {
        h.events[i * APART].surprisal = i + 1 < MANY ? 1.2f : 200;
        sum += (double)h.events[i * APART].surprisal - 1;
    }
    h.x.score.value[STG_AGGREGATE_MEAN] = (float)(sum / MANY_EVENTS);
    must(stg_counterfactual(&w, &h.m, &h.x, STG_AGGREGATE_MEAN, 0.01));
    assert_true(w.novel && w.enough && w.n == 1 && w.at_least == 1 && w.segments[0] == MANY - 1);
    stg_counterfactual_fini(&w);
    by_hand_fini(&h);
}

/* The first of three takes most off, of times and of descriptors; but the others are needed beside it, and are enough
 * without it. */
static void test_counterfactual_gives_back(void **state)
{
    static struct by_hand h;
    struct stg_counterfactual w;
    (void)state;
    static float usual[STG_MODEL_CHANNEL_COLUMNS] = {MANY_EVENTS};
    by_hand_init(&h, 3, 0.001f); /* of the novelty, too: novel from about 1.1 on, a sum of 2 */
    for (size_t i = 1; i < STG_MODEL_CHANNEL_COLUMNS; i++) {
        usual[i] = i % 2 == 0; /* median 0, spread 1 */
    }
    h.m.channels = usual;
    h.m.n_channel_bins = 1;
    h.m.side[STG_SIDE_TIME] = h.m.side[STG_SIDE_STATE] = &h.side;
    h.x.score.value[STG_AGGREGATE_TIME] = 24;
    h.x.score.value[STG_AGGREGATE_STATE] = 12;
    h.x.score.value[STG_AGGREGATE_NOVELTY] = logf(1 + 0.5f * 24 + 12);
    h.events[0].side[STG_SIDE_TIME] = 20 * MANY_EVENTS;
    h.events[0].side[STG_SIDE_STATE] = 10;
    h.events[APART].side[STG_SIDE_TIME] = 24 * MANY_EVENTS;
    h.events[2 * APART].side[STG_SIDE_STATE] = 12;
    must(stg_counterfactual(&w, &h.m, &h.x, STG_AGGREGATE_NOVELTY, 0.01));
    assert_true(w.novel && w.enough && w.n == 2 && w.at_least == 2 && w.segments[0] + w.segments[1] == 3);
    assert_true(w.p_after > 0.01);
    stg_counterfactual_fini(&w);
    by_hand_fini(&h);
}

/* A sequence with three odd calls, explained. */
static void explain_odd(struct fixture *f, struct stg_explanation *x)
{
    struct stg_seq seq;
    static struct fake_seq odd;
    odd = f->seqs[FIRST + 1];
    for (size_t i = 0, n = 0; i < odd.n && n < 3; i++) {
        if (odd.call[i] == FAKE_READ && odd.phase[i] == STG_PHASE_EXIT) {
            odd.ret[i] = -5;
            n++;
        }
    }
    fake_seq_get(&odd, &seq);
    must(stg_explain(x, f->model, &seq, &f->vocab, 0));
}

/* What judges, and at which rate, is what was asked for, in words and in JSON. */
static void test_judged_by(void **state)
{
    struct fixture *f = *state;
    struct stg_explanation x;
    size_t n_novel = 0;
    explain_odd(f, &x);
    for (int a = 0; a < STG_AGGREGATES; a++) {
        struct stg_buffer b = STG_BUFFER_INIT;
        const struct stg_judged_by by = {(enum stg_aggregate)a, 0.04};
        const double p = stg_p_value(f->model, by.aggregate, (double)x.score.value[a]);
        char p_value[64], words[64];
        n_novel += p <= by.alpha;
        snprintf(p_value, sizeof p_value, "  p-value     %.3g: ", p);
        must(stg_report_explain_text(&b, f->model, &x, by, NULL, "t", 3, false));
        assert_non_null(strstr(b.data, p_value));
        const char *judge = strstr(b.data, ", by ");
        assert_int_equal(judge != NULL, by.aggregate != stg_aggregate_default(f->model));
        assert_true(judge == NULL || strncmp(judge + 5, stg_report_score_words(by.aggregate), 10) == 0);
        assert_non_null(strstr(b.data, p <= by.alpha ? "  verdict     novel, at a false-alarm rate of 4.0 %"
                                                     : "  verdict     not novel, at a false-alarm rate of 4.0 %"));
        stg_buffer_clear(&b);
        must(stg_report_explain_json(&b, f->model, &x, by, NULL, "t"));
        assert_non_null(strstr(b.data, p <= by.alpha ? "\"novel\": true" : "\"novel\": false"));
        snprintf(words, sizeof words, "\"aggregate\": \"%s\"", stg_aggregate_name(by.aggregate));
        assert_non_null(strstr(b.data, words));
        const char *found = strstr(b.data, "\"p_value\": ");
        assert_non_null(found);
        assert_true(fabs(strtod(found + strlen("\"p_value\": "), NULL) - p) < 1e-8);
        stg_buffer_fini(&b);
    }
    assert_true(n_novel > 0 && n_novel < STG_AGGREGATES);
    stg_explanation_fini(&x);
}

/* By each aggregate that can be asked, without the segments it is as normal by that one. */
static void test_counterfactual_by(void **state)
{
    struct fixture *f = *state;
    struct stg_explanation x;
    size_t n_enough = 0;
    explain_odd(f, &x);
    for (int a = 0; a < STG_AGGREGATES; a++) {
        const enum stg_aggregate by = (enum stg_aggregate)a;
        struct stg_counterfactual w;
        if (!stg_counterfactual_can(by)) {
            continue;
        }
        const double p = stg_p_value(f->model, by, (double)x.score.value[a]);
        must(stg_counterfactual(&w, f->model, &x, by, 0.04));
        assert_int_equal(w.aggregate, by);
        assert_int_equal(w.novel, p <= 0.04);
        assert_true(fabs(w.p_before - p) < 1e-12);
        assert_true(!w.enough || (w.p_after > 0.04 && w.at_least >= 1 && w.at_least <= w.n));
        n_enough += w.enough;
        stg_counterfactual_fini(&w);
    }
    assert_true(n_enough >= 2);
    stg_explanation_fini(&x);
}

static size_t count_in(const char *text, const char *what)
{
    size_t n = 0;
    while ((text = strstr(text, what)) != NULL) {
        text += strlen(what);
        n++;
    }
    return n;
}

/* More segments than people read are counted, and JSON has all of them. What judges is said where that is another. */
static void test_counterfactual_of_many(void **state)
{
    struct fixture *f = *state;
    struct stg_explanation x;
    uint32_t same[12] = {0};
    struct stg_counterfactual c = {.aggregate = STG_AGGREGATE_RMS, .novel = true, .enough = true, .segments = same};
    const struct stg_explained_more more = {.without = &c};
    const struct stg_judged_by by = {STG_AGGREGATE_UPPER, 0.01};
    explain_odd(f, &x);
    assert_true(x.n_segments > 0);
    for (c.n = 10; c.n <= 12; c.n += 2) {
        struct stg_buffer b = STG_BUFFER_INIT;
        c.at_least = c.n;
        must(stg_report_explain_text(&b, f->model, &x, by, &more, "t", 3, false));
        const char *at = strstr(b.data, "  would be normal (by root mean square of the surprisals) without: ");
        assert_non_null(at);
        assert_int_equal(count_in(at, "              thread "), 10);
        assert_int_equal(count_in(at, "              and 2 more (--json has all)\n"), c.n > 10);
        stg_buffer_clear(&b);
        must(stg_report_explain_json(&b, f->model, &x, by, &more, "t"));
        at = strstr(b.data, "\"counterfactual\": {");
        assert_non_null(at);
        assert_non_null(
            strstr(at, c.n == 10 ? "[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]" : "[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]"));
        assert_non_null(strstr(at, "\"aggregate\": \"rms\""));
        stg_buffer_fini(&b);
    }
    stg_explanation_fini(&x);
}

static void test_one_ranking(void **state)
{
    struct fixture *f = *state;
    struct stg_seq seq;
    struct stg_explanation x;
    fake_seq_get(&f->seqs[FIRST], &seq);
    must(stg_explain(&x, f->model, &seq, &f->vocab, 3));
    for (size_t i = 0; i < x.n; i++) {
        const struct stg_explained_event *e = &x.events[i];
        float most = e->excess;
        for (int side = 0; side < STG_SIDES; side++) {
            assert_true(!(e->side_excess[side] > e->side[side])); /* an entropy is not negative */
            most = fmaxf(most, e->side_excess[side]);             /* which ignores NAN */
        }
        assert_true(e->blame >= most && e->blame <= most);
        assert_true(i == 0 || x.events[x.ranked[i]].blame <= x.events[x.ranked[i - 1]].blame);
        assert_true(e->index != UINT32_MAX ? e->usual_ns >= 0
                                           : e->usual_ns == -1 && isnan(e->side_excess[STG_SIDE_TIME]));
    }
    /* The second event is the return from openat, 12 to 13.5 µs after its entry. */
    assert_int_equal(x.events[1].usual_ns, 8192);
    stg_explanation_fini(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes_are_blamed),
        cmocka_unit_test(test_without_the_blamed_all_is_known),
        cmocka_unit_test(test_counterfactual),
        cmocka_unit_test(test_counterfactual_of_several),
        cmocka_unit_test(test_one_ranking),
        cmocka_unit_test(test_judged_by),
        cmocka_unit_test(test_counterfactual_of_the_least),
        cmocka_unit_test(test_counterfactual_gives_back),
        cmocka_unit_test(test_counterfactual_by),
        cmocka_unit_test(test_counterfactual_of_many),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
