#include "cli/eval_models.h"

#include "cli/facts.h"

#include "report/writer.h"

#include <math.h>
#include <stdio.h>

/* --- Figures --- */

/* Adds the value to the array under key; what is no number in one model is none of all. */
static enum stg_status push(json_t *to, const char *key, double value)
{
    json_t *values = json_object_get(to, key);
    if (values == NULL) {
        values = json_array();
        STG_RETURN_IF_FAILED(stg_facts_put(to, key, values));
    }
    return json_array_append_new(values, stg_facts_number(value)) == 0
               ? STG_OK
               : stg_fail(STG_ERR_MEMORY, "evaluation: out of memory");
}

static json_t *object_under(json_t *to, const char *key)
{
    json_t *found = json_object_get(to, key);
    if (found == NULL && json_object_set_new(to, key, json_object()) == 0) {
        found = json_object_get(to, key);
    }
    return found;
}

static enum stg_status push_row(json_t *to, const struct stg_evaluation *e, const struct stg_evaluation_row *row)
{
    const struct {
        const char *key;
        double value;
        bool has;
    } figures[] = {
        {"auroc", row->auroc.value, true},
        {"auprc", row->auprc, true},
        {"f1", row->calibrated.f1, true},
        {"accuracy", row->calibrated.accuracy, true},
        {"tpr", row->calibrated.tpr, true},
        {"paper_f1", row->paper.f1, row->has_paper},
        {"paper_accuracy", row->paper.accuracy, row->has_paper},
        {"group_auroc", row->group_auroc, e->group > 0},
        {"group_tpr", row->group_tpr, e->group > 0},
        {"shift_delay", row->shift_delay, true},
    };
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        if (figures[i].has) {
            STG_RETURN_IF_FAILED(push(to, figures[i].key, figures[i].value));
        }
    }
    return STG_OK;
}

enum stg_status stg_eval_models_add(json_t *all, const struct stg_evaluation *e)
{
    json_t *novel = object_under(all, "novel");
    for (size_t i = 0; i < e->n_rows; i++) {
        json_t *name = stg_facts_string(e->rows[i].name), *row = NULL;
        enum stg_status status = STG_ERR_MEMORY;
        if (name != NULL && novel != NULL) {
            row = object_under(novel, json_string_value(name));
        }
        status = row != NULL ? push_row(row, e, &e->rows[i]) : stg_fail(STG_ERR_MEMORY, "evaluation: out of memory");
        json_decref(name);
        STG_RETURN_IF_FAILED(status);
    }
    STG_RETURN_IF_FAILED(push(all, "known_fpr", e->known_fpr));
    STG_RETURN_IF_FAILED(push(all, "shift_alarms", (double)e->shift_alarms));
    if (e->group > 0) {
        STG_RETURN_IF_FAILED(push(all, "group_fpr", e->group_fpr));
    }
    return push(all, "macro_auroc", e->macro_auroc);
}

/* Of an array of values; NAN where one is none, and the deviation of one. */
static void summarise(const json_t *values, double *mean, double *deviation)
{
    const size_t n = json_array_size(values);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(values, i);
        sum += json_is_number(v) ? json_number_value(v) : (double)NAN;
    }
    *mean = sum / (double)n;
    for (size_t i = 0; i < n && isfinite(*mean); i++) {
        const double off = json_number_value(json_array_get(values, i)) - *mean;
        squares += off * off;
    }
    *deviation = n > 1 && isfinite(*mean) ? sqrt(squares / (double)(n - 1)) : (double)NAN;
}

/* --- Written --- */

/* The same object with {mean, deviation, values} for each array; NULL when memory is out. */
static json_t *summarised(const json_t *from)
{
    json_t *out = json_object();
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)from, key, value)
    {
        json_t *one;
        if (json_is_object(value)) {
            one = summarised(value);
        } else {
            double mean, deviation;
            summarise(value, &mean, &deviation);
            one = json_pack("{s:o, s:o, s:O}", "mean", stg_facts_number(mean), "deviation", stg_facts_number(deviation),
                            "values", value);
        }
        if (json_object_set_new(out, key, one) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

enum stg_status stg_eval_models_json(struct stg_buffer *out, const json_t *all)
{
    json_t *facts = summarised(all);
    if (facts == NULL) {
        return stg_fail(STG_ERR_MEMORY, "evaluation: out of memory");
    }
    const enum stg_status status = stg_facts_json(out, "strange.eval.models/1", facts);
    json_decref(facts);
    return status;
}

static void put_figure(struct writer *w, const json_t *values, double times)
{
    double mean, deviation;
    char text[32] = "-";
    summarise(values, &mean, &deviation);
    if (isfinite(mean)) {
        snprintf(text, sizeof text, "%.*f ± %.*f", times > 1 ? 1 : 3, times * mean, times > 1 ? 1 : 3,
                 times * deviation);
    }
    writer_repeat(w, " ", 16 - text_width(text));
    writer_put(w, text);
}

struct column {
    const char *title, *key;
    double times;
};

static void put_titles(struct writer *w, size_t width, const struct column *columns, size_t n)
{
    writer_plain(w, "behaviour", width);
    for (size_t i = 0; i < n; i++) {
        writer_printf(w, "%16s", columns[i].title);
    }
    writer_put(w, "\n");
}

/* A line for each behaviour that has the first of the columns. */
static void put_table(struct writer *w, json_t *novel, size_t width, const struct column *columns, size_t n)
{
    bool any = false;
    const char *name;
    json_t *row;
    json_object_foreach(novel, name, row)
    {
        if (json_object_get(row, columns[0].key) == NULL) {
            continue;
        }
        if (!any) {
            put_titles(w, width, columns, n);
            any = true;
        }
        writer_plain(w, name, width);
        for (size_t i = 0; i < n; i++) {
            put_figure(w, json_object_get(row, columns[i].key), columns[i].times);
        }
        writer_put(w, "\n");
    }
}

enum stg_status stg_eval_models_text(struct stg_buffer *out, const json_t *all)
{
    static const struct column columns[] = {{"AUROC", "auroc", 1},
                                            {"AUPRC", "auprc", 1},
                                            {"F1", "f1", 1},
                                            {"accuracy", "accuracy", 1},
                                            {"caught, %", "tpr", 100}},
                               paper[] = {{"F1", "paper_f1", 1}, {"accuracy", "paper_accuracy", 1}},
                               groups[] = {{"AUROC", "group_auroc", 1}, {"caught, %", "group_tpr", 100}};
    struct writer w = {out, STG_OK};
    json_t *novel = json_object_get(all, "novel");
    size_t width = text_width("behaviour");
    double fpr, deviation;
    const char *name;
    json_t *row;
    json_object_foreach(novel, name, row)
    {
        width = text_width(name) > width ? text_width(name) : width;
    }
    put_table(&w, novel, width, columns, sizeof columns / sizeof columns[0]);
    writer_plain(&w, "mean", width);
    put_figure(&w, json_object_get(all, "macro_auroc"), 1);
    summarise(json_object_get(all, "known_fpr"), &fpr, &deviation);
    writer_printf(&w, "\n\nMean ± sample standard deviation over %zu models. False alarms: %.2g ± %.2g %%.\n",
                  json_array_size(json_object_get(all, "macro_auroc")), 100 * fpr, 100 * deviation);
    if (json_object_get(all, "group_fpr") != NULL) {
        writer_put(&w, "\nGroups of consecutive sequences\n");
        put_table(&w, novel, width, groups, sizeof groups / sizeof groups[0]);
    }
    json_object_foreach(novel, name, row)
    {
        if (json_object_get(row, "paper_f1") != NULL) {
            writer_put(&w, "\nThreshold of best F1, chosen on labelled validation data (the paper's rule)\n");
            put_table(&w, novel, width, paper, sizeof paper / sizeof paper[0]);
            break;
        }
    }
    return w.status;
}
