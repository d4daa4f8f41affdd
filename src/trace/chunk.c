/* CTF writer: the trace directory, or a row of them where recordings rotate. Each is a complete trace of its own. */
#include "trace/ctf_internal.h"

#include "base/memory.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ALLOCATE_AHEAD ((uint64_t)1 << 20)

static bool rotates(const struct stg_ctf_writer *w)
{
    return w->settings.rotate_size > 0 || w->settings.rotate_ns > 0;
}

static void chunk_path(const struct stg_ctf_writer *w, uint64_t number, const char *hidden, char out[PATH_MAX])
{
    if (rotates(w)) {
        (void)snprintf(out, PATH_MAX, "%s/%s%06llu", w->settings.path, hidden, (unsigned long long)number);
    } else {
        (void)snprintf(out, PATH_MAX, "%s", w->settings.path);
    }
}

static uint64_t bytes_on_disk(const struct stg_ctf_writer *w)
{
    return w->chunk.n_bytes + w->metadata_size + w->finished_bytes;
}

/* --- max_size --- */

/* A chunk goes by its name first: what is half removed is not found by readers. */
static enum stg_status remove_oldest(struct stg_ctf_writer *w)
{
    char path[PATH_MAX], hidden[PATH_MAX];
    const struct trace_chunk oldest = w->finished[0];
    chunk_path(w, oldest.number, "", path);
    chunk_path(w, oldest.number, ".removed-", hidden);
    if (rename(path, hidden) != 0 || !trace_dir_remove(hidden, true)) {
        return stg_fail_errno("%s: cannot remove the oldest part of the trace", path);
    }
    w->n_finished--;
    w->finished_bytes -= oldest.n_bytes;
    memmove(w->finished, w->finished + 1, w->n_finished * sizeof *w->finished);
    w->stats.n_removed_events += oldest.n_events;
    w->stats.n_removed_bytes += oldest.n_bytes;
    w->stats.n_removed_chunks++;
    w->metadata_stale = true;
    return STG_OK;
}

static enum stg_status make_room(struct stg_ctf_writer *w, uint64_t n_bytes)
{
    while (w->settings.max_size > 0 && w->n_finished > 0 && bytes_on_disk(w) + n_bytes > w->settings.max_size) {
        STG_RETURN_IF_FAILED(remove_oldest(w));
    }
    return STG_OK;
}

/* n_ahead: bytes that are written right after it, for which there has to be room, too. */
static enum stg_status write_metadata(struct stg_ctf_writer *w, bool complete, uint64_t n_ahead)
{
    enum stg_status status = STG_OK;
    struct stg_buffer text = STG_BUFFER_INIT;
    STG_TRY(trace_metadata_put(&text, w, w->uuid, complete));
    const uint64_t n_removed = w->stats.n_removed_chunks;
    STG_TRY(make_room(w, (text.len > w->metadata_size ? text.len - w->metadata_size : 0) + n_ahead));
    if (w->stats.n_removed_chunks != n_removed) { /* to be told at once */
        stg_buffer_clear(&text);
        STG_TRY(trace_metadata_put(&text, w, w->uuid, complete));
    }
    STG_TRY(trace_dir_metadata(&w->dir, &text));
    w->metadata_size = text.len;
    w->bare_size = text.len - w->needed_size;
    w->metadata_stale = false;
    w->stats.n_bytes = bytes_on_disk(w);
out:
    stg_buffer_fini(&text);
    return status;
}

/* --- Chunks --- */

enum stg_status trace_chunk_begin(struct stg_ctf_writer *w)
{
    char path[PATH_MAX];
    bool made = false;
    w->chunk = (struct trace_chunk){.number = rotates(w) ? w->stats.n_chunks + 1 : 0};
    w->metadata_size = w->needed_size = 0;
    w->rotate_due = false;
    w->rotate_at_ns = UINT64_MAX;
    w->chunk_has_time = false;
    trace_uuid_make(w->uuid);
    for (size_t i = 0; i < w->n_streams; i++) {
        struct trace_stream *s = w->streams[i];
        s->has_packet = false;
        s->owes = false;
        s->n_discarded = s->i_packet = 0;
    }
    chunk_path(w, w->chunk.number, "", path);
    STG_RETURN_IF_FAILED(trace_dir_make(&w->dir, path, !rotates(w), &made));
    w->stats.n_chunks++;
    w->made_root = w->made_root || (made && !rotates(w));
    return write_metadata(w, false, 0);
}

/* At rotate_size of max_size / 8 packets take less: files that end at multiples of two packets take at most a quarter
 * more, and so may those that are still in memory. What is left is for metadata. */
bool trace_chunk_is_full(const struct stg_ctf_writer *w)
{
    const uint64_t size = w->chunk.n_bytes + w->bare_size + w->needed_size;
    return w->settings.max_size > 0 && w->needed_size > 0 && size > w->settings.max_size / 8 * 5;
}

enum stg_status trace_chunk_end(struct stg_ctf_writer *w)
{
    enum stg_status status = STG_OK;
    for (size_t i = 0; i < w->n_streams; i++) {
        struct trace_file *f = &w->streams[i]->file;
        w->chunk.n_bytes -= f->size - f->used;
        const enum stg_status one = trace_file_finish(f, &w->dir, w->streams[i]->cpu);
        status = status == STG_OK ? one : status;
    }
    if (status == STG_OK && !w->failed) {
        status = write_metadata(w, true, 0);
    }
    trace_dir_fini(&w->dir);
    return status;
}

enum stg_status trace_chunk_rotate(struct stg_ctf_writer *w)
{
    STG_RETURN_IF_FAILED(trace_streams_flush(w));
    STG_RETURN_IF_FAILED(trace_chunk_end(w));
    STG_RETURN_IF_FAILED(stg_mem_grow(&w->finished, &w->cap_finished, w->n_finished + 1, sizeof *w->finished));
    w->chunk.n_bytes += w->metadata_size;
    w->finished[w->n_finished++] = w->chunk;
    w->finished_bytes += w->chunk.n_bytes;
    return trace_chunk_begin(w);
}

enum stg_status trace_chunk_write(struct stg_ctf_writer *w, struct trace_stream *s, size_t size, uint64_t n_events)
{
    const uint64_t before = s->file.size;
    w->growth.step = 2 * w->packet_limit;
    w->growth.ahead = w->settings.max_size > 0 ? 0 : ALLOCATE_AHEAD; /* a bound is one of the disk, too */
    const uint64_t n_more = s->file.used + size > before ? size + w->growth.step + 4096 : 0; /* files end at pages */
    if (n_more > 0) {
        STG_RETURN_IF_FAILED(make_room(w, n_more));
    }
    if (w->metadata_stale) {
        STG_RETURN_IF_FAILED(write_metadata(w, false, n_more)); /* before the packet that needs it */
    }
    STG_RETURN_IF_FAILED(trace_file_append(&s->file, &w->dir, s->cpu, s->packet, size, &w->growth));
    w->chunk.n_bytes += s->file.size - before;
    w->chunk.n_packet_bytes += size;
    w->chunk.n_events += n_events;
    w->stats.n_bytes = bytes_on_disk(w);
    w->rotate_due =
        w->rotate_due || (w->settings.rotate_size > 0 && w->chunk.n_packet_bytes >= w->settings.rotate_size);
    return STG_OK;
}

void trace_chunk_abandon(struct stg_ctf_writer *w)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < w->n_streams; i++) {
        if (w->streams[i]->file.fd >= 0) {
            close(w->streams[i]->file.fd);
            w->streams[i]->file.fd = -1;
        }
    }
    trace_dir_fini(&w->dir);
    for (size_t i = 0; i < w->n_finished; i++) {
        chunk_path(w, w->finished[i].number, "", path);
        (void)trace_dir_remove(path, true);
    }
    if (w->stats.n_chunks > 0) {
        chunk_path(w, w->chunk.number, "", path);
        (void)trace_dir_remove(path, rotates(w) || w->made_root);
    }
    if (rotates(w) && w->made_root) {
        (void)rmdir(w->settings.path);
    }
}
