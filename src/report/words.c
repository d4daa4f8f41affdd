#include "report/words.h"

#include "base/memory.h"
#include "detect/calibrate.h"
#include "detect/novel.h"
#include "event/syscalls.h"
#include "report/report.h"
#include "score/channels.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Events of a repeated block that are named. */
#define MAX_BLOCK     4
#define WORKERS_LEAST 0.4 /* logarithm of the ratio: half as many again */

void words_append(char *out, size_t cap, const char *fmt, ...)
{
    const size_t len = strlen(out);
    va_list args;
    va_start(args, fmt);
    vsnprintf(out + len, cap - len, fmt, args);
    va_end(args);
}

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
    } else if (share >= 0.9995 && share < 1) {
        snprintf(out, 32, "> 99.9 %%");
    } else { /* digits enough that what is not all does not become 100, and what is not none not 0 */
        const bool coarse = share <= 0 || share >= 1 || (share >= 0.0995 && share < 0.995);
        snprintf(out, 32, coarse ? "%.0f %%" : "%.1f %%", share * 100);
    }
}

double words_caught(const struct stg_evaluation *e)
{
    double sum = 0; /* of shares, not of parts of the mean: six sixths are less than one */
    for (size_t i = 0; i < e->n_rows; i++) {
        sum += e->rows[i].calibrated.tpr;
    }
    return sum / (double)e->n_rows;
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

static const char *call_name(const struct stg_explanation *x, uint16_t call)
{
    return call >= STG_TOKEN_SPECIALS && call < stg_strings_count(x->names->calls)
               ? stg_strings_get(x->names->calls, call)
               : "(unknown call)";
}

void words_event(const struct stg_explanation *x, const struct stg_explained_event *e, char *out, size_t cap)
{
    char ret[48] = "";
    if (e->index == UINT32_MAX) {
        snprintf(out, cap, "end");
        return;
    }
    if (e->phase == STG_PHASE_EXIT && e->ret != STG_RET_ABSENT && e->ret != STG_RET_SUCCEEDED) {
        const char *name = e->ret < 0 && e->ret >= -4095 ? stg_errno_name((int)-e->ret) : NULL;
        if (name != NULL || e->ret == STG_RET_FAILED) {
            snprintf(ret, sizeof ret, " %s", name != NULL ? name : "failed");
        } else if (e->ret > INT32_MAX) {
            snprintf(ret, sizeof ret, " = 0x%" PRIx64, (uint64_t)e->ret); /* an address */
        } else {
            snprintf(ret, sizeof ret, " = %" PRId64, e->ret);
        }
    }
    snprintf(out, cap, "%s%s%s", arrow_of(e->phase), call_name(x, e->call), ret);
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

const char *words_process(const struct stg_explanation *x, const struct stg_explained_event *e)
{
    return e->proc >= STG_TOKEN_SPECIALS && e->proc < stg_strings_count(x->names->procs)
               ? stg_strings_get(x->names->procs, e->proc)
               : "";
}

/* The model has no name for the call. */
static bool is_new_call(const struct stg_model *m, const struct stg_explained_event *e)
{
    return e->index != UINT32_MAX && stg_vocab_known(e->call, stg_strings_count(m->vocab.calls)) == STG_TOKEN_UNKNOWN;
}

bool words_has_process(const struct stg_explanation *x, const struct fold *f)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->rows[i].kind == FOLD_EVENT && words_process(x, &x->events[f->rows[i].event])[0] != '\0') {
            return true;
        }
    }
    return false;
}

void words_time(const struct stg_explanation *x, const struct stg_explained_event *e, char out[40])
{
    char time[32];
    if (x->has_time) {
        words_duration(e->time_ns, time);
        snprintf(out, 40, "+%s", time);
    } else if (e->index == UINT32_MAX) {
        snprintf(out, 40, "–");
    } else {
        snprintf(out, 40, "#%" PRIu32, e->index);
    }
}

/* Later than this (1980) a clock counts from 1970: no machine has been up for ten years. */
#define WALL_CLOCK INT64_C(315532800000000000)

void words_begin(const struct stg_score *s, char out[160])
{
    const time_t seconds = (time_t)(s->begin_ns / 1000000000);
    const int64_t rest = s->begin_ns % 1000000000;
    char date[32], lasts[32];
    struct tm tm;
    words_duration(s->end_ns - s->begin_ns, lasts);
    if (s->begin_ns >= WALL_CLOCK && gmtime_r(&seconds, &tm) != NULL) {
        strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &tm);
        snprintf(out, 160, "%s.%09" PRId64 " UTC (%" PRId64 ".%09" PRId64 " s); lasts %s", date, rest, (int64_t)seconds,
                 rest, lasts);
    } else {
        snprintf(out, 160, "%s%" PRId64 ".%09" PRId64 " s on the trace's clock; lasts %s", s->begin_ns < 0 ? "-" : "",
                 (int64_t)llabs(seconds), (int64_t)llabs(rest), lasts);
    }
}

void words_moment(int64_t ns, char out[48])
{
    const time_t seconds = (time_t)(ns / 1000000000);
    char date[32];
    struct tm tm;
    if (ns >= WALL_CLOCK && gmtime_r(&seconds, &tm) != NULL) {
        strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &tm);
        snprintf(out, 48, "%s.%03d", date, (int)(ns % 1000000000 / 1000000));
    } else {
        snprintf(out, 48, "%.3f s", (double)ns / 1e9);
    }
}

void words_thread(const struct stg_score *s, char out[64])
{
    if (s->pid != 0) {
        snprintf(out, 64, "%" PRId32 " of process %" PRId32, s->tid, s->pid);
    } else {
        snprintf(out, 64, "%" PRId32, s->tid);
    }
}

/* The process's first thread, or where that does nothing the first of its threads that does. */
static int32_t first_thread(const struct stg_explanation *x, int32_t pid)
{
    int32_t tid = 0;
    for (size_t i = 0; i < x->n; i++) {
        if (x->events[i].pid == pid && (tid == 0 || x->events[i].tid == pid)) {
            tid = x->events[i].tid;
        }
    }
    return tid;
}

bool words_whole_process(const struct stg_explanation *x, char out[256])
{
    enum { MOST_NAMES = 3 };
    const struct stg_score *s = &x->score;
    const int32_t tid = first_thread(x, s->pid);
    size_t n = 0;
    uint16_t last = 0;
    out[0] = '\0';
    if (s->tid != 0 || s->pid == 0) {
        return false;
    }
    words_append(out, 256, "%" PRId32, s->pid);
    for (size_t i = 0; i < x->n && n <= MOST_NAMES; i++) {
        const struct stg_explained_event *e = &x->events[i];
        const char *name = words_process(x, e);
        if (e->pid == s->pid && e->tid == tid && name[0] != '\0' && (n == 0 || e->proc != last)) {
            words_append(out, 256, "%s%.64s",
                         n == 0           ? ": "
                         : n < MOST_NAMES ? ", then "
                                          : " …",
                         n < MOST_NAMES ? name : "");
            last = e->proc;
            n++;
        }
    }
    return true;
}

const char *words_note(const struct stg_model *m, const struct stg_explained_event *e)
{
    if (e->symbol != STG_TOKEN_UNKNOWN) {
        return "";
    }
    if (is_new_call(m, e)) {
        return "unknown to the model";
    }
    const bool known_call = stg_symbols_find(m->symbols, e->call, STG_PHASE_ENTRY, STG_RET_ABSENT) != STG_TOKEN_UNKNOWN;
    return e->phase == STG_PHASE_EXIT && known_call ? "never returned so in training" : "never seen in training";
}

#define MAX_NEW_NAMES 4

void words_unknown_calls(const struct stg_model *m, const struct stg_explanation *x, char out[256])
{
    uint16_t seen[64];
    size_t n = 0, len = 0;
    for (size_t i = 0; i < x->n && n < sizeof seen / sizeof seen[0]; i++) {
        size_t k = 0;
        while (k < n && seen[k] != x->events[i].call) {
            k++;
        }
        if (k == n && x->events[i].call >= STG_TOKEN_SPECIALS && is_new_call(m, &x->events[i])) {
            seen[n++] = x->events[i].call;
        }
    }
    out[0] = '\0';
    for (size_t i = 0; i < n && i < MAX_NEW_NAMES; i++) { /* 4 × 50 bytes and 9 + digits: they fit */
        len += (size_t)snprintf(out + len, 256 - len, "%s%.48s", i > 0 ? ", " : "", call_name(x, seen[i]));
    }
    if (n > MAX_NEW_NAMES) {
        snprintf(out + len, 256 - len, " and %zu more", n - MAX_NEW_NAMES);
    }
}

void words_disagreement(double nats, char out[160])
{
    snprintf(out, 160, "disagree by %.3g nats: the standard deviation of their mean surprisals", nats);
}

const char *words_scale(enum stg_aggregate a)
{
    return a == STG_AGGREGATE_MEAN ? "perplexity" : a == STG_AGGREGATE_NOVELTY ? "novelty" : "exp(score)";
}

const char *words_scale_title(enum stg_aggregate a)
{
    return a == STG_AGGREGATE_MEAN ? "Perplexity" : a == STG_AGGREGATE_NOVELTY ? "Novelty" : "exp(score)";
}

const char *stg_report_score_words(enum stg_aggregate a)
{
    static const char *const words[STG_AGGREGATES] = {
        "mean surprisal",
        "median surprisal",
        "surprisal of the worst window",
        "0.95 quantile of the surprisals",
        "root mean square of the surprisals",
        "surprisal of the times",
        "surprisal of the descriptors",
        "fast events for each that is expected",
        "threads that want to run",
        "threads that stay on a processor",
        "threads that share the work",
        "novelty",
    };
    return words[a];
}

bool words_channels(const struct stg_model *m, const struct stg_score *s, char out[160])
{
    int order[STG_CHANNELS], n = 0;
    size_t len = 0;
    out[0] = '\0';
    if (!stg_aggregate_has(m, STG_AGGREGATE_NOVELTY)) {
        return false;
    }
    for (int c = 0; c < STG_CHANNELS; c++) {
        if (stg_channel_has(m, (enum stg_channel)c)) {
            int k = n++;
            for (; k > 0 && s->z[order[k - 1]] < s->z[c]; k--) {
                order[k] = order[k - 1];
            }
            order[k] = c;
        }
    }
    for (int k = 0; k < n; k++) { /* 5 × (7 letters and a float of at most 10 characters): they fit */
        len += (size_t)snprintf(out + len, 160 - len, "%s%s %.3g", k > 0 ? ", " : "",
                                stg_channel_name((enum stg_channel)order[k]), (double)s->z[order[k]]);
    }
    snprintf(out + len, 160 - len, " deviations above the usual");
    return true;
}

bool words_pace(const struct stg_model *m, const struct stg_score *s, char out[160])
{
    char share[32], usual[32];
    out[0] = '\0';
    if (!stg_channel_has(m, STG_CHANNEL_PACE) || !(s->z[STG_CHANNEL_PACE] >= 2)) {
        return false;
    }
    words_percent(STG_PACE_SHARE * (double)s->value[STG_AGGREGATE_PACE], share);
    words_percent(STG_PACE_SHARE, usual);
    snprintf(out, 160, "%s of its events come as soon as %s of the known ones of their calls", share, usual);
    return true;
}

bool words_load(const struct stg_model *m, const struct stg_score *s, char out[160])
{
    char share[32];
    const bool by_queue = stg_channels_load_by(m, s) == STG_AGGREGATE_LOAD;
    out[0] = '\0';
    if (!stg_channel_has(m, STG_CHANNEL_LOAD) || !(s->z[STG_CHANNEL_LOAD] >= 2)) {
        return false;
    }
    words_percent(1 - (double)(by_queue ? s->alone : s->stayed), share);
    if (by_queue) {
        snprintf(out, 160,
                 "at %s of the events around it another thread wanted the same processor; %.1f threads did, on average",
                 share, (double)s->runnable);
    } else {
        snprintf(out, 160,
                 "only at %s of the events around it a thread had changed the processor: none was idle to go to",
                 share);
    }
    return true;
}

bool words_workers(const struct stg_model *m, float z, float workers, char out[160])
{
    const double usual = stg_channels_usual_workers(m);
    out[0] = '\0';
    if (!(z >= 1 && usual > 0 && workers > 0) || fabs(log((double)workers / usual)) < WORKERS_LEAST) {
        return false;
    }
    snprintf(out, 160, "the work is shared by %s threads than in known sequences: %.0f, usually %.0f",
             (double)workers < usual ? "fewer" : "more", (double)workers, usual);
    return true;
}

#define WORKING_DIRECTORY (-100) /* AT_FDCWD, in traces of any machine */

/* "3.4 ms before → read at +1.2 ms (surprisal 6.2)" */
static size_t put_side(const struct stg_explanation *x, const struct stg_explained_event *e, enum stg_side side,
                       char *out, size_t cap)
{
    char what[64], time[40];
    if (side == STG_SIDE_TIME) {
        char pause[32];
        words_duration(e->elapsed_ns, pause);
        snprintf(what, sizeof what, "%s before", pause);
    } else if (e->ret == WORKING_DIRECTORY) {
        snprintf(what, sizeof what, "the working directory in");
    } else {
        snprintf(what, sizeof what, "descriptor %lld in", (long long)e->ret);
    }
    words_time(x, e, time);
    const int n = snprintf(out, cap, "%s %s %.48s at %s (surprisal %.2f)", what, e->phase == STG_PHASE_EXIT ? "←" : "→",
                           call_name(x, e->call), time, (double)e->side[side]);
    return n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap - 1;
}

/* Where no descriptor is odd by itself, there are many uses of them. */
static bool put_uses(const struct stg_model *m, const struct stg_explanation *x, char out[512])
{
    char workers[160];
    size_t n = 0;
    for (size_t i = 0; i < x->n; i++) {
        n += x->events[i].side[STG_SIDE_STATE] > 0;
    }
    if (words_workers(m, x->score.z[STG_CHANNEL_STATE], x->score.workers, workers)) {
        return false; /* that is what is unusual of the state */
    }
    snprintf(out, 512,
             "used %zu times on its thread, more than in known sequences of its length; none of them is unusual", n);
    return true;
}

bool words_side(const struct stg_model *m, const struct stg_explanation *x, enum stg_side side, char out[512])
{
    enum { SHOWN = 3 };
    static const float ODD = 2.3f; /* nats: one use in ten */
    const struct stg_explained_event *top[SHOWN] = {0};
    size_t len = 0;
    out[0] = '\0';
    if (m->side[side] == NULL || !(x->score.z[side + 1] >= 2)) {
        return false;
    }
    for (size_t i = 0; i < x->n; i++) {
        const struct stg_explained_event *e = &x->events[i];
        for (size_t k = 0; k < SHOWN && side == STG_SIDE_STATE && e != NULL; k++) { /* each descriptor once */
            e = top[k] != NULL && top[k]->ret == e->ret ? NULL : e;
        }
        for (size_t k = 0; k < SHOWN && e != NULL && e->side[side] > 0; k++) {
            if (top[k] == NULL || top[k]->side[side] < e->side[side]) {
                const struct stg_explained_event *next = top[k];
                top[k] = e;
                e = next;
            }
        }
    }
    if (side == STG_SIDE_STATE && top[0] != NULL && top[0]->side[side] < ODD) {
        return put_uses(m, x, out);
    }
    for (size_t k = 0; k < SHOWN && top[k] != NULL && len + 3 < 512; k++) {
        if (side == STG_SIDE_STATE && top[k]->side[side] < ODD) {
            break;
        }
        len += (size_t)snprintf(out + len, 512 - len, "%s", k > 0 ? "; " : "");
        len += put_side(x, top[k], side, out + len, 512 - len);
    }
    return len > 0;
}

float words_surprisal(const struct stg_explained_event *e)
{
    return e->field == STG_FIELD_TO_BLAME_PAUSE        ? e->side[STG_SIDE_TIME]
           : e->field == STG_FIELD_TO_BLAME_DESCRIPTOR ? e->side[STG_SIDE_STATE]
                                                       : e->surprisal;
}

void words_other_field(const struct stg_explained_event *e, char out[128])
{
    char pause[32], least[32], most[32];
    out[0] = '\0';
    if (e->field == STG_FIELD_TO_BLAME_DESCRIPTOR) {
        snprintf(out, 128, "descriptor %lld is unusual", (long long)e->ret);
    } else if (e->field == STG_FIELD_TO_BLAME_PAUSE) {
        words_duration(e->elapsed_ns, pause);
        words_duration(e->usual_ns, least);
        words_duration(2 * e->usual_ns, most);
        snprintf(out, 128, e->usual_ns > 0 ? "%s before it, usually %s to %s" : "%s before it, usually none", pause,
                 least, most);
    }
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
    } else if (!stg_is_judged(m, alpha)) {
        snprintf(out, 160, "none: too few calibration sequences for a false-alarm rate of %s", budget);
    } else if (p <= alpha) {
        snprintf(out, 160, "novel, at a false-alarm rate of %s", budget);
    } else {
        snprintf(out, 160, "not novel, at a false-alarm rate of %s", budget);
    }
}

/* "→ write, ← write, … (7 events)" */
static void describe_block(const struct stg_explanation *x, const struct fold *f, const struct fold_row *row, char *out,
                           size_t cap)
{
    size_t len = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < row->period && i < MAX_BLOCK && len < cap; i++) {
        char name[WORDS_CALL];
        const struct stg_explained_event *e = &x->events[f->order[f->place[row->event] + i]];
        const int failed = (int)stg_ret_errno_class(e->phase, e->ret) > 1;
        struct stg_explained_event bare = *e; /* other values than the first's may have been returned */
        bare.ret = failed ? e->ret : STG_RET_ABSENT;
        words_event(x, &bare, name, sizeof name);
        len += (size_t)snprintf(out + len, cap - len, "%s%s", i > 0 ? ", " : "", name);
    }
    if (row->period > MAX_BLOCK && len < cap) {
        snprintf(out + len, cap - len, ", … (%u events)", row->period);
    }
}

static void describe_gap(const struct fold_row *row, char *out, size_t cap)
{
    char n[32], alike[64] = "", surprising[64] = "";
    words_count(row->n, n);
    if (row->n == 0) {
        snprintf(out, cap, "next thread");
        return;
    }
    if (row->n_alike > 0) {
        snprintf(alike, sizeof alike, ", %u like %s shown", row->n_alike, row->n_alike == 1 ? "one" : "those");
    }
    if (row->n_surprising > 0) {
        snprintf(surprising, sizeof surprising, ", %u surprising in other ways", row->n_surprising);
    }
    const bool plain = row->n_alike + row->n_surprising == 0;
    snprintf(out, cap, "%s%s event%s%s%s%s", row->starts_walk ? "next thread: " : "", n, row->n == 1 ? "" : "s",
             plain ? " as expected" : "", alike, surprising);
}

void words_fold(const struct stg_explanation *x, const struct fold *f, const struct fold_row *row, char *out,
                size_t cap)
{
    char n[32];
    if (row->kind == FOLD_GAP) {
        describe_gap(row, out, cap);
        return;
    }
    words_count(row->n, n);
    const int len = snprintf(out, cap, "×%s more: ", n);
    describe_block(x, f, row, out + len, cap - (size_t)len);
}

void words_extent(const struct stg_explanation *x, char out[80])
{
    char n[32];
    size_t ends = 0;
    for (size_t i = 0; i < x->n; i++) {
        ends += x->events[i].index == UINT32_MAX;
    }
    words_count(x->n - ends, n);
    snprintf(out, 80, "%s event%s", n, x->n - ends == 1 ? "" : "s");
    if (ends > 0) {
        words_append(out, 80, " and %zu end%s", ends, ends == 1 ? "" : "s");
    }
}

void words_caption(const struct stg_model *m, const struct stg_explanation *x, const struct fold *f, const char *mark,
                   char out[256])
{
    char blamed[32], all[80];
    const char *where = m->recipe.order == STG_ORDER_THREAD ? " on the same thread" : "";
    words_count(f->n_blamed, blamed);
    words_extent(x, all);
    if (f->n_kinds == 0) {
        snprintf(out, 256, "None of %s stands out", all);
    } else if (f->n_blamed == 1) {
        snprintf(out, 256, "The event most to blame%s of %s, with its neighbours%s", mark, all, where);
    } else if (f->n_blamed <= f->n_kinds) {
        snprintf(out, 256, "The %s most to blame%s of %s, with their neighbours%s", blamed, mark, all, where);
    } else {
        snprintf(out, 256, "The %zu %s to blame%s: %s of %s, each kind once with its neighbours%s", f->n_kinds,
                 f->n_kinds == 1 ? "kind of event most" : "kinds of event most", mark, blamed, all, where);
    }
}
