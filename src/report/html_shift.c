/* The sequences of a set as a stream: whether it has shifted, since when, and when that was noticed. The numbers are
 * those of `strange score`. */
#include "report/html.h"

#include "report/words.h"

#include <inttypes.h>

static const struct stg_scored_set *set_of(const struct stg_report *r, size_t k)
{
    return k == 0 ? r->known : &r->novel[k - 1];
}

bool html_has_shift(const struct stg_report *r, size_t k)
{
    return r->shifts != NULL && set_of(r, k)->n >= 2;
}

void html_shift(struct writer *w, const struct stg_report *r, size_t k)
{
    const struct stg_shift *s = &r->shifts[k];
    char began[32], noticed[32];
    if (s->shifted) {
        words_count(s->began, began);
        words_count(s->noticed, noticed);
        writer_printf(w, " at sequence %s, noticed at %s", began, noticed);
    }
}

/* Where single sequences do not make a set novel, the stream is what there is to look at. */
static bool matters(const struct stg_report *r, size_t k)
{
    return r->shifts[k].shifted && !r->verdicts[k].novel;
}

/* A novel set by when its stream shifted. */
enum since { SINCE_FIRST, SINCE_LATER, SINCE_NEVER, SINCES };

static enum since since_of(const struct stg_shift *s)
{
    return !s->shifted ? SINCE_NEVER : s->began == 0 ? SINCE_FIRST : SINCE_LATER;
}

static void put_set(struct writer *w, const struct stg_report *r, size_t k)
{
    const struct stg_shift *s = &r->shifts[k];
    char count[32];
    writer_put(w, matters(r, k) ? "<strong>" : "");
    writer_put(w, "<code>");
    writer_html(w, set_of(r, k)->name);
    writer_put(w, "</code>");
    if (since_of(s) == SINCE_LATER) {
        words_count(s->began, count);
        writer_printf(w, " at sequence %s", count);
    }
    if (s->shifted) {
        words_count(s->noticed, count);
        writer_printf(w, " (noticed at %s)", count);
    }
    writer_put(w, matters(r, k) ? "</strong>" : "");
}

static void put_sets(struct writer *w, const struct stg_report *r)
{
    static const char *const words[SINCES] = {
        "these shifted from the first on: ", "these shifted later: ", "these did not shift: "};
    bool any = false;
    writer_put(w, "As streams of sequences, ");
    for (int since = 0; since < SINCES; since++) {
        size_t n = 0;
        for (size_t k = 1; k <= r->n_novel; k++) {
            if (html_has_shift(r, k) && since_of(&r->shifts[k]) == (enum since)since) {
                writer_put(w, n > 0 ? ", " : any ? "; " : "");
                writer_put(w, n++ == 0 ? words[since] : "");
                put_set(w, r, k);
            }
        }
        any |= n > 0;
    }
}

/* Of the one set that there is to judge. */
static void put_one(struct writer *w, const struct stg_report *r, size_t k)
{
    writer_put(w, matters(r, k) ? "<strong>" : "");
    writer_put(w, r->shifts[k].shifted ? "As a stream, the sequences shifted"
                                       : "As a stream, the sequences did not shift");
    html_shift(w, r, k);
    writer_put(w, matters(r, k) ? "</strong>" : "");
}

/* Whether the stream of any set that is judged can be told of. */
static bool has_any(const struct stg_report *r)
{
    bool any = false;
    for (size_t k = r->n_novel > 0 ? 1 : 0; k <= r->n_novel; k++) {
        any |= html_has_shift(r, k);
    }
    return any;
}

void html_shifts(struct writer *w, const struct stg_report *r)
{
    char interval[32];
    if (!has_any(r)) {
        return;
    }
    writer_put(w, "<p>");
    if (r->n_novel > 1) {
        put_sets(w, r);
    } else {
        put_one(w, r, r->n_novel);
    }
    words_count((uint64_t)(r->interval + 0.5), interval);
    writer_printf(w,
                  ". A false shift comes once in %s sequences of runs that are like the calibration's "
                  "(<a href=\"#timelines\">course</a>).</p>\n",
                  interval);
    if (r->n_novel > 0 && html_has_shift(r, 0) && r->shifts[0].shifted) {
        writer_put(w, "<p><strong>The known data has shifted, too</strong>,");
        html_shift(w, r, 0);
        writer_put(w, ": look whether all of it is known, as the others are compared with it.</p>\n");
    }
}
