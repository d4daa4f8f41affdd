/* Findings: the times between calls, and how long sequences last and why. */
#include "report/findings_internal.h"

#include "report/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Why sequences last longer. */
enum longer {
    LONGER_WAITS, /* as many events as usual, or those of others while they last */
    LONGER_DOES,  /* more events, and each takes about as long as usual */
    LONGER_BOTH,  /* more events, and some of them take longer */
};

static enum longer why_longer(const struct stg_model *m, const struct stg_behaviours *b, const struct stg_behaviour *x)
{
    const bool others = m->recipe.scope != STG_SCOPE_THREAD; /* that go on while one waits */
    if (!(b->events.median > 0) || x->events <= b->events.high * (others ? fmaxf(x->scale, 1) : 1) ||
        x->events < 1.5f * b->events.median) { /* a few more are no reason */
        return LONGER_WAITS;
    }
    const float events = x->events / b->events.median, duration = x->duration_ns / b->duration.median;
    return duration <= 1.5f * events ? LONGER_DOES : LONGER_BOTH;
}

/* "sequences last longer: half of them more than 4.000 ms (known ones: 2.000 ms), with 60 events (known ones: 20)" */
static void put_longer(struct finding *f, const struct stg_behaviours *b, const struct stg_behaviour *x, bool alone,
                       enum longer why)
{
    char now[32], usual[32];
    words_duration((int64_t)x->duration_ns, now);
    words_duration((int64_t)b->duration.median, usual);
    words_append(f->what, sizeof f->what, "%s%s longer: %s%s (known ones: %s)", alone ? "" : ", and ",
                 x->n == 1 ? "the sequence lasts" : "sequences last", x->n == 1 ? "" : "half of them more than ", now,
                 usual);
    if (why != LONGER_WAITS) {
        words_count((uint64_t)llroundf(x->events), now);
        words_count((uint64_t)llroundf(b->events.median), usual);
        words_append(f->what, sizeof f->what, ", with %s events (known ones: %s)", now, usual);
    }
}

/* "on purpose, and for the disk": by the calls of which there are more, where these tell. */
static void find_waits(const struct stg_behaviours *b, const struct stg_behaviour *x, char out[128])
{
    static const struct {
        const char *calls, *what_for;
    } waits[] = {
        {" nanosleep clock_nanosleep ", "on purpose"},
        {" futex futex_wait futex_waitv ", "for other threads"},
        {" fsync fdatasync sync syncfs sync_file_range ", "for the disk"},
    };
    out[0] = '\0';
    for (size_t k = 0; k < sizeof waits / sizeof waits[0]; k++) {
        bool found = false;
        for (size_t i = 0; i < x->n_more; i++) {
            char word[72];
            snprintf(word, sizeof word, " %.64s ", behaviour_call(&b->names, x->more[i].kind.call));
            found |= strstr(waits[k].calls, word) != NULL;
        }
        if (found) {
            words_append(out, 128, "%s%s", out[0] != '\0' ? ", and " : "", waits[k].what_for);
        }
    }
}

/* "they do more, and wait for the disk" */
static void put_reason(struct finding *f, const struct stg_behaviours *b, const struct stg_behaviour *x,
                       enum longer why)
{
    const bool one = x->n == 1;
    const char *who = one ? "it" : "they", *does = one ? "does more" : "do more", *wait = one ? "waits" : "wait";
    char what_for[128];
    find_waits(b, x, what_for);
    if (why == LONGER_DOES) {
        words_append(f->means, sizeof f->means, "%s %s", who, does);
    } else if (what_for[0] != '\0') {
        words_append(f->means, sizeof f->means, "%s %s%s%s %s", who, why == LONGER_BOTH ? does : "",
                     why == LONGER_BOTH ? ", and " : "", wait, what_for);
    } else if (why == LONGER_BOTH) {
        words_append(f->means, sizeof f->means, "%s %s, and some of it takes long or waits", who, does);
    } else {
        words_append(f->means, sizeof f->means, "%s %s for something: a busier machine, or something slow that %s", who,
                     wait, one ? "it asks for" : "they ask for");
    }
}

void finding_times(struct finding *f, const struct stg_model *m, const struct stg_behaviours *b,
                   const struct stg_behaviour *x)
{
    const bool fast = x->z[STG_CHANNEL_PACE] >= 3, odd = x->z[STG_CHANNEL_TIME] >= 3,
               crowded = x->z[STG_CHANNEL_LOAD] >= 3;
    const bool longer = b->duration.median > 0 && x->duration_ns > b->duration.high &&
                        x->rare.proc == 0; /* else the known ones are other programs' */
    if (!fast && !odd && !longer && !crowded) {
        return;
    }
    const enum longer why = longer ? why_longer(m, b, x) : LONGER_WAITS;
    f->weight = fmaxf(x->weight_time, 0.01f);
    words_append(f->what, sizeof f->what, "%s",
                 crowded ? "more threads want the same processors than in known sequences"
                 : fast  ? "calls come sooner after one another than in known sequences"
                 : odd   ? "the times between calls are unlike those of known sequences"
                         : "");
    if (longer) {
        put_longer(f, b, x, !crowded && !fast && !odd, why);
    }
    if (longer && !crowded) {
        put_reason(f, b, x, why);
        return;
    }
    snprintf(f->means, sizeof f->means, "%s",
             crowded ? "something else on this machine computes meanwhile"
             : fast  ? "short calls in a row, or a machine that is idler or faster"
                     : "a machine that is busier or idler, or something they ask for that answers at another speed");
}
