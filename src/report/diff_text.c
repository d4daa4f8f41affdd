#include "report/behaviour_words.h"
#include "report/report.h"
#include "report/words.h"
#include "report/writer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* "apache2  read → writev", "apache2  read EAGAIN" */
static void name_row(const struct stg_vocab *names, const struct stg_diff_row *row, char *out, size_t cap)
{
    const char *process = behaviour_process(names, row->proc);
    struct stg_kind_of_call kind = {.call = row->call, .proc = row->proc};
    char text[200];
    if (row->facet == STG_DIFF_RESULTS) {
        kind.phase = STG_PHASE_EXIT;
        kind.class = row->other;
        kind.size = row->size;
    }
    behaviour_kind(names, &kind, text, sizeof text);
    snprintf(out, cap, "%.64s%s%s%s%.64s", process, process[0] != '\0' ? "  " : "", text,
             row->facet == STG_DIFF_TRANSITIONS ? " → " : "",
             row->facet == STG_DIFF_TRANSITIONS ? behaviour_call(names, row->other) : "");
}

static void put_ratio(struct writer *w, double ratio)
{
    char text[32];
    if (!(ratio < INFINITY)) {
        snprintf(text, sizeof text, "new");
    } else if (!(ratio > 0)) {
        snprintf(text, sizeof text, "gone");
    } else {
        snprintf(text, sizeof text, "x %.3g", ratio);
    }
    writer_printf(w, "  %8s", text);
}

static void put_time(struct writer *w, double ns)
{
    char text[32];
    words_duration((int64_t)ns, text);
    writer_repeat(w, " ", text_width(text) < 13 ? 13 - text_width(text) : 0);
    writer_put(w, text);
}

static void put_row(struct writer *w, const struct stg_diff_result *r, const struct stg_diff_row *row, size_t width)
{
    char name[400];
    name_row(r->names, row, name, sizeof name);
    writer_put(w, "  ");
    writer_plain(w, name, width);
    if (row->facet == STG_DIFF_LATENCIES) {
        for (int side = 0; side < STG_DIFF_SIDES; side++) {
            put_time(w, row->median_ns[side]);
        }
        for (int side = 0; side < STG_DIFF_SIDES; side++) {
            put_time(w, row->upper_ns[side]);
        }
        put_ratio(w, row->ratio);
    } else {
        writer_printf(w, "  %11.4g  %11.4g", row->rate[STG_DIFF_A], row->rate[STG_DIFF_B]);
        put_ratio(w, row->ratio);
        writer_printf(w, "  %5.1f %%  %+9.1f", 100 * row->contribution / r->divergence[row->facet], row->z);
    }
    writer_put(w, "\n");
}

static void put_head(struct writer *w, const struct stg_diff_result *r, enum stg_diff_facet facet, size_t width,
                     bool colour)
{
    const char *unit = r->by_sequence                                             ? "sequence"
                       : r->n_units[STG_DIFF_A] > 0 && r->n_units[STG_DIFF_B] > 0 ? "s"
                                                                                  : "call";
    char a[32], b[32];
    snprintf(a, sizeof a, "A / %s", unit);
    snprintf(b, sizeof b, "B / %s", unit);
    writer_put(w, colour ? "\n\033[1m" : "\n");
    writer_plain(w, stg_diff_facet_name(facet), width + 2);
    if (facet == STG_DIFF_LATENCIES) {
        writer_printf(w, "%13s%13s%13s%13s  %8s", "A median", "B median", "A p95", "B p95", "change");
    } else {
        writer_printf(w, "  %11s  %11s  %8s  %7s  %9s", a, b, "change", "part", "deviation");
    }
    writer_put(w, colour ? "\033[0m\n" : "\n");
}

static void put_facet(struct writer *w, const struct stg_diff_result *r, size_t first, size_t top, bool colour)
{
    const enum stg_diff_facet facet = r->rows[first].facet;
    const size_t n = r->n_of[facet], shown = n < top ? n : top;
    size_t width = 24;
    for (size_t i = first; i < first + shown; i++) {
        char name[400];
        name_row(r->names, &r->rows[i], name, sizeof name);
        width = text_width(name) > width ? text_width(name) : width;
    }
    put_head(w, r, facet, width, colour);
    for (size_t i = first; i < first + shown; i++) {
        put_row(w, r, &r->rows[i], width);
    }
    if (shown < n) {
        writer_printf(w, "  and %zu more\n", n - shown);
    }
}

static void put_side(struct writer *w, const struct stg_diff_result *r, int side, const char *path)
{
    char calls[32], lost[32], units[32];
    words_count(r->n_calls[side], calls);
    words_count(r->n_lost[side], lost);
    writer_printf(w, "%c  ", side == STG_DIFF_A ? 'A' : 'B');
    writer_plain(w, path, 0);
    writer_printf(w, ": %s calls", calls);
    if (r->by_sequence) {
        words_count((uint64_t)r->n_units[side], units);
        writer_printf(w, " in %s sequences", units);
    } else if (r->n_units[side] > 0) {
        writer_printf(w, " in %.3g s", r->n_units[side]);
    }
    writer_printf(w, ", %s lost events\n", lost);
}

static void put_verdict(struct writer *w, const struct stg_diff_result *r)
{
    static const char *const one[STG_DIFF_FACETS] = {"call", "transition", "result", "latency"};
    if (r->too_short) {
        writer_printf(w, "no verdict: fewer than %d calls on a side\n", STG_DIFF_LEAST);
        return;
    }
    if (r->n == 0) {
        writer_put(w, "nothing changed\n");
        return;
    }
    writer_put(w, "changed:");
    for (int f = 0; f < STG_DIFF_FACETS; f++) {
        writer_printf(w, "%s %zu %s", f > 0 ? "," : "", r->n_of[f], r->n_of[f] == 1 ? one[f] : stg_diff_facet_name((enum stg_diff_facet)f));
    }
    writer_put(w, "\n");
}

enum stg_status stg_report_diff_text(struct stg_buffer *out, const struct stg_diff_result *r,
                                     const char *const paths[STG_DIFF_SIDES], size_t top, bool colour)
{
    struct writer w = {out, STG_OK};
    put_verdict(&w, r);
    put_side(&w, r, STG_DIFF_A, paths[STG_DIFF_A]);
    put_side(&w, r, STG_DIFF_B, paths[STG_DIFF_B]);
    const double factor = r->n_units[STG_DIFF_A] > 0 && r->n_units[STG_DIFF_B] > 0
                              ? r->scale * r->n_units[STG_DIFF_A] / r->n_units[STG_DIFF_B]
                              : r->scale * (double)r->n_calls[STG_DIFF_A] / (double)r->n_calls[STG_DIFF_B];
    char times[32];
    snprintf(times, sizeof times, "%.3g", factor);
    if (!r->too_short && strcmp(times, "1") != 0) {
        writer_printf(&w, "   every sort of call %s times as often in B, which is taken into account\n", times);
    }
    for (size_t first = 0; first < r->n && top > 0; first += r->n_of[r->rows[first].facet]) {
        put_facet(&w, r, first, top, colour);
    }
    if (r->n_left_out > 0) {
        writer_printf(&w, "\n%" PRIu64 " events were left out: too many different items or threads\n", r->n_left_out);
    }
    return w.status;
}
