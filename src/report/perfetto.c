/* The Trace Event Format: an object with the array traceEvents, each event with name, ph (its kind), ts (microseconds),
 * pid and tid. Kinds: X a slice with dur, i an instant, C a counter, b and e the ends of an asynchronous slice, M a
 * name.
 *
 * Viewers read numbers as doubles. Of microseconds since 1970 these tell quarters: calls of a thread that follow each
 * other by less would overlap, and Perfetto drops a slice that ends after the one that it begins in. So times count
 * from a second shortly before the first of them. */
#include "report/export.h"
#include "report/json_parts.h"
#include "report/writer.h"

#include "base/keys.h"
#include "base/memory.h"
#include "event/syscalls.h"
#include "score/channels.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a counter hides: surprisals below are no news. */
#define COUNTED 1.0f

struct track {
    int64_t seen_ns; /* of its last event, INT64_MIN before */
    size_t same;     /* events of that time that were written */
    int64_t entry_ns;
    float surprisal, descriptor_surprisal; /* of the entry */
    int32_t pid, tid;
    uint16_t call; /* that was entered, 0: none */
};

struct stg_perfetto {
    struct stg_keys tids, pids;
    struct track *tracks; /* by index of tids */
    float *counter;       /* by index of pids: what was written last */
    size_t cap_tracks, cap_counter;
    char **calls; /* (n_calls) quoted names; owned */
    size_t n_calls;
    int64_t origin_ns;   /* what times count from: the whole second in which the first sequence begins */
    uint64_t n_left_out; /* events of threads for which there was no room */
    bool any, begun;
};

static void begin_event(struct stg_perfetto *p, struct writer *w)
{
    writer_put(w, p->any ? ",\n" : "\n");
    p->any = true;
}

/* "name": "…" of a text from data, as JSON. */
static void put_json_text(struct writer *w, const char *text)
{
    json_t *value = json_of_text(text);
    char *quoted = value == NULL ? NULL : json_dumps(value, JSON_ENCODE_ANY);
    json_decref(value);
    if (quoted == NULL) {
        w->status = w->status == STG_OK ? stg_fail(STG_ERR_MEMORY, "JSON: out of memory") : w->status;
        return;
    }
    writer_put(w, quoted);
    free(quoted);
}

/* Nanoseconds as microseconds, exactly. */
static void put_us(struct writer *w, const char *key, int64_t ns)
{
    const uint64_t size = ns < 0 ? (uint64_t)-ns : (uint64_t)ns;
    writer_printf(w, ", \"%s\": %s%" PRIu64 ".%03" PRIu64, key, ns < 0 ? "-" : "", size / 1000, size % 1000);
}

static void put_who(const struct stg_perfetto *p, struct writer *w, const char *ph, int64_t ns, int32_t pid,
                    int32_t tid)
{
    writer_printf(w, ", \"ph\": \"%s\"", ph);
    put_us(w, "ts", ns - p->origin_ns);
    writer_printf(w, ", \"pid\": %" PRId32 ", \"tid\": %" PRId32, pid, tid);
}

static void put_name(struct stg_perfetto *p, struct writer *w, const char *kind, int32_t pid, int32_t tid,
                     const char *name)
{
    begin_event(p, w);
    writer_printf(w, "{\"name\": \"%s\"", kind);
    put_who(p, w, "M", p->origin_ns, pid, tid);
    writer_put(w, ", \"args\": {\"name\": ");
    put_json_text(w, name);
    writer_put(w, "}}");
}

enum stg_status stg_perfetto_begin(struct stg_perfetto **out, struct stg_buffer *to)
{
    STG_RETURN_IF_FAILED(stg_mem_zeroed(out, 1, sizeof **out));
    return stg_buffer_printf(to, "{\"displayTimeUnit\": \"ns\", \"traceEvents\": [");
}

void stg_perfetto_free(struct stg_perfetto *p)
{
    if (p == NULL) {
        return;
    }
    stg_keys_fini(&p->tids);
    stg_keys_fini(&p->pids);
    stg_mem_free(p->tracks);
    stg_mem_free(p->counter);
    for (size_t i = 0; i < p->n_calls; i++) {
        stg_mem_free(p->calls[i]);
    }
    stg_mem_free((void *)p->calls);
    stg_mem_free(p);
}

static const char *name_of(const struct stg_strings *names, uint16_t id, const char *otherwise)
{
    return id >= STG_TOKEN_SPECIALS && id < stg_strings_count(names) ? stg_strings_get(names, id) : otherwise;
}

/* The track of a thread, named when it is new; NULL when there is no room. */
static enum stg_status track_of(struct stg_perfetto *p, struct writer *w, int32_t pid, int32_t tid, const char *process,
                                struct track **out)
{
    uint32_t i, k;
    const size_t n_tids = p->tids.n, n_pids = p->pids.n;
    *out = NULL;
    STG_RETURN_IF_FAILED(
        stg_keys_put(&p->tids, (uint64_t)(uint32_t)pid << 32 | (uint32_t)tid, STG_PERFETTO_THREADS, &i));
    STG_RETURN_IF_FAILED(stg_keys_put(&p->pids, (uint32_t)pid, STG_PERFETTO_THREADS, &k));
    STG_RETURN_IF_FAILED(stg_mem_grow(&p->tracks, &p->cap_tracks, p->tids.n, sizeof *p->tracks));
    STG_RETURN_IF_FAILED(stg_mem_grow(&p->counter, &p->cap_counter, p->pids.n, sizeof *p->counter));
    if (p->pids.n > n_pids) {
        p->counter[k] = 0;
        put_name(p, w, "process_name", pid, tid, pid != 0 ? process : "(processes not known)"); /* of all programs */
    }
    if (p->tids.n > n_tids) {
        p->tracks[i] = (struct track){.seen_ns = INT64_MIN, .pid = pid, .tid = tid};
        put_name(p, w, "thread_name", pid, tid, process);
    }
    *out = i == STG_KEYS_NONE ? NULL : &p->tracks[i];
    return w->status;
}

/* Whether the event was not written with an earlier sequence: threads' events come in order, so those up to the last
 * one were. */
static bool is_new(struct track *t, int64_t ns, int64_t *at_ns, size_t *n_at)
{
    *n_at = ns == *at_ns ? *n_at + 1 : 1; /* the how-manieth of its time in this sequence */
    *at_ns = ns;
    if (ns < t->seen_ns || (ns == t->seen_ns && *n_at <= t->same)) {
        return false;
    }
    t->same = *n_at;
    t->seen_ns = ns;
    return true;
}

static void put_surprisal(struct writer *w, const char *key, float surprisal)
{
    if (isfinite(surprisal)) {
        writer_printf(w, ", \"%s\": %.4g", key, (double)surprisal);
    }
}

/* A call that returned at exit_ns, or (has_exit false) had not. */
static void put_slice(struct stg_perfetto *p, struct writer *w, const struct track *t, const char *call,
                      int64_t exit_ns, int64_t ret, float surprisal, bool has_exit)
{
    begin_event(p, w);
    writer_put(w, "{\"name\": ");
    put_json_text(w, call);
    put_who(p, w, has_exit && t->call != 0 ? "X" : "i", t->call != 0 ? t->entry_ns : exit_ns, t->pid, t->tid);
    if (has_exit && t->call != 0) {
        put_us(w, "dur", exit_ns - t->entry_ns);
    } else {
        writer_put(w, ", \"s\": \"t\"");
    }
    writer_printf(w, ", \"cat\": \"call\", \"args\": {\"returned\": %d", has_exit);
    if (has_exit && ret > STG_RET_SUCCEEDED) {
        writer_printf(w, ", \"ret\": %" PRId64, ret);
        const char *name = ret < 0 && ret >= -4095 ? stg_errno_name((int)-ret) : NULL;
        if (name != NULL) {
            writer_printf(w, ", \"error\": \"%s\"", name);
        }
    }
    if (t->call != 0) {
        put_surprisal(w, "surprisal", t->surprisal);
        put_surprisal(w, "surprisal_descriptor", t->descriptor_surprisal);
    }
    if (has_exit) {
        put_surprisal(w, "surprisal_return", surprisal);
    }
    writer_put(w, "}}");
}

/* The counter of a process moves when there is something to see, and back. */
static void put_counter(struct stg_perfetto *p, struct writer *w, const struct track *t, int64_t ns, float surprisal)
{
    const uint32_t k = stg_keys_find(&p->pids, (uint32_t)t->pid);
    const float value = surprisal >= COUNTED ? fminf(surprisal, 100) : 0;
    if (k == STG_KEYS_NONE || (value < COUNTED && p->counter[k] < COUNTED)) {
        return;
    }
    p->counter[k] = value;
    begin_event(p, w);
    writer_put(w, "{\"name\": \"surprisal\"");
    put_who(p, w, "C", ns, t->pid, t->tid);
    writer_printf(w, ", \"args\": {\"nats\": %.4g}}", (double)value);
}

static void put_novel(struct stg_perfetto *p, struct writer *w, const struct stg_model *m,
                      const struct stg_scored_sequence *s)
{
    const struct stg_score *x = s->score;
    const char *why = stg_channel_loudest(m, x);
    for (int end = 0; end < 2; end++) {
        begin_event(p, w);
        writer_printf(w, "{\"name\": \"novel sequence %" PRIu64 "%s%s\"", x->id, why != NULL ? ": " : "",
                      why != NULL ? why : "");
        put_who(p, w, end ? "e" : "b", end ? x->end_ns : x->begin_ns, x->pid, x->tid);
        writer_printf(w, ", \"cat\": \"novel\", \"id\": %" PRIu64, x->id);
        if (!end) {
            writer_printf(w,
                          ", \"args\": {\"p_value\": %.6g, \"perplexity\": %.6g, \"events\": %" PRIu32
                          ", \"lost\": %" PRIu64 "}",
                          s->p_value, fmin(exp((double)x->value[STG_AGGREGATE_MEAN]), 1e300), x->n_events, x->n_lost);
        }
        writer_put(w, "}");
    }
}

/* A call's name outlives the sequence that it was entered in: of what is open only the id is kept. */
static void put_event(struct stg_perfetto *p, struct writer *w, const struct stg_scored_sequence *s, struct track *t,
                      size_t i, int64_t ns)
{
    const struct stg_seq *seq = s->seq;
    const char *call = name_of(s->names->calls, seq->call[i], "(unknown call)");
    const float descriptor = s->side[STG_SIDE_STATE] == NULL ? NAN : s->side[STG_SIDE_STATE][i];
    if (seq->phase[i] != STG_PHASE_EXIT) {
        if (t->call != 0) {
            put_slice(p, w, t, name_of(s->names->calls, t->call, "(unknown call)"), ns, 0, NAN, false);
        }
        t->call = seq->call[i];
        t->entry_ns = ns;
        t->surprisal = s->surprisal[i];
        t->descriptor_surprisal = descriptor > 0 ? descriptor : NAN;
    } else {
        if (t->call != seq->call[i]) { /* its entry is not in the sequences */
            t->call = 0;
        }
        put_slice(p, w, t, call, ns, seq->ret[i], s->surprisal[i], true);
        t->call = 0;
    }
    put_counter(p, w, t, ns, s->surprisal[i]);
}

/* Names of calls for what is open at the end. */
static enum stg_status keep_names(struct stg_perfetto *p, const struct stg_strings *names)
{
    if (p->calls != NULL) {
        return STG_OK;
    }
    const size_t n = stg_strings_count(names);
    STG_RETURN_IF_FAILED(stg_mem_zeroed((void *)&p->calls, n, sizeof *p->calls));
    for (; p->n_calls < n; p->n_calls++) {
        STG_RETURN_IF_FAILED(stg_mem_strdup(&p->calls[p->n_calls], stg_strings_get(names, (uint32_t)p->n_calls)));
    }
    return STG_OK;
}

enum stg_status stg_perfetto_put(struct stg_perfetto *p, struct stg_buffer *to, const struct stg_model *m,
                                 const struct stg_scored_sequence *s)
{
    enum stg_status status = STG_OK;
    struct writer w = {to, STG_OK};
    const struct stg_seq *seq = s->seq;
    struct {
        int64_t ns;
        size_t n;
    } *at = NULL; /* (threads) */
    if (!p->begun) {
        p->origin_ns = seq->begin_ns - seq->begin_ns % 1000000000;
        p->begun = true;
    }
    STG_TRY(keep_names(p, s->names->calls));
    STG_TRY(stg_mem_zeroed(&at, seq->n_threads, sizeof *at));
    for (size_t t = 0; t < seq->n_threads; t++) {
        at[t].ns = INT64_MIN;
    }
    for (size_t i = 0; i < seq->n; i++) {
        const uint16_t t = seq->thread[i];
        const int64_t ns = seq->begin_ns + seq->time_ns[i];
        struct track *track;
        STG_TRY(track_of(p, &w, seq->thread_pid[t], seq->thread_tid[t],
                         name_of(s->names->procs, seq->thread_proc[t], ""), &track));
        if (track == NULL) {
            p->n_left_out++;
        } else if (is_new(track, ns, &at[t].ns, &at[t].n)) {
            put_event(p, &w, s, track, i, ns);
        }
    }
    if (s->novel) {
        put_novel(p, &w, m, s);
    }
    STG_TRY(w.status);
out:
    stg_mem_free(at);
    return status;
}

enum stg_status stg_perfetto_end(struct stg_perfetto *p, struct stg_buffer *to)
{
    struct writer w = {to, STG_OK};
    for (size_t i = 0; i < p->tids.n; i++) {
        const struct track *t = &p->tracks[i];
        if (t->call != 0) {
            put_slice(p, &w, t,
                      t->call >= STG_TOKEN_SPECIALS && t->call < p->n_calls ? p->calls[t->call] : "(unknown call)",
                      t->entry_ns, 0, NAN, false);
        }
    }
    writer_printf(&w, "\n], \"otherData\": {\"writer\": \"strange " STG_VERSION "\", \"origin_s\": %" PRId64,
                  p->origin_ns / 1000000000);
    if (p->n_left_out > 0) {
        writer_printf(&w, ", \"left_out_events\": %" PRIu64, p->n_left_out);
    }
    writer_put(&w, "}}\n");
    return w.status;
}

uint64_t stg_perfetto_left_out(const struct stg_perfetto *p)
{
    return p->n_left_out;
}
