#include "cli/compare.h"

#include "cli/facts.h"

#include "base/clock.h"
#include "base/memory.h"
#include "dataset/dataset.h"
#include "report/writer.h"
#include "score/score.h"

#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    ROUNDS = 3,             /* of the measurement of speed; the median counts */
    SPEED_TOKENS = 1 << 18, /* scored in a round, about: long enough to time, whatever the size of the data */
};

static enum stg_status put_size(json_t *to, const struct stg_compared *side)
{
    struct stat st;
    if (stat(side->path, &st) != 0) {
        return stg_fail_errno("%s: cannot read", side->path);
    }
    STG_RETURN_IF_FAILED(stg_facts_put(to, "path", stg_facts_string(side->path)));
    STG_RETURN_IF_FAILED(stg_facts_put(to, "kind", json_string(side->model->ops->kind)));
    STG_RETURN_IF_FAILED(stg_facts_put(to, "file_size", json_integer((json_int_t)st.st_size)));
    json_t *description = side->model->ops->describe(side->model);
    const json_int_t parameters = json_integer_value(json_object_get(description, "parameters"));
    json_decref(description);
    return stg_facts_put(to, "parameters", parameters > 0 ? json_integer(parameters) : json_null());
}

/* Mean surprisal of all tokens, and how many there are. */
static double mean_surprisal(const struct stg_score *scores, size_t n, double *tokens)
{
    double sum = 0;
    *tokens = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)scores[i].value[STG_AGGREGATE_MEAN] * (double)scores[i].n_tokens;
        *tokens += (double)scores[i].n_tokens;
    }
    return *tokens > 0 ? sum / *tokens : (double)NAN;
}

static int by_value(const void *a_, const void *b_)
{
    const double a = *(const double *)a_, b = *(const double *)b_;
    return a < b ? -1 : a > b;
}

/* Tokens per second, in turns, so that whatever else the machine does meets both. */
static enum stg_status measure_speed(double speed[2], const struct stg_comparison *c, const struct stg_corpus *part,
                                     struct stg_pool *pool, struct stg_score *scores)
{
    double rounds[2][ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        for (size_t k = 0; k < 2; k++) {
            double tokens;
            const uint64_t begin_ns = stg_clock_ns();
            STG_RETURN_IF_FAILED(stg_score_corpus_plain(c->side[k].model, part, pool, NULL, scores));
            const double seconds = (double)(stg_clock_ns() - begin_ns) / 1e9;
            mean_surprisal(scores, part->n, &tokens);
            rounds[k][i] = tokens / fmax(seconds, 1e-9);
        }
    }
    for (size_t k = 0; k < 2; k++) {
        qsort(rounds[k], ROUNDS, sizeof rounds[k][0], by_value);
        speed[k] = rounds[k][ROUNDS / 2];
    }
    return STG_OK;
}

/* As many of the first sequences as a round of the measurement needs. */
static size_t enough_sequences(const struct stg_corpus *corpus)
{
    size_t n = 0;
    for (size_t tokens = 0; n < corpus->n && tokens < SPEED_TOKENS; n++) {
        struct stg_seq seq;
        stg_corpus_get(corpus, n, &seq);
        tokens += seq.n;
    }
    return n;
}

static enum stg_status put_loss_and_speed(json_t *const to[2], const struct stg_comparison *c,
                                          const struct stg_cli *cli, struct stg_pool *pool)
{
    enum stg_status status = STG_OK;
    struct stg_score *scores = NULL;
    double speed[2];
    struct stg_slice slice = {.corpus = c->loss, .n = enough_sequences(c->loss)};
    struct stg_corpus part;
    STG_TRY(stg_mem_zeroed(&scores, c->loss->n, sizeof *scores));
    for (size_t k = 0; k < 2; k++) {
        double tokens;
        struct stg_progress progress;
        if (c->side[k].has_learnt) {
            STG_TRY(stg_facts_put(to[k], "known_loss", json_null()));
            continue;
        }
        struct stg_progress *p = stg_cli_progress(cli, &progress, c->side[k].role, "sequences", c->loss->n);
        status = stg_score_corpus_plain(c->side[k].model, c->loss, pool, p, scores);
        stg_progress_finish(p);
        STG_TRY(status);
        STG_TRY(stg_facts_put(to[k], "known_loss", stg_facts_number(mean_surprisal(scores, c->loss->n, &tokens))));
    }
    stg_slice_corpus(&slice, &part);
    STG_TRY(measure_speed(speed, c, &part, pool, scores));
    for (size_t k = 0; k < 2; k++) {
        STG_TRY(stg_facts_put(to[k], "tokens_per_second", stg_facts_number(speed[k])));
    }
out:
    stg_mem_free(scores);
    return status;
}

static enum stg_status put_auroc(json_t *to, const struct stg_evaluation *e)
{
    json_t *auroc = json_object();
    STG_RETURN_IF_FAILED(stg_facts_put(to, "auroc", auroc));
    for (size_t i = 0; i < e->n_rows; i++) {
        STG_RETURN_IF_FAILED(stg_facts_put(auroc, e->rows[i].name, stg_facts_number(e->rows[i].auroc.value)));
    }
    return stg_facts_put(to, "macro_auroc", stg_facts_number(e->macro_auroc));
}

static enum stg_status evaluate(json_t *to, const struct stg_comparison *c, const struct stg_model *m,
                                const struct stg_cli *cli, struct stg_pool *pool)
{
    enum stg_status status = STG_OK;
    struct stg_evaluation e = {0};
    struct stg_evaluate_settings s;
    stg_evaluate_settings_default(&s);
    s.aggregate = stg_aggregate_default(m);
    s.n_resamples = 10; /* intervals are not shown */
    STG_TRY(stg_groups_score(c->known, m, pool, cli));
    STG_TRY(stg_groups_score(c->novel, m, pool, cli));
    STG_TRY(stg_evaluate(&e, m, c->known->sets, c->novel->sets, c->novel->n, NULL, NULL, 0, &s));
    STG_TRY(put_auroc(to, &e));
out:
    stg_evaluation_fini(&e);
    return status;
}

enum stg_status stg_compare(json_t *facts, const struct stg_comparison *c, const struct stg_cli *cli,
                            struct stg_pool *pool)
{
    json_t *to[2];
    for (size_t k = 0; k < 2; k++) {
        to[k] = json_object();
        STG_RETURN_IF_FAILED(stg_facts_put(facts, c->side[k].role, to[k]));
        STG_RETURN_IF_FAILED(put_size(to[k], &c->side[k]));
    }
    if (c->loss->n > 0) {
        STG_RETURN_IF_FAILED(put_loss_and_speed(to, c, cli, pool));
    }
    for (size_t k = 0; k < 2 && c->novel->n > 0; k++) {
        STG_RETURN_IF_FAILED(evaluate(to[k], c, c->side[k].model, cli, pool));
    }
    return STG_OK;
}

enum change { CHANGE_NONE, CHANGE_RATIO, CHANGE_DIFFERENCE };

/* Counts with separators, the rest with four digits after the point; "-" for what was not measured. */
static void cell(const json_t *value, enum change change, char out[32])
{
    if (json_is_string(value)) {
        snprintf(out, 32, "%s", json_string_value(value));
    } else if (!json_is_number(value)) {
        snprintf(out, 32, "-");
    } else if (change == CHANGE_RATIO) {
        stg_format_count((uint64_t)(json_number_value(value) + 0.5), out, 32);
    } else {
        snprintf(out, 32, "%.4f", json_number_value(value));
    }
}

static void put_row(struct writer *w, const char *name, size_t width, json_t *const value[2], enum change change)
{
    char text[2][32], last[32] = "";
    const double from = json_number_value(value[0]), to = json_number_value(value[1]);
    cell(value[0], change, text[0]);
    cell(value[1], change, text[1]);
    if (change == CHANGE_RATIO && from > 0 && to > 0) {
        snprintf(last, sizeof last, "x %.3g", to / from);
    } else if (change == CHANGE_DIFFERENCE && json_is_number(value[0]) && json_is_number(value[1])) {
        snprintf(last, sizeof last, "%+.4f", to - from);
    }
    writer_plain(w, name, width);
    writer_printf(w, "  %14s  %14s  %10s\n", text[0], text[1], last);
}

enum stg_status stg_compare_text(struct stg_buffer *out, const json_t *facts, const struct stg_comparison *c)
{
    static const struct {
        const char *name, *key;
        enum change change;
    } rows[] = {
        {"kind", "kind", CHANGE_NONE},
        {"parameters", "parameters", CHANGE_RATIO},
        {"file, bytes", "file_size", CHANGE_RATIO},
        {"scoring, tokens/s", "tokens_per_second", CHANGE_RATIO},
        {"known loss, nats/token", "known_loss", CHANGE_DIFFERENCE},
    };
    struct writer w = {out, STG_OK};
    const json_t *from = json_object_get(facts, c->side[0].role), *to = json_object_get(facts, c->side[1].role);
    json_t *auroc = json_object_get(from, "auroc");
    size_t width = text_width("known loss, nats/token");
    const char *name;
    json_t *value;
    json_object_foreach(auroc, name, value)
    {
        width = text_width(name) + 6 > width ? text_width(name) + 6 : width;
    }
    writer_plain(&w, "", width);
    writer_printf(&w, "  %14s  %14s\n", c->side[0].role, c->side[1].role);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *const pair[2] = {json_object_get(from, rows[i].key), json_object_get(to, rows[i].key)};
        put_row(&w, rows[i].name, width, pair, rows[i].change);
    }
    json_object_foreach(auroc, name, value)
    {
        json_t *const pair[2] = {value, json_object_get(json_object_get(to, "auroc"), name)};
        writer_put(&w, "AUROC ");
        put_row(&w, name, width - 6, pair, CHANGE_DIFFERENCE);
    }
    if (auroc != NULL) {
        json_t *const pair[2] = {json_object_get(from, "macro_auroc"), json_object_get(to, "macro_auroc")};
        put_row(&w, "AUROC, mean", width, pair, CHANGE_DIFFERENCE);
    }
    return w.status;
}
