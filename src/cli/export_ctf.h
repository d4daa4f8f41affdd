/* Export of scored sequences as one CTF trace (docs/formats/trace.md, "Scored traces"). */
#ifndef STG_CLI_EXPORT_CTF_H
#define STG_CLI_EXPORT_CTF_H

#include "report/export.h"
#include "trace/ctf_writer.h"

struct stg_ctf_export;

struct stg_ctf_export_settings {
    const char *path;                             /* directory to make */
    const struct stg_model *model;                /* which surprisals there are, and whether there are verdicts */
    const struct stg_vocab *names;                /* what the ids of all sequences stand for; borrowed until close */
    bool has_time;                                /* the sequences' times are times */
    const char *model_path, *data_path, *command; /* provenance; command may be NULL */
    double alpha;
};

enum stg_status stg_ctf_export_open(struct stg_ctf_export **out, const struct stg_ctf_export_settings *s) STG_MUST_USE;
/* Sequences by their beginning; s->seq's columns are borrowed until close, the surprisals are copied. Events are
 * written in the order of time, whichever sequence they are of; where sequences overlap, an event is written for each.
 * Memory: 4 bytes for each event and channel of the sequences that are open at a time. */
enum stg_status stg_ctf_export_put(struct stg_ctf_export *c, const struct stg_scored_sequence *s) STG_MUST_USE;
/* Frees it in every case; not committed, the directory is removed. */
enum stg_status stg_ctf_export_close(struct stg_ctf_export *c, bool commit) STG_MUST_USE;

/* Says what could not be kept of the events. */
void stg_ctf_export_warn(const struct stg_ctf_writer *w, const char *path);

#endif
