#include "cli/export_ctf.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/memory.h"
#include "detect/calibrate.h"
#include "detect/novel.h"

#include <stdio.h>
#include <string.h>

/* A sequence that has events to come. */
struct open_sequence {
    struct stg_seq seq;
    float *surprisal[1 + STG_SIDES]; /* (seq.n) as in struct stg_scored_sequence; owned; NULL: no such channel */
    size_t next;                     /* event */
    uint64_t serial;                 /* of events of one time, that of the sequence that began first comes first */
    double p_value;
    bool novel;
};

struct stg_ctf_export {
    struct stg_ctf_writer *writer;
    struct stg_ctf_field fields[STG_CTF_MAX_FIELDS];
    size_t n_fields;
    const struct stg_vocab *names;
    char *path;                  /* owned */
    struct open_sequence **heap; /* (n) the one whose event is next at the top; owned */
    size_t n, cap;
    uint64_t n_opened;
    bool calibrated, judged; /* which of p_value and verdict there are */
};

void stg_ctf_export_warn(const struct stg_ctf_writer *w, const char *path)
{
    struct stg_ctf_stats stats;
    stg_ctf_writer_stats(w, &stats);
    if (stats.n_clamped > 0) {
        stg_log(STG_LOG_WARN, "%s: %llu events were older than the one before them and got its time", path,
                (unsigned long long)stats.n_clamped);
    }
    if (stats.n_cut_comms > 0) {
        stg_log(STG_LOG_WARN, "%s: the thread names of %llu events were cut to 15 bytes", path,
                (unsigned long long)stats.n_cut_comms);
    }
}

/* --- The writer --- */

static void declare_fields(struct stg_ctf_export *c, const struct stg_model *m, double alpha)
{
    static const char *const names[1 + STG_SIDES] = {"surprisal", "surprisal_time", "surprisal_state"};
    static const char *const verdicts[] = {"known", "novel"};
    for (int k = 0; k <= STG_SIDES; k++) {
        if (k == 0 || m->side[k - 1] != NULL) {
            c->fields[c->n_fields++] = (struct stg_ctf_field){.name = names[k], .type = STG_CTF_REAL};
        }
    }
    c->fields[c->n_fields++] = (struct stg_ctf_field){.name = "sequence", .type = STG_CTF_NUMBER};
    c->calibrated = stg_calibrated(m);
    c->judged = stg_is_judged(m, alpha);
    if (c->calibrated) {
        c->fields[c->n_fields++] = (struct stg_ctf_field){.name = "p_value", .type = STG_CTF_REAL};
    }
    if (c->judged) {
        c->fields[c->n_fields++] =
            (struct stg_ctf_field){.name = "verdict", .type = STG_CTF_LABEL, .labels = verdicts, .n_labels = 2};
    }
}

static enum stg_status set_facts(struct stg_ctf_writer *w, const struct stg_ctf_export_settings *s)
{
    char date[21], alpha[32];
    stg_clock_date(date);
    snprintf(alpha, sizeof alpha, "%.9g", s->alpha);
    STG_RETURN_IF_FAILED(stg_ctf_writer_set(w, "export_format", "scored"));
    STG_RETURN_IF_FAILED(stg_ctf_writer_set(w, "export_model", s->model_path));
    STG_RETURN_IF_FAILED(stg_ctf_writer_set(w, "export_data", s->data_path));
    STG_RETURN_IF_FAILED(stg_ctf_writer_set(w, "export_alpha", alpha));
    STG_RETURN_IF_FAILED(stg_ctf_writer_set(w, "export_date", date));
    return stg_ctf_writer_set(w, "export_command_line", s->command == NULL ? "" : s->command);
}

enum stg_status stg_ctf_export_open(struct stg_ctf_export **out, const struct stg_ctf_export_settings *s)
{
    enum stg_status status = STG_OK;
    struct stg_ctf_export *c = NULL;
    struct stg_ctf_settings settings;
    *out = NULL;
    STG_TRY(stg_mem_zeroed(&c, 1, sizeof *c));
    c->names = s->names;
    STG_TRY(stg_mem_strdup(&c->path, s->path));
    declare_fields(c, s->model, s->alpha);
    stg_ctf_settings_default(&settings);
    settings.path = s->path;
    settings.names = s->names->calls;
    settings.comms = s->names->procs;
    settings.fields = c->fields;
    settings.n_fields = c->n_fields;
    settings.has_time = s->has_time;
    settings.all_or_nothing = true;
    STG_TRY(stg_ctf_writer_open(&c->writer, &settings));
    STG_TRY(set_facts(c->writer, s));
    *out = c;
    return STG_OK;
out:;
    const enum stg_status closed = c == NULL ? STG_OK : stg_ctf_export_close(c, false);
    return status == STG_OK ? closed : status;
}

/* --- Events --- */

/* As the event's name or thread name; special tokens stand for what has none. */
static uint32_t name_of(const struct stg_strings *names, uint16_t id)
{
    return id >= STG_TOKEN_SPECIALS && id < stg_strings_count(names) ? id : STG_NAME_NONE;
}

static void set_return(struct stg_event *e, int64_t ret)
{
    if (ret == STG_RET_FAILED || ret == STG_RET_SUCCEEDED) {
        e->ret = ret == STG_RET_FAILED ? -1 : 0;
        e->has |= STG_HAS_CLASS;
    } else if (ret != STG_RET_ABSENT) {
        e->ret = ret;
        e->has |= STG_HAS_RET;
    }
}

static int64_t due(const struct open_sequence *o)
{
    return o->seq.begin_ns + o->seq.time_ns[o->next];
}

static struct stg_event next_event(const struct stg_ctf_export *c, const struct open_sequence *o)
{
    const struct stg_seq *seq = &o->seq;
    const size_t i = o->next;
    const uint16_t t = seq->thread[i];
    const uint8_t phase = seq->phase[i];
    const int64_t ns = due(o);
    struct stg_event e = {.ts_ns = ns > 0 ? (uint64_t)ns : 0,
                          .name = name_of(c->names->calls, seq->call[i]),
                          .comm = name_of(c->names->procs, seq->thread_proc[t]),
                          .pid = seq->thread_pid[t],
                          .tid = seq->thread_tid[t],
                          .kind = phase == STG_PHASE_ENTRY  ? STG_EVENT_ENTRY
                                  : phase == STG_PHASE_EXIT ? STG_EVENT_EXIT
                                                            : STG_EVENT_MARKER,
                          .has = STG_HAS_TIME};
    e.has = (uint16_t)(e.has | (e.pid != 0 ? STG_HAS_PID : 0) | (e.tid != 0 ? STG_HAS_TID : 0) |
                       (e.comm != STG_NAME_NONE ? STG_HAS_COMM : 0));
    if (phase == STG_PHASE_EXIT) {
        set_return(&e, seq->ret[i]);
    }
    return e;
}

/* In the order of declare_fields(). */
static void next_values(const struct stg_ctf_export *c, const struct open_sequence *o, union stg_ctf_value *out)
{
    for (int k = 0; k <= STG_SIDES; k++) {
        if (o->surprisal[k] != NULL) {
            (out++)->real = (double)o->surprisal[k][o->next];
        }
    }
    (out++)->number = o->seq.id;
    if (c->calibrated) {
        (out++)->real = o->p_value;
    }
    if (c->judged) {
        out->number = o->novel;
    }
}

/* --- The order of time --- */

static bool is_before(const struct open_sequence *a, const struct open_sequence *b)
{
    const int64_t s = due(a), t = due(b);
    return s != t ? s < t : a->serial < b->serial;
}

static void swap(struct open_sequence **a, struct open_sequence **b)
{
    struct open_sequence *was = *a;
    *a = *b;
    *b = was;
}

static void sift_up(struct stg_ctf_export *c, size_t i)
{
    for (; i > 0 && is_before(c->heap[i], c->heap[(i - 1) / 2]); i = (i - 1) / 2) {
        swap(&c->heap[i], &c->heap[(i - 1) / 2]);
    }
}

static void sift_down(struct stg_ctf_export *c)
{
    for (size_t i = 0;;) {
        size_t first = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < c->n; child++) {
            first = is_before(c->heap[child], c->heap[first]) ? child : first;
        }
        if (first == i) {
            return;
        }
        swap(&c->heap[i], &c->heap[first]);
        i = first;
    }
}

static void free_sequence(struct open_sequence *o)
{
    for (int k = 0; o != NULL && k <= STG_SIDES; k++) {
        stg_mem_free(o->surprisal[k]);
    }
    stg_mem_free(o);
}

/* Writes the events before the time; the sequences that have no more are closed. */
static enum stg_status put_until(struct stg_ctf_export *c, int64_t ns)
{
    union stg_ctf_value values[STG_CTF_MAX_FIELDS];
    while (c->n > 0 && due(c->heap[0]) < ns) {
        struct open_sequence *o = c->heap[0];
        const struct stg_event e = next_event(c, o);
        next_values(c, o, values);
        STG_RETURN_IF_FAILED(stg_interrupt_check());
        STG_RETURN_IF_FAILED(stg_ctf_writer_put_valued(c->writer, &e, values));
        if (++o->next == o->seq.n) {
            free_sequence(o);
            c->heap[0] = c->heap[--c->n];
        }
        sift_down(c);
    }
    return STG_OK;
}

enum stg_status stg_ctf_export_put(struct stg_ctf_export *c, const struct stg_scored_sequence *s)
{
    enum stg_status status = STG_OK;
    struct open_sequence *o = NULL;
    STG_TRY(put_until(c, s->seq->begin_ns));
    if (s->seq->n == 0) {
        return STG_OK;
    }
    STG_TRY(stg_mem_grow(&c->heap, &c->cap, c->n + 1, sizeof *c->heap));
    STG_TRY(stg_mem_zeroed(&o, 1, sizeof *o));
    *o = (struct open_sequence){.seq = *s->seq, .serial = c->n_opened++, .p_value = s->p_value, .novel = s->novel};
    for (int k = 0; k <= STG_SIDES; k++) {
        const float *from = k == 0 ? s->surprisal : s->side[k - 1];
        if (from != NULL) {
            STG_TRY(stg_mem_dup(&o->surprisal[k], from, o->seq.n * sizeof *from));
        }
    }
    c->heap[c->n++] = o;
    sift_up(c, c->n - 1);
    return STG_OK;
out:
    free_sequence(o);
    return status;
}

enum stg_status stg_ctf_export_close(struct stg_ctf_export *c, bool commit)
{
    enum stg_status status = commit ? put_until(c, INT64_MAX) : STG_OK;
    if (c->writer != NULL) {
        if (commit && status == STG_OK) {
            stg_ctf_export_warn(c->writer, c->path);
        }
        const enum stg_status closed = stg_sink_close(stg_ctf_writer_sink(c->writer), commit && status == STG_OK);
        status = status == STG_OK ? closed : status;
    }
    for (size_t i = 0; i < c->n; i++) {
        free_sequence(c->heap[i]);
    }
    stg_mem_free(c->heap);
    stg_mem_free(c->path);
    stg_mem_free(c);
    return status;
}
