/* CTF writer: the flight recorder. Packets are kept as they would be written; what falls out of the window is
 * counted. */
#include "trace/ctf_internal.h"

#include "base/memory.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct trace_kept *kept_at(const struct trace_flight *f, size_t i)
{
    return &f->items[(f->first + i) & (f->cap - 1)];
}

static void drop_oldest(struct stg_ctf_writer *w)
{
    struct trace_flight *f = &w->flight;
    struct trace_kept *oldest = kept_at(f, 0);
    f->n_bytes -= oldest->size;
    w->stats.n_removed_events += oldest->n_events;
    w->stats.n_removed_bytes += oldest->size;
    stg_mem_free(oldest->data);
    f->first = (f->first + 1) & (f->cap - 1);
    f->n--;
}

void trace_flight_forget(struct stg_ctf_writer *w, uint64_t now_ns)
{
    struct trace_flight *f = &w->flight;
    f->newest_ns = now_ns > f->newest_ns ? now_ns : f->newest_ns;
    while (f->n > 0 && (f->n_bytes > w->settings.flight_size ||
                        (w->settings.has_time && kept_at(f, 0)->end_ns + w->settings.flight_ns < f->newest_ns))) {
        drop_oldest(w);
    }
    w->stats.n_bytes = f->n_bytes;
}

static enum stg_status grow(struct trace_flight *f)
{
    struct trace_kept *larger = NULL;
    const size_t cap = f->cap == 0 ? 64 : f->cap * 2;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&larger, cap, sizeof *larger));
    for (size_t i = 0; i < f->n; i++) {
        larger[i] = *kept_at(f, i);
    }
    stg_mem_free(f->items);
    f->items = larger;
    f->cap = cap;
    f->first = 0;
    return STG_OK;
}

enum stg_status trace_flight_add(struct stg_ctf_writer *w, uint32_t i_stream, size_t size, uint64_t n_events)
{
    struct trace_flight *f = &w->flight;
    const struct trace_stream *s = w->streams[i_stream];
    struct trace_kept kept = {.size = size, .i_stream = i_stream, .end_ns = s->last_ns, .n_events = n_events};
    if (f->n == f->cap) {
        STG_RETURN_IF_FAILED(grow(f));
    }
    STG_RETURN_IF_FAILED(stg_mem_dup(&kept.data, s->packet, size));
    f->items[(f->first + f->n) & (f->cap - 1)] = kept;
    f->n++;
    f->n_bytes += size;
    trace_flight_forget(w, s->last_ns);
    return STG_OK;
}

void trace_flight_fini(struct trace_flight *f)
{
    for (size_t i = 0; i < f->n; i++) {
        stg_mem_free(kept_at(f, i)->data);
    }
    stg_mem_free(f->items);
    *f = (struct trace_flight){0};
}

/* --- Snapshots --- */

/* The packets of a stream. Counts begin anew, as readers would take what was lost before the window for a gap at its
 * begin. */
static enum stg_status write_stream(const struct stg_ctf_writer *w, uint32_t i_stream, const struct trace_dir *d,
                                    const uint8_t uuid[16])
{
    enum stg_status status = STG_OK;
    struct trace_file file = {.fd = -1};
    struct trace_growth growth = {.step = 2 * w->packet_limit};
    const uint32_t cpu = w->streams[i_stream]->cpu;
    uint8_t *packet = NULL;
    uint64_t n_discarded = 0, i_packet = 0;
    STG_TRY(stg_mem_zeroed(&packet, w->settings.packet_size, 1));
    for (size_t i = 0; i < w->flight.n; i++) {
        const struct trace_kept *kept = kept_at(&w->flight, i);
        if (kept->i_stream != i_stream) {
            continue;
        }
        memcpy(packet, kept->data, kept->size);
        if (file.fd < 0) {
            n_discarded = trace_get_u64(packet + TRACE_AT_DISCARDED);
            i_packet = trace_get_u64(packet + TRACE_AT_SEQUENCE);
        }
        memcpy(packet + TRACE_AT_UUID, uuid, 16);
        trace_put_u64(packet + TRACE_AT_DISCARDED, trace_get_u64(packet + TRACE_AT_DISCARDED) - n_discarded);
        trace_put_u64(packet + TRACE_AT_SEQUENCE, trace_get_u64(packet + TRACE_AT_SEQUENCE) - i_packet);
        STG_TRY(trace_file_append(&file, d, cpu, packet, kept->size, &growth));
    }
    STG_TRY(trace_file_finish(&file, d, cpu));
out:
    if (file.fd >= 0) {
        close(file.fd);
    }
    trace_growth_fini(&growth);
    stg_mem_free(packet);
    return status;
}

/* "dir/name" → "dir/.name.part": beside it, hidden. */
static enum stg_status draft_path(const char *path, char out[PATH_MAX])
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    size_t i_name = len;
    while (i_name > 0 && path[i_name - 1] != '/') {
        i_name--;
    }
    const int n = snprintf(out, PATH_MAX, "%.*s.%.*s.part", (int)i_name, path, (int)(len - i_name), path + i_name);
    if (n < 0 || n >= PATH_MAX || i_name == len) {
        return stg_fail(STG_ERR_USAGE, "%s: no path for a trace: give the name of a new directory", path);
    }
    return STG_OK;
}

enum stg_status trace_flight_write(struct stg_ctf_writer *w, const char *path)
{
    enum stg_status status = STG_OK;
    struct stg_buffer text = STG_BUFFER_INIT;
    struct trace_dir d = {.fd = -1};
    char draft[PATH_MAX];
    uint8_t uuid[16];
    bool made = false;
    STG_RETURN_IF_FAILED(draft_path(path, draft));
    if (access(path, F_OK) == 0) {
        return stg_fail(STG_ERR_USAGE, "%s: is already there: remove it or name another one", path);
    }
    trace_uuid_make(uuid);
    STG_TRY(trace_dir_make(&d, draft, false, &made));
    STG_TRY(trace_metadata_put(&text, w, uuid, true));
    STG_TRY(trace_dir_metadata(&d, &text));
    for (uint32_t i = 0; i < w->n_streams; i++) {
        STG_TRY(write_stream(w, i, &d, uuid));
    }
    if (renameat2(AT_FDCWD, draft, AT_FDCWD, path, RENAME_NOREPLACE) != 0) {
        STG_TRY(stg_fail_errno("%s: cannot give the finished trace its name", path));
    }
out:
    if (status != STG_OK && made) {
        (void)trace_dir_remove(draft, true);
    }
    trace_dir_fini(&d);
    stg_buffer_fini(&text);
    return status;
}
