#include "cli/prepare_summary.h"

#include "cli/input.h"

#include "base/log.h"

#include <stdio.h>

#define WELL_COVERED   0.75 /* of the events: what begins and ends a sequence, and what lies between them, is in none */
#define OVERLAPPING    1.5  /* sequences that an event is in, on the average */
#define FEW_SEQUENCES  20
#define LONG_SEQUENCES 1000 /* events */
#define HINT_WINDOW    100

/* n and what it is a number of, which begins with its singular: "1 request", "2,081 requests". */
static const char *counted(uint64_t n, const char *what, char *out, size_t cap)
{
    char digits[32];
    stg_format_count(n, digits, sizeof digits);
    (void)snprintf(out, cap, "%s %s%s", digits, what, n == 1 ? "" : "s");
    return out;
}

static void say_made(const char *out, const struct stg_recipe *r, const struct stg_cut_counts *c)
{
    char sequences[64], events[64], part[64] = "";
    const double covered = c->n_events == 0 ? 1 : (double)c->n_covered / (double)c->n_events;
    if (c->n_sequences > 0 && covered < WELL_COVERED) {
        (void)snprintf(part, sizeof part, "; %.2g %% of the events are in sequences", 100 * covered);
    }
    stg_log(STG_LOG_INFO, "%s: %s (cut by %s, %s order) from %s%s", out,
            counted(c->n_sequences, "sequence", sequences, sizeof sequences), stg_cut_name(r->cut),
            stg_order_name(r->order), counted(c->n_events, "event", events, sizeof events), part);
}

static void say_lost(const struct stg_recipe *r, const struct stg_cut_counts *c)
{
    char n[64], other[64];
    if (c->n_lost > 0 || c->n_gaps > 0) {
        stg_log(STG_LOG_WARN,
                "%llu event%s lost in %llu gap%s of the recording; the sequences that they touch are marked",
                (unsigned long long)c->n_lost, c->n_lost == 1 ? " was" : "s were", (unsigned long long)c->n_gaps,
                c->n_gaps == 1 ? "" : "s");
    }
    const uint64_t n_long = c->n_truncated - c->n_relieved;
    if (n_long > 0) {
        stg_log(STG_LOG_WARN, "%s %s longer than %s and cut off there (--max-len)",
                counted(n_long, "sequence", n, sizeof n), n_long == 1 ? "is" : "are",
                counted(r->max_len, "event", other, sizeof other));
    }
    if (c->n_relieved > 0) {
        stg_log(STG_LOG_WARN,
                "%s %s cut off, as all that were open together did not fit into memory (512 MiB): try a lower "
                "--max-len, or another --cut",
                counted(c->n_relieved, "sequence", n, sizeof n), c->n_relieved == 1 ? "is" : "are");
    }
}

/* More than one in a hundred: fewer are what any server has when something goes wrong. */
static void say_reopened(const struct stg_recipe *r, const struct stg_cut_counts *c)
{
    char n[64];
    if (c->n_reopened * 100 <= c->n_sequences + c->n_reopened) {
        return;
    }
    if (r->cut == STG_CUT_ACCEPT) {
        stg_log(STG_LOG_WARN,
                "left out: %s whose descriptor was accepted again before its thread had closed it; where a new thread "
                "serves and closes each, take --cut thread, where the threads stay, --cut request with markers or "
                "--cut window:%d",
                counted(c->n_reopened, "connection", n, sizeof n), HINT_WINDOW);
    } else {
        stg_log(STG_LOG_WARN,
                "left out: %s whose thread began another one before the end; take a --begin that does not occur within "
                "a request, and an "
                "--end that every request comes to",
                counted(c->n_reopened, "request", n, sizeof n));
    }
}

/* Connections of one thread; that requests have the events of all threads meanwhile is what they are for. */
static void say_overlap(const struct stg_recipe *r, const struct stg_cut_counts *c)
{
    const double depth = c->n_covered == 0 ? 0 : (double)c->n_stored / (double)c->n_covered;
    if (r->cut != STG_CUT_ACCEPT || depth < OVERLAPPING) {
        return;
    }
    stg_log(STG_LOG_INFO,
            "sequences overlap: an event is in %.1f of them on the average, and what is new makes as many novel; "
            "%s--cut window:%d has each event once",
            depth, r->scope == STG_SCOPE_THREAD ? "" : "--scope thread keeps to the thread that accepted, ",
            HINT_WINDOW);
}

static void say_few(const struct stg_recipe *r, const struct stg_cut_counts *c)
{
    char sequences[64], events[32];
    const bool lives = r->cut == STG_CUT_THREAD || r->cut == STG_CUT_PROCESS;
    if (!lives || c->n_sequences == 0 || c->n_sequences >= FEW_SEQUENCES ||
        c->n_stored / c->n_sequences < LONG_SEQUENCES) {
        return;
    }
    stg_format_count(c->n_stored / c->n_sequences, events, sizeof events);
    stg_log(STG_LOG_INFO, "%s of %s events: too few to judge; try --cut window:%d",
            counted(c->n_sequences, "sequence", sequences, sizeof sequences), events, HINT_WINDOW);
}

static void say_none(const struct stg_recipe *r, const struct stg_cut_counts *c)
{
    /* Windows that do not begin are not counted. */
    const bool early = r->skip_first_ns > 0 && (c->n_skipped > 0 || (r->cut == STG_CUT_WINDOW && c->n_events > 0));
    /* Connections that are handed on are open at the end, or their descriptors come again. */
    const bool handed_on = r->cut == STG_CUT_ACCEPT && c->n_open + c->n_reopened > 0;
    stg_log(STG_LOG_WARN,
            "no sequences: %llu skipped, %llu still open at the end; try %s%s, or look with `strange info`",
            (unsigned long long)c->n_skipped, (unsigned long long)c->n_open, early ? "a shorter --skip-first, or " : "",
            handed_on ? "--cut thread where each connection has a thread of its own" : "another --cut");
}

void stg_prepare_summary(const char *out, const struct stg_recipe *r, const struct stg_cut_counts *counts,
                         bool explained)
{
    say_made(out, r, counts);
    say_lost(r, counts);
    if (!explained) {
        say_reopened(r, counts);
    }
    say_overlap(r, counts);
    say_few(r, counts);
    if (counts->n_sequences == 0 && !explained) {
        say_none(r, counts);
    }
}
