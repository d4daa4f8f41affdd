#include "report/words.h"

#include "base/memory.h"
#include "detect/calibrate.h"
#include "event/syscalls.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_BEFORE 2
#define N_AFTER  1

enum separation separation_of(const struct stg_interval *auroc)
{
    return auroc->low > 0.9 ? SEPARATION_CLEAR : auroc->low > 0.6 ? SEPARATION_PARTLY : SEPARATION_NONE;
}

const char *separation_words(enum separation s)
{
    static const char *const words[] = {"not told apart", "partly", "told apart"};
    return words[s];
}

void words_duration(int64_t ns, char out[32])
{
    static const struct {
        double ns;
        const char *unit;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}};
    const double value = (double)ns;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (fabs(value) >= units[i].ns) {
            snprintf(out, 32, "%.3f %s", value / units[i].ns, units[i].unit);
            return;
        }
    }
    snprintf(out, 32, "%" PRId64 " ns", ns);
}

void words_count(uint64_t n, char out[32])
{
    char digits[24];
    const int len = snprintf(digits, sizeof digits, "%" PRIu64, n);
    int at = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            out[at++] = ',';
        }
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

void words_share(double value, char out[32])
{
    if (isnan(value)) {
        snprintf(out, 32, "–");
    } else {
        snprintf(out, 32, "%.3f", value);
    }
}

void words_percent(double share, char out[32])
{
    if (isnan(share)) {
        snprintf(out, 32, "–");
    } else if (share > 0 && share < 0.0005) {
        snprintf(out, 32, "< 0.1 %%");
    } else if (share >= 0.0995 && share <= 0.995) {
        snprintf(out, 32, "%.0f %%", share * 100);
    } else if (share > 0.995 && share < 1) {
        snprintf(out, 32, share > 0.9995 ? "> 99.9 %%" : "%.1f %%", share * 100);
    } else {
        snprintf(out, 32, share >= 1 || share <= 0 ? "%.0f %%" : "%.1f %%", share * 100);
    }
}

void words_odds(double surprisal, char out[48])
{
    const double one_in = exp(surprisal);
    char count[32];
    if (one_in < 1.05) {
        snprintf(out, 48, "expected");
    } else if (one_in < 10) {
        snprintf(out, 48, "1 in %.1f", one_in);
    } else if (one_in < 1e6) {
        const double step = pow(10, floor(log10(one_in)) - 2);
        words_count((uint64_t)(round(one_in / step) * step + 0.5), count);
        snprintf(out, 48, "1 in %s", count);
    } else {
        snprintf(out, 48, "under 1 in a million");
    }
}

void words_perplexity(double nats, char out[32])
{
    const double perplexity = exp(nats);
    if (!isfinite(perplexity)) {
        snprintf(out, 32, isnan(perplexity) ? "–" : "∞");
    } else {
        snprintf(out, 32, perplexity < 10 ? "%.3f" : perplexity < 1000 ? "%.1f" : "%.3g", perplexity);
    }
}

static const char *arrow_of(uint8_t phase)
{
    return phase == STG_PHASE_ENTRY ? "→ " : phase == STG_PHASE_EXIT ? "← " : "";
}

static const char *call_name(const struct stg_model *m, uint16_t call)
{
    return call >= STG_TOKEN_SPECIALS && call < stg_strings_count(m->vocab.calls)
               ? stg_strings_get(m->vocab.calls, call)
               : "a call unknown to the model";
}

void words_event(const struct stg_model *m, const struct stg_explained_event *e, char *out, size_t cap)
{
    char ret[48] = "";
    if (e->index == UINT32_MAX) {
        snprintf(out, cap, "end");
        return;
    }
    if (e->phase == STG_PHASE_EXIT && e->ret != STG_RET_ABSENT) {
        const char *name = e->ret < 0 && e->ret >= -4095 ? stg_errno_name((int)-e->ret) : NULL;
        if (name != NULL || e->ret == STG_RET_FAILED) {
            snprintf(ret, sizeof ret, " %s", name != NULL ? name : "failed");
        } else if (e->ret > INT32_MAX) {
            snprintf(ret, sizeof ret, " = 0x%" PRIx64, (uint64_t)e->ret); /* an address */
        } else {
            snprintf(ret, sizeof ret, " = %" PRId64, e->ret);
        }
    }
    snprintf(out, cap, "%s%s%s", arrow_of(e->phase), call_name(m, e->call), ret);
}

/* The last place of the word in text, NULL when it is not there. */
static const char *find_last(const char *text, const char *word)
{
    const char *found = NULL;
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        found = at;
    }
    return found;
}

void words_symbol(const struct stg_model *m, uint32_t symbol, char *out, size_t cap)
{
    char text[256];
    if (symbol < STG_TOKEN_SPECIALS) {
        snprintf(out, cap, "%s",
                 symbol == STG_TOKEN_END       ? "end"
                 : symbol == STG_TOKEN_UNKNOWN ? "something new"
                                               : "cut off");
        return;
    }
    stg_symbols_describe(m->symbols, &m->vocab, symbol, text, sizeof text);
    const char *entry = find_last(text, " entry"), *leave = find_last(text, " exit");
    const char *word = entry != NULL ? entry : leave;
    if ((stg_symbols_fields(m->symbols) & STG_FIELD_PHASE) == 0 || word == NULL) {
        snprintf(out, cap, "%s", text);
        return;
    }
    snprintf(out, cap, "%s%.*s%s", entry != NULL ? "→ " : "← ", (int)(word - text), text,
             word + (entry != NULL ? strlen(" entry") : strlen(" exit")));
}

const char *words_process(const struct stg_model *m, const struct stg_explained_event *e)
{
    if (e->proc == STG_TOKEN_UNKNOWN) {
        return "(new name)";
    }
    return e->proc >= STG_TOKEN_SPECIALS && e->proc < stg_strings_count(m->vocab.procs)
               ? stg_strings_get(m->vocab.procs, e->proc)
               : "";
}

const char *words_note(const struct stg_explained_event *e)
{
    if (e->symbol != STG_TOKEN_UNKNOWN) {
        return "";
    }
    return e->call >= STG_TOKEN_SPECIALS ? "never returned so in training" : "never seen in training";
}

void words_p_value(const struct stg_model *m, double p, char out[160])
{
    char n[32], share[32];
    words_count(m->n_calibration, n);
    words_percent(p, share);
    if (!stg_calibrated(m)) {
        snprintf(out, 160, "none: the model is not calibrated");
    } else if (p * (double)(m->n_calibration + 1) < 1.5) {
        snprintf(out, 160, "%.3g: more surprising than all %s held-out known sequences", p, n);
    } else {
        snprintf(out, 160, "%.3g: %s of %s held-out known sequences are at least as surprising", p, share, n);
    }
}

void words_verdict(const struct stg_model *m, double p, double alpha, char out[160])
{
    char budget[32];
    words_percent(alpha, budget);
    if (!stg_calibrated(m)) {
        snprintf(out, 160, "none: train the model with held-out known data to get one");
    } else if (p <= alpha) {
        snprintf(out, 160, "novel, at a false-alarm rate of %s", budget);
    } else if (1 / (double)(m->n_calibration + 1) > alpha) {
        snprintf(out, 160, "none: too few calibration sequences for a false-alarm rate of %s", budget);
    } else {
        snprintf(out, 160, "not novel, at a false-alarm rate of %s", budget);
    }
}

/* An event's place in its walk; events of a walk are neighbours in an array of these. */
struct place {
    int32_t tid;
    uint32_t event;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->tid != y->tid) {
        return x->tid < y->tid ? -1 : 1;
    }
    return (x->event > y->event) - (x->event < y->event);
}

/* Surprise below this is no news: what the model itself was unsure of. */
#define MIN_BLAME 0.1f

size_t blamed_count(const struct stg_explanation *x, size_t n_top)
{
    size_t n = 0;
    while (n < n_top && n < x->n && x->events[x->ranked[n]].excess >= MIN_BLAME) {
        n++;
    }
    return n;
}

enum { SHOW_NOT, SHOW_NEIGHBOUR, SHOW_BLAMED };

static void mark_rows(const struct stg_explanation *x, size_t n_top, const struct place *places,
                      const uint32_t *place_of, uint8_t *marks)
{
    for (size_t k = 0; k < blamed_count(x, n_top); k++) {
        const size_t at = place_of[x->ranked[k]];
        const size_t first = at >= N_BEFORE ? at - N_BEFORE : 0;
        for (size_t i = first; i <= at + N_AFTER && i < x->n; i++) {
            if (places[i].tid == places[at].tid && marks[i] == SHOW_NOT) {
                marks[i] = SHOW_NEIGHBOUR;
            }
        }
        marks[at] = SHOW_BLAMED;
    }
}

static size_t collect_rows(const struct place *places, const uint8_t *marks, size_t n, struct shown_row *rows)
{
    size_t n_rows = 0, walk = 0, last = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && places[i].tid != places[i - 1].tid) {
            walk = i;
        }
        if (marks[i] == SHOW_NOT) {
            continue;
        }
        const bool same_walk = n_rows > 0 && last >= walk;
        const size_t skipped = same_walk ? i - last - 1 : i - walk;
        rows[n_rows] = (struct shown_row){
            .event = places[i].event,
            .blamed = marks[i] == SHOW_BLAMED,
            .n_skipped = (uint32_t)skipped,
            .starts_segment = n_rows == 0 || !same_walk || skipped > 0,
        };
        n_rows++;
        last = i;
    }
    return n_rows;
}

enum stg_status shown_rows(const struct stg_model *m, const struct stg_explanation *x, size_t n_top,
                           struct shown_row **out, size_t *n)
{
    enum stg_status status = STG_OK;
    struct place *places = NULL;
    uint32_t *place_of = NULL;
    uint8_t *marks = NULL;
    *out = NULL;
    *n = 0;
    STG_TRY(stg_mem_zeroed(&places, x->n, sizeof *places));
    STG_TRY(stg_mem_zeroed(&place_of, x->n, sizeof *place_of));
    STG_TRY(stg_mem_zeroed(&marks, x->n, 1));
    STG_TRY(stg_mem_zeroed(out, x->n, sizeof **out));
    for (size_t i = 0; i < x->n; i++) {
        places[i] = (struct place){m->recipe.order == STG_ORDER_THREAD ? x->events[i].tid : 0, (uint32_t)i};
    }
    qsort(places, x->n, sizeof *places, compare_places);
    for (size_t i = 0; i < x->n; i++) {
        place_of[places[i].event] = (uint32_t)i;
    }
    mark_rows(x, n_top, places, place_of, marks);
    *n = collect_rows(places, marks, x->n, *out);
out:
    stg_mem_free(places);
    stg_mem_free(place_of);
    stg_mem_free(marks);
    return status;
}
