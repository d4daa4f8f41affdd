/* The strip of an explained sequence: what strip.js makes its lanes of, and the still picture that stands there without
 * it. */
#include "report/html.h"

#include "base/memory.h"
#include "base/strings.h"
#include "report/words.h"
#include "strip_script.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define WIDTH  720
#define HEIGHT 56
#define TOP    50.0 /* nats: what is shown of a surprisal that has no end */

/* An event is about 45 bytes of the page: all strips together stay under 2 MB. */
#define EVENTS_OF_PAGE 40000
#define EVENTS_MOST    4000
#define EVENTS_LEAST   60
#define LANES_MOST     24
/* Below this surprisal (nats) what was expected is what happened. */
#define EXPECTED_FROM 1.0f

size_t html_strip_events(size_t n)
{
    const size_t share = EVENTS_OF_PAGE / (n > 0 ? n : 1);
    return share > EVENTS_MOST ? EVENTS_MOST : share < EVENTS_LEAST ? EVENTS_LEAST : share;
}

/* One column per pixel or event, the highest surprisal of each. */
static void put_still(struct writer *w, const struct stg_explanation *x)
{
    const size_t columns = x->n < WIDTH ? x->n : WIDTH;
    const double width = columns == 0 ? 0 : (double)WIDTH / (double)columns;
    double top = 4.605;
    char extent[80];
    words_extent(x, extent);
    for (size_t i = 0; i < x->n; i++) {
        top = fmax(top, fmin((double)words_surprisal(&x->events[i]), TOP));
    }
    writer_printf(w,
                  "<svg class=\"wide still\" preserveAspectRatio=\"none\" viewBox=\"0 0 %d %d\" role=\"img\"><title>"
                  "Surprisal along the sequence</title><desc>%s from left "
                  "to right in time order; the full height is %.1f nats.</desc><path class=\"strip\" d=\"",
                  WIDTH, HEIGHT, extent, top);
    for (size_t c = 0; c < columns; c++) {
        double high = 0;
        for (size_t i = c * x->n / columns; i < (c + 1) * x->n / columns; i++) {
            high = fmax(high, fmin((double)words_surprisal(&x->events[i]), TOP));
        }
        const double height = high / top * (HEIGHT - 2);
        if (height >= 0.5) {
            writer_printf(w, "M%.1f %dv-%.1fh%.1fv%.1fz", (double)c * width, HEIGHT - 1, height,
                          fmax(width * 0.85, 0.6), height);
        }
    }
    writer_printf(w, "\"/><path class=\"axis\" d=\"M0 %.1fH%d\"/></svg>\n", HEIGHT - 0.5, WIDTH);
}

/* What the events of a strip share. */
struct strip {
    const struct stg_model *model;
    const struct stg_explanation *x;
    struct stg_strings *names; /* of events and of what was expected */
    bool *drawn;               /* (n) */
    size_t n_drawn;
    int32_t tid[LANES_MOST]; /* of each lane; the last one has all other threads where there are more */
    uint16_t proc[LANES_MOST];
    size_t n_lanes;
    bool has_others;
};

/* All events, or the half that is most to blame and others at equal distances. */
static void choose(struct strip *s, size_t most)
{
    const size_t n = s->x->n, n_ranked = n <= most ? n : most / 2;
    for (size_t i = 0; i < n_ranked; i++) {
        s->drawn[s->x->ranked[i]] = true;
    }
    for (size_t i = 0; i < most - n_ranked && n > most; i++) {
        s->drawn[i * n / (most - n_ranked)] = true;
    }
    for (size_t i = 0; i < n; i++) {
        s->n_drawn += s->drawn[i];
    }
}

static size_t lane_of(struct strip *s, const struct stg_explained_event *e)
{
    for (size_t k = 0; k < s->n_lanes; k++) {
        if (s->tid[k] == e->tid) {
            return k;
        }
    }
    if (s->n_lanes == LANES_MOST) {
        s->has_others = true;
        return LANES_MOST - 1;
    }
    s->tid[s->n_lanes] = e->tid;
    s->proc[s->n_lanes] = e->proc;
    return s->n_lanes++;
}

/* Tenths of a nat; −1: not judged. */
static int tenths(float surprisal)
{
    return isnan(surprisal) ? -1 : (int)lround(10 * fmin(fmax((double)surprisal, 0), TOP));
}

static enum stg_status put_expected(struct writer *w, struct strip *s, const struct stg_explained_event *e)
{
    for (uint32_t i = 0; i < e->n_alternatives && e->surprisal >= EXPECTED_FROM; i++) {
        const int percent = (int)lround(100 * (double)e->alternatives[i].probability);
        char name[WORDS_CALL];
        uint32_t id;
        if (percent < 1) {
            break;
        }
        words_symbol(s->model, e->alternatives[i].symbol, name, sizeof name);
        STG_RETURN_IF_FAILED(stg_strings_put(s->names, name, strlen(name), &id));
        writer_printf(w, ",%" PRIu32 ",%d", id, percent);
    }
    return STG_OK;
}

static enum stg_status put_events(struct writer *w, struct strip *s)
{
    const char *between = "";
    for (size_t i = 0; i < s->x->n; i++) {
        const struct stg_explained_event *e = &s->x->events[i];
        char name[WORDS_CALL];
        uint32_t id;
        if (!s->drawn[i]) {
            continue;
        }
        words_event(s->x, e, name, sizeof name);
        STG_RETURN_IF_FAILED(stg_strings_put(s->names, name, strlen(name), &id));
        writer_printf(w, "%s[%zu,%" PRId64 ",%" PRIu32 ",%d,%d,%d,%d,%" PRId64 ",%" PRId64, between, lane_of(s, e),
                      s->x->has_time || e->index == UINT32_MAX ? e->time_ns : (int64_t)e->index, id,
                      tenths(e->surprisal), tenths(e->side[STG_SIDE_TIME]), tenths(e->side[STG_SIDE_STATE]), e->field,
                      e->elapsed_ns, e->usual_ns);
        STG_RETURN_IF_FAILED(put_expected(w, s, e));
        writer_put(w, "]");
        between = ",";
    }
    return STG_OK;
}

static void put_lanes(struct writer *w, const struct strip *s)
{
    for (size_t k = 0; k < s->n_lanes; k++) {
        const struct stg_explained_event of = {.proc = s->proc[k]};
        char lane[WORDS_CALL];
        if (s->has_others && k == LANES_MOST - 1) {
            snprintf(lane, sizeof lane, "other threads");
        } else {
            snprintf(lane, sizeof lane, "%.100s %" PRId32, words_process(s->x, &of), s->tid[k]);
        }
        writer_put(w, k > 0 ? "," : "");
        writer_json(w, lane[0] == ' ' ? lane + 1 : lane);
    }
}

static enum stg_status put_data(struct writer *w, struct strip *s)
{
    writer_printf(w, "<script type=\"application/json\">{\"id\":%" PRIu64 ",\"clock\":%s,\"events\":[", s->x->id,
                  s->x->has_time ? "true" : "false");
    STG_RETURN_IF_FAILED(put_events(w, s));
    writer_put(w, "],\"lanes\":[");
    put_lanes(w, s);
    writer_put(w, "],\"names\":[");
    for (uint32_t i = 0; i < stg_strings_count(s->names); i++) {
        writer_put(w, i > 0 ? "," : "");
        writer_json(w, stg_strings_get(s->names, i));
    }
    writer_put(w, "]}</script>");
    return STG_OK;
}

static void put_caption(struct writer *w, const struct strip *s)
{
    static const char *const key[] = {"expected", "1 in 3", "1 in 10", "1 in 100", "1 in 1,000 or less"};
    writer_put(w, "<figcaption><span class=\"key\">Chance:");
    for (int level = 0; level < 5; level++) {
        writer_printf(w,
                      "<svg class=\"chip\" width=\"12\" height=\"12\" aria-hidden=\"true\"><path class=\"s%d\" d=\"M0 "
                      "0h12v12H0z\"/></svg>%s",
                      level, key[level]);
    }
    writer_put(w, "</span>");
    if (s->n_drawn < s->x->n) {
        char drawn[32], all[80];
        words_count(s->n_drawn, drawn);
        words_extent(s->x, all);
        writer_printf(w, " %s of %s are drawn: those most to blame, and others at equal distances.", drawn, all);
    }
    writer_put(w, "</figcaption>");
}

enum stg_status html_strip(struct writer *w, const struct stg_model *m, const struct stg_explanation *x, size_t most)
{
    enum stg_status status = STG_OK;
    struct strip s = {.model = m, .x = x};
    if (x->n == 0) {
        return STG_OK;
    }
    STG_TRY(stg_mem_zeroed(&s.drawn, x->n, sizeof *s.drawn));
    STG_TRY(stg_strings_new(&s.names));
    choose(&s, most);
    writer_put(w, "<figure class=\"lanes\">");
    put_still(w, x);
    STG_TRY(put_data(w, &s));
    put_caption(w, &s);
    writer_put(w, "</figure>\n");
    STG_TRY(w->status);
out:
    stg_strings_free(s.names);
    stg_mem_free(s.drawn);
    return status;
}

void html_strip_script(struct writer *w)
{
    writer_put(w, "<script>");
    writer_put(w, strip_script);
    writer_put(w, "</script>\n");
}

const char *html_strip_hash(void)
{
    return STRIP_SCRIPT_HASH;
}
