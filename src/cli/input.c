#include "cli/input.h"

#include "cli/prepare_traces.h"

#include "base/file.h"
#include "base/log.h"
#include "base/temporary.h"
#include "train/train.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct stg_progress *stg_cli_progress(const struct stg_cli *cli, struct stg_progress *p, const char *what,
                                      const char *unit, uint64_t total)
{
    if (cli->quiet || cli->no_progress) {
        return NULL;
    }
    *p = (struct stg_progress){.enabled = 1};
    stg_progress_start(p, what, unit, total);
    return p;
}

void stg_format_count(uint64_t n, char *out, size_t cap)
{
    char digits[24];
    const int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    size_t at = 0;
    for (int i = 0; i < len && at + 2 < cap; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            out[at++] = ',';
        }
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

void stg_format_ns(int64_t ns, char *out, size_t cap)
{
    static const struct {
        double ns;
        const char *unit;
    } units[] = {{3600e9, "h"}, {60e9, "min"}, {1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}, {1, "ns"}};
    const double value = (double)ns;
    size_t i = 0;
    while (i + 1 < sizeof units / sizeof units[0] && (value < 0 ? -value : value) < units[i].ns) {
        i++;
    }
    snprintf(out, cap, "%.3g %s", value / units[i].ns, units[i].unit);
}

int64_t stg_quantile_sorted(const int64_t *sorted, size_t n, double q)
{
    if (n == 0) {
        return 0;
    }
    const size_t i = (size_t)(q * (double)n);
    return sorted[i < n ? i : n - 1];
}

enum stg_status stg_kind_of(const char *path, enum stg_kind *out)
{
    struct stat info;
    *out = STG_KIND_TRACE;
    if (strcmp(path, "-") == 0) {
        return STG_OK; /* standard input, of which a trace can be read */
    }
    if (stat(path, &info) != 0 || access(path, R_OK) != 0) {
        return stg_fail_errno("%s: cannot open", path);
    }
    if (S_ISDIR(info.st_mode) || !stg_tensors_probe(path)) {
        return STG_OK;
    }
    struct stg_tensors *t = NULL;
    STG_RETURN_IF_FAILED(stg_tensors_open_unverified(&t, path, NULL, -1)); /* who wants the rest opens it again */
    const char *format = stg_tensors_meta(t, "strange.format");
    enum stg_status status = STG_OK;
    if (format != NULL && strcmp(format, STG_DATASET_FORMAT) == 0) {
        *out = STG_KIND_DATASET;
    } else if (format != NULL && strcmp(format, STG_MODEL_FORMAT) == 0) {
        *out = STG_KIND_MODEL;
    } else if (format != NULL && strcmp(format, STG_CHECKPOINT_FORMAT) == 0) {
        *out = STG_KIND_CHECKPOINT;
    } else {
        status = stg_fail(STG_ERR_INPUT,
                          "%s: a safetensors file of another program: give a data set, a model or a trace", path);
    }
    stg_tensors_free(t);
    return status;
}

static const char *kind_words(enum stg_kind kind)
{
    switch (kind) {
    case STG_KIND_DATASET:
        return "a data set";
    case STG_KIND_MODEL:
        return "a model";
    case STG_KIND_CHECKPOINT:
        return "a checkpoint of an unfinished training";
    case STG_KIND_TRACE:
        break;
    }
    return "not a model";
}

enum stg_status stg_input_model(struct stg_model **out, const char *path)
{
    enum stg_kind kind;
    STG_RETURN_IF_FAILED(stg_kind_of(path, &kind));
    if (kind == STG_KIND_CHECKPOINT) {
        return stg_fail(STG_ERR_INPUT, "%s: is %s: finish it with `strange train --resume`", path, kind_words(kind));
    }
    if (kind != STG_KIND_MODEL) {
        return stg_fail(STG_ERR_INPUT, "%s: is %s: the model comes first, then the data", path, kind_words(kind));
    }
    return stg_model_open(out, path);
}

enum stg_status stg_input_model_in(struct stg_model **out, const char *path, const char *precision)
{
    enum stg_precision asked;
    STG_RETURN_IF_FAILED(stg_input_model(out, path));
    return precision != NULL && stg_precision_named(precision, &asked) ? stg_model_set_precision(*out, asked) : STG_OK;
}

void stg_input_warn_recipe(const struct stg_dataset *d, const char *whose, const struct stg_recipe *wanted)
{
    const struct stg_recipe *recipe = stg_dataset_recipe(d);
    const char *what = stg_recipe_difference(recipe, wanted);
    if (what != NULL && stg_dataset_count(d) > 0) {
        stg_log(
            STG_LOG_WARN,
            "%s: prepared with another %s (%s, %s, %s) than %s (%s, %s, %s): the scores are no match for each other",
            stg_dataset_path(d), what, stg_cut_name(recipe->cut), stg_scope_name(recipe->scope),
            stg_order_name(recipe->order), whose, stg_cut_name(wanted->cut), stg_scope_name(wanted->scope),
            stg_order_name(wanted->order));
    }
}

/* A model of ready-made sequences has no rule by which a trace could be cut. */
static enum stg_status check_cut(const struct stg_input *in, const struct stg_recipe *recipe)
{
    if (recipe->cut == STG_CUT_GIVEN && stg_dataset_count(in->dataset) == 0) {
        return stg_fail(
            STG_ERR_INPUT,
            "%s: the model was trained on ready-made sequences (cut given), and this has none: cut it first, "
            "with `strange prepare --cut RULE --vocab MODEL`",
            in->path);
    }
    return STG_OK;
}

static enum stg_status cut_trace(struct stg_input *in, const struct stg_model *m, struct stg_pool *pool,
                                 const struct stg_cli *cli)
{
    enum stg_status status = STG_OK;
    char name[PATH_MAX];
    struct stg_temporary_dir dir = {0}; /* closed to others, as the data is a copy of what may be */
    struct stg_vocab vocab = {0};
    struct stg_recipe recipe = m->recipe;
    struct stg_cli silent = *cli;
    silent.line = NULL; /* as long as there are inputs, and written once for each */
    STG_TRY(stg_vocab_copy(&vocab, &m->vocab));
    stg_vocab_extend(&vocab);
    STG_TRY(stg_temporary_dir_make(&dir));
    snprintf(name, sizeof name, "%s/data", dir.path);
    STG_TRY(stg_prepare_traces(name, &in->path, 1, NULL, &recipe, &vocab, NULL, &silent));
    STG_TRY(stg_dataset_open(&in->dataset, name, pool));
    STG_TRY(check_cut(in, &recipe));
out:
    if (dir.path != NULL) {
        unlink(name); /* the mapping keeps the data */
    }
    stg_temporary_dir_remove(&dir);
    stg_vocab_fini(&vocab);
    return status;
}

/* Without times every pause of the data is as unusual as any. */
static void warn_times(const struct stg_input *in, const struct stg_model *m)
{
    struct stg_seq first;
    if (m->side[STG_SIDE_TIME] == NULL || in->corpus.n == 0) {
        return;
    }
    stg_corpus_get(&in->corpus, 0, &first);
    if ((first.flags & STG_SEQ_NO_TIME) != 0) {
        stg_log(STG_LOG_WARN,
                "%s: has no times, which the model judges, too: that alone can make it novel; the calls are judged by "
                "--aggregate rms",
                in->path);
    }
}

enum stg_status stg_input_open(struct stg_input *out, const char *path, const struct stg_model *m,
                               struct stg_pool *pool, const struct stg_cli *cli)
{
    enum stg_kind kind;
    memset(out, 0, sizeof *out);
    out->path = path;
    STG_RETURN_IF_FAILED(stg_kind_of(path, &kind));
    if (kind == STG_KIND_MODEL || kind == STG_KIND_CHECKPOINT) {
        return stg_fail(STG_ERR_INPUT, "%s: is %s where a data set or a trace is expected", path, kind_words(kind));
    }
    out->is_trace = kind == STG_KIND_TRACE;
    if (out->is_trace) {
        STG_RETURN_IF_FAILED(cut_trace(out, m, pool, cli));
    } else {
        STG_RETURN_IF_FAILED(stg_dataset_open(&out->dataset, path, pool));
        STG_RETURN_IF_FAILED(stg_model_check_vocab(m, stg_dataset_vocab(out->dataset), path));
        stg_input_warn_recipe(out->dataset, "the model's data", &m->recipe);
    }
    stg_dataset_corpus(out->dataset, &out->corpus);
    warn_times(out, m);
    for (size_t i = 0; i < stg_dataset_traces(out->dataset); i++) {
        const struct stg_dataset_trace *trace = stg_dataset_trace(out->dataset, i);
        out->n_lost += trace->counts.n_lost;
        out->n_gaps += trace->counts.n_gaps;
    }
    return STG_OK;
}

void stg_input_close(struct stg_input *in)
{
    stg_dataset_free(in->dataset);
    in->dataset = NULL;
}

const char *stg_input_trace(const struct stg_input *in, const struct stg_seq *seq)
{
    const char *file = stg_dataset_file(in->dataset, seq);
    return file != NULL                                   ? file
           : seq->trace < stg_dataset_traces(in->dataset) ? stg_dataset_trace(in->dataset, seq->trace)->path
                                                          : in->path;
}
