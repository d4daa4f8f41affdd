#include "cli/record_report.h"

#include "cli/facts.h"
#include "cli/input.h"
#include "cli/output.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

const char *stg_record_end_name(enum stg_record_end end)
{
    static const char *const names[] = {"running", "stopped", "command-ended", "target-gone"};
    return names[end];
}

void stg_record_status_text(int status, char *out, size_t cap)
{
    if (status == -1) {
        snprintf(out, cap, "still running");
    } else if (WIFSIGNALED(status)) {
        snprintf(out, cap, "killed by signal %d", WTERMSIG(status));
    } else {
        snprintf(out, cap, "exited %d", WEXITSTATUS(status));
    }
}

/* "CPU 0: 12, CPU 3: 5", with an ellipsis for those for which there is no room. */
static void lost_text(const struct stg_record_stats *s, char *out, size_t cap)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < STG_RECORD_MAX_CPUS; i++) {
        if (s->lost_by_cpu[i] > 0 && len + 40 >= cap) { /* an entry has at most 31 bytes */
            snprintf(out + len, cap - len, ", …");
            return;
        }
        if (s->lost_by_cpu[i] > 0) {
            len += (size_t)snprintf(out + len, cap - len, "%sCPU %zu: %llu", len > 0 ? ", " : "", i,
                                    (unsigned long long)s->lost_by_cpu[i]);
        }
    }
}

/* Of one processor. */
static double cpu_part(const struct stg_record_report *r)
{
    return r->busy_ns > 0 ? (double)r->cpu_ns / (double)r->busy_ns : 0;
}

void stg_record_say_command(const struct stg_record_report *r)
{
    char text[64];
    if (r->command_runs) {
        stg_log(STG_LOG_WARN, "the command still runs: %s",
                r->command_refused ? "it is another user's and may not be sent SIGTERM: end it as that user or as root"
                                   : "it did not end within a second of SIGTERM");
    } else if (r->command_status != -1) {
        stg_record_status_text(r->command_status, text, sizeof text);
        stg_log(STG_LOG_INFO, "the command %s", text);
    }
}

static void say_lost(const struct stg_record_stats *s)
{
    char text[512];
    lost_text(s, text, sizeof text);
    stg_log(STG_LOG_WARN,
            "%llu event%s lost in %llu gap%s (%s): give a larger --ring, or filter; the gap%s in the trace",
            (unsigned long long)s->n_lost, s->n_lost == 1 ? " was" : "s were", (unsigned long long)s->n_gaps,
            s->n_gaps == 1 ? "" : "s", text, s->n_gaps == 1 ? " is" : "s are");
}

static void say_left_out(const struct stg_record_stats *s)
{
    stg_log(
        STG_LOG_WARN,
        "names were left out of their events, %llu of %s and %llu of %s: there were too many different ones; filter, "
        "or give --plain",
        (unsigned long long)s->n_no_path, s->n_no_path == 1 ? "a file" : "files", (unsigned long long)s->n_no_comm,
        s->n_no_comm == 1 ? "a thread" : "threads");
}

/* In the order in which events pass them: what came as far as the last of those that left out any is what may have been
 * meant. */
static const struct filter_words {
    const char *name, *counted, *look;
} filter_words[] = {
    {"process", "of other processes", "the processes of --pid, or of the command, made no call meanwhile"},
    {"cgroup", "outside of --cgroup",
     "/proc/PID/cgroup says where a process is; a command that is started here is where `strange` is"},
    {"comm", "of threads with other names than --comm", "/proc/PID/comm says what a process is called"},
    {"sample", "of processes that are not in the --sample", "give a larger part, as processes are in it or not"},
    {"call", "of calls that --calls leaves out", "strace -c says which calls a program makes"},
};

static uint64_t n_left_out_by(const struct stg_record_stats *s, const char *filter)
{
    for (size_t i = 0; i < STG_RECORD_N_FILTERS; i++) {
        if (strcmp(stg_record_filter_name(i), filter) == 0) {
            return s->n_filtered[i];
        }
    }
    return 0;
}

/* A recording without a call is what a filter that names the wrong thing makes. */
static void say_nothing_passed(const struct stg_record_stats *s)
{
    char text[512] = "";
    const char *look = NULL;
    if (s->n_by_kind[STG_EVENT_ENTRY] + s->n_by_kind[STG_EVENT_EXIT] + s->n_lost > 0) {
        return;
    }
    for (size_t i = 0; i < sizeof filter_words / sizeof filter_words[0]; i++) {
        const struct filter_words *w = &filter_words[i];
        const uint64_t n = n_left_out_by(s, w->name);
        const size_t len = strlen(text);
        char digits[32];
        if (n > 0) {
            stg_format_count(n, digits, sizeof digits);
            snprintf(text + len, sizeof text - len, "%s%s %s", len > 0 ? ", " : "", digits, w->counted);
            look = w->look;
        }
    }
    if (look != NULL) {
        stg_log(STG_LOG_WARN, "the filters let no call pass: events left out are %s; %s", text, look);
    }
}

void stg_record_say(const struct stg_record_report *r)
{
    char events[32];
    const double seconds = (double)r->wall_ns / 1e9;
    stg_format_count(r->record.n_events, events, sizeof events);
    stg_log(STG_LOG_INFO, "%s: %s event%s in %.1f s (%.0f events/s), %.1f MiB; the recorder took %.1f %% of a CPU",
            r->path, events, r->record.n_events == 1 ? "" : "s", seconds,
            seconds > 0 ? (double)r->record.n_events / seconds : 0, (double)r->trace.n_bytes / (1 << 20),
            100 * cpu_part(r));
    say_nothing_passed(&r->record);
    if (r->record.n_lost > 0) {
        say_lost(&r->record);
    }
    if (r->record.n_untracked > 0) {
        stg_log(STG_LOG_WARN, "%llu process%s could not be followed: there were too many at a time",
                (unsigned long long)r->record.n_untracked, r->record.n_untracked == 1 ? "" : "es");
    }
    if (r->record.n_no_path > 0 || r->record.n_no_comm > 0) {
        say_left_out(&r->record);
    }
    if (r->record.n_damaged > 0) {
        stg_log(STG_LOG_WARN, "%llu record%s could not be read: a defect of this program",
                (unsigned long long)r->record.n_damaged, r->record.n_damaged == 1 ? "" : "s");
    }
    if (r->trace.n_removed_events > 0) {
        stg_log(STG_LOG_INFO, "%llu older event%s removed again to stay within the limit",
                (unsigned long long)r->trace.n_removed_events, r->trace.n_removed_events == 1 ? " was" : "s were");
    }
    if (r->end == STG_RECORD_TARGET_GONE) {
        stg_log(STG_LOG_INFO, "what was to be recorded has ended");
    }
    stg_record_say_command(r);
}

static json_t *counts_json(const struct stg_record_report *r)
{
    const struct stg_facts_count all[] = {
        {"entries", r->record.n_by_kind[STG_EVENT_ENTRY]},
        {"exits", r->record.n_by_kind[STG_EVENT_EXIT]},
        {"markers", r->record.n_by_kind[STG_EVENT_MARKER]},
        {"lost", r->record.n_lost},
        {"gaps", r->record.n_gaps},
        {"put_in_order", r->record.n_inverted},
        {"late", r->record.n_late},
        {"damaged", r->record.n_damaged},
        {"untracked_processes", r->record.n_untracked},
        {"paths_left_out", r->record.n_no_path},
        {"thread_names_left_out", r->record.n_no_comm},
        {"removed", r->trace.n_removed_events},
    };
    return stg_facts_counts(all, sizeof all / sizeof all[0]);
}

static json_t *filtered_json(const struct stg_record_stats *s)
{
    json_t *object = json_object();
    for (size_t i = 0; i < STG_RECORD_N_FILTERS; i++) {
        if (json_object_set_new(object, stg_record_filter_name(i), json_integer((json_int_t)s->n_filtered[i])) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *lost_json(const struct stg_record_stats *s)
{
    json_t *array = json_array();
    for (size_t i = 0; i < s->n_cpus; i++) {
        if (json_array_append_new(array, json_integer((json_int_t)s->lost_by_cpu[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static enum stg_status put_command(json_t *facts, const struct stg_record_report *r)
{
    char text[64];
    const int status = r->command_status;
    if (status == -1 && !r->command_runs) {
        return STG_OK;
    }
    stg_record_status_text(status, text, sizeof text);
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "command", json_string(text)));
    return status == -1
               ? STG_OK
               : stg_facts_put(facts, "command_status",
                               json_integer(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status)));
}

enum stg_status stg_record_print_json(const struct stg_record_report *r)
{
    enum stg_status status = STG_OK;
    struct stg_buffer out = STG_BUFFER_INIT;
    json_t *facts = json_object();
    const double seconds = (double)r->wall_ns / 1e9;
    STG_TRY(stg_facts_put(facts, "trace", stg_facts_string(r->path)));
    STG_TRY(stg_facts_put(facts, "end", json_string(stg_record_end_name(r->end))));
    STG_TRY(stg_facts_put(facts, "events", json_integer((json_int_t)r->record.n_events)));
    STG_TRY(stg_facts_put(facts, "lost", json_integer((json_int_t)r->record.n_lost)));
    STG_TRY(stg_facts_put(facts, "seconds", stg_facts_number(seconds)));
    STG_TRY(stg_facts_put(facts, "events_per_second",
                          stg_facts_number(seconds > 0 ? (double)r->record.n_events / seconds : 0)));
    STG_TRY(stg_facts_put(facts, "recorder_cpu", stg_facts_number(cpu_part(r))));
    STG_TRY(stg_facts_put(facts, "fullest_ring", stg_facts_number(r->record.most_used)));
    STG_TRY(stg_facts_put(facts, "bytes", json_integer((json_int_t)r->trace.n_bytes)));
    STG_TRY(stg_facts_put(facts, "snapshots", json_integer((json_int_t)r->n_snapshots)));
    STG_TRY(stg_facts_put(facts, "counts", counts_json(r)));
    STG_TRY(stg_facts_put(facts, "filtered", filtered_json(&r->record)));
    STG_TRY(stg_facts_put(facts, "lost_by_cpu", lost_json(&r->record)));
    STG_TRY(put_command(facts, r));
    STG_TRY(stg_facts_json(&out, "strange.record/1", facts));
    STG_TRY(stg_output_write(&out));
out:
    json_decref(facts);
    stg_buffer_fini(&out);
    return status;
}

static enum stg_status set_number(struct stg_ctf_writer *w, const char *key, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return stg_ctf_writer_set(w, key, text);
}

enum stg_status stg_record_set_facts(struct stg_ctf_writer *w, const struct stg_record_report *r)
{
    char text[512];
    STG_RETURN_IF_FAILED(stg_ctf_writer_set(w, "recording_end", stg_record_end_name(r->end)));
    STG_RETURN_IF_FAILED(set_number(w, "recorded_events", r->record.n_events));
    STG_RETURN_IF_FAILED(set_number(w, "lost_events", r->record.n_lost));
    if (r->record.n_no_path > 0) {
        STG_RETURN_IF_FAILED(set_number(w, "left_out_paths", r->record.n_no_path));
    }
    if (r->record.n_no_comm > 0) {
        STG_RETURN_IF_FAILED(set_number(w, "left_out_thread_names", r->record.n_no_comm));
    }
    lost_text(&r->record, text, sizeof text);
    STG_RETURN_IF_FAILED(stg_ctf_writer_set(w, "lost_events_by_cpu", text[0] == '\0' ? "none" : text));
    if (r->command_status != -1 || r->command_runs) {
        stg_record_status_text(r->command_status, text, sizeof text);
        STG_RETURN_IF_FAILED(stg_ctf_writer_set(w, "command", text));
    }
    return STG_OK;
}
