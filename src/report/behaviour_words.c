#include "report/behaviour_words.h"

#include "event/syscalls.h"
#include "report/words.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *behaviour_call(const struct stg_vocab *names, uint16_t call)
{
    return call == STG_TOKEN_START                                                ? "the beginning"
           : call == STG_TOKEN_END                                                ? "the end"
           : call >= STG_TOKEN_SPECIALS && call < stg_strings_count(names->calls) ? stg_strings_get(names->calls, call)
                                                                                  : "(unknown call)";
}

const char *behaviour_process(const struct stg_vocab *names, uint16_t proc)
{
    return proc >= STG_TOKEN_SPECIALS && proc < stg_strings_count(names->procs) ? stg_strings_get(names->procs, proc)
                                                                                : "";
}

const char *behaviour_file(const struct stg_behaviour_origin *from, size_t index)
{
    return from->file == NULL ? NULL : from->file(from->of, index);
}

/* Lists have numbers for names, which figures must not stand beside. */
static bool is_number(const char *call)
{
    return call[0] == '-' || (call[0] >= '0' && call[0] <= '9');
}

/* " 128-255", the values of a size class. */
static void size_words(uint8_t size, char out[48])
{
    const uint64_t least = size < 2 ? 0 : UINT64_C(1) << (size - 2);
    if (size <= 2) {
        snprintf(out, 48, "%d", size - 1);
    } else {
        snprintf(out, 48, "%" PRIu64 "-%" PRIu64, least, least * 2 - 1);
    }
}

void behaviour_kind(const struct stg_vocab *names, const struct stg_kind_of_call *kind, char *out, size_t cap)
{
    char result[64] = "", size[48];
    if (kind->size > 0) {
        size_words(kind->size, size);
        snprintf(result, sizeof result, " returning %s", size);
    } else if (kind->errno_class == 2) {
        snprintf(result, sizeof result, " failed");
    } else if (kind->errno_class > 2) {
        const char *name = stg_errno_name(kind->errno_class - 2);
        snprintf(result, sizeof result, " %s%.0d", name != NULL ? name : "errno ",
                 name != NULL ? 0 : kind->errno_class - 2);
    } else if (kind->phase == STG_PHASE_EXIT) {
        snprintf(result, sizeof result, " succeeding");
    }
    snprintf(out, cap, "%.64s%s", behaviour_call(names, kind->call), result);
}

/* "58", "1.2e+05": counts are whole, known ones times a scale need not be. */
static void count_words(float count, char out[32])
{
    words_count((uint64_t)llroundf(count), out);
}

static void change_words(const struct stg_behaviours *b, const struct stg_behaviour_change *c, char out[WORDS_SENTENCE])
{
    char kind[160], now[32], usual[32], size[48], most[96] = "";
    /* Of a result alone it is not known: only how often known sequences have it. */
    const bool never = c->is_never || (c->kind.phase == 0 && !(c->usual.share > 0));
    behaviour_kind(&b->names, &c->kind, kind, sizeof kind);
    count_words(c->now, now);
    if (c->now < 0.5f && never) { /* new, and not in every sequence */
        words_percent((double)c->share, now);
        words_append(out, WORDS_SENTENCE, "%s in %s of them (never in known)", kind, now);
        return;
    }
    count_words(c->usual.median, usual);
    if (c->size > 0) {
        size_words(c->size, size);
        snprintf(most, sizeof most, "; most return %s", size);
    }
    words_append(out, WORDS_SENTENCE, "%s %s%s (", now, is_number(kind) ? "× " : "", kind);
    if (!never) {
        words_append(out, WORDS_SENTENCE, "usually %s%s)", usual, most);
    } else {
        words_append(out, WORDS_SENTENCE, "never in known%s)", most);
    }
}

static void changes_words(const struct stg_behaviours *b, const struct stg_behaviour_change *list, size_t n,
                          char out[WORDS_SENTENCE])
{
    bool done[STG_BEHAVIOUR_CHANGES] = {false};
    for (size_t i = 0; i < n; i++) { /* process by process, the heaviest first */
        for (size_t k = i; k < n && !done[i]; k++) {
            if (done[k] || list[k].kind.proc != list[i].kind.proc) {
                continue;
            }
            const char *process = behaviour_process(&b->names, list[k].kind.proc);
            if (k == i && process[0] != '\0') {
                words_append(out, WORDS_SENTENCE, "%s%.64s: ", i > 0 ? "; " : "", process);
            } else if (k > 0) {
                words_append(out, WORDS_SENTENCE, ", ");
            }
            change_words(b, &list[k], out);
            done[k] = k != i;
        }
    }
}

/* "apache2: 58 write (usually 0; most return 128-255), …, between read and writev" */
static bool behaviour_more(const struct stg_behaviours *b, const struct stg_behaviour *x, char out[WORDS_SENTENCE])
{
    out[0] = '\0';
    changes_words(b, x->more, x->n_more, out);
    for (size_t i = 0; i < x->n_places && x->n_more > 0; i++) {
        char share[32];
        words_percent((double)x->places[i].share, share);
        words_append(out, WORDS_SENTENCE, "%s %.64s and %.64s (%s)", i == 0 ? "; what is new comes between" : ",",
                     behaviour_call(&b->names, x->places[i].before), behaviour_call(&b->names, x->places[i].after),
                     share);
    }
    return x->n_more > 0;
}

/* "apache2: 0 read returning 64-127 (usually 1)" */
static bool behaviour_fewer(const struct stg_behaviours *b, const struct stg_behaviour *x, char out[WORDS_SENTENCE])
{
    out[0] = '\0';
    changes_words(b, x->fewer, x->n_fewer, out);
    return x->n_fewer > 0;
}

/* "apache2 → gettid after getpid 32 %, …; descriptors 40 %; pauses 1 %" (or "load 1 %"): what the surprisal is made
 * of. */
static bool behaviour_surprises(const struct stg_behaviours *b, const struct stg_behaviour *x, char out[WORDS_SENTENCE])
{
    char share[32];
    out[0] = '\0';
    for (size_t i = 0; i < x->n_surprises; i++) {
        const struct stg_behaviour_surprise *s = &x->surprises[i];
        char kind[160];
        const char *process = behaviour_process(&b->names, s->kind.proc);
        behaviour_kind(&b->names, &s->kind, kind, sizeof kind);
        words_percent((double)s->weight, share);
        words_append(out, WORDS_SENTENCE, "%s%.64s%s%s", i > 0 ? ", " : "", process, process[0] != '\0' ? " " : "",
                     kind);
        const char *last = kind;
        if (s->before != s->kind.call) {
            last = behaviour_call(&b->names, s->before);
            words_append(out, WORDS_SENTENCE, " after %.64s", last);
        }
        words_append(out, WORDS_SENTENCE, is_number(last) ? ": %s" : " %s", share);
    }
    if (x->weight_descriptors >= 0.02f) {
        words_percent((double)x->weight_descriptors, share);
        words_append(out, WORDS_SENTENCE, "%sdescriptors %s", out[0] != '\0' ? "; " : "", share);
    }
    if (x->weight_time >= 0.02f) {
        words_percent((double)x->weight_time, share);
        const bool load = x->z[STG_CHANNEL_LOAD] > fmaxf(x->z[STG_CHANNEL_TIME], x->z[STG_CHANNEL_PACE]);
        words_append(out, WORDS_SENTENCE, "%s%s %s", out[0] != '\0' ? "; " : "", load ? "load" : "pauses", share);
    }
    return out[0] != '\0';
}

/* "apache2: 2, 7" */
static bool behaviour_descriptors(const struct stg_behaviours *b, const struct stg_behaviour *x,
                                  char out[WORDS_SENTENCE])
{
    out[0] = '\0';
    for (size_t i = 0; i < x->n_descriptors && x->weight_descriptors >= 0.02f; i++) {
        const uint16_t proc = x->descriptors[i].proc;
        const bool other = i == 0 || x->descriptors[i - 1].proc != proc;
        const char *process = behaviour_process(&b->names, proc);
        words_append(out, WORDS_SENTENCE, "%s%s%.64s%s%" PRId64, i > 0 ? other ? "; " : ", " : "", "",
                     other ? process : "", other && process[0] != '\0' ? ": " : "", x->descriptors[i].number);
    }
    return out[0] != '\0';
}

/* "content 48.8, state 15.5, time 2 deviations above the usual" */
static bool behaviour_channels(const struct stg_model *m, const struct stg_behaviour *x, char out[WORDS_SENTENCE])
{
    struct stg_score s = {0};
    char text[160];
    memcpy(s.z, x->z, sizeof s.z);
    const bool any = words_channels(m, &s, text);
    snprintf(out, WORDS_SENTENCE, "%s", text);
    return any;
}

/* "lasts 4.1 ms (usually 1.2 ms), 8.2 times as many calls of every sort"; where it is not as usual. */
static bool behaviour_length(const struct stg_behaviours *b, const struct stg_behaviour *x, char out[WORDS_SENTENCE])
{
    char now[32], usual[32];
    out[0] = '\0';
    if (b->duration.median > 0 && (x->duration_ns > b->duration.high || x->duration_ns < b->duration.low)) {
        words_duration((int64_t)x->duration_ns, now);
        words_duration((int64_t)b->duration.median, usual);
        words_append(out, WORDS_SENTENCE, "%s (usually %s)", now, usual);
    }
    if (x->scale < 1 || x->scale > 1) {
        words_append(out, WORDS_SENTENCE, "%severy sort of call %.2g times as often, which is taken into account",
                     out[0] != '\0' ? "; " : "", (double)x->scale);
    }
    return out[0] != '\0';
}

const char *behaviour_trend(const struct stg_behaviour *x)
{
    static const char *const words[] = {"steady", "growing", "fading", "ended"};
    return words[x->trend];
}

void behaviour_sparkline(const struct stg_behaviour *x, char out[4 * STG_BEHAVIOUR_SLICES])
{
    static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    uint32_t most = 1;
    for (size_t i = 0; i < STG_BEHAVIOUR_SLICES; i++) {
        most = x->slices[i] > most ? x->slices[i] : most;
    }
    char *to = out;
    for (size_t i = 0; i < STG_BEHAVIOUR_SLICES; i++) {
        const char *bar = x->slices[i] == 0 ? " " : bars[(size_t)x->slices[i] * 7 / most];
        const size_t len = strlen(bar); /* at most 3 */
        memcpy(to, bar, len);
        to += len;
    }
    *to = '\0';
}

void behaviour_sentence(const struct stg_behaviours *b, const struct stg_behaviour *x, char out[WORDS_SENTENCE])
{
    char rest[WORDS_SENTENCE];
    if (x->weight_descriptors > 0.5f && behaviour_descriptors(b, x, rest)) {
        snprintf(out, WORDS_SENTENCE, "unusual descriptors of %.500s", rest);
        if (behaviour_more(b, x, rest)) {
            words_append(out, WORDS_SENTENCE, "; more %s", rest);
        }
    } else if (behaviour_more(b, x, rest)) {
        snprintf(out, WORDS_SENTENCE, "more %.1000s", rest);
    } else if (behaviour_fewer(b, x, rest)) {
        snprintf(out, WORDS_SENTENCE, "fewer %.1000s", rest);
    } else if (x->n_surprises == 0 && behaviour_length(b, x, rest)) {
        snprintf(out, WORDS_SENTENCE, "unusual length: %.1000s", rest);
    } else if (behaviour_surprises(b, x, rest)) {
        snprintf(out, WORDS_SENTENCE, "surprising: %.1000s", rest);
    } else {
        snprintf(out, WORDS_SENTENCE, "nothing stands out by itself");
    }
}

static bool fact(const struct stg_model *m, const struct stg_behaviours *b, const struct stg_behaviour *x, unsigned i,
                 char out[WORDS_SENTENCE])
{
    switch (i) {
    case 0:
        return behaviour_more(b, x, out);
    case 1:
        return behaviour_fewer(b, x, out);
    case 2:
        return behaviour_surprises(b, x, out);
    case 3:
        return behaviour_descriptors(b, x, out);
    case 4:
        return behaviour_length(b, x, out);
    default:
        return behaviour_channels(m, x, out);
    }
}

const char *behaviour_next_fact(const struct stg_model *m, const struct stg_behaviours *b,
                                const struct stg_behaviour *x, unsigned *at, char out[WORDS_SENTENCE])
{
    static const char *const labels[] = {"more", "fewer", "surprising", "descriptors", "length", "unusual"};
    while (*at < sizeof labels / sizeof labels[0]) {
        const unsigned i = (*at)++;
        if (fact(m, b, x, i, out)) {
            return labels[i];
        }
    }
    return NULL;
}
