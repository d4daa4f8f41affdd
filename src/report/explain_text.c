#include "report/report.h"

#include "base/memory.h"
#include "detect/calibrate.h"
#include "detect/novel.h"
#include "report/attention.h"
#include "report/words.h"
#include "report/writer.h"

#include <inttypes.h>
#include <math.h>

#define BAR_CELLS     8
#define MOST_SEGMENTS 10 /* of a counterfactual; JSON has all */

struct style {
    const char *bold, *dim, *hot, *reset;
};

static const struct style plain = {"", "", "", ""};
static const struct style coloured = {"\033[1m", "\033[2m", "\033[33m", "\033[0m"};

static void put_segments(struct writer *w, const struct stg_explanation *x)
{
    for (size_t i = 0; i < x->n_segments && i < WORDS_SEGMENTS; i++) {
        char text[512];
        words_segment(x, &x->segments[i], text, sizeof text);
        writer_put(w, i == 0 ? "  to blame    " : "              ");
        writer_plain(w, text, 0);
        writer_put(w, "\n");
    }
    if (x->n_segments > WORDS_SEGMENTS) {
        writer_printf(w, "              and %zu more\n", x->n_segments - WORDS_SEGMENTS);
    }
}

static void put_verdict(struct writer *w, const struct stg_model *m, const struct stg_explanation *x,
                        struct stg_judged_by by, const struct style *style)
{
    const double p = stg_p_value(m, by.aggregate, (double)x->score.value[by.aggregate]);
    const bool asked = by.aggregate != stg_aggregate_default(m) && stg_calibrated(m);
    char text[160];
    words_p_value(m, p, text);
    writer_printf(w, "  p-value     %s%s%s\n", text, asked ? ", by " : "",
                  asked ? stg_report_score_words(by.aggregate) : "");
    put_segments(w, x);
    words_verdict(m, p, by.alpha, text);
    writer_printf(w, "  verdict     %s%s%s\n", stg_is_judged(m, by.alpha) && p <= by.alpha ? style->hot : "", text,
                  style->reset);
}

static void put_header(struct writer *w, const struct stg_model *m, const struct stg_explanation *x, const char *trace,
                       const struct style *style)
{
    const struct stg_score *s = &x->score;
    char n[32], text[160], process[256], perplexity[32], side[512];
    writer_printf(w, "%sSequence %" PRIu64 "%s\n", style->bold, x->id, style->reset);
    writer_put(w, "  trace       ");
    writer_plain(w, trace, 0);
    writer_put(w, "\n");
    if (s->tid != 0) {
        words_thread(s, text);
        writer_printf(w, "  thread      %s\n", text);
    }
    if (words_whole_process(x, process)) {
        writer_put(w, "  process     ");
        writer_plain(w, process, 0);
        writer_put(w, "\n");
    }
    if (x->has_time) {
        words_begin(s, text);
        writer_printf(w, "  begins      %s\n", text);
    }
    words_count(s->n_events, n);
    writer_printf(w, "  events      %s", n);
    if (s->n_unknown > 0) {
        char names[256];
        words_unknown_calls(m, x, names);
        writer_printf(w, ", %" PRIu32 " of a kind never seen in training", s->n_unknown);
        if (names[0] != '\0') {
            writer_put(w, " (unknown to the model: ");
            writer_plain(w, names, 0);
            writer_put(w, ")");
        }
    }
    words_count(s->n_lost, n);
    writer_printf(w, "; %s lost\n", n);
    words_perplexity((double)s->value[STG_AGGREGATE_MEAN], perplexity);
    writer_printf(w,
                  "  perplexity  %s: each step as hard to predict as a choice among that many equally likely calls\n",
                  perplexity);
    if (words_channels(m, s, text)) {
        writer_printf(w, "  unusual     %s\n", text);
    }
    if (words_side(m, x, STG_SIDE_TIME, side)) {
        writer_put(w, "  pauses      ");
        writer_plain(w, side, 0);
        writer_put(w, "\n");
    }
    if (words_pace(m, s, text)) {
        writer_printf(w, "  pace        %s\n", text);
    }
    if (words_load(m, s, text)) {
        writer_printf(w, "  load        %s\n", text);
    }
    if (words_workers(m, s->z[STG_CHANNEL_STATE], s->workers, text)) {
        writer_printf(w, "  workers     %s\n", text);
    }
    if (words_side(m, x, STG_SIDE_STATE, side)) {
        writer_put(w, "  descriptors ");
        writer_plain(w, side, 0);
        writer_put(w, "\n");
    }
    if (m->ops->members != NULL) {
        words_disagreement(s->disagreement, text);
        writer_printf(w, "  members     %s\n", text);
    }
}

static void put_counterfactual(struct writer *w, const struct stg_explanation *x, struct stg_judged_by by,
                               const struct stg_counterfactual *c)
{
    char text[512], judge[64] = "";
    if (c->aggregate != by.aggregate) { /* that of the verdict cannot be asked */
        snprintf(judge, sizeof judge, " (by %s)", stg_report_score_words(c->aggregate));
    }
    if (!c->novel) {
        writer_printf(w, "  would be normal%s without: nothing; it is not judged novel\n", judge);
        return;
    }
    if (!c->enough) {
        writer_printf(w,
                      "  would be normal%s without: more than the segments to blame; p-value %.3g without %zu of %zu\n",
                      judge, c->p_after, c->n, x->n_segments);
        return;
    }
    words_counterfactual(c, text);
    writer_printf(w, "  would be normal%s without: %s\n", judge, text);
    for (size_t i = 0; i < c->n && i < MOST_SEGMENTS; i++) {
        words_segment(x, &x->segments[c->segments[i]], text, sizeof text);
        writer_put(w, "              ");
        writer_plain(w, text, 0);
        writer_put(w, "\n");
    }
    if (c->n > MOST_SEGMENTS) {
        writer_printf(w, "              and %zu more (--json has all)\n", c->n - MOST_SEGMENTS);
    }
}

/* Padded to its full width where something follows. */
static void put_bar(struct writer *w, double share, bool pad)
{
    static const char *const part[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
    const int eighths = share > 0 ? (int)lround(fmin(share, 1) * BAR_CELLS * 8) : 0;
    for (int i = 0; i < BAR_CELLS && (pad || 8 * i < eighths); i++) {
        const int left = eighths - 8 * i;
        writer_put(w, part[left < 0 ? 0 : left > 8 ? 8 : left]);
    }
}

static void put_alternatives(struct writer *w, const struct stg_model *m, const struct stg_explained_event *e,
                             uint32_t times)
{
    const char *note = words_note(m, e);
    char other[128];
    if (times > 1) {
        writer_printf(w, "[×%" PRIu32 "] ", times);
    }
    words_other_field(e, other);
    if (other[0] != '\0') {
        writer_put(w, other);
        return;
    }
    writer_put(w, note);
    for (uint32_t i = 0; i < e->n_alternatives; i++) {
        char name[WORDS_CALL], share[32];
        if (e->alternatives[i].probability < 0.005f) {
            break;
        }
        words_symbol(m, e->alternatives[i].symbol, name, sizeof name);
        words_percent((double)e->alternatives[i].probability, share);
        writer_put(w, i > 0 ? ", " : note[0] != '\0' ? "; " : "");
        writer_plain(w, name, 0);
        writer_printf(w, " %s", share);
    }
}

struct widths {
    size_t process; /* 0: no column */
    size_t call;
};

static struct widths measure(const struct stg_explanation *x, const struct fold *f)
{
    struct widths width = {words_has_process(x, f) ? text_width("process") : 0, text_width("call")};
    for (size_t i = 0; i < f->n; i++) {
        char call[WORDS_CALL];
        if (f->rows[i].kind != FOLD_EVENT) {
            continue;
        }
        const struct stg_explained_event *e = &x->events[f->rows[i].event];
        const size_t process = text_width(words_process(x, e));
        words_event(x, e, call, sizeof call);
        width.process = process > width.process ? process : width.process;
        width.call = text_width(call) > width.call ? text_width(call) : width.call;
    }
    return width;
}

static void put_process(struct writer *w, const char *name, const struct widths *width)
{
    if (width->process > 0) {
        writer_plain(w, name, width->process);
        writer_put(w, "  ");
    }
}

/* Beside the surprisal, in 7 columns. */
static void put_disagreement(struct writer *w, const struct stg_model *m, const struct stg_explained_event *e)
{
    if (m->ops->members != NULL) {
        writer_printf(w, " ±%5.2f", (double)e->disagreement);
    }
}

static void put_row(struct writer *w, const struct stg_model *m, const struct stg_explanation *x,
                    const struct fold_row *row, double scale, const struct widths *width, const struct style *style)
{
    const struct stg_explained_event *e = &x->events[row->event];
    const bool blamed = row->blamed;
    const double surprisal = (double)(blamed ? words_surprisal(e) : e->surprisal);
    char call[WORDS_CALL], shown_time[40];
    words_time(x, e, shown_time);
    words_event(x, e, call, sizeof call);
    writer_printf(w, "%s%s ", blamed ? style->hot : style->dim, blamed ? ">" : " ");
    writer_repeat(w, " ", text_width(shown_time) < 12 ? 12 - text_width(shown_time) : 0);
    writer_printf(w, "%s  %8" PRId32 "  ", shown_time, e->tid);
    put_process(w, words_process(x, e), width);
    writer_plain(w, call, width->call);
    writer_printf(w, "  %6.2f", surprisal);
    put_disagreement(w, m, e);
    writer_put(w, blamed || surprisal / scale * BAR_CELLS * 8 >= 0.5 ? " " : "");
    put_bar(w, surprisal / scale, blamed);
    writer_put(w, style->reset);
    if (blamed) {
        writer_put(w, "  ");
        put_alternatives(w, m, e, row->n);
    }
    writer_put(w, "\n");
}

static void put_rows(struct writer *w, const struct stg_model *m, const struct stg_explanation *x, const struct fold *f,
                     const struct style *style)
{
    const struct widths width = measure(x, f);
    double scale = 1e-9;
    for (size_t i = 0; i < f->n; i++) {
        if (f->rows[i].kind == FOLD_EVENT) {
            const struct stg_explained_event *e = &x->events[f->rows[i].event];
            scale = fmax(scale, (double)(f->rows[i].blamed ? words_surprisal(e) : e->surprisal));
        }
    }
    writer_printf(w, "%s  %12s  %8s  ", style->bold, x->has_time ? "time" : "event", "thread");
    put_process(w, "process", &width);
    writer_plain(w, "call", width.call);
    writer_printf(w, "  %-15s%s  %s%s\n", m->ops->members != NULL ? "surprisal ±" : "surprisal",
                  m->ops->members != NULL ? "       " : "", "expected instead", style->reset);
    for (size_t i = 0; i < f->n; i++) {
        const struct fold_row *row = &f->rows[i];
        if (row->kind == FOLD_EVENT) {
            put_row(w, m, x, row, scale, &width, style);
        } else {
            char text[1024];
            words_fold(x, f, row, text, sizeof text);
            writer_printf(w, "%s%14s ", style->dim, "⋮");
            writer_plain(w, text, 0);
            writer_printf(w, "%s\n", style->reset);
        }
    }
}

enum stg_status stg_report_explain_text(struct stg_buffer *out, const struct stg_model *m,
                                        const struct stg_explanation *x, struct stg_judged_by by,
                                        const struct stg_explained_more *more, const char *trace, size_t n_show,
                                        bool colour)
{
    enum stg_status status = STG_OK;
    struct writer w = {out, STG_OK};
    struct fold f = {0};
    const struct style *style = colour ? &coloured : &plain;
    char caption[256];
    STG_TRY(fold_explanation(&f, m, x, n_show));
    put_header(&w, m, x, trace, style);
    put_verdict(&w, m, x, by, style);
    if (more != NULL && more->without != NULL) {
        put_counterfactual(&w, x, by, more->without);
    }
    words_caption(m, x, &f, " (>)", caption);
    writer_printf(&w, "\n%s%s\n", caption, f.n > 0 ? ":" : ".");
    if (f.n > 0) {
        put_rows(&w, m, x, &f, style);
        writer_put(&w, "→ a call begins, ← it returns. Surprisal in nats: 0 expected, 2.3 one in ten, 4.6 one in a "
                       "hundred, 6.9 one in a thousand.\n");
        writer_put(&w, m->ops->members != NULL ? "±: the standard deviation over the ensemble's members.\n" : "");
    }
    STG_TRY(w.status);
    if (more != NULL && more->attention != NULL) {
        STG_TRY(stg_report_attention_text(out, x, more->attention));
    }
out:
    fold_fini(&f);
    return status;
}
