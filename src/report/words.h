/* Words: how figures and events are said to people, the same in the terminal and on the page. Private to report/. */
#ifndef STG_REPORT_WORDS_H
#define STG_REPORT_WORDS_H

#include "detect/evaluate.h"
#include "explain/counterfactual.h"
#include "explain/explain.h"
#include "report/fold.h"

#include <stdbool.h>
#include <stddef.h>

#define WORDS_CALL 160 /* bytes that the name of an event or symbol gets */

/* Adds to the text in out, whose size is cap; what is too long is cut. */
void words_append(char *out, size_t cap, const char *fmt, ...) STG_PRINTF(3, 4);

enum separation { SEPARATION_NONE, SEPARATION_PARTLY, SEPARATION_CLEAR };

/* From the lower end of the 95 % interval of AUROC: above .9 told apart, above .6 partly, else not. Fewer than 36 or 8
 * sequences have none that is so high (detect/metrics.h). */
enum separation separation_of(const struct stg_interval *auroc);
const char *separation_words(enum separation s); /* "told apart", "partly", "not told apart" */

/* "1.234 ms", "12.3 s"; "812 events" has no place here: ns must be a time. */
void words_duration(int64_t ns, char out[32]);
/* "1,234,567" */
void words_count(uint64_t n, char out[32]);
/* Three significant digits, ".998" never: "0.998"; "–" when it is no number. */
void words_share(double value, char out[32]);
/* "0.5 %", "62 %", "< 0.1 %", "> 99.9 %": "100 %" is all, "0 %" is none. */
void words_percent(double share, char out[32]);
/* The share of the novel sequences that are caught, mean over the behaviours, of which there is one at least. */
double words_caught(const struct stg_evaluation *e);
/* "1 in 1,480" for a surprisal in nats; "certain" below 1 in 1.05. */
void words_odds(double surprisal, char out[48]);
/* exp(nats) with three or four significant digits, "∞" beyond all. */
void words_perplexity(double nats, char out[32]);

/* What happened: "→ read" (entry), "← read = 512", "← read EAGAIN", "end". Cut to cap. */
void words_event(const struct stg_explanation *x, const struct stg_explained_event *e, char *out, size_t cap);
/* What could have been next: "→ read", "← read EAGAIN", "end". */
void words_symbol(const struct stg_model *m, uint32_t symbol, char *out, size_t cap);
/* The thread's name, "" when the source has none. Borrowed from the explanation's names. */
const char *words_process(const struct stg_explanation *x, const struct stg_explained_event *e);
/* Whether any row has one: else there is no column for it. */
bool words_has_process(const struct stg_explanation *x, const struct fold *f);
/* When it happened: "+1.234 ms", or its number "#7" where the trace has no clock. */
void words_time(const struct stg_explanation *x, const struct stg_explained_event *e, char out[40]);
/* "2026-01-31 12:00:00.123456789 UTC (… s); lasts 1.8 ms", or seconds of the trace's own clock. */
void words_begin(const struct stg_score *s, char out[160]);
/* "2026-01-31 12:00:00.123", or "12.345 s" on the trace's own clock. */
void words_moment(int64_t ns, char out[48]);
/* "12 of process 7", or "12" where the process is not known. */
void words_thread(const struct stg_score *s, char out[64]);
/* "4242: sh, then id": the process that the whole sequence is of, by the names that its first thread had; false, and
 * "", where it is not of one, or of a thread. */
bool words_whole_process(const struct stg_explanation *x, char out[256]);
/* "" or why nothing like it could be expected: "never seen in training". */
const char *words_note(const struct stg_model *m, const struct stg_explained_event *e);
/* The surprisal of what is to blame, nats: of the call, or of its time or descriptor. */
float words_surprisal(const struct stg_explained_event *e);
/* What is wrong with a time or a descriptor that is to blame: "50.2 ms before it, usually 8 to 16 µs"; "" where the
 * call is. */
void words_other_field(const struct stg_explained_event *e, char out[128]);
/* "thread 7, +1.2 ms to +3.4 ms: write ×180, futex (pause, errno)"; cut to cap. */
void words_segment(const struct stg_explanation *x, const struct stg_segment *s, char *out, size_t cap);
/* From event `from` of the segment on, the events of one and the same call: where they end, and how many calls they
 * are. */
uint32_t words_calls(const struct stg_explanation *x, const struct stg_segment *s, uint32_t from, uint32_t *n_calls);
/* "2 segments, found greedily; no fewer than 1 would do; the p-value would be 0.012". */
void words_counterfactual(const struct stg_counterfactual *c, char out[256]);
#define WORDS_SEGMENTS 5 /* that people are shown */
/* The calls of the sequence that the model does not know, by name, in order of appearance: "io_uring_enter,
 * memfd_create and 3 more"; "" when there are none. */
void words_unknown_calls(const struct stg_model *m, const struct stg_explanation *x, char out[256]);
/* After "members": how far those of an ensemble are apart over a sequence. */
void words_disagreement(double nats, char out[160]);
/* What exp(value) is called: "perplexity", "novelty", or "exp(score)". */
const char *words_scale(enum stg_aggregate a);
const char *words_scale_title(enum stg_aggregate a); /* the same at the beginning of a sentence */
/* "time 12.3, content 0.4 deviations above the usual", the most unusual channel first; false, and "", where the model
 * judges the calls alone. */
bool words_channels(const struct stg_model *m, const struct stg_score *s, char out[160]);
/* "21 % of its events come as soon as 5 % of the known ones of their calls"; false, and "", where the pace is less than
 * two deviations above the usual. */
bool words_pace(const struct stg_model *m, const struct stg_score *s, char out[160]);
/* "at 98 % of the events around it another thread wanted the same processor; 2.6 threads did, on average"; false, and
 * "", as above. */
bool words_load(const struct stg_model *m, const struct stg_score *s, char out[160]);
/* "the work is shared by fewer threads than in known sequences: 25, usually 110"; false, and "", where they are about
 * as many as usual, state is not unusual (z, its deviations), or m does not know. */
bool words_workers(const struct stg_model *m, float z, float workers, char out[160]);
/* What is unusual in a side channel, at most three events: "3.4 ms before → read at +1.2 ms (surprisal 6.2)",
 * "descriptor 2 in → write …"; of descriptors that are all usual, how often they are used. False, and "", where the
 * channel is less than two deviations above the usual. */
bool words_side(const struct stg_model *m, const struct stg_explanation *x, enum stg_side side, char out[512]);
/* A sentence: what a p-value of the model's calibration means. */
void words_p_value(const struct stg_model *m, double p, char out[160]);
/* A sentence: what that makes of a sequence at a false-alarm rate of alpha. */
void words_verdict(const struct stg_model *m, double p, double alpha, char out[160]);

/* A row of a folded explanation that is no event: "42 events as expected", "×36 more: → write, ← write". */
void words_fold(const struct stg_explanation *x, const struct fold *f, const struct fold_row *row, char *out,
                size_t cap);
/* "28 events and 2 ends": what an explanation holds, of which the events are those of the sequence's score. */
void words_extent(const struct stg_explanation *x, char out[80]);
/* Above the rows: what is shown of how many events, without a full stop. mark says how blamed ones are marked, "
 * (>)". */
void words_caption(const struct stg_model *m, const struct stg_explanation *x, const struct fold *f, const char *mark,
                   char out[256]);

#endif
