/* What `strange record` says of a recording: to people, as JSON, and in the trace. */
#ifndef STG_CLI_RECORD_REPORT_H
#define STG_CLI_RECORD_REPORT_H

#include "record/record.h"
#include "trace/ctf_writer.h"

struct stg_record_report {
    const char *path;
    struct stg_record_stats record;
    struct stg_ctf_stats trace;
    enum stg_record_end end;
    int command_status;   /* as waitpid() has it; −1: none, or it runs */
    bool command_runs;    /* it did not end when it was asked to */
    bool command_refused; /* it could not be asked: it is another user's */
    uint64_t wall_ns;     /* from the start to the end of recording */
    uint64_t busy_ns;     /* until all was read: detaching may take longer than a short recording */
    uint64_t cpu_ns;      /* processor time that the recorder took in that time */
    uint64_t n_snapshots;
};

const char *stg_record_end_name(enum stg_record_end end); /* "stopped" */
/* "exited 3", "killed by signal 9" */
void stg_record_status_text(int status, char *out, size_t cap);
/* Summary and warnings on standard error. */
void stg_record_say(const struct stg_record_report *r);
void stg_record_say_command(const struct stg_record_report *r); /* only what became of the command */
enum stg_status stg_record_print_json(const struct stg_record_report *r) STG_MUST_USE;
/* Facts of the end into the trace. */
enum stg_status stg_record_set_facts(struct stg_ctf_writer *w, const struct stg_record_report *r) STG_MUST_USE;

#endif
