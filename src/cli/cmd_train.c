/* strange train: data sets to a calibrated model. */
#include "cli/cmd_train.h"

#include "cli/facts.h"
#include "cli/input.h"
#include "cli/novel_from.h"
#include "cli/output.h"
#include "cli/train_calibrate.h"
#include "cli/train_data.h"
#include "cli/train_learning.h"
#include "cli/train_options.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/temporary.h"
#include "detect/calibrate.h"
#include "model/ensemble.h"
#include "model/neural.h"
#include "train/train.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

struct job {
    const struct stg_cli *cli;
    const struct stg_train_options *o;
    const struct stg_train_teacher *teacher; /* NULL: none */
    int64_t began_ns;                        /* since 1970 */
    struct stg_corpora train, valid, calibrate,
        held; /* held: the end of train when neither valid nor calibrate was given */
    struct stg_pool *pool;
    struct stg_model *model;
    struct stg_model *like; /* new, of the settings asked for: what is resumed must have them; NULL: nothing is */
    struct stg_train_settings settings;
    struct stg_train_result result;
    bool calibration_validates; /* a counted model that is validated with what calibrates it: scored once, for both */
    char *checkpoint;           /* owned; NULL for counted models */
    struct stg_model_settings model_settings;
    struct stg_model **members; /* (o->ensemble) of the ensemble, while they are trained; owned */
    json_t *member_results;     /* array; owned; NULL without an ensemble */
};

static enum stg_status parse_fields(const char *text, unsigned *fields)
{
    static const char *const names[] = {"call", "phase", "ret", "size"};
    static const unsigned bits[] = {STG_FIELD_CALL, STG_FIELD_PHASE, STG_FIELD_RET, STG_FIELD_SIZE};
    *fields = 0;
    for (const char *at = text; at != NULL && *at != '\0';) {
        const size_t len = strcspn(at, ",");
        unsigned bit = 0;
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            bit |= strlen(names[i]) == len && memcmp(names[i], at, len) == 0 ? bits[i] : 0;
        }
        if (bit == 0) {
            return stg_fail(STG_ERR_USAGE, "--fields: unknown field '%.*s': choices: call, phase, ret, size", (int)len,
                            at);
        }
        *fields |= bit;
        at += len + (at[len] == ',');
    }
    if (text != NULL && (*fields & STG_FIELD_CALL) == 0) {
        return stg_fail(STG_ERR_USAGE,
                        "--fields: call is missing: it is always predicted, as in --fields call,phase,ret");
    }
    return STG_OK;
}

static enum stg_status model_settings(struct stg_model_settings *s, const struct stg_train_options *o)
{
    stg_model_settings_default(s);
    s->kind = o->model;
    s->preset = o->preset;
    s->order = o->ngram_order;
    s->layers = o->layers;
    s->hidden = o->hidden;
    s->seed = o->seed;
    if (o->smoothing != NULL) {
        s->smoothing = o->smoothing;
    }
    if (o->dropout >= 0) {
        s->dropout = o->dropout;
    }
    s->precision = o->precision;
    s->heads = o->heads;
    s->ff = o->ff;
    s->activation = o->activation;
    s->norm = o->norm;
    s->window = o->window;
    s->dilation = o->dilation;
    s->n_global = o->n_global == STG_NOT_GIVEN_U32 ? -1 : (int32_t)o->n_global;
    s->recompute = o->recompute;
    return parse_fields(o->fields, &s->fields);
}

/* What a net refuses only when it is made, after the data has been read. */
static enum stg_status check_net(const struct stg_train_options *o)
{
    const bool lstm = strcmp(o->model, "lstm") == 0,
               counted = strcmp(o->model, "ngram") == 0 || strcmp(o->model, "stide") == 0;
    if (lstm && o->hidden % 8 != 0) {
        return stg_fail(STG_ERR_USAGE, "--hidden %u: the units of an LSTM's layer are a multiple of 8: try %u",
                        o->hidden, (o->hidden + 7) / 8 * 8);
    }
    if (!lstm && !counted && o->hidden > 0 && o->heads > 0 && o->hidden % o->heads != 0) {
        return stg_fail(STG_ERR_USAGE, "--heads %u: %u heads do not divide rows of %u (--hidden): give other numbers",
                        o->heads, o->heads, o->hidden);
    }
    return STG_OK;
}

static void set_u32(uint32_t *to, uint32_t value)
{
    if (value != STG_NOT_GIVEN_U32) {
        *to = value;
    }
}

static void set_double(double *to, double value)
{
    if (value >= 0) {
        *to = value;
    }
}

static void train_settings(struct stg_train_settings *s, const struct stg_train_options *o)
{
    if (o->preset != NULL) {
        stg_train_settings_paper(s, o->model);
    } else {
        stg_train_settings_default(s, o->model);
    }
    set_double(&s->rate, o->rate);
    set_double(&s->decay, o->decay);
    if (o->optimizer != NULL) {
        s->optimizer = (enum stg_optimizer_kind)stg_choice_place(STG_TRAIN_OPTIMIZERS, o->optimizer);
    }
    set_double(&s->label_smoothing, o->label_smoothing);
    set_double(&s->clip, o->clip);
    set_double(&s->max_epochs, o->epochs);
    set_u32(&s->batch, o->batch);
    set_u32(&s->batch_tokens, o->batch_tokens);
    if (o->batch == STG_NOT_GIVEN_U32 && o->batch_tokens != STG_NOT_GIVEN_U32) {
        s->batch = 0; /* the token budget was asked for */
    }
    set_u32(&s->warm_up, o->warm_up);
    set_u32(&s->eval_every, o->eval_every);
    set_u32(&s->patience, o->patience);
    set_u32(&s->stop_after, o->stop_after);
    const bool bounded = o->budget_ns > 0 || o->updates > 0 || s->max_epochs > 0;
    if (o->preset == NULL && bounded) {
        s->schedule = STG_SCHEDULE_LINEAR;
    }
    if (o->schedule != NULL) {
        s->schedule = (enum stg_train_schedule)stg_choice_place(STG_TRAIN_SCHEDULES, o->schedule);
    }
    s->max_updates = o->updates;
    s->budget_s = (double)o->budget_ns / 1e9;
    s->seed = o->seed;
    s->log = o->log;
}

/* Known data that was learned surprises less than other known data. */
static void warn_learned(const struct stg_list *paths, const char *option, const struct stg_list *data)
{
    for (size_t i = 0; i < data->n; i++) {
        for (size_t k = 0; k < paths->n; k++) {
            if (stg_file_is_same(data->items[i], paths->items[k])) {
                stg_log(STG_LOG_WARN,
                        "%s %s: is what the model learns, too: other known data will seem more novel than it is; give "
                        "another recording",
                        option, data->items[i]);
            }
        }
    }
}

/* Data that was given for something must hold something. */
static enum stg_status check_any(const struct stg_corpora *c, const char *option)
{
    return c->n == 0 || stg_corpora_count(c) > 0
               ? STG_OK
               : stg_fail(STG_ERR_INPUT, "%s: %s: no sequences; look at it with `strange info`", option,
                          c->paths->items[0]);
}

static enum stg_status open_data(struct job *j, const struct stg_list *paths)
{
    STG_RETURN_IF_FAILED(stg_corpora_open(&j->train, paths, NULL, j->pool));
    STG_RETURN_IF_FAILED(stg_corpora_open(&j->valid, &j->o->valid, j->train.sets[0], j->pool));
    STG_RETURN_IF_FAILED(stg_corpora_open(&j->calibrate, &j->o->calibrate, j->train.sets[0], j->pool));
    if (stg_corpora_count(&j->train) == 0) {
        return stg_fail(STG_ERR_INPUT, "%s: no sequences: nothing to learn from; look at it with `strange info`",
                        paths->items[0]);
    }
    STG_RETURN_IF_FAILED(check_any(&j->valid, "--valid"));
    STG_RETURN_IF_FAILED(check_any(&j->calibrate, "--calibrate"));
    warn_learned(paths, "--valid", &j->o->valid);
    warn_learned(paths, "--calibrate", &j->o->calibrate);
    return STG_OK;
}

/* A tenth; of few sequences more, as a p-value of STG_ALPHA_DEFAULT needs 1 / STG_ALPHA_DEFAULT of them: as many, or a
 * third. */
static double part_to_hold_out(const struct job *j, bool for_calibration)
{
    if (j->o->hold_out >= 0) {
        return j->o->hold_out;
    }
    const double enough = 1 / STG_ALPHA_DEFAULT / (double)stg_corpora_count(&j->train);
    return for_calibration ? fmax(0.1, fmin(enough, 1.0 / 3)) : 0.1;
}

/* Whether something of the training data must be kept for validation or calibration. */
static enum stg_status hold_out(struct job *j)
{
    const bool for_calibration = j->valid.n == 0 && j->calibrate.n == 0;
    const bool for_validation = j->valid.n == 0 && j->model->ops->gradient != NULL;
    if (!for_calibration && !for_validation) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_corpora_hold_out(&j->held, &j->train, part_to_hold_out(j, for_calibration)));
    const size_t n = stg_corpora_count(&j->held);
    size_t n_spread = 0;
    for (size_t i = 0; i < j->held.n; i++) {
        n_spread += j->held.spread[i] > 0;
    }
    const char *how = n_spread == 0           ? ", the latest,"
                      : n_spread == j->held.n ? ", spread evenly,"
                                              : ", the latest or of lists without times spread evenly,";
    if (n > 0) { /* else it is said that the model is not calibrated, or that nothing says when to stop */
        stg_log(STG_LOG_INFO, "no --valid%s: %zu of %zu sequences%s %s held out for %s%s%s",
                for_calibration ? " and no --calibrate" : "", n, n + stg_corpora_count(&j->train), how,
                n == 1 ? "is" : "are", for_validation ? "validation" : "",
                for_validation && for_calibration ? " and " : "", for_calibration ? "calibration" : "");
    }
    const size_t n_runs = stg_corpora_runs(&j->train);
    if (for_calibration && n_runs > 1 && stg_corpora_runs(&j->held) == 1) {
        stg_log(
            STG_LOG_WARN,
            "what is held out is the end of one run, and the data has %zu: prepare some of the runs into a data set "
            "of their own and give it to --calibrate, so that it shows how runs differ",
            n_runs);
    }
    return STG_OK;
}

/* A new model for the data, or for what the teacher can be asked about. */
static enum stg_status new_model(struct job *j)
{
    const struct stg_dataset *first = j->train.sets[0];
    if (j->teacher == NULL) {
        return stg_model_new(&j->model, &j->model_settings, stg_dataset_recipe(first), stg_dataset_vocab(first));
    }
    const struct stg_model *teacher = j->teacher->teacher.model;
    STG_RETURN_IF_FAILED(stg_model_check_vocab(teacher, stg_dataset_vocab(first), stg_dataset_path(first)));
    stg_input_warn_recipe(first, "the teacher", &teacher->recipe);
    j->model_settings.symbols = teacher->symbols;
    STG_RETURN_IF_FAILED(stg_model_new(&j->model, &j->model_settings, &teacher->recipe, &teacher->vocab));
    if (teacher->max_walk > 0 && (j->model->max_walk == 0 || j->model->max_walk > teacher->max_walk)) {
        j->model->max_walk = teacher->max_walk; /* the teacher knows no longer ones */
    }
    return STG_OK;
}

/* It is overwritten, and removed in the end: notes or another model of that name would be lost, and so would hours of
 * a training that was interrupted. What is resumed is read first. */
static enum stg_status check_checkpoint(const char *path)
{
    enum stg_kind kind;
    if (access(path, F_OK) != 0) {
        return STG_OK;
    }
    if (stg_kind_of(path, &kind) == STG_OK && kind == STG_KIND_CHECKPOINT) {
        return stg_fail(STG_ERR_USAGE,
                        "%s: is of a training that was interrupted, and would be lost: go on with the same command and "
                        "--resume, or remove it to begin anew",
                        path);
    }
    return stg_fail(STG_ERR_USAGE,
                    "%s: is no checkpoint, which would replace it: move it away or name another with --checkpoint",
                    path);
}

/* Where a finished member waits for the others, so that --resume need not train it again. */
static enum stg_status member_path(const struct job *j, size_t i, char **path)
{
    enum stg_status status = STG_OK;
    struct stg_buffer name = STG_BUFFER_INIT;
    STG_TRY(stg_buffer_printf(&name, "%s.member-%zu", j->o->out, i));
    STG_TRY(stg_mem_strdup(path, name.data));
out:
    stg_buffer_fini(&name);
    return status;
}

/* Nor are the members that are done trained again without a word. */
static enum stg_status check_members(const struct job *j)
{
    for (size_t i = 0; i < j->o->ensemble; i++) {
        enum stg_status status = STG_OK;
        char *path = NULL;
        STG_RETURN_IF_FAILED(member_path(j, i, &path));
        if (access(path, F_OK) == 0) {
            status = stg_fail(STG_ERR_USAGE,
                              "%s: is of a training that was interrupted, and would be lost: go on with the same "
                              "command and --resume, or remove it to begin anew",
                              path);
        }
        stg_mem_free(path);
        STG_RETURN_IF_FAILED(status);
    }
    return STG_OK;
}

static enum stg_status name_checkpoint(struct job *j)
{
    if (j->model->ops->gradient == NULL) {
        return j->o->resume ? stg_fail(STG_ERR_USAGE, "--resume: %s is fitted in one go: leave it out", j->o->model)
                            : STG_OK;
    }
    enum stg_status status = STG_OK;
    struct stg_buffer name = STG_BUFFER_INIT;
    if (j->o->checkpoint != NULL) {
        STG_TRY(stg_buffer_printf(&name, "%s", j->o->checkpoint));
    } else {
        STG_TRY(stg_buffer_printf(&name, "%s.checkpoint", j->o->out));
    }
    STG_TRY(stg_mem_strdup(&j->checkpoint, name.data));
    if (j->o->resume && j->o->ensemble <= 1 && access(j->checkpoint, F_OK) != 0) {
        status = stg_fail(STG_ERR_USAGE, "--resume: there is no checkpoint %s: train without it", j->checkpoint);
    }
    j->settings.checkpoint = j->checkpoint;
    if (status == STG_OK && !j->o->resume) {
        status = check_checkpoint(j->checkpoint);
    }
    if (status == STG_OK && !j->o->resume && j->o->ensemble > 1) {
        status = check_members(j);
    }
out:
    stg_buffer_fini(&name);
    return status;
}

static struct stg_corpora *validation_of(struct job *j)
{
    return j->valid.n > 0 ? &j->valid : &j->held;
}

static struct stg_corpora *calibration_of(struct job *j)
{
    return j->calibrate.n > 0 ? &j->calibrate : validation_of(j);
}

static enum stg_status fit(struct job *j, bool resume)
{
    struct stg_corpus train, valid;
    struct stg_progress progress;
    stg_corpora_corpus(&j->train, &train);
    stg_corpora_corpus(validation_of(j), &valid);
    const bool counted = !resume && j->model->ops->gradient == NULL;
    j->settings.progress =
        stg_cli_progress(j->cli, &progress, "train", counted ? "sequences" : "tokens", counted ? train.n : 0);
    j->settings.like = j->like;
    j->calibration_validates = counted && calibration_of(j) == validation_of(j);
    const struct stg_corpus *use = valid.n > 0 && !j->calibration_validates ? &valid : NULL;
    const enum stg_status status = resume ? stg_train_resume(&j->model, &train, use, &j->settings, j->pool, &j->result)
                                          : stg_train(j->model, &train, use, &j->settings, j->pool, &j->result);
    stg_progress_finish(j->settings.progress);
    if (status == STG_ERR_INTERRUPTED && j->checkpoint != NULL && access(j->checkpoint, F_OK) == 0) {
        return stg_context(status, "%s: the state is saved: go on with the same command and --resume", j->checkpoint);
    }
    return status;
}

/* What is judged beside the calls: everything that the data has, unless the model is to be one of calls only. */
static enum stg_status fit_sides(struct job *j)
{
    struct stg_corpus train;
    struct stg_progress progress;
    const bool all =
        j->o->channels != NULL ? strcmp(j->o->channels, "all") == 0 : j->o->preset == NULL && j->o->fields == NULL;
    if (!all) {
        return STG_OK;
    }
    stg_corpora_corpus(&j->train, &train);
    struct stg_progress *p = stg_cli_progress(j->cli, &progress, "side models", "sequences", train.n);
    const enum stg_status status = stg_model_fit_sides(j->model, &train, j->pool, p);
    stg_progress_finish(p);
    return status;
}

static enum stg_status calibrate(struct job *j)
{
    double loss;
    STG_RETURN_IF_FAILED(
        stg_train_calibrate(j->cli, j->model, &j->train, calibration_of(j), j->o->quarantine, j->pool, &loss));
    if (j->calibration_validates) {
        j->result.valid_loss = loss;
    }
    return STG_OK;
}

static enum stg_status put_sets(json_t *record, const char *key, const struct stg_corpora *c)
{
    json_t *array = json_array();
    STG_RETURN_IF_FAILED(stg_facts_put(record, key, array));
    for (size_t i = 0; i < c->n; i++) {
        json_t *set = json_object();
        if (set == NULL || json_array_append_new(array, set) != 0) {
            return stg_fail(STG_ERR_MEMORY, "cannot record the data sets: out of memory");
        }
        STG_RETURN_IF_FAILED(stg_facts_put(set, "path", stg_facts_string(stg_dataset_path(c->sets[i]))));
        STG_RETURN_IF_FAILED(stg_facts_put(set, "first", json_integer((json_int_t)c->slices[i].first)));
        STG_RETURN_IF_FAILED(stg_facts_put(set, "sequences", json_integer((json_int_t)c->slices[i].n)));
        if (c->spread[i] > 0) {
            STG_RETURN_IF_FAILED(stg_facts_put(set, "spread", json_real(c->spread[i])));
        }
        STG_RETURN_IF_FAILED(
            stg_facts_put(set, "events_of_file", json_integer((json_int_t)stg_dataset_events(c->sets[i]))));
    }
    return STG_OK;
}

static enum stg_status put_result(json_t *record, const struct stg_train_result *r)
{
    json_t *result = json_object();
    STG_RETURN_IF_FAILED(stg_facts_put(record, "result", result));
    STG_RETURN_IF_FAILED(stg_facts_put(result, "stopped", json_string(r->stopped == NULL ? "" : r->stopped)));
    STG_RETURN_IF_FAILED(stg_facts_put(result, "updates", json_integer((json_int_t)r->n_updates)));
    STG_RETURN_IF_FAILED(stg_facts_put(result, "tokens", json_integer((json_int_t)r->n_tokens)));
    STG_RETURN_IF_FAILED(stg_facts_put(result, "epochs", stg_facts_number(r->epochs)));
    STG_RETURN_IF_FAILED(stg_facts_put(result, "seconds", stg_facts_number(r->seconds)));
    STG_RETURN_IF_FAILED(stg_facts_put(result, "train_loss", stg_facts_number(r->train_loss)));
    STG_RETURN_IF_FAILED(stg_facts_put(result, "valid_loss", stg_facts_number(r->valid_loss)));
    return stg_facts_put(result, "valid_accuracy", stg_facts_number(r->valid_accuracy));
}

/* The new model is what others must be like. */
static void set_like(struct job *j)
{
    stg_model_free(j->like);
    j->like = j->model;
    j->model = NULL;
}

/* What a resume must agree with of a member that is done, as text. */
static enum stg_status fingerprint(struct job *j, struct stg_model *member, char text[17])
{
    struct stg_corpus train, valid;
    uint64_t digest;
    stg_corpora_corpus(&j->train, &train);
    stg_corpora_corpus(validation_of(j), &valid);
    STG_RETURN_IF_FAILED(stg_train_fingerprint(member, &train, &valid, &j->settings, j->pool, &digest));
    snprintf(text, 17, "%016" PRIx64, digest);
    return STG_OK;
}

static enum stg_status take_member(struct job *j, size_t i, const char *path)
{
    char own[17];
    STG_RETURN_IF_FAILED(stg_model_open(&j->members[i], path));
    const struct stg_neural *member = (const struct stg_neural *)j->members[i],
                            *like = (const struct stg_neural *)j->like;
    const struct stg_model_ops *ops = j->members[i]->ops;
    bool same = ops == j->like->ops && stg_neural_alike(member, like) && member->seed == like->seed &&
                stg_vocab_equal(&member->base.vocab, &like->base.vocab);
    if (same) {
        const char *stored = json_string_value(json_object_get(j->members[i]->record, "fingerprint"));
        STG_RETURN_IF_FAILED(fingerprint(j, j->members[i], own));
        same = stored != NULL && strcmp(stored, own) == 0;
    }
    if (!same) {
        return stg_fail(STG_ERR_MISMATCH, "%s: was trained with other options or data: remove it, or resume with those",
                        path);
    }
    return STG_OK;
}

/* Trains member i, or takes it from where it waits. Its results are in its record. */
static enum stg_status fit_member(struct job *j, size_t i, const char *path)
{
    char text[17];
    j->settings.seed = j->model_settings.seed = j->o->seed + i;
    j->settings.log_appends = i > 0 || j->o->resume;
    STG_RETURN_IF_FAILED(new_model(j));
    set_like(j);
    if (j->o->resume && access(path, F_OK) == 0) {
        return take_member(j, i, path);
    }
    const bool resume = j->o->resume && access(j->checkpoint, F_OK) == 0;
    if (!resume) {
        STG_RETURN_IF_FAILED(new_model(j));
    }
    stg_log(STG_LOG_INFO, "member %zu of %u", i + 1, j->o->ensemble);
    STG_RETURN_IF_FAILED(fit(j, resume));
    STG_RETURN_IF_FAILED(put_result(j->model->record, &j->result));
    STG_RETURN_IF_FAILED(fingerprint(j, j->model, text));
    STG_RETURN_IF_FAILED(stg_facts_put(j->model->record, "fingerprint", json_string(text)));
    STG_RETURN_IF_FAILED(stg_model_save(j->model, path));
    unlink(j->checkpoint);
    j->members[i] = j->model;
    j->model = NULL;
    return STG_OK;
}

static double number_of(const json_t *results, size_t i, const char *key)
{
    const json_t *value = json_object_get(json_array_get(results, i), key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

/* The ensemble's surprisal is the mean of its members', so its loss is the mean of theirs; its accuracy is not. */
static void sum_results(struct job *j)
{
    const json_t *results = j->member_results;
    const double n = (double)json_array_size(results);
    j->result = (struct stg_train_result){.stopped = "members", .valid_accuracy = (double)NAN};
    for (size_t i = 0; i < json_array_size(results); i++) {
        j->result.n_updates += (uint64_t)number_of(results, i, "updates");
        j->result.n_tokens += (uint64_t)number_of(results, i, "tokens");
        j->result.epochs += number_of(results, i, "epochs");
        j->result.seconds += number_of(results, i, "seconds");
        j->result.train_loss += number_of(results, i, "train_loss") / n;
        j->result.valid_loss += number_of(results, i, "valid_loss") / n;
    }
}

static enum stg_status fit_ensemble(struct job *j)
{
    enum stg_status status = STG_OK;
    char *path = NULL;
    j->member_results = json_array();
    STG_TRY(stg_mem_zeroed(&j->members, j->o->ensemble, sizeof *j->members));
    for (size_t i = 0; i < j->o->ensemble; i++) {
        stg_mem_free(path);
        path = NULL;
        STG_TRY(member_path(j, i, &path));
        STG_TRY(fit_member(j, i, path));
        if (json_array_append(j->member_results, json_object_get(j->members[i]->record, "result")) != 0) {
            status = stg_fail(STG_ERR_INPUT, "%s: has no results: remove it and train again", path);
            goto out;
        }
    }
    sum_results(j);
    STG_TRY(stg_ensemble_new(&j->model, j->members, j->o->ensemble));
out:
    stg_mem_free(path);
    return status;
}

/* Once the model is written: what a training that was killed has left, too. */
static enum stg_status clean_up(const struct job *j)
{
    stg_temporary_remove_dead(j->o->out, j->began_ns);
    if (j->checkpoint != NULL) {
        unlink(j->checkpoint);
        stg_temporary_remove_dead(j->checkpoint, j->began_ns);
    }
    for (size_t i = 0; j->members != NULL && i < j->o->ensemble; i++) {
        char *path = NULL;
        STG_RETURN_IF_FAILED(member_path(j, i, &path));
        unlink(path);
        stg_temporary_remove_dead(path, j->began_ns);
        stg_mem_free(path);
    }
    return STG_OK;
}

static enum stg_status write_record(struct job *j)
{
    char date[21];
    struct stg_model *m = j->model;
    stg_clock_date(date);
    if (m->record == NULL) {
        m->record = json_object();
    }
    STG_RETURN_IF_FAILED(stg_facts_put(m->record, "command", stg_facts_string(j->cli->line)));
    STG_RETURN_IF_FAILED(stg_facts_put(m->record, "date", json_string(date)));
    STG_RETURN_IF_FAILED(stg_facts_put(m->record, "version", json_string(STG_VERSION)));
    STG_RETURN_IF_FAILED(stg_facts_put(m->record, "kind", json_string(m->ops->kind)));
    STG_RETURN_IF_FAILED(stg_facts_put(m->record, "seed", json_integer((json_int_t)j->o->seed)));
    STG_RETURN_IF_FAILED(put_sets(m->record, "train", &j->train));
    STG_RETURN_IF_FAILED(put_sets(m->record, "valid", validation_of(j)));
    STG_RETURN_IF_FAILED(put_sets(m->record, "calibrate", calibration_of(j)));
    STG_RETURN_IF_FAILED(put_result(m->record, &j->result));
    if (j->teacher != NULL) {
        STG_RETURN_IF_FAILED(stg_facts_put(m->record, "teacher", stg_facts_string(j->teacher->path)));
        STG_RETURN_IF_FAILED(stg_facts_put(m->record, "soft", json_real(j->teacher->teacher.weight)));
        STG_RETURN_IF_FAILED(stg_facts_put(m->record, "temperature", json_real(j->teacher->teacher.temperature)));
    }
    if (j->member_results != NULL) {
        STG_RETURN_IF_FAILED(stg_facts_put(m->record, "members", json_incref(j->member_results)));
    }
    STG_RETURN_IF_FAILED(stg_facts_put(m->record, "alpha", json_real(STG_ALPHA_DEFAULT)));
    return stg_novel_from_put(m->record, m);
}

static void say_result(const struct job *j)
{
    const struct stg_train_result *r = &j->result;
    char loss[64] = "", threshold[96] = "";
    if (isfinite(r->valid_loss)) {
        snprintf(loss, sizeof loss, "; validation %.4f nats per token", r->valid_loss);
    }
    const enum stg_aggregate judge = stg_aggregate_default(j->model);
    const double limit =
        stg_calibrated(j->model) ? stg_threshold(j->model, judge, STG_ALPHA_DEFAULT) : (double)INFINITY;
    if (isfinite(limit)) {
        snprintf(threshold, sizeof threshold, "; novel from %s %.4g at alpha %g",
                 judge == STG_AGGREGATE_NOVELTY ? "novelty" : "perplexity", exp(limit), STG_ALPHA_DEFAULT);
    }
    stg_log(STG_LOG_INFO, "%s: %zu sequence%s in %.1f s (%s)%s%s", j->o->out, stg_corpora_count(&j->train),
            stg_corpora_count(&j->train) == 1 ? "" : "s", r->seconds, r->stopped == NULL ? "fitted" : r->stopped, loss,
            threshold);
}

static enum stg_status print_record(const struct job *j)
{
    enum stg_status status = STG_OK;
    struct stg_buffer out = STG_BUFFER_INIT;
    STG_TRY(stg_facts_json(&out, "strange.train/1", j->model->record));
    STG_TRY(stg_output_write(&out));
out:
    stg_buffer_fini(&out);
    return status;
}

/* What is written must neither replace what is read nor one another, and a checkpoint is read again and removed in the
 * end. */
static enum stg_status check_outputs(const struct job *j, const struct stg_list *paths)
{
    const struct stg_train_options *o = j->o;
    const char *const option[] = {"-o", "--checkpoint", "--log"}, *const path[] = {o->out, o->checkpoint, o->log};
    const char *teacher_path = j->teacher != NULL ? j->teacher->path : NULL;
    const struct stg_list teacher = {.items = &teacher_path, .n = j->teacher != NULL ? 1 : 0};
    const struct stg_list *const inputs[] = {paths, &o->valid, &o->calibrate, &teacher};
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < sizeof inputs / sizeof inputs[0]; k++) {
            STG_RETURN_IF_FAILED(stg_output_apart(option[i], path[i], inputs[k]));
        }
        for (size_t k = 0; k < i && path[i] != NULL; k++) {
            if (path[k] != NULL && (strcmp(path[i], path[k]) == 0 || stg_file_is_same(path[i], path[k]))) {
                return stg_fail(STG_ERR_USAGE, "%s and %s: both write %s: give each a file of its own", option[k],
                                option[i], path[i]);
            }
        }
    }
    if (o->checkpoint != NULL && stg_file_is_special(o->checkpoint)) {
        return stg_fail(STG_ERR_USAGE, "--checkpoint: %s is no file: give the path of one, which is removed in the end",
                        o->checkpoint);
    }
    return stg_file_writer_try(o->out); /* before hours of work */
}

/* Options of another kind of model change nothing. */
static void warn_unused(const struct job *j)
{
    const bool counted = j->model->ops->gradient == NULL, attends = !counted && strcmp(j->o->model, "lstm") != 0;
    for (size_t i = 0; i < j->cli->n_given; i++) {
        const char *group = j->cli->given[i]->group == NULL ? "" : j->cli->given[i]->group;
        if ((counted && strcmp(group, STG_TRAIN_GROUP_GRADIENT) == 0) ||
            (!counted && strcmp(group, STG_TRAIN_GROUP_COUNTED) == 0) ||
            (!attends && strcmp(group, STG_TRAIN_GROUP_ATTENTION) == 0)) {
            stg_log(STG_LOG_WARN, "--%s: changes nothing of a model of the kind %s: leave it out",
                    j->cli->given[i]->name, j->o->model);
        }
    }
}

static enum stg_status run_job(struct job *j, const struct stg_list *paths)
{
    const bool ensemble = j->o->ensemble > 1;
    STG_RETURN_IF_FAILED(check_net(j->o));
    STG_RETURN_IF_FAILED(model_settings(&j->model_settings, j->o));
    train_settings(&j->settings, j->o);
    if (j->teacher != NULL) {
        j->settings.teacher = j->teacher->teacher;
    }
    STG_RETURN_IF_FAILED(check_outputs(j, paths));
    STG_RETURN_IF_FAILED(stg_pool_new(&j->pool, j->cli->threads));
    STG_RETURN_IF_FAILED(open_data(j, paths));
    STG_RETURN_IF_FAILED(new_model(j));
    if (ensemble && j->model->ops->gradient == NULL) {
        return stg_fail(STG_ERR_USAGE, "--ensemble: %s has nothing random to train several of: leave it out",
                        j->o->model);
    }
    STG_RETURN_IF_FAILED(name_checkpoint(j));
    warn_unused(j);
    STG_RETURN_IF_FAILED(hold_out(j));
    if (j->o->resume || ensemble) {
        set_like(j); /* the checkpoint's takes its place, or the members' */
    }
    STG_RETURN_IF_FAILED(ensemble ? fit_ensemble(j) : fit(j, j->o->resume));
    STG_RETURN_IF_FAILED(fit_sides(j));
    STG_RETURN_IF_FAILED(calibrate(j));
    STG_RETURN_IF_FAILED(write_record(j));
    if (j->o->learning_curve) {
        STG_RETURN_IF_FAILED(stg_train_learning(j->cli, j->model, &j->train, calibration_of(j), j->pool));
    }
    STG_RETURN_IF_FAILED(stg_model_save(j->model, j->o->out));
    STG_RETURN_IF_FAILED(clean_up(j));
    say_result(j);
    return j->o->json && j->teacher == NULL ? print_record(j) : STG_OK;
}

enum stg_status stg_train_with(struct stg_cli *cli, const struct stg_train_options *o,
                               const struct stg_train_teacher *teacher, const struct stg_list *paths)
{
    struct job j = {.cli = cli, .o = o, .teacher = teacher, .began_ns = stg_clock_real_ns()};
    if (j.o->out == NULL) {
        return stg_fail(STG_ERR_USAGE, "-o MODEL is missing: say where to write the model");
    }
    const enum stg_status status = run_job(&j, paths);
    for (size_t i = 0; j.members != NULL && i < j.o->ensemble; i++) {
        stg_model_free(j.members[i]);
    }
    stg_mem_free(j.members);
    json_decref(j.member_results);
    stg_mem_free(j.checkpoint);
    stg_model_free(j.model);
    stg_model_free(j.like);
    stg_pool_free(j.pool);
    stg_corpora_fini(&j.held);
    stg_corpora_fini(&j.calibrate);
    stg_corpora_fini(&j.valid);
    stg_corpora_fini(&j.train);
    return status;
}

enum stg_status stg_train_run(struct stg_cli *cli, void *options, int *exit_code)
{
    const struct stg_list paths = {.items = (const char **)cli->operands, .n = cli->n_operands};
    (void)exit_code;
    return stg_train_with(cli, options, NULL, &paths);
}
