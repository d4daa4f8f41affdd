/* The pictures of the report: data sets, extremes, delays, learning curves, attention, embeddings. */
#include "detect/calibrate.h"
#include "fake_model.h"
#include "html_support.h"
#include "report/html_frame.h"
#include "report/report.h"

#define HOSTILE "<b>&'\"\033[2J\x9b\xff"

enum { MANY = 10000, N_TRAIN = 100, N_SETS = 3, N_X = 2, N_CALLS = 3, N_LOGS = 7, N_POINTS = 1000, N_HEADS = 4 };

struct fixture {
    struct fake_seq train[N_TRAIN];
    struct fake_model model;
    struct stg_model_ops ops; /* the model's */
    struct stg_score scores[N_SETS][MANY];
    struct stg_scored_set sets[N_SETS];
    struct stg_profile profiles[N_SETS];
    struct stg_extremes extremes[N_SETS];
    struct stg_explanation explanations[N_X];
    struct stg_training_log logs[N_LOGS];
    struct stg_attention_maps attention, worst[N_X];
    float pattern[N_HEADS][STG_ATTENTION_DISTANCES];
    struct stg_attention_event looked[N_X];
    struct stg_embedded_call calls[N_CALLS];
    struct stg_embedding embedding;
    struct stg_delay_effect delays;
    const char *names[N_X];
    struct stg_report report;
};

static void fill_scores(struct stg_score *s, uint64_t seed, double shift)
{
    struct stg_rng rng;
    stg_rng_seed(&rng, seed);
    for (size_t i = 0; i < MANY; i++) {
        const double v = 0.5 + shift + (double)stg_rng_below(&rng, 1000) / 5000;
        s[i] = (struct stg_score){.id = i, .n_events = (uint32_t)(100 + 7 * (i % 90)), .n_tokens = 100, .tid = 101};
        s[i].begin_ns = 1700000000000000000 + (int64_t)i * 1000000;
        s[i].end_ns = s[i].begin_ns + 100000 + (int64_t)(i % 50) * 100000;
        for (int a = 0; a < STG_AGGREGATES; a++) {
            s[i].value[a] = (float)(v * (1 + a));
        }
    }
}

static void make_sets(struct fixture *f)
{
    static const char *const names[N_SETS] = {"known", "far", HOSTILE};
    const struct stg_corpus corpus = fake_corpus_of(f->train, N_TRAIN);
    for (size_t k = 0; k < N_SETS; k++) {
        fill_scores(f->scores[k], k, k == 1 ? 1 : 0);
        f->sets[k] = (struct stg_scored_set){names[k], f->scores[k], MANY};
        assert_int_equal(stg_profile_init(&f->profiles[k]), STG_OK);
        assert_int_equal(stg_profile_add(&f->profiles[k], &corpus, &f->model.base.vocab), STG_OK);
        assert_int_equal(stg_extremes_pick(&f->extremes[k], &f->sets[k], STG_AGGREGATE_MEAN, 10), STG_OK);
    }
}

/* The explained sequences are the highest of "far", so that its table has links to them. */
static void make_explanations(struct fixture *f)
{
    for (size_t i = 0; i < N_X; i++) {
        struct stg_seq seq;
        struct stg_extreme *e = &f->extremes[1].items[f->extremes[1].n_low + i];
        fake_seq_get(&f->train[i], &seq);
        assert_int_equal(stg_explain(&f->explanations[i], &f->model.base, &seq, &f->model.base.vocab, 3), STG_OK);
        f->explanations[i].score = f->scores[1][e->i];
        f->explanations[i].id = e->i;
        e->names = &f->model.base.vocab;
        e->blamed = f->explanations[i].events[2];
        e->blamed.blame = 3;
        e->trace = HOSTILE;
        f->names[i] = "far";
        f->looked[i] = (struct stg_attention_event){
            .index = 4,
            .most = {{.index = 3, .back = 1, .weight = 0.75f}, {.index = STG_ATTENTION_START, .weight = 0.25f}}};
        f->worst[i] = (struct stg_attention_maps){.events = &f->looked[i], .n_events = 1};
    }
}

static void make_nets(struct fixture *f)
{
    for (size_t h = 0; h < N_HEADS; h++) {
        f->pattern[h][h] = 0.625f;
        f->pattern[h][7] = 0.375f;
    }
    f->attention =
        (struct stg_attention_maps){.n_layers = 2, .n_heads = N_HEADS, .pattern = f->pattern, .n_pattern = 1234};
    for (int i = 0; i < N_CALLS; i++) { /* the first two in one place, at the edge */
        f->calls[i] = (struct stg_embedded_call){.call = (uint16_t)(FAKE_READ + i),
                                                 .count = (uint64_t)(30 - i),
                                                 .x = i < 2 ? 0 : 4,
                                                 .y = i < 2 ? 0 : 2,
                                                 .nearest = FAKE_READ,
                                                 .likeness = 0.5};
    }
    f->embedding =
        (struct stg_embedding){.calls = f->calls, .n = N_CALLS, .n_all = N_CALLS, .dim = 8, .share = {0.75, 0.125}};
    f->delays = (struct stg_delay_effect){.n = 200, .n_all = MANY};
    for (size_t d = 0; d < STG_DELAYS; d++) {
        f->delays.range[STG_AGGREGATE_MEAN][d] =
            (struct stg_delay_range){0.5, 0.6 + 0.1 * (double)d, 0.9 + 0.2 * (double)d};
    }
}

static void make_logs(struct fixture *f)
{
    for (size_t i = 0; i < N_LOGS; i++) {
        struct stg_training_log *log = &f->logs[i];
        *log = (struct stg_training_log){.path = i == 0 ? HOSTILE : "some.log", .n = N_POINTS, .cap = N_POINTS};
        assert_int_equal(stg_mem_zeroed(&log->points, N_POINTS, sizeof *log->points), STG_OK);
        for (size_t k = 0; k < N_POINTS; k++) {
            const double loss = 1 + 2.0 / (double)(k + 1);
            log->points[k] = (struct stg_training_point){.update = 5 * k,
                                                         .tokens = 1000 * (k + 1),
                                                         .train_loss = loss,
                                                         .valid_loss = i == 1 ? (double)NAN : loss + 0.1,
                                                         .train_accuracy = 0.5,
                                                         .valid_accuracy = i == 1 ? (double)NAN : 0.4,
                                                         .gradient_norm = (double)k,
                                                         .rate = 0.001};
        }
    }
}

static int setup(void **state)
{
    static struct fixture f;
    struct stg_rng rng;
    stg_rng_seed(&rng, 3);
    for (size_t i = 0; i < N_TRAIN; i++) {
        fake_request(&f.train[i], i, &rng, i == 0 ? 0.5 : 0);
    }
    *state = &f;
    if (fake_model_open(&f.model, f.train, N_TRAIN, STG_ORDER_THREAD) != STG_OK) {
        return -1;
    }
    f.ops = fake_ops;
    f.ops.columns = STG_WALK_ELAPSED;
    f.model.base.ops = &f.ops;
    make_sets(&f);
    make_explanations(&f);
    make_nets(&f);
    make_logs(&f);
    f.report = (struct stg_report){.title = "t",
                                   .model_path = "m",
                                   .date = "d",
                                   .model = &f.model.base,
                                   .known = f.sets,
                                   .novel = f.sets + 1,
                                   .n_novel = 2,
                                   .explanations = f.explanations,
                                   .explanation_sets = f.names,
                                   .explanation_traces = f.names,
                                   .n_explanations = N_X,
                                   .profiles = f.profiles,
                                   .extremes = f.extremes,
                                   .trainings = f.logs,
                                   .n_trainings = N_LOGS,
                                   .attention = &f.attention,
                                   .n_attention = 16,
                                   .attention_worst = f.worst,
                                   .embedding = &f.embedding,
                                   .delays = &f.delays,
                                   .aggregate = STG_AGGREGATE_MEAN,
                                   .alpha = 0.01};
    return stg_calibrate(&f.model.base, f.scores[0], 400) == STG_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (size_t k = 0; k < N_SETS; k++) {
        stg_profile_fini(&f->profiles[k]);
        stg_extremes_fini(&f->extremes[k]);
    }
    for (size_t i = 0; i < N_X; i++) {
        stg_explanation_fini(&f->explanations[i]);
    }
    for (size_t i = 0; i < N_LOGS; i++) {
        stg_training_log_fini(&f->logs[i]);
    }
    fake_model_close(&f->model);
    return 0;
}

/* Writes the page and says what it has not: every picture with words, no figure that is none, below 5 MB. */
static void write_page(struct stg_buffer *b, const struct stg_report *r)
{
    stg_buffer_clear(b);
    assert_int_equal(stg_report_html(b, r), STG_OK);
    check_html(b->data);
    assert_false(has_non_number(b->data));
    assert_int_equal(count(b->data, "role=\"img\""), count(b->data, "<desc>"));
    assert_int_equal(count(b->data, "<table"), count(b->data, "<caption>"));
    assert_int_equal(count(b->data, "<th "), count(b->data, "<th scope=\""));
    assert_null(strstr(b->data, HOSTILE));
    assert_true(b->len < 5000000);
}

/* The part of the page that is the section of this id; ends it with a NUL. */
static char *section(struct stg_buffer *b, const char *id)
{
    char begin[64];
    snprintf(begin, sizeof begin, "<section id=\"%s\"", id);
    char *at = strstr(b->data, begin);
    assert_non_null(at);
    char *end = strstr(at, "</section>");
    assert_non_null(end);
    *end = '\0';
    return at;
}

static void test_all(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    write_page(&b, &f->report);
    assert_int_equal(count(b.data, "400 of 10000 known sequences"), 2); /* against length and against duration */
    assert_int_equal(count(b.data, "; open: 402 of 20000 novel ones, evenly sampled from each set."), 2);
    stg_buffer_fini(&b);
}

/* Whatever is judged by, the perplexity is drawn, too: how it is distributed, and against length and duration. */
static void test_perplexity(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = f->report;
    write_page(&b, &r);
    assert_int_equal(count(b.data, "<title>Distribution of perplexity</title>"), 1);
    assert_int_equal(count(b.data, "<title>Perplexity against the number of events</title>"), 1);
    assert_int_equal(count(b.data, "<title>Perplexity against duration</title>"), 1);
    r.aggregate = STG_AGGREGATE_NOVELTY;
    write_page(&b, &r);
    assert_int_equal(count(b.data, "<title>Distribution of novelty</title>"), 1);
    assert_int_equal(count(b.data, "<title>Distribution of perplexity</title>"), 1);
    assert_int_equal(count(b.data, "<title>Novelty against the number of events</title>"), 1);
    assert_int_equal(count(b.data, "<title>Perplexity against the number of events</title>"), 1);
    assert_int_equal(count(b.data, "<title>Perplexity against duration</title>"), 1);
    stg_buffer_fini(&b);
}

/* Whether scores rise with the length, and how they went in time, can be read where the pictures cannot be seen. */
static void test_pictures_as_text(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = f->report;
    struct stg_score two[] = {f->scores[0][0], f->scores[0][1]};
    const struct stg_scored_set known = {"known", two, 2};
    r.known = &known;
    r.novel = NULL;
    r.n_novel = 0;
    r.extremes = NULL;
    r.n_explanations = 0;
    two[0].n_events = 100;
    two[1].n_events = 10000;
    two[0].value[r.aggregate] = (float)log(2);
    two[1].value[r.aggregate] = (float)log(8);
    write_page(&b, &r);
    assert_non_null(strstr(b.data, " Geometric mean of the known ones: 2.000 up to 1000, 8.000 beyond.</desc>"));
    assert_non_null(strstr(
        b.data,
        " The median is 2.000 in the first span and 8.000 in the last, 2.000 at least and 8.000 at most.</desc>"));
    two[0].n_events = 10000; /* and where nothing is on one side */
    r.known = &f->sets[0];
    r.novel = &known;
    r.n_novel = 1;
    write_page(&b, &r);
    assert_non_null(strstr(b.data, " Geometric mean of the novel ones: none up to "));
    stg_buffer_fini(&b);
}

static void test_data_sets(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = f->report;
    write_page(&b, &r);
    const char *text = section(&b, "data");
    assert_int_equal(count(text, "<figure>"), 2);
    assert_int_equal(count(text, "role=\"img\""), 8);
    assert_non_null(strstr(text, "10,000 known and 10,000 novel sequences"));
    assert_int_equal(count(text, "Duration, median"), 2);
    assert_int_equal(count(text, "<td>408 <span class=\"range\">(128 to 695)</span></td>"), 4);
    assert_non_null(strstr(text, "<span class=\"call\">futex</span></th><td>"));
    f->profiles[0].has_time = f->profiles[1].has_time = f->profiles[2].has_time =
        false; /* nothing lasts without a clock */
    write_page(&b, &r);
    assert_int_equal(count(b.data, "Perplexity against duration"), 0);
    text = section(&b, "data");
    f->profiles[0].has_time = f->profiles[1].has_time = f->profiles[2].has_time = true;
    assert_int_equal(count(text, "role=\"img\""), 6);
    assert_null(strstr(text, "Duration, median"));
    assert_non_null(strstr(text, "no durations"));
    stg_buffer_fini(&b);
}

/* Sets of one sequence, all of which is in one bin, and scores as high as they come. */
static void test_figures_at_axes(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = f->report;
    struct stg_score one = f->scores[0][0], high = one;
    const struct stg_scored_set known = {"known", &one, 1};
    struct stg_scored_set novel[] = {{"high", &high, 1}, {"far", f->scores[1], 10}};
    r.known = &known;
    r.novel = NULL;
    r.n_novel = 0;
    r.extremes = NULL;
    r.n_explanations = 0;
    for (int step = 5; step < 60; step += 3) {
        const double nats = step;
        one.value[r.aggregate] = (float)nats;
        one.n_events = high.n_events = (uint32_t)exp(fmin(nats / 4, 15));
        high.end_ns = high.begin_ns + (int64_t)exp(fmin(nats, 40));
        high.value[r.aggregate] = (float)nats / 2;
        write_page(&b, &r);
        assert_non_null(strstr(section(&b, "data"), ">100 %</text>"));
        r.novel = novel;
        r.n_novel = 2;
        write_page(&b, &r);
        r.novel = NULL;
        r.n_novel = 0;
    }
    stg_buffer_fini(&b);
}

static void test_extremes(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    char link[128];
    write_page(&b, &f->report);
    assert_int_equal(count(b.data, "<div class=\"in\" id=\"x1\">"), 1);
    const char *text = section(&b, "extremes");
    assert_int_equal(count(text, "<details"), N_SETS);
    assert_int_equal(count(text, "<tr><th scope=\"row\">"), 20 * N_SETS);
    assert_int_equal(count(text, "<a href=\"#x"), N_X);
    const size_t worst = f->extremes[1].items[10].i;
    snprintf(link, sizeof link, "<a href=\"#x0\" aria-label=\"Sequence %zu, explained\">%zu</a>", worst, worst);
    const char *row = strstr(text, link);
    assert_non_null(row);
    assert_non_null(strstr(row, "<td>2023-11-14 22:13:"));
    assert_true(strstr(row, "<b>novel</b>") < strstr(row, "</tr>"));
    assert_true(strstr(row, "→ read") < strstr(row, "</tr>"));
    assert_non_null(strstr(text, "not novel"));
    stg_buffer_clear(&b); /* where a p-value cannot be as small as alpha, there is no verdict on one sequence */
    struct stg_report r = f->report;
    r.alpha = 0.5 / (double)(f->model.base.n_calibration + 1);
    write_page(&b, &r);
    text = section(&b, "extremes");
    assert_null(strstr(text, "novel</b>"));
    assert_null(strstr(text, "not novel"));
    stg_buffer_fini(&b);
}

/* Of two sequences of one number that differ in when they began, only the explained one is a link. */
static void test_links_to_what_is_explained(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    f->explanations[0].score.begin_ns++;
    write_page(&b, &f->report);
    assert_int_equal(count(section(&b, "extremes"), "<a href=\"#x"), N_X - 1);
    f->explanations[0].score.begin_ns--;
    stg_buffer_fini(&b);
}

static void test_delays(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = f->report;
    write_page(&b, &r);
    char *text = section(&b, "delays");
    assert_non_null(strstr(text, "200 of 10,000 known sequences"));
    assert_int_equal(count(text, "role=\"img\""), 1);
    assert_non_null(strstr(text, "<th scope=\"row\">10 ms</th><td>3.004</td><td>1.649</td><td>6.686</td>"));
    for (const char *const *delay = (const char *const[]){"none", "1 µs", "10 µs", "100 µs", "1 ms", "10 ms", NULL};
         *delay != NULL; delay++) {
        char row[64];
        snprintf(row, sizeof row, "<th scope=\"row\">%s</th>", *delay);
        assert_int_equal(count(text, row), 1);
    }
    r.aggregate = STG_AGGREGATE_NOVELTY; /* the perplexity is drawn beside it */
    f->delays.range[STG_AGGREGATE_NOVELTY][5].high = INFINITY;
    write_page(&b, &r);
    assert_int_equal(count(section(&b, "delays"), "role=\"img\""), 2);
    f->delays.range[STG_AGGREGATE_NOVELTY][5].high = 0;
    f->ops.columns = 0;
    write_page(&b, &f->report);
    f->ops.columns = STG_WALK_ELAPSED;
    assert_non_null(strstr(section(&b, "delays"), "does not see elapsed times"));
    struct stg_delay_effect none = {.n_all = 3};
    r.delays = &none;
    write_page(&b, &r);
    assert_non_null(strstr(section(&b, "delays"), "No known sequence has times"));
    stg_buffer_fini(&b);
}

/* The points of the first line of this class. */
static size_t points_of(const char *html, const char *class, bool *broken)
{
    char begin[64];
    size_t n = 0;
    snprintf(begin, sizeof begin, "<path class=\"%s\" d=\"M", class);
    const char *at = strstr(html, begin);
    assert_non_null(at);
    *broken = false;
    for (at += strlen(begin); *at != '"'; at++) {
        n += *at == 'L';
        *broken |= *at == 'M';
    }
    return n + 1;
}

/* How many of the groups of numbers at the ends of lines have this one, each at a place of its own. */
static size_t numbers_at_ends(const char *text, const char *number)
{
    size_t n = 0;
    for (const char *at = strstr(text, "<g class=\"ends\">"); at != NULL; at = strstr(at + 1, "<g class=\"ends\">")) {
        const char *found = strstr(at, number), *end = strstr(at, "</g>");
        double x[N_LOGS], y[N_LOGS];
        size_t m = 0;
        n += found != NULL && found < end;
        for (const char *one = strstr(at, "<text"); one != NULL && one < end && m < N_LOGS;
             one = strstr(one + 1, "<text")) {
            assert_int_equal(sscanf(one, "<text x=\"%lf\" y=\"%lf\"", &x[m], &y[m]), 2);
            for (size_t i = 0; i < m; i++) {
                assert_true(fabs(x[i] - x[m]) > 7 || fabs(y[i] - y[m]) > 9);
            }
            m++;
        }
    }
    return n;
}

static void test_training(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    bool broken;
    write_page(&b, &f->report);
    const char *text = section(&b, "training");
    const char *figures = strstr(text, "<div class=\"thirds\">");
    assert_int_equal(count(text, "role=\"img\""), 3);
    assert_int_equal(points_of(figures, "curve c0", &broken), 400);
    assert_false(broken);
    assert_int_equal(points_of(figures, "curve c0 thin", &broken), 400);
    assert_non_null(strstr(figures, "curve c0 dash")); /* the seventh has the first one's colour */
    for (size_t i = 1; i <= N_LOGS; i++) {             /* and no colour is needed to tell them apart */
        char number[16];
        snprintf(number, sizeof number, ">%zu</text>", i);
        assert_int_equal(numbers_at_ends(figures, number), 3);
        snprintf(number, sizeof number, "<b>%zu</b> ", i);
        assert_int_equal(count(text, number), 1);
        snprintf(number, sizeof number, "\"name\">%zu: ", i);
        assert_int_equal(count(text, number), 1);
    }
    assert_non_null(strstr(text, "<td>4,995</td><td>1,000,000</td><td>400 of "
                                 "1,000</td><td>1.0020</td><td>1.1020</td><td>1.1020</td><td>40.0 %</td><td>999</td>"));
    assert_non_null(strstr(text, "<td>–</td><td>–</td><td>–</td>")); /* without validation data */
    f->logs[0].points[500].tokens = 1; /* taken up again from an earlier checkpoint; it is one of the drawn */
    for (size_t k = 501; k < N_POINTS; k++) {
        f->logs[0].points[k].tokens = k;
    }
    write_page(&b, &f->report);
    assert_int_equal(points_of(strstr(section(&b, "training"), "<div class=\"thirds\">"), "curve c0", &broken), 399);
    assert_true(broken);
    for (size_t k = 500; k < N_POINTS; k++) {
        f->logs[0].points[k].tokens = 1000 * (k + 1);
    }
    stg_buffer_fini(&b);
}

static void test_attention(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = f->report;
    write_page(&b, &r);
    const char *text = section(&b, "attention");
    assert_non_null(strstr(
        text, "mean over 1,234 events of 16 of 10000 known sequences, evenly sampled, of at most 4096 events each"));
    assert_non_null(strstr(
        text, "layer 2, head 1</th><td class=\"h0\">0.0</td><td class=\"h0\">0.0</td><td class=\"h4\">62.5</td>"));
    assert_int_equal(count(text, "<td class=\"h3\">37.5</td>"), N_HEADS);
    assert_int_equal(count(text, "(1 back) 75 %, <span class=\"call\">the beginning</span> 25 %"), N_X);
    f->worst[1].n_events = 0;
    write_page(&b, &r);
    f->worst[1].n_events = 1;
    assert_non_null(strstr(section(&b, "attention"), "1 of 2 explained sequences"));
    r.attention = NULL;
    write_page(&b, &r);
    assert_null(strstr(b.data, "id=\"attention\""));
    stg_buffer_fini(&b);
}

static void test_embedding(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = f->report;
    write_page(&b, &r);
    const char *text = section(&b, "embedding");
    assert_int_equal(count(text, "<circle "), N_CALLS);
    assert_int_equal(count(text, "text-anchor"), N_CALLS);
    assert_non_null(
        strstr(text, "3 of 3 calls of the known data, the most frequent ones; 3 have room for their names"));
    assert_non_null(strstr(text, "to the right 75 % of the variance, upward 12 %"));
    assert_non_null(strstr(
        text,
        "<td>28</td><td>4.000</td><td>2.000</td><td class=\"l\"><span class=\"call\">read</span></td><td>0.50</td>"));
    f->embedding.n = 0;
    write_page(&b, &r);
    f->embedding.n = N_CALLS;
    assert_null(strstr(section(&b, "embedding"), "<svg"));
    r.embedding = NULL;
    write_page(&b, &r);
    assert_null(strstr(b.data, "id=\"embedding\""));
    stg_buffer_fini(&b);
}

/* The labels of many points in one place: those that are there do not lie over each other. */
static void test_labels(void **state)
{
    enum { MANY_CALLS = 40 };
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_report r = f->report;
    struct stg_embedded_call calls[MANY_CALLS];
    double x[MANY_CALLS], y[MANY_CALLS];
    size_t n = 0;
    for (size_t i = 0; i < MANY_CALLS; i++) {
        const size_t column = i % 20, row = i / 20;
        calls[i] = (struct stg_embedded_call){
            .call = FAKE_OPENAT, .x = (double)column * 0.01, .y = (double)row * 0.01, .nearest = FAKE_OPENAT};
    }
    calls[0].x = -1; /* they fill a small part of the picture */
    const struct stg_embedding e = {.calls = calls, .n = MANY_CALLS, .n_all = MANY_CALLS, .dim = 2};
    r.embedding = &e;
    write_page(&b, &r);
    const char *at = section(&b, "embedding");
    while ((at = strstr(at, "<text x=\"")) != NULL) {
        char *end;
        assert_true(n < MANY_CALLS);
        x[n] = strtod(at + strlen("<text x=\""), &end);
        y[n] = strtod(end + strlen("\" y=\""), &end);
        const double width = 6.3 * 6; /* "openat" */
        x[n] -= strncmp(end, "\" text-anchor=\"end", 18) == 0      ? width
                : strncmp(end, "\" text-anchor=\"middle", 21) == 0 ? width / 2
                                                                   : 0;
        for (size_t i = 0; i < n; i++) {
            assert_true(fabs(x[i] - x[n]) > width - 0.2 || fabs(y[i] - y[n]) > 10.8);
        }
        n++;
        at++;
    }
    assert_in_range(n, 2, MANY_CALLS - 1);
    stg_buffer_fini(&b);
}

static void test_ticks(void **state)
{
    char text[32];
    double ticks[HTML_MOST_TICKS];
    (void)state;
    static const struct {
        double ns;
        const char *words;
    } durations[] = {{1, "1 ns"},      {1000, "1 µs"}, {1e4, "10 µs"}, {1e6, "1 ms"},
                     {2.5e7, "25 ms"}, {1e9, "1 s"},   {1e11, "100 s"}};
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        html_tick_duration(log(durations[i].ns), text);
        assert_string_equal(text, durations[i].words);
    }
    html_tick_exp(log(12345), text);
    assert_string_equal(text, "12345");
    html_tick_exp(log(1.5), text);
    assert_string_equal(text, "1.5");
    html_tick_count(120000, text);
    assert_string_equal(text, "120 k");
    html_tick_count(2500000, text);
    assert_string_equal(text, "2.5 M");
    html_tick_count(0.5, text);
    assert_string_equal(text, "0.5");
    html_tick_exp(log(1e5), text); /* so much room is left of an axis */
    assert_string_equal(text, "100 k");
    html_tick_exp(log(2e9), text);
    assert_string_equal(text, "2 G");
    html_tick_exp(log(1e20), text);
    assert_string_equal(text, "1e20");
    html_tick_exp(log(1.5e12), text);
    assert_string_equal(text, "1.5e12");
    assert_int_equal(html_linear_ticks(0, 1, ticks, HTML_MOST_TICKS), 6);
    assert_true(fabs(ticks[5] - 1) < 1e-9 && fabs(ticks[1] - 0.2) < 1e-9);
    struct stg_buffer b = STG_BUFFER_INIT;
    struct writer w = {&b, STG_OK};
    html_short_name(&w, "short", 5);
    html_short_name(&w, " ünïcödes", 5);
    assert_string_equal(b.data, "short ünï…");
    stg_buffer_fini(&b);
}

static void test_memory_fails(void **state)
{
    struct fixture *f = *state;
    enum stg_status status = STG_ERR_MEMORY;
    for (size_t k = 0; k < N_SETS; k++) { /* each try writes a page */
        f->sets[k].n = 100;
    }
    for (uint64_t n = 1; status != STG_OK; n++) {
        struct stg_buffer b = STG_BUFFER_INIT;
        assert_true(n < 1000);
        stg_mem_fail_at(n);
        status = stg_report_html(&b, &f->report);
        stg_mem_fail_at(0);
        assert_true(status == STG_OK || status == STG_ERR_MEMORY);
        stg_buffer_fini(&b);
    }
    for (size_t k = 0; k < N_SETS; k++) {
        f->sets[k].n = MANY;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_perplexity),
        cmocka_unit_test(test_pictures_as_text),
        cmocka_unit_test(test_data_sets),
        cmocka_unit_test(test_figures_at_axes),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_links_to_what_is_explained),
        cmocka_unit_test(test_delays),
        cmocka_unit_test(test_training),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_ticks),
        cmocka_unit_test(test_memory_fails),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
