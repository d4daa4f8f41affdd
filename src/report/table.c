#include "report/report.h"

#include "report/words.h"
#include "report/writer.h"

#include <math.h>
#include <stdio.h>

static const char *const colours[] = {"\033[31m", "\033[33m", "\033[32m"}; /* by enum separation */

static size_t name_width(const struct stg_evaluation *e)
{
    size_t width = text_width("behaviour");
    for (size_t i = 0; i < e->n_rows; i++) {
        const size_t n = text_width(e->rows[i].name);
        width = n > width ? n : width;
    }
    return width;
}

/* What is counted. */
static const char *unit_of(const struct stg_evaluation *e)
{
    return e->per_trace ? "trace" : "sequence";
}

static void put_row(struct writer *w, const struct stg_evaluation_row *row, size_t width, bool colour)
{
    const enum separation s = separation_of(&row->auroc);
    char count[32], caught[32], alarms[32];
    words_count(row->n_novel, count);
    words_percent(row->calibrated.tpr, caught);
    words_percent(row->calibrated.fpr, alarms);
    writer_plain(w, row->name, width);
    writer_printf(w, "  %9s   %.3f [%.3f, %.3f]  %6.3f  %6.3f  %8.3f  %8s  %12s  %s%s%s\n", count, row->auroc.value,
                  row->auroc.low, row->auroc.high, row->auprc, row->calibrated.f1, row->calibrated.accuracy, caught,
                  alarms, colour ? colours[s] : "", separation_words(s), colour ? "\033[0m" : "");
}

static void put_paper(struct writer *w, const struct stg_evaluation *e, size_t width, bool colour)
{
    bool any = false;
    for (size_t i = 0; i < e->n_rows; i++) {
        const struct stg_evaluation_row *row = &e->rows[i];
        char perplexity[32], caught[32], alarms[32];
        if (!row->has_paper) {
            continue;
        }
        if (!any) {
            writer_printf(w, "\n%sThreshold of best F1, chosen on labelled validation data (the paper's rule)%s\n",
                          colour ? "\033[1m" : "", colour ? "\033[0m" : "");
            writer_plain(w, "behaviour", width);
            writer_printf(w, "  %10s  %6s  %8s  %8s  %12s\n", words_scale(e->aggregate), "F1", "accuracy", "caught",
                          "false alarms");
            any = true;
        }
        words_perplexity(row->paper_threshold, perplexity);
        words_percent(row->paper.tpr, caught);
        words_percent(row->paper.fpr, alarms);
        writer_plain(w, row->name, width);
        writer_printf(w, "  %10s  %6.3f  %8.3f  %8s  %12s\n", perplexity, row->paper.f1, row->paper.accuracy, caught,
                      alarms);
    }
}

static void put_threshold(struct writer *w, const struct stg_evaluation *e)
{
    char n[32], alpha[32], fpr[32], threshold[32];
    words_count(e->n_known, n);
    words_percent(e->alpha, alpha);
    words_percent(e->known_fpr, fpr);
    words_perplexity(e->threshold, threshold);
    if (!isfinite(e->threshold)) {
        writer_printf(
            w,
            "No threshold: too few calibration sequences for a false-alarm rate of %s, so nothing is called novel.\n",
            alpha);
        return;
    }
    writer_printf(w,
                  "Threshold: %s %s, calibrated on known data alone for a false-alarm rate of %s; measured on %s known "
                  "%ss: %s.\n",
                  words_scale(e->aggregate), threshold, alpha, n, unit_of(e), fpr);
}

static void put_groups(struct writer *w, const struct stg_evaluation *e, size_t width, bool colour)
{
    char known[32], alarms[32];
    if (e->group == 0) {
        return;
    }
    words_count(e->n_known_groups, known);
    words_percent(e->group_fpr, alarms);
    writer_printf(w, "\n%sGroups of %zu sequences%s (known: %s, false alarms %s)\n", colour ? "\033[1m" : "", e->group,
                  colour ? "\033[0m" : "", known, alarms);
    writer_plain(w, "behaviour", width);
    writer_printf(w, "  %9s  %6s  %8s\n", "groups", "AUROC", "caught");
    for (size_t i = 0; i < e->n_rows; i++) {
        char count[32], caught[32];
        words_count(e->rows[i].n_groups, count);
        words_percent(e->rows[i].group_tpr, caught);
        writer_plain(w, e->rows[i].name, width);
        if (isnan(e->rows[i].group_auroc)) {
            writer_printf(w, "  %9s  %6s  %8s\n", count, "-", caught);
        } else {
            writer_printf(w, "  %9s  %6.3f  %8s\n", count, e->rows[i].group_auroc, caught);
        }
    }
    if (isnan(e->group_fpr)) {
        writer_put(
            w, "No threshold for groups: too few of them, or too few in the calibration for this false-alarm rate.\n");
    }
}

static void put_shift(struct writer *w, const struct stg_evaluation *e, size_t width, bool colour)
{
    char known[32];
    words_count(e->n_known, known);
    writer_printf(w, "\n%sAs a stream%s: at most one false alarm in %g sequences is asked for; %zu in %s known ones.\n",
                  colour ? "\033[1m" : "", colour ? "\033[0m" : "", e->shift_interval, e->shift_alarms, known);
    writer_plain(w, "behaviour", width);
    writer_printf(w, "  sequences until it is noticed (median)\n");
    for (size_t i = 0; i < e->n_rows; i++) {
        char delay[32] = "not in this data";
        if (isfinite(e->rows[i].shift_delay)) {
            snprintf(delay, sizeof delay, "%.0f", e->rows[i].shift_delay);
        }
        writer_plain(w, e->rows[i].name, width);
        writer_printf(w, "  %s\n", delay);
    }
}

enum stg_status stg_report_table(struct stg_buffer *out, const struct stg_evaluation *e, bool colour)
{
    struct writer w = {out, STG_OK};
    const size_t width = name_width(e);
    writer_put(&w, colour ? "\033[1m" : "");
    writer_plain(&w, "behaviour", width);
    writer_printf(&w, "  %9s   %-20s  %6s  %6s  %8s  %8s  %12s  %s%s\n", e->per_trace ? "traces" : "sequences",
                  "AUROC [95 % interval]", "AUPRC", "F1", "accuracy", "caught", "false alarms", "verdict",
                  colour ? "\033[0m" : "");
    for (size_t i = 0; i < e->n_rows; i++) {
        put_row(&w, &e->rows[i], width, colour);
    }
    if (e->n_rows > 0) {
        char share[32];
        words_percent(words_caught(e), share);
        writer_printf(&w, "\nMean over %zu behaviour%s: AUROC %.3f, caught %s (score: %s).\n", e->n_rows,
                      e->n_rows == 1 ? "" : "s", e->macro_auroc, share, stg_report_score_words(e->aggregate));
    }
    put_threshold(&w, e);
    put_paper(&w, e, width, colour);
    put_groups(&w, e, width, colour);
    if (e->n_rows > 0 && !e->per_trace && !isnan(e->rows[0].shift_delay)) {
        put_shift(&w, e, width, colour);
    }
    writer_printf(
        &w,
        "\nAUROC: how often a novel %s is more surprising than a known one; 1 is always, 0.5 is a coin toss.\n"
        "Caught: novel %ss above the threshold. False alarms: known %ss above it.\n"
        "Told apart: the interval lies above 0.9; partly: above 0.6; else a single %s does not show it.\n",
        unit_of(e), unit_of(e), unit_of(e), unit_of(e));
    if (e->per_trace) {
        writer_put(&w,
                   "A trace's score is the highest of its sequences; the threshold is that of a single sequence, so a "
                   "long trace is above it more often.\n");
    }
    return w.status;
}
