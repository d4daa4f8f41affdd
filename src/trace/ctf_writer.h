/* CTF writer: a sink that makes CTF 1.8 traces, one stream file per CPU, with LTTng's names. docs/formats/trace.md says
 * what is on disk.
 *
 * A process that is killed leaves a trace that opens up to the last packet of each stream: metadata are complete before
 * a packet that needs them, and a packet becomes visible by one aligned write of eight bytes when all of it is written.
 * What is still in memory is lost then: at most one packet per stream, and with stg_ctf_writer_tick() not more than
 * max_age_ns.
 *
 * Use: settings, open, set() for what is known of the recording, put() … put(), tick() now and then, close(1). One
 * thread at a time.
 *
 * Time: put() takes the events of a CPU in time order; CPUs need not be ordered among each other. An event older than
 * the last of its CPU gets that one's time and is counted (n_clamped), as CTF has no time going back within a stream.
 *
 * Loss: STG_EVENT_LOST ends the packet of its CPU at its time; an empty packet at the end of the gap carries the count.
 * Readers see the gap between the two. A gap without STG_HAS_COUNT is a missing packet number. A gap or an event
 * without STG_HAS_CPU goes into a stream whose cpu_id is 2^32 − 1. */
#ifndef STG_TRACE_CTF_WRITER_H
#define STG_TRACE_CTF_WRITER_H

#include "event/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STG_CTF_MAX_FIELDS 16

/* What every event of a trace carries beside its own: eight bytes in the events' common context. */
enum stg_ctf_type {
    STG_CTF_REAL,
    STG_CTF_NUMBER,
    STG_CTF_LABEL
}; /* a double; unsigned; unsigned with names for its values */
struct stg_ctf_field {
    const char *name; /* letters, digits and _; none of procname, pid, tid, cgroup_id */
    enum stg_ctf_type type;
    const char *const *labels; /* (n_labels) of the values 0 …; STG_CTF_LABEL */
    size_t n_labels;
};
union stg_ctf_value {
    double real;
    uint64_t number; /* STG_CTF_NUMBER, STG_CTF_LABEL */
};

struct stg_ctf_settings {
    const char *path; /* directory to make; it may exist if it is empty and, for root, writable to nobody else. Flight
                       * mode: of the snapshots, or NULL */
    /* The tables that the events' ids index; borrowed until close. They may grow. paths may be NULL (no event has a
     * path). */
    const struct stg_strings *names, *comms, *paths;
    const struct stg_ctf_field *fields; /* (n_fields) beside the events' own; borrowed until close */
    size_t n_fields;                    /* STG_CTF_MAX_FIELDS at most */
    const char *name;                   /* trace_name in the environment; NULL = the directory's last part */
    size_t packet_size;                 /* bytes of a full packet, 8 KiB … 16 MiB */
    uint64_t max_age_ns;                /* tick() ends packets whose first event is older; 0 = never */
    bool has_time;  /* false: events have no time (STG_HAS_TIME); order is all there is, and all go into one stream */
    bool has_clock; /* ts_ns + clock_offset_ns is wall-clock time since 1970 */
    int64_t clock_offset_ns; /* CLOCK_REALTIME − CLOCK_MONOTONIC for events with monotonic times */
    bool all_or_nothing;  /* a close(1) that fails removes what was written, as for a conversion, which can be run again
                           */
    uint64_t rotate_size; /* begin a new chunk (DIR/000001, DIR/000002 …) after so many bytes of packets; 0 = never */
    uint64_t rotate_ns;   /* … or so much time of events; 0 = never */
    uint64_t max_size; /* bytes on disk at most: the oldest chunks go, which is counted; 0 = any. Rotates by max_size /
                        * 8 where rotate_size says nothing. At least 16 packets */
    size_t n_cpus; /* of which events may come: max_size must do for them. 0: any number, and the first events of one
                      too many fail */
    uint64_t
        flight_ns; /* flight recorder: keep the last so many nanoseconds in memory, write nothing before snapshot() */
    uint64_t
        flight_size; /* … in at most so many bytes; then the oldest packets go earlier, which is counted. 0 = 256 MiB */
    struct stg_ctf_stats
        *last; /* filled when the writer is closed, which may still write packets and remove chunks; NULL: not wanted */
};

struct stg_ctf_stats {
    uint64_t n_events; /* put, gaps not counted */
    uint64_t n_lost;   /* sum of the gaps */
    uint64_t n_gaps;
    uint64_t n_clamped;   /* events that were older than the last of their CPU, and got its time */
    uint64_t n_cut_comms; /* events whose thread name was longer than 15 bytes and was cut */
    uint64_t n_packets;   /* written (flight: finished) */
    uint64_t n_bytes;     /* on disk now, metadata included (flight: in memory) */
    uint64_t n_chunks;    /* begun */
    uint64_t n_removed_events, n_removed_bytes, n_removed_chunks; /* for max_size; flight: fell out of the window */
};

struct stg_ctf_writer;

/* path, names, comms: must be set by the caller. Packets of 128 KiB, an age of 1 s, time but no clock. */
void stg_ctf_settings_default(struct stg_ctf_settings *s);

/* *out owned by the caller, ended by stg_sink_close() of stg_ctf_writer_sink(). The directory is made and holds an
 * empty trace. A directory that is not empty, root's that others may write in, or that cannot be made is STG_ERR_USAGE
 * or STG_ERR_IO with one line, and nothing is left. */
enum stg_status stg_ctf_writer_open(struct stg_ctf_writer **out, const struct stg_ctf_settings *settings) STG_MUST_USE;

/* The sink: put(events, n) and close(commit). put() fails with STG_ERR_IO when the disk is full (and every time from
 * then on); what was written before stays readable, so that close(1) is right then. close(1) writes what is in memory
 * (flight: discards it); its failure is what could not be written; the writer is freed in every case. close(0) removes
 * all that was written (flight: the directory, when it has no snapshot). */
struct stg_sink *stg_ctf_writer_sink(struct stg_ctf_writer *w);

/* put() of one event with what it carries beside its own, values (n_fields); put() itself is for writers without
 * fields. */
enum stg_status stg_ctf_writer_put_valued(struct stg_ctf_writer *w, const struct stg_event *e,
                                          const union stg_ctf_value *values) STG_MUST_USE;

/* A fact of the recording for the trace's environment: "command_line", "filters" … Key: letters, digits, _ (other bytes
 * become _). A later value of the same key replaces the earlier one. Facts set before the first event are in the
 * metadata from the start, later ones at the latest after close. At most 4096 bytes. */
enum stg_status stg_ctf_writer_set(struct stg_ctf_writer *w, const char *key, const char *value) STG_MUST_USE;
/* The facts of this machine: hostname, kernel_release, kernel_version, machine, cpu_model, n_cpus. Not for traces of
 * other machines. */
enum stg_status stg_ctf_writer_set_host(struct stg_ctf_writer *w) STG_MUST_USE;

/* Ends packets older than max_age_ns and rotates by time when it is due. now_ns: the events' clock. Call a few times a
 * second. */
enum stg_status stg_ctf_writer_tick(struct stg_ctf_writer *w, uint64_t now_ns) STG_MUST_USE;

/* Flight mode: writes what is kept as a complete trace to path, which must not exist and appears only when all of it is
 * there. The writer goes on. */
enum stg_status stg_ctf_writer_snapshot(struct stg_ctf_writer *w, const char *path) STG_MUST_USE;

void stg_ctf_writer_stats(const struct stg_ctf_writer *w, struct stg_ctf_stats *out);

#endif
