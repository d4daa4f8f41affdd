/* Diff: what only one of two recordings or data sets, A and B, has, and which calls, transitions, results and latencies
 * differ between them.
 *
 * What one side has alone is no matter of rates. A program (a name that the main thread of a process has, or any name
 * where processes are not known) that only one side has is always a change. A call that a program, which both sides
 * have, makes on one side only is always told, and is a change when two equal runs would hardly differ so:
 *   - One call: its occasions are the blocks (below) in which it occurs, so that a burst is one; blocks of the shorter
 *     side are put together until they are as long as those of the longer one, or what is one burst there would be
 *     many here. If both sides did the same, each of k occasions would be B's with probability s, B's part of what
 *     both do, so all are B's with s^k and A's with (1 - s)^k: the binomial test of equal Poisson rates (Przyborowski
 *     and Wilenski, Biometrika 31, 1940), two-sided by twice that of the side which has them, whatever the other's
 *     is: the longer side has few occasions all to itself easily. Over all calls of all programs that is corrected by
 * Holm's method (Scandinavian Journal of Statistics 6, 1979). Once is never enough.
 *   - All of them together: of such calls of equal runs about as many are A's as B's. The sign test, each call with
 *     its own probability s^k / (s^k + (1 - s)^k) of being B's (a Poisson-binomial law). A fork or an attack is done
 *     once, but by calls of many sorts. It takes the sorts as independent: rare work that is in order (a save once an
 *     hour) looks the same, and wants a run like A that has it.
 * Each of the two tests gets half of `level`. The names of threads that are no program's count as one call each.
 *
 * The name of a file that calls of a process, which both sides have, were given on one side only is told and tested in
 * the same way, in two more tests; where there are names, each of the four tests gets a quarter of `level`. Three
 * things are particular to names:
 *   - Many are made anew in every run. Names of a process that both sides have alone, and that are the same but for
 *     numbers, hashes or random characters (explain/diff_names.h), are one name, and no side's. Where only one side has
 *     any, and several, they are one row. Of a directory with more than 2,048 names only the directory is compared.
 *   - Work that is rare is on many files at once. What one side alone has in just the same blocks is one sort to the
 *     sign test.
 *   - A recorder reads names that are in memory. Where the other side, brought to the length of this one, has more
 * calls of the sort without a name than this one, by a standard error and by as many as were given such names or more,
 * it may have them all, and nothing is told. A call that fails looks for its file: that names an optional file, or a
 * place to find it in, so it counts. Where calls with a name succeed on one side, and all fail on the other, that is
 * told as if the other had not the name.
 *
 * A trace that says so is the whole run of a command. How it ended is compared; and where both sides are whole runs, so
 * is how many calls they have: beyond `min_change` that is a change, too. Elsewhere it says how long was recorded.
 * How long whole runs take is told beyond `min_latency`, and is a change with `waits` alone, as a busy machine takes
 * longer, too.
 *
 * Items of four facets are counted on both sides: calls of a process; transitions, a call and the next one of the same
 * thread; results, a call with the errno or the log2 of the count that it returned; latencies, the times from entry to
 * exit. Names are matched, so the sides may be from different sources.
 *
 * B is first brought to A's scale by the weighted median over calls of how many times as often they occur: a run that
 * lasts longer has more of everything, and that is no change of behaviour. Then with shares a and b of A's calls, an
 * item contributes ½ (a log2(a / m) + b log2(b / m)),  m = (a + b) / 2 bits to the Jensen-Shannon divergence (Lin,
 * Divergence measures based on the Shannon entropy, 1991; over measures that need not add up to one, each term is at
 * least 0), and items are ranked by that.
 *
 * An item has changed when the difference is beyond the noise, in one of two ways: throughout, or in a part of a run;
 * the ratio is beyond `min_change`; and, unless a side has none or hardly any (a hundredth of the other's), it
 * contributes `min_bits`.
 *   - Throughout: the difference is `z` standard errors, where the error is that of batch means (16 to 32 blocks of
 *     consecutive events on each side, so that bursts count as what they are), and at least Poisson's; and its
 *     contribution is twice what the two halves of either side differ in by themselves. The default of 5 for `z` is for
 *     many items: with an error that is of 32 to 64 blocks, t is beyond 5 by chance in 2e-5 of items or less, in 1 of
 *     100 comparisons of 500 of them.
 *   - In a part: what only a phase of a side does differs between its own halves and blocks by as much as from the
 *     other side. So the k densest blocks of the side with more are compared to the densest of the other side, which
 *     is what that does in any of its phases, when it starts too; blocks are of equal length, and 1 is the least.
 *     Where these k have f times as much, or more, the chance is taken as (1 + f q)^-k, q being the other side's calls
 *     by this one's: that of k occasions, as above, had the other side f times the blocks. (So it is where ten times
 *     as much comes in a tenth of the blocks, a heavy tail.) k is at most 8, as the blocks of one phase are alike, and
 *     the best k counts, at 8 times the chance. It is a change where that is exp(-z² / 2) or less: with
 *     equal lengths and z 5, 8 blocks with 5.2 times as much, 4 with 37, 3 with 128; a burst in one block never.
 *
 * A latency has changed when both its median and its .95 quantile are `min_latency` times as long, or as short, and
 * beyond twice what the halves of a side differ in: calls that wait have two humps, of which the median takes now one,
 * now the other.
 *
 * Blocks and halves know the noise within a run. How far equal runs are apart (another hour, another load, another
 * place in memory) only further runs as A can say. Where there are any, what differs among them and A counts as what
 * the halves differ in: a contribution must be twice that between their lowest and their highest share, a duration
 * beyond twice their ratio, and a part of B is compared to the densest block of them all. What only B has, none of them
 * has; what only A has, all of them have; both tests above then go by all their occasions, s being B's part of them
 * all, so more runs make what is in B alone less likely by chance. How a command ended, how many calls its run has, and
 * how long it takes, is no change when one of them is so.
 *
 * Memory: at most 65,536 items with 384 bytes of counts each, 4,096 latencies with 3 KiB of histogram each, 65,536
 * threads of each side, 65,536 names of files and as many pairs of a process and a name; what is beyond is counted in
 * n_left_out. Of 262,144 pairs of a name and a run like A the blocks are known; of those beyond none is an occasion. */
#ifndef STG_EXPLAIN_DIFF_H
#define STG_EXPLAIN_DIFF_H

#include "base/keys.h"
#include "event/source.h"
#include "token/token.h"
#include "token/vocab.h"

enum stg_diff_facet { STG_DIFF_CALLS, STG_DIFF_TRANSITIONS, STG_DIFF_RESULTS, STG_DIFF_LATENCIES, STG_DIFF_FACETS };
const char *stg_diff_facet_name(enum stg_diff_facet f); /* "calls", "transitions", "results", "latencies" */

enum { STG_DIFF_A, STG_DIFF_B, STG_DIFF_SIDES, STG_DIFF_LIKE = STG_DIFF_SIDES }; /* LIKE: a run that is as A */

struct stg_diff; /* what has been counted */

struct stg_diff_settings {
    double z;           /* default 5 */
    double min_change;  /* .5: half as much again, or two thirds; default */
    double min_latency; /* ratio; default 2 */
    bool waits;         /* latencies of calls that wait (stg_syscall_waits) and the duration of a whole run too; default
                           false: load changes them, not the program */
    double min_bits;    /* default .001; of what one side lacks, or hardly has, nothing is asked */
    double level;       /* default .05: how often what only one side has may be called a change between equal runs */
    bool strict;        /* what only one side has is always a change; default false */
};
void stg_diff_settings_default(struct stg_diff_settings *s);

enum stg_status stg_diff_new(struct stg_diff **out) STG_MUST_USE;
void stg_diff_free(struct stg_diff *d);

/* Adds a sequence of a data set whose ids names tells. */
enum stg_status stg_diff_add_sequence(struct stg_diff *d, int side, const struct stg_seq *seq,
                                      const struct stg_vocab *names) STG_MUST_USE;
/* Adds the next n events of a source, which is the same in all calls for the side. */
enum stg_status stg_diff_add_events(struct stg_diff *d, int side, const struct stg_source *source,
                                    const struct stg_event *events, size_t n) STG_MUST_USE;

/* What the trace, which has been read, says of its recording. */
enum stg_status stg_diff_add_facts(struct stg_diff *d, int side, const struct stg_source_info *info) STG_MUST_USE;

/* What was added for STG_DIFF_LIKE is one run as A; what comes next for it is another. A and B are complete before. */
enum stg_status stg_diff_end_like(struct stg_diff *d) STG_MUST_USE;

struct stg_diff_row {
    enum stg_diff_facet facet;
    uint16_t proc, call;         /* ids in stg_diff_result.names */
    uint16_t other;              /* transition: the next call; result: its class (stg_ret_errno_class) */
    uint8_t size;                /* result: 0 none, 1 zero, else 2 + floor(log2) */
    double rate[STG_DIFF_SIDES]; /* per sequence, or per second; B's not scaled. Latencies: of the calls */
    double ratio;        /* b / a after scaling; INFINITY: not in A. Latencies: of the quantile that changed less */
    double contribution; /* bits; latencies: |log2 ratio| */
    double z; /* standard errors, in a part of a run those of an equal chance; latencies: the halves' |log2 ratio| */
    double median_ns[STG_DIFF_SIDES],
        upper_ns[STG_DIFF_SIDES]; /* latencies: .5 and .95 quantile, to a quarter of an octave */
};

enum stg_diff_kind {
    STG_DIFF_PROGRAM,
    STG_DIFF_THREAD, /* the name of a thread, which no program has */
    STG_DIFF_CALL,   /* of a process that both have */
    STG_DIFF_FILE,   /* the name of a file, given to a call of a process that both have */
};

/* What only one side has. */
struct stg_diff_only {
    int side;
    enum stg_diff_kind kind;
    uint16_t proc, call; /* ids in stg_diff_result.names; program, thread: STG_TOKEN_START; file: the first call that
                            was given it */
    uint64_t n;          /* calls of the side, without those of the runs like A */
    uint32_t n_processes, n_threads; /* program, thread: of this name, the threads beside the main ones */
    unsigned n_occasions; /* blocks of the longer side's length in which it occurs: at most 32 of the side, and of A's
                             of each run like it; of several files, in which any does */
    double chance;        /* that this many occasions are all on this side, two-sided; 1 when once */
    bool decides;         /* it is a change */
    const char *path; /* call: the first file name that it was given, the end of a long one; NULL: none is known. File:
                         the name, or the pattern of several. Borrowed from the counts or the result */
    bool more_paths;  /* call: it was given others, too */
    unsigned consequence; /* call: stg_syscall_consequence() */
    uint32_t fd_kinds;    /* call: of its descriptors: a bit for each enum stg_fd_kind */
    uint32_t n_files;     /* file: how many names */
    uint32_t n_in_dir;    /* file: rows of its directory, of the same side and process */
    bool is_first_in_dir;
    bool more_calls; /* file: other calls were given it, too */
    uint16_t error;  /* file: class (stg_ret_errno_class) of the first failure where all its calls failed; 0: one did
                        not, or it is not known */
    uint16_t other_error; /* file: the same of the other side, which looked for it in vain; 0: it did not look */
};

/* The run of a command that a trace is of. */
struct stg_diff_run {
    char ended[48]; /* "exited 2", "killed by signal 9" (docs/formats/trace.md); "": not known, or no command */
    bool whole;     /* from its beginning until it and its descendants had ended */
};

struct stg_diff_result {
    const struct stg_vocab *names; /* borrowed from the counts */
    struct stg_diff_row *rows;     /* (n) facet by facet, the highest contribution first; owned */
    size_t n, n_of[STG_DIFF_FACETS];
    double divergence[STG_DIFF_FACETS]; /* bits, of all items; 0 for latencies */
    uint64_t n_calls[STG_DIFF_SIDES], n_lost[STG_DIFF_SIDES], n_left_out;
    bool by_sequence;               /* rates are per sequence; else per second */
    double n_units[STG_DIFF_SIDES]; /* sequences, or seconds (0 without a clock: then rates of both sides are shares of
                                       the calls) */
    double scale;                   /* how many times as often a call occurs in B */
    bool too_short;                 /* a side has fewer than STG_DIFF_LEAST calls: no rates can be told */
    struct stg_diff_only *only;   /* (n_only) of A, then of B; programs first, then threads and calls, then files; of a
                                     kind first what has most occasions, of these calls of most consequence; owned */
    struct stg_strings *patterns; /* that paths of it are in; owned */
    size_t n_only, n_only_of[STG_DIFF_SIDES], n_files_of[STG_DIFF_SIDES]; /* of all: files */
    size_t n_programs, n_deciding,
        n_files_deciding;              /* of these: programs; threads and calls, files that are a change */
    double kinds_chance, files_chance; /* of the sign tests; 1 when there is nothing on one side only */
    size_t n_renewed; /* names that only one side has, which differ from the other's in numbers or random parts alone */
    size_t n_like;    /* further runs as A */
    struct stg_diff_run run[STG_DIFF_SIDES];
    bool end_changed;   /* the command ended otherwise */
    double total_ratio; /* B's calls by A's, of whole runs; else 0 */
    bool total_changed;
    double time_ratio; /* how many times as long B takes, of whole runs with a clock; else 0 */
    bool time_differs; /* beyond min_latency */
    bool time_changed; /* and `waits` is set */
    bool changed;      /* any of all this is a change */
};
#define STG_DIFF_LEAST 1024

enum stg_status stg_diff_compare(struct stg_diff_result *out, const struct stg_diff *d,
                                 const struct stg_diff_settings *s) STG_MUST_USE;
void stg_diff_result_fini(struct stg_diff_result *r);

#endif
