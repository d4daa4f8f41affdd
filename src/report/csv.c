#include "report/export.h"
#include "report/writer.h"

#include "score/channels.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* A name in quotes, quotes doubled; what could drive a terminal is replaced by writer_plain(). Quotes do not keep a
 * spreadsheet from computing what begins like a formula, so an apostrophe comes before that: names are a trace's, and
 * so anybody's. */
static void put_text(struct writer *w, const char *text)
{
    struct stg_buffer plain = STG_BUFFER_INIT;
    struct writer p = {&plain, STG_OK};
    writer_plain(&p, text, 0);
    writer_put(w, plain.len > 0 && strchr("=+-@", plain.data[0]) != NULL ? "\"'" : "\"");
    for (size_t i = 0; i < plain.len && p.status == STG_OK; i++) {
        writer_put(w, plain.data[i] == '"' ? "\"" : "");
        writer_printf(w, "%c", plain.data[i]);
    }
    writer_put(w, "\"");
    w->status = w->status == STG_OK ? p.status : w->status;
    stg_buffer_fini(&plain);
}

/* Empty where there is no number. */
static void put_number(struct writer *w, double value)
{
    if (isfinite(value)) {
        writer_printf(w, ",%.6g", value);
    } else {
        writer_put(w, ",");
    }
}

/* The last column, where there is one. */
static void end_row(struct writer *w, const struct stg_scored_sequence *s)
{
    if (s->file != NULL) {
        writer_put(w, ",");
        put_text(w, s->file);
    }
    writer_put(w, "\r\n");
}

enum stg_status stg_export_csv_sequence_head(struct stg_buffer *out, bool files)
{
    return stg_buffer_printf(out,
                             "id,begin_ns,end_ns,pid,tid,events,lost,unknown,perplexity,novelty,p_value,novel,"
                             "content,time,state,pace,load%s\r\n",
                             files ? ",file" : "");
}

enum stg_status stg_export_csv_sequence(struct stg_buffer *out, const struct stg_model *m,
                                        const struct stg_scored_sequence *s)
{
    struct writer w = {out, STG_OK};
    const struct stg_score *x = s->score;
    const bool has_novelty = stg_aggregate_has(m, STG_AGGREGATE_NOVELTY);
    writer_printf(&w, "%" PRIu64 ",%" PRId64 ",%" PRId64 ",%" PRId32 ",%" PRId32 ",%" PRIu32 ",%" PRIu64 ",%" PRIu32,
                  x->id, x->begin_ns, x->end_ns, x->pid, x->tid, x->n_events, x->n_lost, x->n_unknown);
    put_number(&w, exp((double)x->value[STG_AGGREGATE_MEAN]));
    put_number(&w, has_novelty ? exp((double)x->value[STG_AGGREGATE_NOVELTY]) : (double)NAN);
    put_number(&w, s->p_value);
    writer_put(&w, !s->judged ? "," : s->novel ? ",1" : ",0");
    for (int c = 0; c < STG_CHANNELS; c++) {
        put_number(&w, has_novelty && stg_channel_has(m, (enum stg_channel)c) ? (double)x->z[c] : (double)NAN);
    }
    end_row(&w, s);
    return w.status;
}

enum stg_status stg_export_csv_event_head(struct stg_buffer *out, bool files)
{
    return stg_buffer_printf(
        out, "id,time_ns,pid,tid,process,call,phase,ret,descriptor,surprisal,surprisal_time,surprisal_state%s\r\n",
        files ? ",file" : "");
}

static const char *name_of(const struct stg_strings *names, uint16_t id)
{
    return id >= STG_TOKEN_SPECIALS && id < stg_strings_count(names) ? stg_strings_get(names, id) : "";
}

enum stg_status stg_export_csv_events(struct stg_buffer *out, const struct stg_scored_sequence *s)
{
    static const char *const phases[] = {"", "entry", "exit", ""};
    struct writer w = {out, STG_OK};
    const struct stg_seq *seq = s->seq;
    for (size_t i = 0; i < seq->n && w.status == STG_OK; i++) {
        const uint16_t t = seq->thread[i];
        const bool is_exit = seq->phase[i] == STG_PHASE_EXIT, has_value = seq->ret[i] > STG_RET_SUCCEEDED;
        writer_printf(&w, "%" PRIu64 ",%" PRId64 ",%" PRId32 ",%" PRId32 ",", seq->id, seq->begin_ns + seq->time_ns[i],
                      seq->thread_pid[t], seq->thread_tid[t]);
        put_text(&w, name_of(s->names->procs, seq->thread_proc[t]));
        writer_put(&w, ",");
        put_text(&w, name_of(s->names->calls, seq->call[i]));
        writer_printf(&w, ",%s,", phases[seq->phase[i] & 3]);
        if (is_exit && has_value) {
            writer_printf(&w, "%" PRId64 ",", seq->ret[i]);
        } else if (!is_exit && has_value) {
            writer_printf(&w, ",%" PRId64, seq->ret[i]);
        } else {
            writer_put(&w, seq->ret[i] == STG_RET_FAILED      ? "failed,"
                           : seq->ret[i] == STG_RET_SUCCEEDED ? "succeeded,"
                                                              : ",");
        }
        put_number(&w, (double)s->surprisal[i]);
        for (int side = 0; side < STG_SIDES; side++) {
            put_number(&w, s->side[side] == NULL ? (double)NAN : (double)s->side[side][i]);
        }
        end_row(&w, s);
    }
    return w.status;
}
