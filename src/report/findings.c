#include "report/findings_internal.h"

#include "event/syscalls.h"
#include "report/words.h"
#include "score/channels.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Findings are as long as people read. New calls of a process are all told: findings_tell() relies on it. */
enum { MOST_CALLS = 4, MOST_ORDER = 3, MOST_NUMBERS = 3, LEAST_PERCENT = 3 };
#define LEAST 0.01f /* what there is more of is told even if none of it surprises */
#define MUCH  0.25f /* share of the surprisal */
#define ACTS  10.0f /* weight of a new call that acts on others: more than all shares of surprisal together */

static void say(struct finding *f, const char *process)
{
    snprintf(f->what, sizeof f->what, "%.64s", process[0] != '\0' ? process : "the program");
}

/* --- Calls --- */

static bool is_new(const struct stg_behaviour_change *c)
{
    return c->kind.phase == 0 && !(c->usual.share > 0);
}

/* Whether what is said of the median is true of nearly all: that there are more, or fewer, than usual. */
static bool is_shared(const struct stg_behaviour_change *c)
{
    return c->now > c->usual.median ? c->low > c->usual.median : c->high < c->usual.median;
}

void finding_count(struct finding *f, const struct stg_behaviour_change *c)
{
    char text[32];
    const bool shared = is_shared(c);
    words_count((uint64_t)llroundf(c->now), text);
    if (!(c->usual.share > 0) && (c->now < 0.5f || (c->share < 0.9f && !shared))) {
        words_percent((double)c->share, text);
        words_append(f->what, sizeof f->what, " (in %s of them", text);
    } else if (shared) {
        words_append(f->what, sizeof f->what, " (%s in each", text);
    } else if (c->now < 0.5f) {
        words_append(f->what, sizeof f->what, " (none in half of them");
    } else { /* the median */
        words_append(f->what, sizeof f->what, " (%s or %s in half of them", text,
                     c->now > c->usual.median ? "more" : "fewer");
    }
    if (c->usual.share > 0) {
        words_count((uint64_t)llroundf(c->usual.median), text);
        words_append(f->what, sizeof f->what, ", usually %s", text);
    }
    finding_object(f, &c->object, ",", fmaxf(c->now, 1));
    words_append(f->what, sizeof f->what, ")");
}

/* What is put in front of the calls of a program. */
static const char *beginning(const struct finding *f, bool new, bool of_new_program)
{
    return new &&of_new_program ? ", with "
           : new                ? " makes calls that no known sequence makes: "
           : f->weight > 0      ? ", and more of "
                                : " makes more of ";
}

/* Those of a program that are new, or of which there are more; those that act on others first. False where it has
 * none. */
static bool put_calls(struct finding *f, const struct stg_behaviours *b, const struct stg_behaviour *x, uint16_t proc,
                      bool new, enum finding_program program, unsigned *found)
{
    const bool of_new_program = program != FINDING_PROGRAM_KNOWN;
    int n = 0;
    for (size_t k = 0; k < x->n_more * STG_CONSEQUENCES; k++) {
        const struct stg_behaviour_change *c = &x->more[k % x->n_more];
        const char *call = behaviour_call(&b->names, c->kind.call);
        const unsigned consequence = stg_syscall_consequence(call);
        if (c->kind.proc != proc || c->kind.phase != 0 || is_new(c) != new ||
            k / x->n_more + consequence + 1 != STG_CONSEQUENCES || (!new &&n == MOST_CALLS)) {
            continue;
        }
        words_append(f->what, sizeof f->what, "%s%.64s", n++ == 0 ? beginning(f, new, of_new_program) : ", ", call);
        finding_count(f, c);
        finding_purpose(found, call, &c->object, c->now, program);
        f->weight += c->weight + (new ? c->share : 0); /* what is new comes first where every sequence has it … */
        f->weight += new &&consequence + 1 == STG_CONSEQUENCES ? 1 : 0; /* … or where it matters */
    }
    return n > 0;
}

static void add_calls(struct finding *f, const struct stg_behaviours *b, const struct stg_behaviour *x, uint16_t proc)
{
    unsigned found = 0;
    const enum finding_program program = finding_program(f, b, proc);
    f->is_calls = true;
    f->proc = proc;
    const bool any = put_calls(f, b, x, proc, true, program, &found);
    f->weight = put_calls(f, b, x, proc, false, program, &found) || any ? fmaxf(f->weight, LEAST) : 0;
    f->weight += program == FINDING_PROGRAM_NEW && f->weight > 0 ? 2 * ACTS : 0;
    finding_put_purposes(f, found, program);
}

/* --- Failures --- */

/* What an error is a sign of; NULL: of many things. */
static const char *meaning_of(unsigned error, const char *call, bool on_socket)
{
    switch (error) {
    case EAGAIN: /* of futex it is that what it waits for has come already */
        return strncmp(call, "futex", 5) == 0 ? NULL : "nothing is ready: it asks too early, or again and again";
    case EPERM:
    case EACCES:
        return "rights are missing";
    case ENOENT:
    case ENOTDIR:
        return "a file is not where it is looked for";
    case EMFILE:
    case ENFILE:
        return "too many files are open";
    case ENOSPC:
    case EDQUOT:
        return "a disk is full";
    case ENOMEM:
        return "memory is short";
    case EIO:
        return "a device does not work";
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return "the other side does not answer";
    case ETIMEDOUT: /* of futex and the like it is how a timed wait for a thread ends */
        return on_socket ? "the other side does not answer" : NULL;
    case ECONNRESET:
    case EPIPE:
        return "the other side has closed the connection";
    default:
        return NULL;
    }
}

/* "apache2 read EAGAIN (5 in each, usually 0)" */
static void add_failures(struct finding *f, const struct stg_model *m, const struct stg_behaviours *b,
                         const struct stg_behaviour *x)
{
    (void)m;
    int n = 0;
    for (size_t i = 0; i < x->n_more && n < MOST_CALLS; i++) {
        const struct stg_behaviour_change *c = &x->more[i];
        char kind[160];
        if (c->kind.errno_class <= 1) {
            continue;
        }
        const char *process = behaviour_process(&b->names, c->kind.proc);
        behaviour_kind(&b->names, &c->kind, kind, sizeof kind);
        words_append(f->what, sizeof f->what, "%s%.64s%s%s", n++ == 0 ? "calls fail: " : ", ", process,
                     process[0] != '\0' ? " " : "", kind);
        finding_count(f, c);
        f->weight += c->weight;
        const char *call = behaviour_call(&b->names, c->kind.call);
        const char *meaning = meaning_of(c->kind.errno_class - 2U, call, finding_is_socket(call, &c->object));
        if (meaning != NULL && strstr(f->means, meaning) == NULL) {
            words_append(f->means, sizeof f->means, "%s%s", f->means[0] != '\0' ? "; " : "", meaning);
        }
    }
    f->weight = n > 0 ? fmaxf(f->weight, LEAST) : 0;
}

/* --- Descriptors, times, order --- */

/* "2 (standard error, a file)" */
static void put_number(struct finding *f, const struct stg_behaviour *x, size_t i)
{
    static const char *const standard[] = {"standard input", "standard output", "standard error"};
    const int64_t number = x->descriptors[i].number;
    const char *kind = finding_kind(x->descriptors[i].object.fd_kind),
               *name = number >= 0 && number < 3 ? standard[number] : NULL;
    words_append(f->what, sizeof f->what, "%" PRId64, number);
    if (name != NULL || kind != NULL) {
        words_append(f->what, sizeof f->what, " (%s%s%s)", name != NULL ? name : "",
                     name != NULL && kind != NULL ? ", " : "", kind != NULL ? kind : "");
    }
}

/* "14 (a TCP socket), 13 (a Unix socket)": of the process of the first. */
static void put_numbers(struct finding *f, const struct stg_behaviour *x)
{
    for (size_t i = 0; i < x->n_descriptors && i < MOST_NUMBERS && x->descriptors[i].proc == x->descriptors[0].proc;
         i++) {
        words_append(f->what, sizeof f->what, "%s", i > 0 ? ", " : "");
        put_number(f, x, i);
    }
}

static void add_descriptors(struct finding *f, const struct stg_model *m, const struct stg_behaviours *b,
                            const struct stg_behaviour *x)
{
    (void)m;
    /* Where little else surprises, descriptors as usual as any are a large part of it. */
    if (x->n_descriptors == 0 || x->weight_descriptors < 0.1f || x->z[STG_CHANNEL_STATE] < 1) {
        return;
    }
    const int64_t first = x->descriptors[0].number;
    f->weight = x->weight_descriptors;
    say(f, behaviour_process(&b->names, x->descriptors[0].proc));
    if (x->highest_known >= 0 && x->weight_beyond > 0.5f && first > x->highest_known) {
        words_append(f->what, sizeof f->what,
                     " uses descriptor numbers up to %" PRId64 ", in training none above %" PRId64 ": ", x->highest,
                     x->highest_known);
        put_numbers(f, x);
        snprintf(f->means, sizeof f->means, "more connections or files are open at a time than ever in training");
    } else if (first < 3 && x->descriptors[0].weight > 0.3f) {
        words_append(f->what, sizeof f->what, " does %.64s on descriptor ",
                     behaviour_call(&b->names, x->descriptors[0].call));
        put_number(f, x, 0);
        words_append(f->what, sizeof f->what, ", which known sequences hardly use");
        snprintf(f->means, sizeof f->means, "%s", first == 0 ? "" : "that is where programs log");
    } else {
        words_append(f->what, sizeof f->what, " uses descriptor numbers that known sequences hardly use: ");
        put_numbers(f, x);
        snprintf(f->means, sizeof f->means, "another number of connections or files is open at a time");
    }
}

/* Before what is more, as it tells what comes of it. */
static void add_leak(struct finding *f, const struct stg_model *m, const struct stg_behaviours *b,
                     const struct stg_behaviour *x)
{
    char opened[32], closed[32], usual[32], usual_closed[32];
    (void)m;
    if (!x->balance.leaks) {
        return;
    }
    f->weight = 0.05f;
    for (size_t i = 0; i < x->n_more; i++) {
        float weight = 0.001f;
        for (size_t k = 0; k < x->n_more && stg_syscall_opens(behaviour_call(&b->names, x->more[i].kind.call)) > 0;
             k++) {
            weight +=
                x->more[k].kind.phase == 0 && x->more[k].kind.proc == x->more[i].kind.proc ? x->more[k].weight : 0;
        }
        f->weight = fmaxf(f->weight, weight);
    }
    words_count((uint64_t)llroundf(x->balance.opened), opened);
    words_count((uint64_t)llroundf(x->balance.closed), closed);
    words_count((uint64_t)llroundf(x->balance.usual_opened), usual);
    words_count((uint64_t)llroundf(x->balance.usual_closed), usual_closed);
    words_append(f->what, sizeof f->what, "more descriptors are opened than closed: %s and %s in %s, usually %s and %s",
                 opened, closed, x->n == 1 ? "the sequence" : "a sequence", usual, usual_closed);
    snprintf(f->means, sizeof f->means, "%s",
             "descriptors leak, unless they are closed later: a process that lives on runs out of them");
}

static void add_workers(struct finding *f, const struct stg_model *m, const struct stg_behaviours *b,
                        const struct stg_behaviour *x)
{
    (void)b;
    char text[160];
    if (!words_workers(m, x->z[STG_CHANNEL_STATE], x->workers, text)) {
        return;
    }
    f->weight = (float)((double)x->z[STG_CHANNEL_STATE] / stg_channels_sum(x->z));
    words_append(f->what, sizeof f->what, "%s", text);
    snprintf(f->means, sizeof f->means, "%s",
             (double)x->workers < stg_channels_usual_workers(m)
                 ? "fewer workers are allowed, or needed"
                 : "more workers were started, or more work comes at a time");
}

static void add_fewer(struct finding *f, const struct stg_model *m, const struct stg_behaviours *b,
                      const struct stg_behaviour *x)
{
    (void)m;
    int n = 0;
    for (size_t i = 0; i < x->n_fewer && n < MOST_CALLS; i++) {
        const struct stg_behaviour_change *c = &x->fewer[i];
        if (c->kind.phase != 0 || c->now > 0.75f * c->usual.median) {
            continue;
        }
        const char *process = behaviour_process(&b->names, c->kind.proc);
        words_append(f->what, sizeof f->what, "%s%.64s%s%.64s", n++ == 0 ? "fewer calls: " : ", ", process,
                     process[0] != '\0' ? " " : "", behaviour_call(&b->names, c->kind.call));
        finding_count(f, c);
        f->weight = fmaxf(f->weight, c->weight / 2);
    }
    f->weight = n > 0 ? fmaxf(f->weight, 0.005f) : 0;
}

/* Where a program that few known sequences have does what it always does, that is all there is to say. */
static void add_rare(struct finding *f, const struct stg_model *m, const struct stg_behaviours *b,
                     const struct stg_behaviour *x)
{
    char share[32];
    (void)m;
    if (x->rare.proc == 0) {
        return;
    }
    words_percent((double)x->rare.known, share);
    words_append(f->what, sizeof f->what, "%.64s has a part in them, as in %s of known sequences",
                 behaviour_process(&b->names, x->rare.proc), share);
    snprintf(f->means, sizeof f->means, "a kind of sequence that is rare");
    f->weight = 0.004f;
}

/* "threads end where known ones go on: authd after clone (usually → set_robust_list)": what a crash is seen by. Of a
 * request or a connection it is the sequence that ends, not the thread. */
static void add_end(struct finding *f, const struct stg_model *m, const struct stg_behaviours *b,
                    const struct stg_behaviour *x)
{
    const bool lives = m->recipe.cut == STG_CUT_THREAD || m->recipe.cut == STG_CUT_PROCESS;
    const char *start = lives ? "threads end where known ones go on: " : "sequences end where known ones go on: ";
    int n = 0;
    for (size_t i = 0; i < x->n_surprises && n < MOST_ORDER; i++) {
        const struct stg_behaviour_surprise *s = &x->surprises[i];
        char expected[WORDS_CALL];
        if (s->kind.call != STG_TOKEN_END || s->weight * 100 < LEAST_PERCENT) {
            continue;
        }
        const char *process = behaviour_process(&b->names, s->kind.proc);
        words_append(f->what, sizeof f->what, "%s%.64s%safter %.64s", n++ == 0 ? start : ", ", process,
                     process[0] != '\0' ? " " : "", behaviour_call(&b->names, s->before));
        if (s->expected >= STG_TOKEN_SPECIALS && s->expected_share >= 0.2f) {
            words_symbol(m, s->expected, expected, sizeof expected);
            words_append(f->what, sizeof f->what, " (usually %s)", expected);
        }
        f->weight += s->weight;
    }
    if (n > 0 && lives) {
        snprintf(f->means, sizeof f->means, "it crashed, was ended, or gave up there");
    }
    /* What ended has few times and fewer calls: they follow from the end where it is much of the surprise. */
    f->weight += f->weight >= MUCH ? x->weight_time : 0;
}

/* "apache2 mmap after fcntl (usually → read)": where nothing else tells more, as it mostly follows from what else has
 * changed. */
static void add_order(struct finding *f, const struct stg_model *m, const struct stg_behaviours *b,
                      const struct stg_behaviour *x)
{
    int n = 0;
    for (size_t i = 0; i < x->n_surprises && n < MOST_ORDER; i++) {
        const struct stg_behaviour_surprise *s = &x->surprises[i];
        char expected[WORDS_CALL];
        if (s->kind.phase != 0 || s->kind.call == STG_TOKEN_END || s->before < STG_TOKEN_SPECIALS ||
            s->weight * 100 < LEAST_PERCENT) {
            continue;
        }
        const char *process = behaviour_process(&b->names, s->kind.proc);
        words_append(f->what, sizeof f->what, "%s%.64s%s%.64s after %.64s",
                     n++ == 0 ? "calls come in another order: " : ", ", process, process[0] != '\0' ? " " : "",
                     behaviour_call(&b->names, s->kind.call), behaviour_call(&b->names, s->before));
        if (s->expected >= STG_TOKEN_SPECIALS && s->expected_share >= 0.2f) {
            words_symbol(m, s->expected, expected, sizeof expected);
            words_append(f->what, sizeof f->what, " (usually %s)", expected);
        }
        f->weight += s->weight;
    }
}

/* Where nothing stands out. Calls that are about as likely as usual are not what it is: then the channels that are a
 * little unusual, the most unusual first. */
static void add_little(struct finding *f, const struct stg_model *m, const struct stg_behaviour *x)
{
    int order[STG_CHANNELS], n = 0;
    for (int c = 0; c < STG_CHANNELS; c++) {
        if (!stg_channel_has(m, (enum stg_channel)c) || !(x->z[c] >= 1)) {
            continue;
        }
        int k = n++;
        for (; k > 0 && x->z[order[k - 1]] < x->z[c]; k--) {
            order[k] = order[k - 1];
        }
        order[k] = c;
    }
    if (n == 0 || x->z[STG_CHANNEL_CONTENT] >= 3) {
        words_append(f->what, sizeof f->what, "no call stands out by itself: many are a little unlikely");
        return;
    }
    words_append(f->what, sizeof f->what, "nothing stands out by itself; a little unusual:");
    for (int k = 0; k < n; k++) {
        words_append(f->what, sizeof f->what, "%s %s (%.3g%s)", k > 0 ? "," : "",
                     finding_channel((enum stg_channel)order[k]), (double)x->z[order[k]],
                     k > 0 ? "" : " deviations above the usual");
    }
}

/* --- All --- */

void finding_keep(struct finding out[FINDINGS], size_t *n, const struct finding *f)
{
    if (!(f->weight > 0)) {
        return;
    }
    size_t at = *n;
    while (at > 0 && out[at - 1].weight < f->weight) {
        at--;
    }
    if (at < FINDINGS) {
        const size_t kept = *n < FINDINGS ? *n : FINDINGS - 1;
        memmove(&out[at + 1], &out[at], (kept - at) * sizeof *out);
        out[at] = *f;
        *n = kept + 1;
    }
}

size_t findings_make(const struct stg_model *m, const struct stg_behaviours *b, const struct stg_behaviour *x,
                     struct finding out[FINDINGS])
{
    static void (*const kinds[])(struct finding *, const struct stg_model *, const struct stg_behaviours *,
                                 const struct stg_behaviour *) = {finding_sizes,   add_failures, add_leak,
                                                                  add_descriptors, add_workers,  finding_times,
                                                                  add_end,         add_fewer,    add_rare};
    size_t n = 0;
    struct finding f;
    for (size_t i = 0; i < x->n_more; i++) { /* each process once */
        size_t k = 0;
        while (x->more[k].kind.proc != x->more[i].kind.proc) {
            k++;
        }
        f = (struct finding){0};
        if (k == i) {
            add_calls(&f, b, x, x->more[i].kind.proc);
        }
        finding_keep(out, &n, &f);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        f = (struct finding){0};
        kinds[i](&f, m, b, x);
        finding_keep(out, &n, &f);
    }
    if (n == 0) {
        f = (struct finding){0};
        add_order(&f, m, b, x);
        finding_keep(out, &n, &f);
    }
    if (n == 0) {
        f = (struct finding){0};
        add_little(&f, m, x);
        out[n++] = f;
    }
    return n;
}

void findings_share(const struct stg_behaviours *b, const struct stg_behaviour *x, char out[96])
{
    char n[32], all[32];
    words_count((uint64_t)llround(x->n_estimated), n);
    words_count(b->n_novel, all);
    if (b->n_groups == 1) {
        snprintf(out, 96, b->n_novel == 1 ? "the one novel sequence" : "all %s novel sequences", all);
    } else {
        snprintf(out, 96, "%s of %s novel sequences", n, all);
    }
}
