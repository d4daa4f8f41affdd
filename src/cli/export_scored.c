#include "cli/export_scored.h"

#include "cli/budget.h"
#include "cli/export_ctf.h"
#include "cli/groups.h"
#include "cli/output.h"

#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/memory.h"
#include "detect/calibrate.h"
#include "detect/novel.h"
#include "report/export.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct job {
    const struct stg_model *model;
    const struct stg_group *group;
    enum stg_scored_format format;
    enum stg_aggregate aggregate;
    double alpha;
    bool files; /* some sequence is of a file of a directory of lists */
    struct stg_buffer buffer;
    struct stg_file_writer *file; /* NULL: standard output */
    struct stg_perfetto *perfetto;
    struct stg_ctf_export *ctf;
    float *surprisal[1 + STG_SIDES]; /* of one sequence: the model's, then its sides' */
    size_t cap[1 + STG_SIDES];
};

static enum stg_status flush(struct job *j, size_t least)
{
    if (j->buffer.len < least) {
        return STG_OK;
    }
    if (j->file == NULL) {
        return stg_output_write(&j->buffer);
    }
    STG_RETURN_IF_FAILED(stg_file_writer_put(j->file, j->buffer.data, j->buffer.len));
    stg_buffer_clear(&j->buffer);
    return STG_OK;
}

static enum stg_status score_events(struct job *j, const struct stg_seq *seq, struct stg_scored_sequence *s)
{
    for (int k = 0; k <= STG_SIDES; k++) {
        const struct stg_model *m = k == 0 ? j->model : j->model->side[k - 1];
        double end;
        if (k > 0 && m == NULL) {
            continue;
        }
        STG_RETURN_IF_FAILED(stg_mem_grow(&j->surprisal[k], &j->cap[k], seq->n, sizeof *j->surprisal[k]));
        STG_RETURN_IF_FAILED(stg_score_events(m, seq, j->surprisal[k], &end));
        if (k > 0) {
            s->side[k - 1] = j->surprisal[k];
        }
    }
    s->surprisal = j->surprisal[0];
    return STG_OK;
}

static enum stg_status put_one(struct job *j, size_t i)
{
    struct stg_seq seq;
    struct stg_scored_sequence s = {.seq = &seq, .score = &j->group->scores[i], .p_value = (double)NAN};
    const struct stg_input *in = stg_group_sequence(j->group, i, &seq);
    s.names = stg_dataset_vocab(in->dataset);
    if (j->files) {
        const char *file = stg_dataset_file(in->dataset, &seq);
        s.file = file == NULL ? "" : file;
    }
    if (stg_calibrated(j->model)) {
        s.p_value = stg_p_value(j->model, j->aggregate, (double)s.score->value[j->aggregate]);
    }
    s.judged = stg_is_judged(j->model, j->alpha);
    s.novel = s.judged && s.p_value <= j->alpha;
    STG_RETURN_IF_FAILED(stg_interrupt_check());
    if (j->format == STG_SCORED_CSV_SEQUENCES) {
        return stg_export_csv_sequence(&j->buffer, j->model, &s);
    }
    STG_RETURN_IF_FAILED(score_events(j, &seq, &s));
    switch (j->format) {
    case STG_SCORED_CTF:
        return stg_ctf_export_put(j->ctf, &s);
    case STG_SCORED_PERFETTO:
        return stg_perfetto_put(j->perfetto, &j->buffer, j->model, &s);
    default:
        return stg_export_csv_events(&j->buffer, &s);
    }
}

static bool has_files(const struct job *j)
{
    struct stg_seq seq;
    for (size_t i = 0; i < j->group->n; i++) {
        const struct stg_input *in = stg_group_sequence(j->group, i, &seq);
        if (stg_dataset_file(in->dataset, &seq) != NULL) {
            return true;
        }
    }
    return false;
}

static enum stg_status put_head(struct job *j)
{
    j->files = has_files(j);
    switch (j->format) {
    case STG_SCORED_CSV_EVENTS:
        return stg_export_csv_event_head(&j->buffer, j->files);
    case STG_SCORED_CSV_SEQUENCES:
        return stg_export_csv_sequence_head(&j->buffer, j->files);
    case STG_SCORED_PERFETTO:
        return stg_perfetto_begin(&j->perfetto, &j->buffer);
    case STG_SCORED_CTF:
        break; /* the writer was opened with its head */
    }
    return STG_OK;
}

struct place {
    int64_t begin_ns;
    size_t index;
};

static int by_begin(const void *a_, const void *b_)
{
    const struct place *a = a_, *b = b_;
    if (a->begin_ns != b->begin_ns) {
        return a->begin_ns < b->begin_ns ? -1 : 1;
    }
    return a->index < b->index ? -1 : a->index > b->index;
}

/* Threads and times of the whole trace stand beside each other. */
static bool on_time_line(const struct job *j)
{
    return j->format == STG_SCORED_PERFETTO || j->format == STG_SCORED_CTF;
}

static enum stg_status put_all(struct job *j, struct stg_progress *p)
{
    enum stg_status status = STG_OK;
    struct place *places = NULL;
    STG_TRY(stg_mem_zeroed(&places, j->group->n, sizeof *places));
    for (size_t i = 0; i < j->group->n; i++) {
        places[i] = (struct place){j->group->scores[i].begin_ns, i};
    }
    if (on_time_line(j)) {
        qsort(places, j->group->n, sizeof *places, by_begin);
    }
    STG_TRY(put_head(j));
    for (size_t i = 0; i < j->group->n; i++) {
        STG_TRY(put_one(j, places[i].index));
        STG_TRY(flush(j, 65536));
        stg_progress_update(p, i + 1);
    }
    STG_TRY(j->perfetto == NULL ? STG_OK : stg_perfetto_end(j->perfetto, &j->buffer));
    STG_TRY(flush(j, 0));
    STG_TRY(j->file == NULL ? STG_OK : stg_file_writer_commit(j->file));
out:
    stg_mem_free(places);
    return status;
}

/* Clocks and threads of different traces have nothing to do with each other. */
static enum stg_status check_traces(const struct job *j)
{
    const struct stg_input *in = &j->group->inputs[0];
    if (on_time_line(j) && stg_dataset_traces(in->dataset) > 1) {
        return stg_fail(STG_ERR_INPUT, "%s: is of %zu traces: give one trace, whose threads can stand on one time line",
                        in->path, stg_dataset_traces(in->dataset));
    }
    return STG_OK;
}

static enum stg_status open_ctf(struct job *j, const struct stg_cli *cli, const char *out)
{
    struct stg_seq first;
    const struct stg_input *in = stg_group_sequence(j->group, 0, &first);
    const struct stg_ctf_export_settings s = {.path = out,
                                              .model = j->model,
                                              .names = stg_dataset_vocab(in->dataset),
                                              .has_time = (first.flags & STG_SEQ_NO_TIME) == 0,
                                              .model_path = cli->operands[0],
                                              .data_path = in->path,
                                              .command = cli->line,
                                              .alpha = j->alpha};
    return stg_ctf_export_open(&j->ctf, &s);
}

static void warn_left_out(const struct job *j, const char *out)
{
    const uint64_t n = j->perfetto == NULL ? 0 : stg_perfetto_left_out(j->perfetto);
    if (n > 0) {
        stg_log(STG_LOG_WARN, "%s: without the %llu events of threads beyond the first %d: export a part of the data",
                out, (unsigned long long)n, STG_PERFETTO_THREADS);
    }
}

static enum stg_status write_out(struct job *j, const struct stg_cli *cli, const char *out)
{
    enum stg_status status = STG_OK;
    struct stg_progress progress;
    struct stg_progress *p = NULL;
    STG_TRY(check_traces(j));
    if (j->format == STG_SCORED_CTF) {
        STG_TRY(open_ctf(j, cli, out));
    } else if (strcmp(out, "-") != 0) {
        STG_TRY(stg_file_writer_open(&j->file, out));
    }
    p = stg_cli_progress(cli, &progress, "export", "sequences", j->group->n);
    STG_TRY(put_all(j, p));
    warn_left_out(j, out);
out:
    stg_progress_finish(p);
    if (j->ctf != NULL) {
        const enum stg_status closed = stg_ctf_export_close(j->ctf, status == STG_OK);
        status = status == STG_OK ? closed : status;
    }
    stg_file_writer_free(j->file);
    stg_perfetto_free(j->perfetto);
    stg_buffer_fini(&j->buffer);
    for (int k = 0; k <= STG_SIDES; k++) {
        stg_mem_free(j->surprisal[k]);
    }
    return status;
}

enum stg_status stg_export_scored(const struct stg_cli *cli, const char *out, enum stg_scored_format format,
                                  double alpha, double per_day)
{
    enum stg_status status = STG_OK;
    struct stg_model *model = NULL;
    struct stg_pool *pool = NULL;
    struct stg_groups groups = {0};
    const char *path = cli->operands[1];
    const struct stg_list paths = {.items = &path, .n = 1};
    STG_TRY(stg_input_model(&model, cli->operands[0]));
    STG_TRY(stg_pool_new(&pool, cli->threads));
    STG_TRY(stg_groups_open_one(&groups, "score", &paths, model, pool, cli));
    STG_TRY(stg_group_check(&groups.groups[0], model));
    STG_TRY(stg_groups_score(&groups, model, pool, cli));
    STG_TRY(stg_budget_apply(per_day, &groups.groups[0], cli, &alpha, NULL));
    struct job job = {.model = model,
                      .group = &groups.groups[0],
                      .format = format,
                      .aggregate = stg_aggregate_default(model),
                      .alpha = alpha,
                      .buffer = STG_BUFFER_INIT};
    STG_TRY(write_out(&job, cli, out));
out:
    stg_groups_fini(&groups);
    stg_pool_free(pool);
    stg_model_free(model);
    return status;
}
