#include "report/report.h"

#include "detect/calibrate.h"
#include "fake_model.h"
#include "html_support.h"
#include "report/html.h"
#include "report/words.h"
#include "score/channels.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Names as a hostile trace could have them: markup, quotes, terminal control, malformed UTF-8. */
#define HOSTILE "<script>alert(\"1\")</script>&'\033[2J\x9b\xff"

enum { N_TRAIN = 200, N = 400, N_ODD = 2 };

struct fixture {
    struct fake_seq train[N_TRAIN], odd[N_ODD];
    struct fake_model model;
    struct stg_score calibration[N], known[N], far[N], near[N];
    struct stg_evaluation evaluation;
    struct stg_explanation explanations[N_ODD];
    struct stg_scored_set sets[3];
};

static void fill(struct stg_score *s, uint64_t seed, double shift)
{
    struct stg_rng rng;
    stg_rng_seed(&rng, seed);
    for (size_t i = 0; i < N; i++) {
        const double v = 0.5 + shift + (double)stg_rng_below(&rng, 1000) / 5000;
        s[i] =
            (struct stg_score){.id = i, .n_events = (uint32_t)(100 + 7 * i), .n_tokens = 100, .tid = 101, .pid = 1000};
        for (int a = 0; a < STG_AGGREGATES; a++) {
            s[i].value[a] = a == STG_AGGREGATE_LOAD ? 0 : (float)(v * (1 + a)); /* of which the traces do not tell */
        }
        s[i].value[STG_AGGREGATE_RMS] = (float)v; /* about what that of the explained sequences is */
    }
}

static int setup(void **state)
{
    static struct fixture f;
    struct stg_rng rng;
    struct stg_evaluate_settings settings;
    *state = &f;
    stg_rng_seed(&rng, 3);
    for (size_t i = 0; i < N_TRAIN; i++) {
        fake_request(&f.train[i], i, &rng, i == 0 ? 0.5 : 0);
    }
    for (size_t i = 0; i < N_ODD; i++) {
        fake_request(&f.odd[i], 40 + i, &rng, 0);
        f.odd[i].n_lost = 3 * i;
    }
    f.odd[0].call[4] = STG_TOKEN_UNKNOWN;
    f.odd[1].ret[f.odd[1].n - 1] = -28;
    fill(f.calibration, 1, 0);
    fill(f.known, 2, 0);
    fill(f.far, 3, 1);
    fill(f.near, 4, 0);
    if (fake_model_open(&f.model, f.train, N_TRAIN, STG_ORDER_THREAD) != STG_OK ||
        stg_calibrate(&f.model.base, f.calibration, N) != STG_OK) {
        return -1;
    }
    f.sets[0] = (struct stg_scored_set){"known", f.known, N};
    f.sets[1] = (struct stg_scored_set){"far", f.far, N};
    f.sets[2] = (struct stg_scored_set){HOSTILE, f.near, N};
    stg_evaluate_settings_default(&settings);
    settings.n_resamples = 100;
    if (stg_evaluate(&f.evaluation, &f.model.base, &f.sets[0], f.sets + 1, 2, &f.sets[0], f.sets + 1, 1, &settings) !=
        STG_OK) {
        return -1;
    }
    for (size_t i = 0; i < N_ODD; i++) {
        struct stg_seq seq;
        fake_seq_get(&f.odd[i], &seq);
        if (stg_explain(&f.explanations[i], &f.model.base, &seq, &f.model.base.vocab, 3) != STG_OK) {
            return -1;
        }
    }
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < N_ODD; i++) {
        stg_explanation_fini(&f->explanations[i]);
    }
    stg_evaluation_fini(&f->evaluation);
    fake_model_close(&f->model);
    return 0;
}

static struct stg_report report_of(const struct fixture *f)
{
    static const char *const sets[] = {"far", HOSTILE}, *const traces[] = {"/data/far", HOSTILE};
    return (struct stg_report){
        .title = HOSTILE,
        .model_path = "web.model",
        .date = "2026-01-31T12:00:00Z",
        .model = &f->model.base,
        .known = &f->sets[0],
        .novel = f->sets + 1,
        .n_novel = 2,
        .evaluation = &f->evaluation,
        .explanations = f->explanations,
        .explanation_sets = sets,
        .explanation_traces = traces,
        .n_explanations = N_ODD,
        .aggregate = STG_AGGREGATE_MEAN,
        .alpha = 0.01,
        .n_lost = 3,
        .n_gaps = 1,
    };
}

/* Compares with tests/data/report/<name>; STRANGE_UPDATE=1 writes it instead, to be read and committed. */
static void golden(const struct stg_buffer *b, const char *name)
{
    char path[512];
    const char *root = getenv("STRANGE_TEST_DATA");
    snprintf(path, sizeof path, "%s/report/%s", root == NULL ? "tests/data" : root, name);
    FILE *f = fopen(path, getenv("STRANGE_UPDATE") != NULL ? "w+" : "r");
    assert_non_null(f);
    if (getenv("STRANGE_UPDATE") != NULL) {
        assert_int_equal(fwrite(b->data, 1, b->len, f), b->len);
        rewind(f);
    }
    char *want = calloc(1, 65536);
    const size_t n = fread(want, 1, 65535, f);
    fclose(f);
    if (n != b->len || memcmp(want, b->data, n) != 0) {
        print_error("%s differs; this is what came:\n%s", path, b->data);
        free(want);
        fail();
    }
    free(want);
}

static void test_table(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    assert_int_equal(stg_report_table(&b, &f->evaluation, false), STG_OK);
    golden(&b, "table.txt");
    assert_null(strchr(b.data, '\033')); /* not even from a name */
    stg_buffer_clear(&b);
    assert_int_equal(stg_report_table(&b, &f->evaluation, true), STG_OK);
    assert_non_null(strstr(b.data, "\033[32mtold apart\033[0m"));
    stg_buffer_fini(&b);
}

/* Sets that do not overlap are told apart where they are large enough to tell. */
static void test_told_apart_by_enough(void **state)
{
    const struct fixture *f = *state;
    static const struct {
        size_t n;
        enum separation want;
    } cases[] = {{1, SEPARATION_NONE},    {7, SEPARATION_NONE},   {8, SEPARATION_PARTLY},
                 {35, SEPARATION_PARTLY}, {36, SEPARATION_CLEAR}, {N, SEPARATION_CLEAR}};
    struct stg_evaluate_settings settings;
    stg_evaluate_settings_default(&settings);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct stg_scored_set known = {"known", f->known, cases[i].n}, far = {"far", f->far, cases[i].n};
        struct stg_evaluation e;
        assert_int_equal(stg_evaluate(&e, &f->model.base, &known, &far, 1, NULL, NULL, 0, &settings), STG_OK);
        assert_true(e.rows[0].auroc.value >= 1);
        assert_int_equal(separation_of(&e.rows[0].auroc), cases[i].want);
        stg_evaluation_fini(&e);
    }
}

static void test_table_without_threshold(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_evaluation e = f->evaluation;
    e.threshold = INFINITY;
    assert_int_equal(stg_report_table(&b, &e, false), STG_OK);
    assert_non_null(strstr(b.data, "too few calibration sequences"));
    stg_buffer_fini(&b);
}

/* A mean of shares that are all 1 is all: summing their parts would fall a little short of it. */
static void test_all_are_caught(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = report_of(f);
    struct stg_evaluation_row rows[6];
    struct stg_scored_set sets[6];
    struct stg_evaluation e = f->evaluation;
    for (size_t i = 0; i < 6; i++) {
        rows[i] = f->evaluation.rows[0];
        rows[i].calibrated.tpr = 1;
        sets[i] = f->sets[1];
    }
    e.rows = rows;
    e.n_rows = 6;
    assert_int_equal(stg_report_table(&b, &e, false), STG_OK);
    assert_non_null(strstr(b.data, "caught 100 % (score"));
    stg_buffer_clear(&b);
    r.evaluation = &e;
    r.novel = sets;
    r.n_novel = 6;
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    assert_non_null(strstr(b.data, ", 100 % of the novel sequences are caught, on average"));
    stg_buffer_fini(&b);
}

static const struct stg_judged_by by_novelty = {STG_AGGREGATE_NOVELTY, 0.01};

static void test_explain_text(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    assert_int_equal(
        stg_report_explain_text(&b, &f->model.base, &f->explanations[0], by_novelty, NULL, "/data/far", 3, false),
        STG_OK);
    golden(&b, "explain.txt");
    stg_buffer_clear(&b);
    assert_int_equal(
        stg_report_explain_text(&b, &f->model.base, &f->explanations[1], by_novelty, NULL, HOSTILE, 3, false), STG_OK);
    assert_non_null(strstr(b.data, "← write ENOSPC"));
    assert_non_null(strstr(b.data, "; 3 lost"));
    assert_null(strchr(b.data, '\033'));
    stg_buffer_fini(&b);
}

/* The sequence of a whole process says whose it is: by number, and by the names that its first thread had. */
static void test_explain_process(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    static struct stg_explained_event events[FAKE_MAX_EVENTS + FAKE_MAX_THREADS];
    struct stg_explanation x = f->explanations[0];
    char text[256];
    assert_false(words_whole_process(&x, text)); /* it is a thread's */
    assert_in_range(x.n, 8, sizeof events / sizeof events[0]);
    memcpy(events, x.events, x.n * sizeof *events);
    x.events = events;
    x.score.tid = 0;
    for (size_t i = 0; i < x.n; i++) {
        events[i].proc = i < 4 ? FAKE_APACHE : FAKE_PHP;
    }
    assert_true(words_whole_process(&x, text)); /* its first thread does nothing */
    assert_string_equal(text, "1000: apache2, then php-fpm");
    for (size_t i = 0; i < 4; i++) {
        events[i].tid = i % 2 == 0 ? 1000 : 1001;
    }
    assert_int_equal(stg_report_explain_text(&b, &f->model.base, &x, by_novelty, NULL, "t", 3, false), STG_OK);
    assert_non_null(strstr(b.data, "\n  process     1000: apache2\n"));
    stg_buffer_fini(&b);
}

static void test_explain_in_time_order(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    f->model.base.recipe.order = STG_ORDER_TIME;
    const enum stg_status status =
        stg_report_explain_text(&b, &f->model.base, &f->explanations[0], by_novelty, NULL, "t", 100, false);
    f->model.base.recipe.order = STG_ORDER_THREAD;
    assert_int_equal(status, STG_OK);
    assert_null(strstr(b.data, "on the same thread"));
    assert_null(strstr(b.data, "next thread"));
    stg_buffer_fini(&b);
}

static json_t *parse(struct stg_buffer *b, const char *schema)
{
    json_error_t error;
    assert_int_equal(b->data[b->len - 1], '\n');
    assert_ptr_equal(strchr(b->data, '\n'), b->data + b->len - 1); /* one line */
    json_t *out = json_loadb(b->data, b->len, 0, &error);
    if (out == NULL) {
        print_error("%s: %s", error.text, b->data);
    }
    assert_non_null(out);
    assert_string_equal(json_string_value(json_object_get(out, "schema")), schema);
    stg_buffer_fini(b);
    return out;
}

static void test_eval_json(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    static const char *const keys[] = {"auroc", "auprc", "f1", "accuracy", "fpr", "n_known", "n_novel"};
    assert_int_equal(stg_report_eval_json(&b, &f->evaluation), STG_OK);
    json_t *root = parse(&b, "strange.eval/1");
    json_t *novel = json_object_get(root, "novel"), *far = json_object_get(novel, "far");
    assert_int_equal(json_object_size(novel), 2);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        assert_true(json_is_number(json_object_get(far, keys[i])));
    }
    assert_true(json_number_value(json_object_get(far, "auroc")) > 0.999);
    assert_int_equal(json_integer_value(json_object_get(far, "n_novel")), N);
    assert_true(json_is_object(json_object_get(far, "paper")));
    assert_true(json_number_value(json_object_get(json_object_get(far, "tpr_at_fpr"), "0.1")) > 0.999);
    assert_true(fabs(json_number_value(json_object_get(root, "macro_auroc")) - f->evaluation.macro_auroc) < 1e-8);
    json_decref(root);
}

static void test_score_json(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    assert_int_equal(stg_report_score_json(&b, &f->model.base, &f->far[3], NULL, STG_AGGREGATE_MEAN, 0.01), STG_OK);
    json_t *root = parse(&b, "strange.score/1");
    assert_true(json_is_true(json_object_get(root, "novel")));
    assert_int_equal(json_integer_value(json_object_get(root, "id")), 3);
    assert_int_equal(json_integer_value(json_object_get(root, "lost")), 0);
    assert_true(fabs(json_number_value(json_object_get(root, "perplexity")) - exp((double)f->far[3].value[0])) < 1e-5);
    assert_true(fabs(json_number_value(json_object_get(root, "p_value")) - 1.0 / (N + 1)) < 1e-9);
    json_decref(root);
    struct stg_score infinite = f->far[3];
    infinite.value[STG_AGGREGATE_MEAN] = INFINITY;
    assert_int_equal(stg_report_score_json(&b, &f->model.base, &infinite, NULL, STG_AGGREGATE_MEAN, 0.01), STG_OK);
    root = parse(&b, "strange.score/1");
    assert_true(json_is_null(json_object_get(root, "perplexity"))); /* JSON has no infinity */
    json_decref(root);
}

/* Where a sequence stands comes first, and only what there is of it. */
static void test_score_json_place(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    static const char *const order[] = {"data", "file", "group", "group_p_value", "shift_since", "schema", "id"};
    struct stg_score_place place = {.data = HOSTILE,
                                    .file = "a/b.txt",
                                    .in_group = true,
                                    .group = 7,
                                    .group_p = 0.25,
                                    .shifted = true,
                                    .shift_since = 41};
    assert_int_equal(stg_report_score_json(&b, &f->model.base, &f->far[3], &place, STG_AGGREGATE_MEAN, 0.01), STG_OK);
    json_t *root = parse(&b, "strange.score/1");
    void *at = json_object_iter(root);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++, at = json_object_iter_next(root, at)) {
        assert_string_equal(json_object_iter_key(at), order[i]);
    }
    assert_non_null(strstr(json_string_value(json_object_get(root, "data")), "<script>alert"));
    assert_int_equal(json_integer_value(json_object_get(root, "group")), 7);
    assert_true(fabs(json_number_value(json_object_get(root, "group_p_value")) - 0.25) < 1e-9);
    assert_int_equal(json_integer_value(json_object_get(root, "shift_since")), 41);
    assert_true(json_is_true(json_object_get(root, "novel")));
    json_decref(root);
    place = (struct stg_score_place){.group = 7, .group_p = 0.25, .shift_since = 41};
    assert_int_equal(stg_report_score_json(&b, &f->model.base, &f->far[3], &place, STG_AGGREGATE_MEAN, 0.01), STG_OK);
    root = parse(&b, "strange.score/1");
    for (size_t i = 0; i < 5; i++) {
        assert_null(json_object_get(root, order[i]));
    }
    json_decref(root);
}

static void test_explain_json(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    const struct stg_explanation *x = &f->explanations[0];
    assert_int_equal(stg_report_explain_json(&b, &f->model.base, x, by_novelty, NULL, HOSTILE), STG_OK);
    json_t *root = parse(&b, "strange.explain/1"), *detail = json_object_get(root, "detail");
    assert_int_equal(json_array_size(detail), x->n);
    assert_int_equal(json_array_size(json_object_get(root, "ranked")), x->n);
    const json_t *fourth = json_array_get(detail, 4);
    assert_true(json_is_true(json_object_get(fourth, "unknown")));
    assert_true(json_array_size(json_object_get(fourth, "alternatives")) > 0);
    assert_true(json_is_null(json_object_get(json_array_get(detail, x->n - 1), "index")));
    json_decref(root);
}

static void test_html(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    const struct stg_report r = report_of(f);
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    check_html(b.data);
    assert_int_equal(count(b.data, "<script>"), 1);
    assert_int_equal(count(b.data, "<script type=\"application/json\">"), N_ODD);
    assert_non_null(strstr(b.data, html_strip_hash()));
    assert_null(strstr(b.data, "http:"));
    assert_null(strstr(b.data, "https:"));
    assert_non_null(strstr(b.data, "1 of 2 novel behaviours is told apart"));
    assert_non_null(strstr(b.data, "lost 3 events in 1 gap. "));
    /* Every picture says what it shows, every table has a caption and its headings a scope. */
    assert_int_equal(count(b.data, "role=\"img\""), count(b.data, "<desc>"));
    assert_int_equal(count(b.data, "role=\"img\"><title>"), count(b.data, "role=\"img\""));
    assert_int_equal(count(b.data, "<table"), count(b.data, "<caption>"));
    assert_int_equal(count(b.data, "<th "), count(b.data, "<th scope=\""));
    assert_null(strstr(b.data, "<th>"));
    assert_true(b.len < 300000);
    stg_buffer_fini(&b);
}

static void test_html_of_little(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = report_of(f);
    struct stg_scored_set one = {"one", f->known, 1}, none = {"none", NULL, 0};
    const size_t n = f->model.base.n_calibration;
    r.novel = NULL;
    r.n_novel = 0;
    r.evaluation = NULL;
    r.n_explanations = 0;
    const struct stg_scored_set *const sets[] = {&f->sets[0], &one, &none};
    for (size_t i = 0; i < 6; i++) {
        r.known = sets[i / 2];
        r.n_lost = r.n_gaps = 0;
        f->model.base.n_calibration = i % 2 == 0 ? n : 0;
        stg_buffer_clear(&b);
        const enum stg_status status = stg_report_html(&b, &r);
        f->model.base.n_calibration = n;
        assert_int_equal(status, STG_OK);
        check_html(b.data);
        assert_false(has_non_number(b.data));
    }
    stg_buffer_fini(&b);
}

/* Where a p-value cannot be as small as alpha, nothing is called novel, and nothing is called not novel. */
static void test_html_without_verdicts(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = report_of(f);
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    assert_non_null(strstr(b.data, " · novel</span></summary>"));
    r.alpha = 0.5 / (N + 1);
    stg_buffer_clear(&b);
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    check_html(b.data);
    assert_null(strstr(b.data, "novel</span></summary>"));
    assert_non_null(strstr(b.data, " · –</span></summary>"));
    stg_buffer_fini(&b);
}

/* Every name that a figure may have on the page is explained on it. */
static void test_html_explains_its_words(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    const struct stg_report r = report_of(f);
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    char *scores = strstr(b.data, "<caption>Each column makes one score"),
         *glossary = strstr(b.data, "id=\"glossary\"");
    assert_true(scores != NULL && glossary != NULL);
    *strstr(scores, "</caption>") = '\0';
    for (int a = 0; a < STG_AGGREGATES; a++) {
        assert_non_null(strstr(scores, stg_aggregate_name((enum stg_aggregate)a)));
    }
    for (int c = 0; c < STG_CHANNELS; c++) {
        assert_non_null(strstr(glossary, stg_channel_name((enum stg_channel)c)));
    }
    assert_non_null(strstr(glossary, "<dt>Novelty</dt>"));
    stg_buffer_fini(&b);
}

/* What training had not may be all that there is to say: then no section of behaviours is led to. */
static void test_html_of_what_is_new_alone(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = report_of(f);
    const struct stg_behaviours found = {.n_sequences = N, .n_unseen_sequences = 2, .is_reachable = true};
    const struct stg_reported_behaviours reported[] = {{&found, NULL}, {&found, NULL}};
    const struct stg_verdict verdicts[3] = {{.reachable = true}, {.reachable = true}, {.reachable = true}};
    r.behaviours = reported;
    r.verdicts = verdicts;
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    check_html(b.data);
    assert_int_equal(count(b.data, "What training had not is in 2 of 400 sequences"), 2);
    assert_non_null(strstr(b.data, "<strong>Little that is novel of <code>far</code>, but look at it.</strong>"));
    assert_int_equal(count(b.data, "#behaviours"), 0);
    assert_int_equal(count(b.data, "Single sequences, call by call"), 1);
    stg_buffer_fini(&b);
}

/* Where there is no threshold the page says why, and has no figures of it. */
static void test_html_without_threshold(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = report_of(f);
    struct stg_evaluation e = f->evaluation;
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    assert_non_null(strstr(b.data, "<small>from known data alone; no novel data needed</small>"));
    assert_non_null(strstr(b.data, "are at the threshold that was calibrated on known data"));
    r.alpha = 0.5 / (N + 1);
    e.threshold = INFINITY;
    r.evaluation = &e;
    stg_buffer_clear(&b);
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    check_html(b.data);
    assert_non_null(strstr(b.data, "<dd>–<small>too few calibration sequences for one</small>"));
    assert_null(strstr(b.data, "from known data alone; no novel data needed"));
    assert_null(strstr(b.data, "are at the threshold that was calibrated on known data"));
    assert_non_null(strstr(b.data, "There is no threshold"));
    r.novel = NULL;
    r.n_novel = 0;
    r.evaluation = NULL;
    r.n_explanations = 0;
    stg_buffer_clear(&b);
    assert_int_equal(stg_report_html(&b, &r), STG_OK); /* 400 calibration scores: .001 is out of reach, .005 is not */
    check_html(b.data);
    assert_non_null(strstr(b.data, "<th scope=\"row\">0.1 %</th><td>–</td><td>–</td><td>–</td>"));
    assert_null(strstr(b.data, "∞"));
    assert_non_null(strstr(b.data, "–: too few calibration sequences for that rate"));
    stg_buffer_fini(&b);
}

/* A behaviour that shows in few of its sequences, and in more than chance explains, is novel to score: the page says so
 * beside the headline. */
static void test_html_novel_as_a_whole(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = report_of(f);
    struct stg_verdict verdicts[3] = {{.reachable = true}, {.reachable = true}, {.reachable = true}};
    for (int novel = 0; novel < 2; novel++) {
        verdicts[1].novel = verdicts[2].novel = novel != 0;
        r.verdicts = verdicts;
        stg_buffer_clear(&b);
        assert_int_equal(stg_report_html(&b, &r), STG_OK);
        check_html(b.data);
        assert_int_equal(count(b.data, "Novel as a whole: "), novel); /* of the one that is not told apart */
        assert_int_equal(count(b.data, "though others are like known ones"), novel);
    }
    struct stg_evaluation_row few = f->evaluation.rows[0]; /* all novel, but too few to be told apart */
    struct stg_evaluation e = f->evaluation;
    const struct stg_scored_set one = {"one", f->far, 1};
    few.n_novel = 1;
    few.auroc.low = 0.025;
    verdicts[1] = (struct stg_verdict){.novel = true, .reachable = true, .n_novel = 1};
    e.rows = &few;
    e.n_rows = r.n_novel = 1;
    r.novel = &one;
    r.evaluation = &e;
    stg_buffer_clear(&b);
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    assert_int_equal(count(b.data, "Novel as a whole: "), 1);
    assert_int_equal(count(b.data, ": every sequence is novel, though"), 1);
    /* Where none can be called novel, none is: what is counted are those above all. */
    r.alpha = 1e-6;
    verdicts[1] = (struct stg_verdict){.novel = true, .n_beyond = 1};
    stg_buffer_clear(&b);
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    assert_int_equal(count(b.data, ": every sequence is above all calibration scores, though"), 1);
    assert_int_equal(count(b.data, "though others are like known ones"), 0);
    stg_buffer_fini(&b);
}

/* The page stays small and well-formed for many sequences, some of them beyond all bounds. */
static void test_html_of_many(void **state)
{
    enum { MANY = 10000 };
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = report_of(f);
    struct stg_score *scores = calloc(MANY, sizeof *scores);
    for (size_t i = 0; i < MANY; i++) {
        scores[i] = f->known[i % N];
    }
    scores[5].value[0] = INFINITY;
    const struct stg_scored_set many = {"known", scores, MANY};
    r.known = &many;
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    check_html(b.data);
    assert_true(b.len < 5000000);
    assert_non_null(strstr(b.data, "400 of 10000 known sequences"));
    stg_buffer_fini(&b);
    free(scores);
}

/* The y of each point of the line of this class; how many. */
static size_t line_of(const char *html, const char *class, double *y, size_t max)
{
    char begin[64];
    size_t n = 0;
    snprintf(begin, sizeof begin, "class=\"%s\" d=\"", class);
    const char *at = strstr(html, begin);
    assert_non_null(at);
    for (at += strlen(begin); *at != '"' && n < max; n++) {
        char *end;
        (void)strtod(at + 1, &end);
        y[n] = strtod(end, &end);
        at = end;
    }
    return n;
}

/* A line of the course has the sequences in the order in which they began, whatever that of the data, and in each span
 * their median. */
static void test_course(void **state)
{
    enum { SPANS = 60, EACH = 3, MANY = SPANS * EACH };
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = report_of(f);
    static struct stg_score scores[MANY];
    double median[SPANS + 1], most[SPANS + 1];
    for (size_t i = 0; i < MANY;
         i++) { /* backwards: the last began first; scores rise with time, one in a span is below the two others */
        scores[i] = f->known[0];
        scores[i].begin_ns = (int64_t)(MANY - i);
        const size_t span = (MANY - 1 - i) / EACH;
        scores[i].value[0] = (float)span / 10 + (i % EACH == 1 ? 0 : 1);
    }
    const struct stg_scored_set many = {"known", scores, MANY};
    r.known = &many;
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    assert_int_equal(line_of(b.data, "course-known", median, SPANS + 1), SPANS);
    assert_int_equal(line_of(b.data, "course-most", most, SPANS + 1), SPANS);
    for (size_t i = 0; i < SPANS; i++) {
        assert_true(i == 0 || median[i] < median[i - 1]); /* up */
        assert_true(fabs(median[i] - most[i]) < 0.01);    /* two of three */
    }
    stg_buffer_fini(&b);
}

/* Nor does it grow with the sequences that are to be explained: the rest is left out, and it says so. */
static void test_html_of_many_explanations(void **state)
{
    enum { MANY = 3000 };
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = report_of(f);
    struct stg_explanation *x = calloc(MANY, sizeof *x);
    const char **words = calloc(MANY, sizeof *words);
    for (size_t i = 0; i < MANY; i++) {
        x[i] = f->explanations[i % N_ODD];
        words[i] = "far";
    }
    r.explanations = x;
    r.explanation_sets = r.explanation_traces = words;
    r.n_explanations = MANY;
    assert_int_equal(stg_report_html(&b, &r), STG_OK);
    check_html(b.data);
    assert_in_range(b.len, 4000000, 5000000);
    assert_non_null(strstr(b.data, "more sequences would be explained; they are left out to keep the page small"));
    stg_buffer_fini(&b);
    free(x);
    free((void *)words);
}

/* Of a long sequence the strip has what is most to blame, and says that it has not all. */
static void test_strip_of_a_part(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct writer w = {&b, STG_OK};
    const struct stg_explanation *x = &f->explanations[1];
    assert_true(x->n > 10);
    assert_int_equal(html_strip(&w, &f->model.base, x, 10), STG_OK);
    char extent[96];
    snprintf(extent, sizeof extent, "of %" PRIu32 " events and %zu ends are drawn", x->score.n_events,
             x->n - x->score.n_events);
    assert_non_null(strstr(b.data, extent));
    assert_non_null(strstr(b.data, " are drawn: those most to blame, and others at equal distances."));
    const size_t n = count(b.data, "],[");
    assert_in_range(n, 4, 9); /* between 5 and 10 of them */
    char worst[64];
    snprintf(worst, sizeof worst, ",%lld,", (long long)x->events[x->ranked[0]].time_ns);
    assert_non_null(strstr(b.data, worst));
    assert_true(html_strip_events(1) > html_strip_events(100) && html_strip_events(100) > html_strip_events(100000));
    assert_true(html_strip_events(100000) > 0);
    stg_buffer_fini(&b);
}

static void test_json_text(void **state)
{
    (void)state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct writer w = {&b, STG_OK};
    writer_json(&w, "a\"b\\</script>&\n\xff\xc3\xa9");
    assert_string_equal(b.data, "\"a\\\"b\\\\\\u003c/script\\u003e\\u0026\xEF\xBF\xBD\xEF\xBF\xBD\xc3\xa9\"");
    stg_buffer_fini(&b);
}

/* Of no part that is not all it is said that it is all, nor of one that is some that it is none. */
static void test_percent(void **state)
{
    (void)state;
    char text[32];
    words_percent(199 / 200.0, text);
    assert_string_equal(text, "99.5 %");
    words_percent(1999 / 2000.0, text);
    assert_string_equal(text, "> 99.9 %");
    words_percent(1 / 2000.0, text);
    assert_string_equal(text, "0.1 %");
    for (int n = 1; n <= 3000; n += n < 1100 ? 1 : 31) {
        for (int k = 0; k <= n; k++) {
            words_percent((double)k / n, text);
            assert_int_equal(strncmp(text, "100", 3) == 0, k == n);
            assert_int_equal(strcmp(text, "0 %") == 0 || strcmp(text, "0.0 %") == 0, k == 0);
        }
    }
}

static void test_memory_fails(void **state)
{
    struct fixture *f = *state;
    const struct stg_report r = report_of(f);
    enum stg_status status = STG_ERR_MEMORY;
    for (uint64_t n = 1; status != STG_OK; n++) {
        struct stg_buffer b = STG_BUFFER_INIT;
        assert_true(n < 1000);
        stg_mem_fail_at(n);
        status = stg_report_html(&b, &r);
        stg_mem_fail_at(0);
        assert_true(status == STG_OK || status == STG_ERR_MEMORY);
        stg_buffer_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_told_apart_by_enough),
        cmocka_unit_test(test_table_without_threshold),
        cmocka_unit_test(test_all_are_caught),
        cmocka_unit_test(test_course),
        cmocka_unit_test(test_explain_text),
        cmocka_unit_test(test_explain_process),
        cmocka_unit_test(test_explain_in_time_order),
        cmocka_unit_test(test_eval_json),
        cmocka_unit_test(test_score_json),
        cmocka_unit_test(test_score_json_place),
        cmocka_unit_test(test_explain_json),
        cmocka_unit_test(test_html),
        cmocka_unit_test(test_html_of_little),
        cmocka_unit_test(test_html_of_many),
        cmocka_unit_test(test_html_of_many_explanations),
        cmocka_unit_test(test_strip_of_a_part),
        cmocka_unit_test(test_json_text),
        cmocka_unit_test(test_percent),
        cmocka_unit_test(test_html_without_verdicts),
        cmocka_unit_test(test_html_explains_its_words),
        cmocka_unit_test(test_html_of_what_is_new_alone),
        cmocka_unit_test(test_html_without_threshold),
        cmocka_unit_test(test_html_novel_as_a_whole),
        cmocka_unit_test(test_memory_fails),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
