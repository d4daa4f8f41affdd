/* CTF writer: what the caller sees. */
#include "trace/ctf_writer.h"

#include "trace/ctf_internal.h"

#include "base/memory.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_FLIGHT_SIZE (UINT64_C(256) << 20)

void stg_ctf_settings_default(struct stg_ctf_settings *s)
{
    *s = (struct stg_ctf_settings){.packet_size = (size_t)128 << 10, .max_age_ns = 1000000000, .has_time = true};
}

/* --- Open and close --- */

static void free_writer(struct stg_ctf_writer *w)
{
    if (w == NULL) {
        return;
    }
    trace_streams_fini(w);
    trace_classes_fini(&w->classes);
    trace_facts_fini(&w->facts);
    trace_flight_fini(&w->flight);
    trace_growth_fini(&w->growth);
    trace_dir_fini(&w->dir);
    stg_mem_free(w->finished);
    stg_mem_free(w->failure_message);
    stg_mem_free((char *)w->settings.path);
    stg_mem_free((char *)w->settings.name);
    stg_mem_free(w);
}

static enum stg_status check_settings(const struct stg_ctf_settings *s)
{
    if (s->names == NULL || s->comms == NULL || (s->path == NULL && s->flight_ns == 0)) {
        return stg_fail(STG_ERR_INTERNAL, "the CTF writer needs a path and the tables of names");
    }
    if (s->packet_size < TRACE_MIN_PACKET || s->packet_size > TRACE_MAX_PACKET) {
        return stg_fail(STG_ERR_USAGE, "a packet of %zu bytes: between %zu and %zu are possible", s->packet_size,
                        TRACE_MIN_PACKET, TRACE_MAX_PACKET);
    }
    if (s->max_size > 0 && s->max_size < 16 * TRACE_MIN_PACKET) {
        return stg_fail(STG_ERR_USAGE, "a maximum size of %llu bytes: at least %zu are needed",
                        (unsigned long long)s->max_size, 16 * TRACE_MIN_PACKET);
    }
    if (s->n_fields > STG_CTF_MAX_FIELDS) {
        return stg_fail(STG_ERR_INTERNAL, "the CTF writer takes %d fields, not %zu", STG_CTF_MAX_FIELDS, s->n_fields);
    }
    if (s->path != NULL && (*s->path == '\0' || strlen(s->path) > PATH_MAX - 64)) {
        return stg_fail(STG_ERR_USAGE, "the path of the trace is empty or too long: give another one");
    }
    return STG_OK;
}

static enum stg_status copy_settings(struct stg_ctf_writer *w, const struct stg_ctf_settings *from)
{
    char *path = NULL, *name = NULL;
    w->settings = *from;
    w->settings.path = w->settings.name = NULL;
    STG_RETURN_IF_FAILED(stg_mem_strdup(&path, from->path == NULL ? "flight" : from->path));
    w->settings.path = path;
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--) {
        path[n - 1] = '\0';
    }
    const char *slash = strrchr(path, '/');
    STG_RETURN_IF_FAILED(stg_mem_strdup(&name, from->name != NULL ? from->name : slash != NULL ? slash + 1 : path));
    w->settings.name = name;
    if (from->flight_ns > 0) {
        w->settings.rotate_size = w->settings.rotate_ns = w->settings.max_size = 0;
        w->settings.flight_size = from->flight_size > 0 ? from->flight_size : DEFAULT_FLIGHT_SIZE;
    } else if (from->max_size > 0 && (from->rotate_size == 0 || from->rotate_size > from->max_size / 8)) {
        w->settings.rotate_size = from->max_size / 8;
    }
    w->packet_limit = from->packet_size;
    return STG_OK;
}

/* The directory that holds chunks or snapshots. */
static enum stg_status make_root(struct stg_ctf_writer *w)
{
    struct trace_dir root;
    STG_RETURN_IF_FAILED(trace_dir_make(&root, w->settings.path, true, &w->made_root));
    trace_dir_fini(&root);
    return STG_OK;
}

/* A snapshot is written when something has happened: whether it can be is to be known before. */
static enum stg_status begin_flight(struct stg_ctf_writer *w, bool has_path)
{
    trace_uuid_make(w->uuid);
    if (!has_path) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(make_root(w));
    if (access(w->settings.path, W_OK | X_OK) == 0) {
        return STG_OK;
    }
    const enum stg_status status = stg_fail_errno("%s: cannot write there", w->settings.path);
    if (w->made_root) {
        (void)rmdir(w->settings.path);
    }
    return status;
}

static enum stg_status begin(struct stg_ctf_writer *w)
{
    if (w->settings.rotate_size > 0 || w->settings.rotate_ns > 0) {
        STG_RETURN_IF_FAILED(make_root(w));
    }
    const enum stg_status status = trace_chunk_begin(w);
    if (status != STG_OK) {
        trace_chunk_abandon(w);
    }
    return status;
}

/* Fails again as it failed first. */
static enum stg_status fail_again(const struct stg_ctf_writer *w)
{
    return stg_fail(w->failure, "%s",
                    w->failure_message == NULL ? "the trace could not be written" : w->failure_message);
}

/* What went wrong once ends the writing: packets that came later would look as if nothing were missing. */
static enum stg_status note_failure(struct stg_ctf_writer *w, enum stg_status status)
{
    if (status != STG_OK && !w->failed) {
        w->failed = true;
        w->failure = status;
        const size_t len = strlen(stg_status_message());
        char *copy = NULL;
        if (stg_mem_dup(&copy, stg_status_message(), len + 1) == STG_OK) {
            w->failure_message = copy;
        }
    }
    return status == STG_OK || w->failure_message == NULL ? status : fail_again(w);
}

static void end(struct stg_ctf_writer *w)
{
    if (w->settings.last != NULL) {
        *w->settings.last = w->stats;
    }
    free_writer(w);
}

static enum stg_status close_sink(struct stg_sink *sink, int commit)
{
    struct stg_ctf_writer *w = (struct stg_ctf_writer *)sink;
    if (w->settings.flight_ns > 0) {
        if (!commit && w->made_root) {
            (void)rmdir(w->settings.path); /* which fails when it has snapshots */
        }
        end(w);
        return STG_OK;
    }
    if (!commit) {
        trace_chunk_abandon(w);
        end(w);
        return STG_OK;
    }
    if (!w->failed) {
        (void)note_failure(w, trace_streams_flush(w)); /* fail_again() says it, after the chunk has got its end */
    }
    const enum stg_status ended = trace_chunk_end(w);
    const enum stg_status status = w->failed ? fail_again(w) : ended;
    if (status != STG_OK && w->settings.all_or_nothing) {
        trace_chunk_abandon(w);
    }
    end(w);
    return status;
}

/* --- Events --- */

static enum stg_status put_event(struct stg_ctf_writer *w, const struct stg_event *e, const union stg_ctf_value *values)
{
    if (w->rotate_due || trace_chunk_is_full(w) || (e->ts_ns >= w->rotate_at_ns && w->settings.has_time)) {
        STG_RETURN_IF_FAILED(trace_chunk_rotate(w));
    }
    if (!w->chunk_has_time && e->kind != STG_EVENT_LOST) { /* which may have been long ago */
        w->chunk_has_time = true;
        w->rotate_at_ns = w->settings.rotate_ns == 0 || e->ts_ns > UINT64_MAX - w->settings.rotate_ns
                              ? UINT64_MAX
                              : e->ts_ns + w->settings.rotate_ns;
    }
    return trace_stream_put(w, e, values);
}

static enum stg_status put(struct stg_sink *sink, const struct stg_event *events, size_t n)
{
    struct stg_ctf_writer *w = (struct stg_ctf_writer *)sink;
    if (w->failed) {
        return fail_again(w);
    }
    for (size_t i = 0; i < n; i++) {
        const enum stg_status status = put_event(w, &events[i], NULL);
        if (status != STG_OK) {
            return note_failure(w, status);
        }
    }
    return STG_OK;
}

enum stg_status stg_ctf_writer_put_valued(struct stg_ctf_writer *w, const struct stg_event *e,
                                          const union stg_ctf_value *values)
{
    return w->failed ? fail_again(w) : note_failure(w, put_event(w, e, values));
}

static const struct stg_sink_ops sink_ops = {.name = "ctf", .put = put, .close = close_sink};

enum stg_status stg_ctf_writer_open(struct stg_ctf_writer **out, const struct stg_ctf_settings *settings)
{
    enum stg_status status = STG_OK;
    struct stg_ctf_writer *w = NULL;
    *out = NULL;
    STG_TRY(check_settings(settings));
    STG_TRY(stg_mem_zeroed(&w, 1, sizeof *w));
    w->dir.fd = -1;
    w->rotate_at_ns = UINT64_MAX;
    w->base = (struct stg_sink){&sink_ops, settings->names, settings->comms, settings->paths};
    trace_uuid_make(w->clock_uuid);
    STG_TRY(copy_settings(w, settings));
    STG_TRY(trace_streams_check(w, w->settings.n_cpus));
    STG_TRY(w->settings.flight_ns > 0 ? begin_flight(w, settings->path != NULL) : begin(w));
    *out = w;
    return STG_OK;
out:
    free_writer(w);
    return status;
}

struct stg_sink *stg_ctf_writer_sink(struct stg_ctf_writer *w)
{
    return &w->base;
}

enum stg_status stg_ctf_writer_set(struct stg_ctf_writer *w, const char *key, const char *value)
{
    w->metadata_stale = true;
    return trace_facts_set(&w->facts, key, value);
}

enum stg_status stg_ctf_writer_set_host(struct stg_ctf_writer *w)
{
    w->metadata_stale = true;
    return trace_facts_set_host(&w->facts);
}

static enum stg_status tick(struct stg_ctf_writer *w, uint64_t now_ns)
{
    for (size_t i = 0; i < w->n_streams && w->settings.max_age_ns > 0; i++) {
        struct trace_stream *s = w->streams[i];
        if (s->n_events > 0 && s->begin_ns + w->settings.max_age_ns <= now_ns) {
            STG_RETURN_IF_FAILED(trace_stream_flush(w, s));
        }
    }
    if (w->settings.flight_ns > 0) {
        trace_flight_forget(w, now_ns);
        return STG_OK;
    }
    return w->rotate_due || now_ns >= w->rotate_at_ns ? trace_chunk_rotate(w) : STG_OK;
}

enum stg_status stg_ctf_writer_tick(struct stg_ctf_writer *w, uint64_t now_ns)
{
    return w->failed ? fail_again(w) : note_failure(w, tick(w, now_ns));
}

enum stg_status stg_ctf_writer_snapshot(struct stg_ctf_writer *w, const char *path)
{
    if (w->settings.flight_ns == 0) {
        return stg_fail(STG_ERR_INTERNAL, "%s: a snapshot needs a flight recorder", path);
    }
    STG_RETURN_IF_FAILED(trace_streams_flush(w));
    return trace_flight_write(w, path);
}

void stg_ctf_writer_stats(const struct stg_ctf_writer *w, struct stg_ctf_stats *out)
{
    *out = w->stats;
}
