/* What a report says of the sets: as streams, and what the first screen says of their groups and programs. */
#include "detect/calibrate.h"
#include "detect/runs.h"
#include "detect/shift.h"
#include "fake_model.h"
#include "html_support.h"
#include "report/report.h"

#define HOSTILE "<b>&'\"\033[2J\x9b\xff"

enum { N_TRAIN = 100, N = 400, N_SETS = 3, INTERVAL = 5000 };

struct fixture {
    struct fake_seq train[N_TRAIN];
    struct fake_model model;
    struct stg_score calibration[N], scores[N_SETS][N];
    struct stg_scored_set sets[N_SETS];
    struct stg_evaluation evaluation;
};

static void fill(struct stg_score *s, uint64_t seed, double shift)
{
    struct stg_rng rng;
    stg_rng_seed(&rng, seed);
    for (size_t i = 0; i < N; i++) {
        s[i] = (struct stg_score){.id = i, .n_events = 100, .n_tokens = 100, .tid = 101, .begin_ns = (int64_t)i};
        for (int a = 0; a < STG_AGGREGATES; a++) {
            s[i].value[a] = (float)(0.5 + shift + (double)stg_rng_below(&rng, 1000) / 5000);
        }
    }
}

static int setup(void **state)
{
    static const char *const names[N_SETS] = {"known", "far", HOSTILE};
    static struct fixture f;
    struct stg_evaluate_settings settings;
    struct stg_rng rng;
    *state = &f;
    stg_rng_seed(&rng, 3);
    for (size_t i = 0; i < N_TRAIN; i++) {
        fake_request(&f.train[i], i, &rng, i == 0 ? 0.5 : 0);
    }
    fill(f.calibration, 1, 0);
    for (size_t k = 0; k < N_SETS; k++) {
        fill(f.scores[k], 2 + k, k == 1 ? 1 : 0);
        f.sets[k] = (struct stg_scored_set){names[k], f.scores[k], N};
    }
    if (fake_model_open(&f.model, f.train, N_TRAIN, STG_ORDER_THREAD) != STG_OK ||
        stg_calibrate(&f.model.base, f.calibration, N) != STG_OK) {
        return -1;
    }
    stg_evaluate_settings_default(&settings);
    settings.n_resamples = 10;
    settings.interval = INTERVAL;
    return stg_evaluate(&f.evaluation, &f.model.base, &f.sets[0], f.sets + 1, 2, NULL, NULL, 0, &settings) == STG_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    stg_evaluation_fini(&f->evaluation);
    fake_model_close(&f->model);
    return 0;
}

static struct stg_report report_of(const struct fixture *f)
{
    return (struct stg_report){.title = "t",
                               .model_path = "web.model",
                               .date = "2026-01-31T12:00:00Z",
                               .model = &f->model.base,
                               .known = &f->sets[0],
                               .novel = f->sets + 1,
                               .n_novel = 2,
                               .evaluation = &f->evaluation,
                               .interval = INTERVAL,
                               .alpha = 0.01};
}

/* Each set as a stream: since when it is another one, in the verdict and on its course, by the numbers of the test. */
static void test_html_shifts(void **state)
{
    enum { BEGAN = 301, PLACE = 44 + 308 * (2 * BEGAN + 1) / (2 * N) };
    const struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = report_of(f);
    struct stg_behaviours found = {.n_sequences = N, .is_reachable = true};
    const struct stg_reported_behaviours reported[] = {{&found, NULL}, {&found, NULL}};
    struct stg_verdict verdicts[3] = {{.reachable = true}, {.reachable = true, .novel = true}, {.reachable = true}};
    struct stg_shift shifts[3];
    for (size_t k = 0; k < 3; k++) {
        stg_shift_judge(&shifts[k], &f->model.base, STG_AGGREGATE_MEAN, INTERVAL, f->sets[k].scores, N);
    }
    assert_true(!shifts[0].shifted && shifts[1].shifted && shifts[1].began == 0 && !shifts[2].shifted);
    r.behaviours = reported;
    r.verdicts = verdicts;
    r.shifts = shifts;
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    check_html(b.data);
    char said[128], marks[128];
    snprintf(said, sizeof said,
             "these shifted from the first on: <code>far</code> (noticed at %d); these did not shift: <code>&lt;",
             (int)shifts[1].noticed);
    assert_int_equal(count(b.data, said), 1);
    assert_int_equal(count(b.data, "A false shift comes once in 5,000 sequences of runs"), 1);
    snprintf(said, sizeof said, "<figcaption>The stream shifted at sequence 0, noticed at %d, after %d sequences.<",
             (int)shifts[1].noticed, (int)shifts[1].noticed + 1);
    assert_int_equal(count(b.data, said), 1);
    assert_int_equal(count(b.data, "<figcaption>No shift of the stream.<"), 2);
    assert_int_equal(count(b.data, "<strong>Nothing that shows in single sequences of <code>"), 1);
    assert_int_equal(count(b.data, "class=\"shifted\""), 1);
    assert_int_equal(count(b.data, "<dt>Shift of the stream</dt>"), 1);
    assert_int_equal(count(b.data, "The known data has shifted"), 0);
    /* Where single sequences say nothing, the stream does: of the novel set, and of the known one. */
    shifts[0] = shifts[2] = (struct stg_shift){.shifted = true, .began = BEGAN, .noticed = N - 1};
    stg_buffer_clear(&b);
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    check_html(b.data);
    assert_int_equal(count(b.data, "; these shifted later: <strong><code>&lt;"), 1);
    assert_int_equal(count(b.data, "</code> at sequence 301 (noticed at 399)</strong>. A false shift"), 1);
    assert_int_equal(count(b.data, "<strong>Its stream shifted.</strong>"), 1);
    assert_int_equal(count(b.data, "Nothing that shows in single sequences"), 0);
    assert_int_equal(
        count(b.data, "<strong>The known data has shifted, too</strong>, at sequence 301, noticed at 399:"), 1);
    snprintf(marks, sizeof marks, "<path class=\"shifted\" d=\"M%d.", PLACE);
    assert_int_equal(count(b.data, marks), 2);
    /* One novel set, and none. */
    for (r.n_novel = 1;; r.n_novel = 0) {
        verdicts[0].novel = verdicts[1].novel = false;
        shifts[1] = shifts[0];
        r.evaluation = NULL;
        stg_buffer_clear(&b);
        assert_int_equal(stg_report_html(&b, &r), STG_OK);
        check_html(b.data);
        assert_int_equal(
            count(b.data, "<p><strong>As a stream, the sequences shifted at sequence 301, noticed at 399</strong>. A "),
            1);
        if (r.n_novel == 0) {
            break;
        }
    }
    shifts[0].shifted = false;
    stg_buffer_clear(&b);
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    assert_int_equal(count(b.data, "<p>As a stream, the sequences did not shift. A false shift"), 1);
    stg_buffer_fini(&b);
}

/* As many sequences until a shift is noticed as `strange eval` says. */
static void test_html_noticed_after(void **state)
{
    const struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = report_of(f);
    struct stg_evaluation_row rows[2] = {f->evaluation.rows[0], f->evaluation.rows[1]};
    struct stg_evaluation e = f->evaluation;
    char said[96];
    assert_true(isfinite(rows[0].shift_delay) && !isfinite(rows[1].shift_delay));
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    snprintf(said, sizeof said, "</td><td>%.0f</td><td class=\"l\"><span class=\"tag good\">", rows[0].shift_delay);
    assert_int_equal(count(b.data, said), 1);
    assert_int_equal(count(b.data, "</td><td>–</td><td class=\"l\"><span class=\"tag poor\">"), 1);
    assert_int_equal(count(b.data, "<th scope=\"col\">Noticed after</th>"), 1);
    assert_int_equal(count(b.data, "false alarm in 5,000 sequences is asked for; the known ones have 0 in 400."), 1);
    rows[0].shift_delay = rows[1].shift_delay = (double)NAN; /* of a model that is not calibrated */
    e.rows = rows;
    r.evaluation = &e;
    stg_buffer_clear(&b);
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    check_html(b.data);
    assert_int_equal(count(b.data, "Noticed after"), 0);
    stg_buffer_fini(&b);
}

/* What one channel says alone is told of a set that is novel, too, and of the known one: score tells it of each. */
static void test_html_alone(void **state)
{
    const struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = report_of(f);
    struct stg_behaviours found = {.n_sequences = N, .is_reachable = true};
    const struct stg_reported_behaviours reported[] = {{&found, NULL}, {&found, NULL}};
    struct stg_verdict verdicts[3] = {{.reachable = true, .n_novel = 4},
                                      {.reachable = true, .novel = true, .n_novel = 20},
                                      {.reachable = true, .n_novel = 3}};
    r.behaviours = reported;
    r.verdicts = verdicts;
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    assert_int_equal(count(b.data, " alone 10"), 0);
    assert_int_equal(count(b.data, "the known data"), 0);
    for (size_t k = 0; k < 3; k++) {
        verdicts[k].alone[0] = (struct stg_alone){STG_AGGREGATE_TIME, 100 + k, 0.02};
        verdicts[k].n_alone = 1;
    }
    stg_buffer_clear(&b);
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    check_html(b.data);
    assert_int_equal(
        count(b.data,
              "<p><strong>Look at the known data</strong>, with which the others are compared: by the "
              "times between calls alone 100 of 400 would be novel, of a run of the calibration at most 2.0 %.<"),
        1);
    assert_int_equal(count(b.data, "<p>Of <code>far</code>, by the times between calls alone 101 of 400 would be"), 1);
    assert_int_equal(count(b.data, "<strong>By the times between calls alone 102 of 400 would be novel"), 1);
    verdicts[0].n_alone = 0;
    verdicts[0].novel = true;
    stg_buffer_clear(&b);
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    check_html(b.data);
    assert_int_equal(count(b.data, "are compared: 4 of 400 are novel, more than chance explains.</p>"), 1);
    stg_buffer_fini(&b);
}

/* What makes a verdict less sure stands with it. */
static void test_html_doubts(void **state)
{
    const struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = report_of(f);
    struct stg_behaviours found = {.n_sequences = N, .is_reachable = true};
    const struct stg_reported_behaviours reported[] = {{&found, NULL}, {&found, NULL}};
    struct stg_verdict verdicts[3] = {{.reachable = true}, {.reachable = true}, {.reachable = true}};
    const char *run = "<p>One run alone calibrated the model, so how far known runs differ is not known: if one that "
                      "is novel here is known, calibrate with it, too.</p>";
    const char *rests = "without these it would not be novel: record again without loss before you act on it";
    r.behaviours = reported;
    r.verdicts = verdicts;
    assert_int_equal(stg_runs_count(r.model), 1);
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    assert_int_equal(count(b.data, run) + count(b.data, rests) + count(b.data, "lost events touch"), 0);
    verdicts[0] = (struct stg_verdict){
        .reachable = true, .novel = true, .n_novel = 7, .n_touched = 9, .novel_touched = 5, .rests_on_lost = true};
    verdicts[1] = (struct stg_verdict){.reachable = true, .novel = true, .n_novel = 20, .n_touched = 3};
    verdicts[2] = (struct stg_verdict){
        .reachable = true, .novel = true, .n_novel = 4, .n_touched = 4, .novel_touched = 4, .rests_on_lost = true};
    stg_buffer_clear(&b);
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    check_html(b.data);
    assert_int_equal(count(b.data, run), 1);
    assert_int_equal(count(b.data, "than chance explains; 5 of the 9 that lost events touch are, and without these it"),
                     1);
    assert_int_equal(count(b.data, "<p>Of <code>far</code>, lost events touch 3 of 400 sequences, 0 of which are novel:"
                                   " a gap makes a sequence look stranger or plainer than it is.</p>"),
                     1);
    assert_int_equal(count(b.data, "</code>, lost events touch 4 of 400 sequences, 4 of which are novel: "), 1);
    assert_int_equal(count(b.data, rests), 2);
    /* Of one set it is not said of which. */
    r.novel = NULL;
    r.n_novel = 0;
    r.evaluation = NULL;
    stg_buffer_clear(&b);
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    check_html(b.data);
    assert_int_equal(count(b.data, "<p>Lost events touch 9 of 400 sequences, 5 of which are novel: "), 1);
    assert_int_equal(count(b.data, rests), 1);
    assert_int_equal(count(b.data, run), 1);
    stg_buffer_fini(&b);
}

/* A threshold has the name of the score that it is one of, as at the top of the page; and of workers 0 is no failure.
 */
static void test_html_names_of_scores(void **state)
{
    const struct fixture *f = *state;
    static const struct {
        enum stg_aggregate aggregate;
        const char *threshold;
    } cases[] = {{STG_AGGREGATE_MEAN, "<th scope=\"col\">Threshold (perplexity)</th>"},
                 {STG_AGGREGATE_NOVELTY, "<th scope=\"col\">Threshold (novelty)</th>"},
                 {STG_AGGREGATE_RMS, "<th scope=\"col\">Threshold (exp(score))</th>"}};
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = report_of(f);
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    assert_int_equal(count(b.data, "fewer are as novel as more, so that 0 tells apart as well as 1"), 1);
    for (size_t i = 0; i < 3; i++) {
        struct stg_evaluation_row rows[2] = {f->evaluation.rows[0], f->evaluation.rows[1]};
        struct stg_evaluation e = f->evaluation;
        rows[0].has_paper = true;
        e.rows = rows;
        e.aggregate = r.aggregate = cases[i].aggregate;
        for (r.n_novel = 2;; r.n_novel = 0) { /* the table of the paper's threshold, and that of known data alone */
            r.evaluation = r.n_novel > 0 ? &e : NULL;
            stg_buffer_clear(&b);
            assert_int_equal(stg_report_html(&b, &r), STG_OK);
            check_html(b.data);
            assert_int_equal(count(b.data, cases[i].threshold), 1);
            if (r.n_novel == 0) {
                break;
            }
        }
    }
    stg_buffer_fini(&b);
}

/* Of more programs than are told, the page says how many, as the text does. */
static void test_html_of_many_programs(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = report_of(f);
    static struct stg_behaviours found = {.n_sequences = N, .n_unseen_sequences = 2, .is_reachable = true};
    const struct stg_behaviour_input input = {.scores = f->scores[1]};
    const struct stg_behaviour_origin origin = {.path = "far.data", .input = &input};
    const struct stg_reported_behaviours reported[] = {{&found, &origin}, {&found, &origin}};
    const struct stg_verdict verdicts[3] = {{.reachable = true}, {.reachable = true}, {.reachable = true}};
    assert_int_equal(stg_vocab_copy(&found.names, &f->model.base.vocab), STG_OK);
    for (int i = 0; i < 6; i++) {
        const char name[] = {'<', 'n', 'e', 'w', (char)('0' + i), '>', '\0'};
        struct stg_behaviour_unseen *u = &found.unseen[found.n_unseen++];
        *u = (struct stg_behaviour_unseen){.call = FAKE_OPENAT, .is_new_program = true, .n = 1, .n_sequences = 1};
        assert_int_equal(stg_vocab_proc(&found.names, name, &u->proc), STG_OK);
    }
    r.behaviours = reported;
    r.verdicts = verdicts;
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    check_html(b.data);
    assert_int_equal(count(b.data, "<p>and 2 more: &lt;new4&gt;, &lt;new5&gt;</p>"), 2);
    stg_vocab_fini(&found.names);
    stg_buffer_fini(&b);
}

/* Two groups of which the same is said are told together; what is said of one of them alone stands by itself. */
static void test_html_of_like_groups(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = report_of(f);
    const struct stg_behaviour_input input = {.scores = f->scores[1]};
    struct stg_behaviour items[2] = {{.n = 30, .n_estimated = 30, .scale = 1, .highest = -1, .highest_known = -1},
                                     {.n = 20, .n_estimated = 20, .scale = 1, .highest = -1, .highest_known = -1}};
    struct stg_behaviours found = {.items = items, .n = 2, .n_groups = 2, .n_sequences = N, .n_novel = 50};
    const struct stg_behaviour_origin origin = {.path = "far.data", .input = &input};
    const struct stg_reported_behaviours reported[] = {{&found, &origin}, {&found, &origin}};
    const struct stg_verdict verdicts[3] = {[1] = {.reachable = true, .novel = true}};
    assert_int_equal(stg_vocab_copy(&found.names, &r.model->vocab), STG_OK);
    items[0].z[STG_CHANNEL_LOAD] = items[1].z[STG_CHANNEL_LOAD] = 4;
    r.behaviours = reported;
    r.verdicts = verdicts;
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    check_html(b.data);
    assert_int_equal(count(b.data, "In 50 of 50 novel sequences of <code>far</code>"), 1);
    assert_int_equal(count(b.data, "<li><strong>more threads want the same processors"), 1);
    items[1].z[STG_CHANNEL_LOAD] = 0;
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    assert_int_equal(count(b.data, "In 30 of 50 novel sequences of <code>far</code>"), 1);
    assert_int_equal(count(b.data, "In 20 of 50 novel sequences of <code>far</code>"), 1);
    stg_buffer_fini(&b);
    stg_vocab_fini(&found.names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_html_of_many_programs),
        cmocka_unit_test(test_html_of_like_groups),
        cmocka_unit_test(test_html_shifts),
        cmocka_unit_test(test_html_noticed_after),
        cmocka_unit_test(test_html_alone),
        cmocka_unit_test(test_html_doubts),
        cmocka_unit_test(test_html_names_of_scores),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
