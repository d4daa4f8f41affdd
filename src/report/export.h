/* Export: scored sequences for other programs, as CSV (RFC 4180) and as JSON in the Trace Event Format, which Perfetto
 * and chrome://tracing open. Both are written piece by piece into a buffer that the caller empties. */
#ifndef STG_REPORT_EXPORT_H
#define STG_REPORT_EXPORT_H

#include "base/buffer.h"
#include "score/score.h"
#include "token/vocab.h"

/* A sequence with what a model says of it; all borrowed. */
struct stg_scored_sequence {
    const struct stg_seq *seq;
    const struct stg_score *score;
    const struct stg_vocab *names; /* what its ids stand for */
    const float *surprisal;        /* (seq->n) nats, NAN where the model did not get there; stg_score_events() */
    const float *side[STG_SIDES];  /* (seq->n) the same of the side models; NULL: the model has none */
    double p_value;                /* NAN: the model is not calibrated */
    const char *file;              /* of a directory of lists, "" where it is of none; NULL: CSV has no such column */
    bool judged;                   /* stg_is_judged(): whether it is novel can be told … */
    bool novel;                    /* … and it is */
};

/* docs/formats/csv.md has the columns. files: there is one for the file. */
enum stg_status stg_export_csv_sequence_head(struct stg_buffer *out, bool files) STG_MUST_USE;
enum stg_status stg_export_csv_sequence(struct stg_buffer *out, const struct stg_model *m,
                                        const struct stg_scored_sequence *s) STG_MUST_USE;
enum stg_status stg_export_csv_event_head(struct stg_buffer *out, bool files) STG_MUST_USE;
enum stg_status stg_export_csv_events(struct stg_buffer *out, const struct stg_scored_sequence *s) STG_MUST_USE;

/* Threads as tracks, calls as slices, the surprisal of a process as its counter, novel sequences as slices of their own
 * (docs/formats/perfetto.md). Sequences of one trace, by their beginning: where they overlap, an event is written once.
 * Memory: 48 bytes for each thread and process, of which there are STG_PERFETTO_THREADS at most; the events of others
 * are left out and counted. */
struct stg_perfetto;
#define STG_PERFETTO_THREADS 65536

enum stg_status stg_perfetto_begin(struct stg_perfetto **out, struct stg_buffer *to) STG_MUST_USE;
enum stg_status stg_perfetto_put(struct stg_perfetto *p, struct stg_buffer *to, const struct stg_model *m,
                                 const struct stg_scored_sequence *s) STG_MUST_USE;
/* Calls that have not returned, and the end of the document. */
enum stg_status stg_perfetto_end(struct stg_perfetto *p, struct stg_buffer *to) STG_MUST_USE;
uint64_t stg_perfetto_left_out(const struct stg_perfetto *p); /* events, after the end */
void stg_perfetto_free(struct stg_perfetto *p);

#endif
