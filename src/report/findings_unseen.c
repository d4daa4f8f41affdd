/* Findings: what training had not, and what sequences are like of which hardly any is novel. */
#include "report/findings_internal.h"

#include "event/syscalls.h"
#include "report/words.h"
#include "score/channels.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_CALLS = 6 };
/* A call weighs 1, and 100 more for each step of consequence, so that a sum beyond ACTS has one of some. A program that
 * training had not weighs more than all that a known one newly does, and so does a thread, if what it does has a
 * consequence. */
#define ACTS        100.0f
#define NEW_THREAD  1000.0f
#define NEW_PROGRAM 3000.0f

static unsigned consequence_of(const struct stg_behaviours *b, const struct stg_behaviour_unseen *u)
{
    return stg_syscall_consequence(behaviour_call(&b->names, u->call));
}

enum finding_program finding_program(struct finding *f, const struct stg_behaviours *b, uint16_t proc)
{
    bool is_new = false, is_thread = true;
    for (size_t i = 0; i < b->n_unseen; i++) {
        if (b->unseen[i].proc == proc && b->unseen[i].is_new_program) {
            is_new = true;
            is_thread &= b->unseen[i].is_thread;
        }
    }
    const char *name = behaviour_process(&b->names, proc);
    words_append(f->what, sizeof f->what, "%s%.64s",
                 !is_new     ? ""
                 : is_thread ? "new thread: "
                             : "new program: ",
                 name[0] != '\0' ? name : "the program");
    return !is_new ? FINDING_PROGRAM_KNOWN : is_thread ? FINDING_THREAD_NEW : FINDING_PROGRAM_NEW;
}

/* Those that x has, of a process or (NULL) of all. */
static void tell_of(struct findings_told *told, const struct stg_behaviours *b, const struct stg_behaviour *x,
                    const uint16_t *proc)
{
    told->any = true;
    for (size_t i = 0; i < b->n_unseen; i++) {
        for (size_t k = 0; k < x->n_more && (proc == NULL || b->unseen[i].proc == *proc); k++) {
            const struct stg_kind_of_call *kind = &x->more[k].kind;
            told->unseen[i] |= kind->call == b->unseen[i].call && kind->proc == b->unseen[i].proc && kind->phase == 0;
        }
    }
}

void findings_tell(struct findings_told *told, const struct stg_behaviours *b, const struct stg_behaviour *x,
                   const struct finding *f, size_t n)
{
    told->any = true;
    for (size_t i = 0; i < n; i++) {
        if (f[i].is_calls) {
            tell_of(told, b, x, &f[i].proc);
        }
    }
}

void findings_tell_all(struct findings_told *told, const struct stg_behaviours *b, const struct stg_behaviour *x)
{
    tell_of(told, b, x, NULL);
}

static bool is_told(const struct stg_behaviours *b, const struct findings_told *told, size_t i)
{
    return told->unseen[i] || (told->any && !b->unseen[i].is_new_program && consequence_of(b, &b->unseen[i]) == 0);
}

/* "rename (once, as of temp-7.rdb)" */
static void put_call(struct finding *f, const struct stg_behaviours *b, const struct stg_behaviour_unseen *u)
{
    char text[32];
    words_count(u->n, text);
    words_append(f->what, sizeof f->what, "%.64s (%s%s", behaviour_call(&b->names, u->call), u->n == 1 ? "once" : text,
                 u->n == 1 ? "" : " times");
    finding_object(f, &u->object, ",", (float)u->n);
    words_append(f->what, sizeof f->what, ")");
}

/* All calls of one program that were not told, those that act on others first. */
static void add_program(struct finding *f, const struct stg_behaviours *b, const struct stg_behaviour_unseen *of,
                        const struct findings_told *told)
{
    size_t n = 0;
    unsigned found = 0;
    const enum finding_program program = finding_program(f, b, of->proc);
    words_append(f->what, sizeof f->what, "%s",
                 program != FINDING_PROGRAM_KNOWN ? ", with " : " makes calls that no known sequence makes: ");
    for (unsigned level = STG_CONSEQUENCES; level-- > 0;) {
        for (size_t i = 0; i < b->n_unseen; i++) {
            const struct stg_behaviour_unseen *u = &b->unseen[i];
            if (u->proc != of->proc || consequence_of(b, u) != level || is_told(b, told, i)) {
                continue;
            }
            if (n++ < MOST_CALLS) {
                words_append(f->what, sizeof f->what, "%s", n > 1 ? ", " : "");
                put_call(f, b, u);
                finding_purpose(&found, behaviour_call(&b->names, u->call), &u->object,
                                u->n_sequences > 0 ? (float)u->n / (float)u->n_sequences : 0, program);
            }
            f->weight += 1 + ACTS * (float)level;
        }
    }
    if (n > MOST_CALLS) {
        words_append(f->what, sizeof f->what, " and %zu more", n - MOST_CALLS);
    }
    if (n == 0) {
        return;
    }
    const bool acts = f->weight > ACTS;
    f->weight = fminf(f->weight, NEW_THREAD);
    f->weight += program == FINDING_PROGRAM_NEW ? NEW_PROGRAM : program == FINDING_THREAD_NEW && acts ? NEW_THREAD : 0;
    finding_put_purposes(f, found, program);
}

bool findings_unseen_leads(const struct stg_verdict *v, const struct finding *f, size_t n)
{
    return !v->novel || (n > 0 && f[0].weight >= NEW_PROGRAM);
}

size_t findings_unseen_first(const struct stg_behaviours *b, const struct findings_told *told, char out[WORDS_SENTENCE])
{
    char n[32], all[32];
    size_t first = b->n_unseen, n_told = 0;
    for (size_t i = b->n_unseen; i-- > 0;) {
        const bool is = is_told(b, told, i);
        n_told += is;
        first = is ? first : i;
    }
    words_count(b->n_unseen_sequences, n);
    words_count(b->n_sequences, all);
    out[0] = '\0';
    if (n_told > 0) {
        snprintf(out, WORDS_SENTENCE, "what training had not besides");
    } else if (b->n_unseen_sequences == b->n_sequences) {
        snprintf(out, WORDS_SENTENCE, "what training had not, in all %s sequences", all);
    } else {
        snprintf(out, WORDS_SENTENCE, "what training had not, in %s of %s sequences", n, all);
    }
    return first;
}

bool findings_unseen_all(const struct stg_behaviours *b, char out[WORDS_SENTENCE])
{
    char n[32], all[32];
    words_count(b->n_unseen_sequences, n);
    words_count(b->n_sequences, all);
    snprintf(out, WORDS_SENTENCE, "what training had not is in %s of %s sequences, novel or not", n, all);
    return b->n_unseen_sequences > b->n_novel;
}

/* Where some of the n overlap others: what the bound is for. */
static void put_apart(char out[WORDS_SENTENCE], double apart, size_t n)
{
    if (apart + 1e-6 < (double)n) {
        words_append(out, WORDS_SENTENCE, ", %.3g if those that overlap count as one", apart);
    }
}

void findings_counts(const struct stg_model *m, const struct stg_behaviours *b, const struct stg_verdict *v,
                     char out[WORDS_SENTENCE])
{
    char n[32], all[32], known[32];
    words_count(v->reachable ? b->n_novel : v->n_beyond, n);
    words_count(b->n_sequences, all);
    words_count(m->n_calibration, known);
    snprintf(out, WORDS_SENTENCE, "%s of %s sequences %s ", n, all, strcmp(n, "1") == 0 ? "is" : "are");
    if (v->reachable) {
        words_append(out, WORDS_SENTENCE, "novel");
    } else {
        words_append(out, WORDS_SENTENCE, "above all %s calibration score%s", known, m->n_calibration == 1 ? "" : "s");
    }
    v->reachable ? put_apart(out, v->novel_apart, b->n_novel) : put_apart(out, v->beyond_apart, v->n_beyond);
    if (v->n_apart > 1) { /* one is judged by its own p-value */
        words_append(out, WORDS_SENTENCE, ", and chance makes up to %" PRIu64 " of known ones so", v->bound);
    }
}

bool findings_beyond(const struct stg_model *m, const struct stg_verdict *v, char out[WORDS_SENTENCE])
{
    char n[32], known[32];
    words_count(v->n_beyond, n);
    words_count(m->n_calibration, known);
    out[0] = '\0';
    if (!v->reachable || v->novel_apart >= (double)v->bound + 1 || v->n_beyond == 0 || v->n_apart < 2) {
        return false; /* that many are novel says enough */
    }
    snprintf(out, WORDS_SENTENCE, "%s of them %s above all %s calibration score%s", n, v->n_beyond == 1 ? "is" : "are",
             known, m->n_calibration == 1 ? "" : "s");
    put_apart(out, v->beyond_apart, v->n_beyond);
    words_append(out, WORDS_SENTENCE, ", and chance makes up to %" PRIu64 " so", v->bound_beyond);
    return true;
}

static const char *const channel_words[STG_CHANNELS] = {[STG_CHANNEL_CONTENT] = "calls and what they return",
                                                        [STG_CHANNEL_TIME] = "the times between them",
                                                        [STG_CHANNEL_STATE] = "descriptors",
                                                        [STG_CHANNEL_PACE] = "speed",
                                                        [STG_CHANNEL_LOAD] = "what else wants to run"};

const char *finding_channel(enum stg_channel c)
{
    return c == STG_CHANNEL_TIME ? "the times between calls" : channel_words[c];
}

static enum stg_channel channel_of(const struct stg_alone *x)
{
    return x->aggregate == STG_AGGREGATE_RMS    ? STG_CHANNEL_CONTENT
           : x->aggregate == STG_AGGREGATE_TIME ? STG_CHANNEL_TIME
                                                : STG_CHANNEL_STATE;
}

bool findings_alone(const struct stg_verdict *v, size_t n, char out[WORDS_SENTENCE])
{
    char all[32];
    bool any = false;
    words_count(n, all);
    out[0] = '\0';
    for (size_t i = 0; i < v->n_alone; i++) {
        const struct stg_alone *x = &v->alone[i];
        char beyond[32], most[32];
        if (x->n_beyond < v->n_novel + v->n_novel / 2) {
            continue; /* all channels together say about as much */
        }
        words_count(x->n_beyond, beyond);
        words_percent(x->most_known, most);
        words_append(out, WORDS_SENTENCE,
                     "%sby %s alone %s of %s would be novel, of a run of the calibration at most %s", any ? "; " : "",
                     finding_channel(channel_of(x)), beyond, all, most);
        any = true;
    }
    return any;
}

bool findings_is_shown(const struct stg_verdict *v, const struct stg_behaviour *x)
{
    return v->novel || x->n_beyond > 0;
}

size_t findings_unseen(const struct stg_behaviours *b, const struct findings_told *told, struct finding out[FINDINGS])
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_unseen; i++) { /* each program once */
        size_t k = 0;
        while (b->unseen[k].proc != b->unseen[i].proc) {
            k++;
        }
        if (k == i) {
            struct finding f = {0};
            add_program(&f, b, &b->unseen[i], told);
            finding_keep(out, &n, &f);
        }
    }
    return n;
}

void findings_of_set(const struct stg_model *m, const struct stg_score *scores, size_t n, const struct stg_verdict *v,
                     char out[WORDS_SENTENCE])
{
    char share[32], usual[32], odd[256] = "", even[256] = "";
    size_t n_longer = 0;
    struct stg_usual duration;
    out[0] = '\0';
    for (int c = 0; c < STG_CHANNELS && n > 0 && stg_aggregate_has(m, STG_AGGREGATE_NOVELTY); c++) {
        size_t n_above = 0;
        bool is_told = false; /* by findings_alone() */
        for (size_t i = 0; i < n; i++) {
            n_above += scores[i].z[c] >= 1;
        }
        for (size_t i = 0; i < v->n_alone; i++) {
            is_told |= channel_of(&v->alone[i]) == (enum stg_channel)c;
        }
        if (!is_told &&
            stg_channel_has(m, (enum stg_channel)c)) { /* the median is a deviation above the usual, or is not */
            char *list = n_above * 2 > n ? odd : even;
            words_append(list, sizeof odd, "%s%s", list[0] != '\0' ? ", " : "", channel_words[c]);
        }
    }
    if (even[0] != '\0') {
        words_append(out, WORDS_SENTENCE, "Like known sequences in %s.", even);
    }
    if (odd[0] != '\0') {
        words_append(out, WORDS_SENTENCE, "%sA little unlike them, in half of the sequences, in %s.",
                     out[0] != '\0' ? " " : "", odd);
    }
    for (size_t i = 0; i < n; i++) {
        n_longer += stg_usual_find(m, STG_USUAL_DURATION, &duration) &&
                    (float)(scores[i].end_ns - scores[i].begin_ns) > duration.median;
    }
    if (n > 0 && stg_usual_find(m, STG_USUAL_DURATION, &duration) && duration.median > 0) {
        const double longer = (double)n_longer / (double)n;
        words_percent(longer, share);
        words_duration((int64_t)duration.median, usual);
        words_append(out, WORDS_SENTENCE, "%s%s of them last longer than %s, as half of the known ones do%s.",
                     out[0] != '\0' ? " " : "", share, usual,
                     odd[0] != '\0'  ? ""
                     : longer >= 0.6 ? ": a busier machine would do that, and runs differ"
                     : longer <= 0.4 ? ": an idler machine would do that, and runs differ"
                                     : "");
    }
}
