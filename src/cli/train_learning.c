#include "cli/train_learning.h"

#include "cli/facts.h"

#include "base/log.h"
#include "detect/learning.h"

static enum stg_status put_learning(json_t *record, const struct stg_learning_point *points, size_t n)
{
    json_t *array = json_array();
    STG_RETURN_IF_FAILED(stg_facts_put(record, "learning_curve", array));
    for (size_t i = 0; i < n; i++) {
        json_t *point = json_pack("{s:I, s:f, s:f, s:f}", "sequences", (json_int_t)points[i].n_sequences, "surprisal",
                                  points[i].surprisal, "unknown", points[i].unknown, "unseen", points[i].unseen);
        if (point == NULL || json_array_append_new(array, point) != 0) {
            return stg_fail(STG_ERR_MEMORY, "cannot record the learning curve: out of memory");
        }
    }
    STG_RETURN_IF_FAILED(stg_facts_put(record, "learning_gain", stg_facts_number(stg_learning_gain(points, n))));
    return stg_facts_put(record, "enough", json_boolean(stg_learning_enough(points, n)));
}

static void say_learning(const struct stg_learning_point *points, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        stg_log(
            STG_LOG_INFO,
            "%zu sequence%s learnt: known data at %.4f nats per call; not seen before: %.2f %% of its events, by their "
            "kind, and %.2f %% of its windows",
            points[i].n_sequences, points[i].n_sequences == 1 ? "" : "s", points[i].surprisal, 100 * points[i].unknown,
            100 * points[i].unseen);
    }
    if (n >= 2) {
        stg_log(STG_LOG_INFO, "the last doubling of the data made known data %.1f %% less surprising: %s",
                100 * stg_learning_gain(points, n),
                stg_learning_enough(points, n) ? "more of the same would hardly help" : "more known data would help");
    }
}

enum stg_status stg_train_learning(const struct stg_cli *cli, struct stg_model *m, struct stg_corpora *train,
                                   struct stg_corpora *held, struct stg_pool *pool)
{
    struct stg_corpus learnt, other;
    struct stg_progress progress;
    struct stg_learning_point points[STG_LEARNING_POINTS];
    size_t n;
    stg_corpora_corpus(train, &learnt);
    stg_corpora_corpus(held, &other);
    struct stg_progress *p = stg_cli_progress(cli, &progress, "learning curve", "steps", STG_LEARNING_POINTS);
    const enum stg_status status = stg_learning_curve(m, &learnt, &other, pool, p, points, &n);
    stg_progress_finish(p);
    STG_RETURN_IF_FAILED(status);
    say_learning(points, n);
    return put_learning(m->record, points, n);
}
