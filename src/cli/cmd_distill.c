/* strange distill: a smaller model learns from a larger one. */
#include "cli/cmd_train.h"
#include "cli/commands.h"
#include "cli/common_options.h"
#include "cli/compare.h"
#include "cli/facts.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/train_data.h"
#include "cli/train_options.h"

#include "base/log.h"

#include <string.h>

struct settings {
    struct stg_train_options train; /* first: its options are shared with `strange train` */
    double soft, temperature;
    struct stg_list known, novel;
};

static enum stg_status check_usage(const struct settings *s)
{
    if (s->train.out == NULL) {
        return stg_fail(STG_ERR_USAGE, "-o STUDENT is missing: say where to write the student");
    }
    if ((s->known.n > 0) != (s->novel.n > 0)) {
        return stg_fail(STG_ERR_USAGE, "--known and --novel go together: give both or neither");
    }
    return STG_OK;
}

/* A student is small unless it is told otherwise: one layer, half as wide as an LSTM otherwise is. An n-gram listens
 * less: what it counts is not smoothed by gradients, so a teacher that is unsure costs it more
 * (docs/measurements.md). */
static void complete(struct settings *s)
{
    struct stg_train_options *o = &s->train;
    if (s->soft < 0) {
        s->soft = strcmp(o->model, "ngram") == 0 ? 0.5 : 0.9;
    }
    if (strcmp(o->model, "lstm") == 0) {
        o->layers = o->layers == 0 ? 1 : o->layers;
        o->hidden = o->hidden == 0 ? 64 : o->hidden;
    }
}

/* What the student was validated on, as its record says: --valid, or the end of the training data. */
static enum stg_status open_valid(struct stg_corpora *out, const struct settings *s, const struct stg_list *data,
                                  const struct stg_model *student)
{
    const json_t *sets = json_object_get(student->record, "valid");
    STG_RETURN_IF_FAILED(stg_corpora_open(out, s->train.valid.n > 0 ? &s->train.valid : data, NULL, NULL));
    for (size_t i = 0; i < out->n; i++) {
        const json_t *set = json_array_get(sets, i);
        const double spread = json_number_value(json_object_get(set, "spread"));
        if (spread > 0) {
            STG_RETURN_IF_FAILED(stg_corpora_restrict_spread(out, i, spread));
            continue;
        }
        stg_corpora_restrict(out, i, (size_t)json_integer_value(json_object_get(set, "first")),
                             (size_t)json_integer_value(json_object_get(set, "sequences")));
    }
    return STG_OK;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* Whether the model's record says that it has learnt any of these sequences. Files are told by their name and size, as
 * a model may have been trained in another directory. */
static bool has_learnt(const struct stg_model *m, const struct stg_corpora *c)
{
    size_t at;
    const json_t *set;
    json_array_foreach(json_object_get(m->record, "train"), at, set)
    {
        const char *path = json_string_value(json_object_get(set, "path"));
        const json_int_t events = json_integer_value(json_object_get(set, "events_of_file"));
        const json_int_t first = json_integer_value(json_object_get(set, "first"));
        const json_int_t end = first + json_integer_value(json_object_get(set, "sequences"));
        const double spread = json_number_value(json_object_get(set, "spread")); /* held out of both alike, or met */
        for (size_t i = 0; path != NULL && i < c->n; i++) {
            const json_int_t begin = (json_int_t)c->slices[i].first, n = (json_int_t)c->slices[i].n;
            const bool met = spread > 0 ? c->spread[i] != spread : begin < end && first < begin + n;
            if (strcmp(last_part(path), last_part(stg_dataset_path(c->sets[i]))) == 0 &&
                events == (json_int_t)stg_dataset_events(c->sets[i]) && met) {
                return true;
            }
        }
    }
    return false;
}

static enum stg_status print(json_t *facts, const struct settings *s, const struct stg_comparison *c, size_t threads)
{
    enum stg_status status = STG_OK;
    struct stg_buffer out = STG_BUFFER_INIT;
    if (s->train.json) {
        STG_TRY(stg_facts_put(facts, "soft", json_real(s->soft)));
        STG_TRY(stg_facts_put(facts, "temperature", json_real(s->temperature)));
        STG_TRY(stg_facts_put(facts, "threads", json_integer((json_int_t)threads)));
        STG_TRY(stg_facts_put(facts, "n_valid", json_integer((json_int_t)c->loss->n)));
        STG_TRY(stg_facts_put(facts, "record", json_incref(c->side[1].model->record)));
        STG_TRY(stg_facts_json(&out, "strange.distill/1", facts));
    } else {
        STG_TRY(stg_compare_text(&out, facts, c));
    }
    STG_TRY(stg_output_write(&out));
out:
    stg_buffer_fini(&out);
    return status;
}

/* Before hours of work, as what cannot be opened then cannot be opened afterwards. */
static enum stg_status open_groups(struct stg_groups groups[2], const struct settings *s,
                                   const struct stg_model *teacher, const struct stg_cli *cli)
{
    STG_RETURN_IF_FAILED(stg_groups_open_one(&groups[0], "known", &s->known, teacher, NULL, cli));
    STG_RETURN_IF_FAILED(stg_groups_open_named(&groups[1], "--novel", &s->novel, teacher, NULL, cli));
    for (size_t i = 0; i < 2; i++) {
        STG_RETURN_IF_FAILED(stg_groups_apart(&groups[i], s->train.out));
        STG_RETURN_IF_FAILED(stg_groups_check(&groups[i], teacher));
    }
    return STG_OK;
}

static enum stg_status compare(const struct stg_cli *cli, const struct settings *s, const struct stg_model *teacher,
                               const struct stg_list *data, struct stg_groups groups[2])
{
    enum stg_status status = STG_OK;
    struct stg_model *student = NULL;
    struct stg_corpora valid = {0};
    struct stg_corpus corpus;
    struct stg_pool *pool = NULL;
    json_t *facts = json_object();
    STG_TRY(stg_input_model(&student, s->train.out));
    STG_TRY(open_valid(&valid, s, data, student));
    STG_TRY(stg_pool_new(&pool, cli->threads));
    stg_corpora_corpus(&valid, &corpus);
    const struct stg_comparison c = {
        .loss = &corpus,
        .known = &groups[0],
        .novel = &groups[1],
        .side = {{"teacher", cli->operands[0], teacher, has_learnt(teacher, &valid)},
                 {"student", s->train.out, student, false}},
    };
    if (c.side[0].has_learnt) {
        stg_log(STG_LOG_WARN,
                "%s has learnt data that the loss is measured on, so its own is left out: give --valid known data that "
                "it was not trained on",
                cli->operands[0]);
    }
    STG_TRY(stg_compare(facts, &c, cli, pool));
    STG_TRY(print(facts, s, &c, stg_pool_threads(pool)));
out:
    json_decref(facts);
    stg_pool_free(pool);
    stg_corpora_fini(&valid);
    stg_model_free(student);
    return status;
}

static enum stg_status run(struct stg_cli *cli, void *context, int *exit_code)
{
    struct settings *s = context;
    enum stg_status status = STG_OK;
    struct stg_train_teacher teacher = {.path = cli->operands[0]};
    struct stg_model *model = NULL;
    struct stg_groups groups[2] = {0};
    const struct stg_list data = {.items = (const char **)(cli->operands + 1), .n = cli->n_operands - 1};
    (void)exit_code;
    STG_TRY(check_usage(s));
    STG_TRY(stg_input_model(&model, cli->operands[0]));
    complete(s);
    teacher.teacher = (struct stg_teacher){.model = model, .weight = s->soft, .temperature = s->temperature};
    STG_TRY(open_groups(groups, s, model, cli));
    STG_TRY(stg_train_with(cli, &s->train, &teacher, &data));
    STG_TRY(compare(cli, s, model, &data, groups));
out:
    stg_groups_fini(&groups[0]);
    stg_groups_fini(&groups[1]);
    stg_model_free(model);
    return status;
}

static void defaults(void *context)
{
    struct settings *s = context;
    stg_train_options_default(&s->train);
    s->train.model = "lstm";
    s->soft = STG_NOT_GIVEN_DOUBLE;
    s->temperature = 1;
}

static const struct stg_option options[] = {
    {.name = "output",
     .letter = 'o',
     .arg = "STUDENT",
     .type = STG_OPTION_STRING,
     .offset = STG_TRAIN_AT(out),
     .help = "where to write the student"},
    {.name = "student",
     .arg = "KIND",
     .type = STG_OPTION_CHOICE,
     .choices = "lstm|transformer|longformer|ngram",
     .offset = STG_TRAIN_AT(model),
     .fallback = "lstm",
     .help = "kind of the student; an n-gram counts what the teacher expects beside what happened"},
    {.name = "ngram-order",
     .arg = "N",
     .type = STG_OPTION_U32,
     .offset = STG_TRAIN_AT(ngram_order),
     .min = 1,
     .max = 8,
     .fallback = "5",
     .help = "of an n-gram: the longest run of calls that is counted"},
    {.name = "soft",
     .arg = "A",
     .type = STG_OPTION_DOUBLE,
     .offset = offsetof(struct settings, soft),
     .min = 0,
     .max = 1,
     .fallback = "0.9; 0.5 for an n-gram",
     .help = "share of the teacher's probabilities in the objective, or in what is counted; the events themselves have "
             "the rest"},
    {.name = "temperature",
     .arg = "T",
     .type = STG_OPTION_DOUBLE,
     .offset = offsetof(struct settings, temperature),
     .min = 0.01,
     .max = 100,
     .fallback = "1",
     .help = "at which both distributions are compared: the higher, the more unlikely symbols count"},
    STG_TRAIN_OPTIONS_DATA,
    STG_OPTION_KNOWN(struct settings, "held-out data or traces of the known behaviour, for the table"),
    {.name = "novel",
     .arg = "[NAME=]DATA…",
     .type = STG_OPTION_LIST,
     .offset = offsetof(struct settings, novel),
     .help = "data or traces of novel behaviours, by name, for the table; nothing is learned from them"},
    {.name = "seed",
     .arg = "N",
     .type = STG_OPTION_U64,
     .offset = STG_TRAIN_AT(seed),
     .fallback = "1",
     .help = "of everything random"},
    STG_OPTION_JSON(struct stg_train_options,
                    "one JSON object instead of the table"), /* the settings begin with these */
    STG_TRAIN_OPTIONS_GRADIENT,
    STG_TRAIN_OPTIONS_ATTENTION,
};

static const char *const description[] = {
    "Trains a smaller model, the student, on DATA and on what the teacher says of it: at every event the student "
    "learns the teacher's "
    "probabilities of all symbols beside what happened (Hinton, Vinyals, Dean 2015). The student has the teacher's "
    "vocabulary, symbols and "
    "recipe, and is calibrated by itself.",
    "An n-gram counts instead: at every event each symbol by its probability, the teacher's and what happened mixed, "
    "and is smoothed by "
    "Kneser-Ney of such expected counts (Zhang and Chiang 2014). It is far smaller and faster than a net; `strange "
    "train --model ngram` "
    "with a higher order may know the data better than any teacher tells it, which the table shows.",
    "The table at the end shows what was lost and gained: size, speed of scoring (both in turns, on the threads "
    "given), mean surprisal "
    "of the validation data (not the teacher's where its record says that it has learnt any of them), and with --known "
    "and --novel the area under the ROC curve for each behaviour, by the "
    "score that the model "
    "judges by.",
    NULL,
};

static const struct stg_example examples[] = {
    {"strange distill --valid valid.data --budget 10m -o small.model web.model train.data",
     "an LSTM of one layer of 64"},
    {"strange distill --hidden 32 --known test.data --novel io=io.data -o small.model web.model train.data",
     "a smaller one, and what it does to detection"},
    {NULL, NULL},
};

const struct stg_command stg_command_distill = {
    .name = "distill",
    .summary = "teach a smaller and faster model what a larger one knows",
    .operands = "-o STUDENT TEACHER DATA…",
    .n_min = 2,
    .n_max = SIZE_MAX,
    .description = description,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = examples,
    .settings_size = sizeof(struct settings),
    .defaults = defaults,
    .run = run,
};
