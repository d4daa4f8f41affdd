/* The training loop on a small LSTM and a small corpus: learns, stops, resumes to the same bits. */
#include "scratch.h"

#include "train/train.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "nn/params.h"
#include "train/batches.h"
#include "train/lesson.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_SEQUENCES = 60, MAX_LEN = 40, N_CALLS = 6 };

/* Sequences of a cycle of calls with a phase of its own, and noise. */
struct fake {
    uint16_t call[N_SEQUENCES][MAX_LEN], thread[N_SEQUENCES][MAX_LEN];
    uint8_t phase[N_SEQUENCES][MAX_LEN];
    int64_t ret[N_SEQUENCES][MAX_LEN], time_ns[N_SEQUENCES][MAX_LEN];
    size_t len[N_SEQUENCES];
    int32_t tid[1], pid[1];
    uint16_t proc[1];
};

static struct fake *fake_new(uint64_t seed)
{
    struct stg_rng rng;
    struct fake *f = calloc(1, sizeof *f);
    stg_rng_seed(&rng, seed);
    f->tid[0] = f->pid[0] = 1;
    f->proc[0] = STG_TOKEN_SPECIALS;
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        f->len[i] = 5 + (size_t)stg_rng_below(&rng, MAX_LEN - 5);
        const uint64_t first = stg_rng_below(&rng, N_CALLS);
        for (size_t k = 0; k < f->len[i]; k++) {
            const uint64_t call = stg_rng_unit(&rng) < 0.05 ? stg_rng_below(&rng, N_CALLS) : (first + k) % N_CALLS;
            f->call[i][k] = (uint16_t)(STG_TOKEN_SPECIALS + call);
            f->phase[i][k] = STG_PHASE_ENTRY;
            f->ret[i][k] = STG_RET_ABSENT;
            f->time_ns[i][k] = (int64_t)k * 1000;
        }
    }
    return f;
}

static void fake_get(void *context, size_t i, struct stg_seq *out)
{
    struct fake *f = context;
    *out = (struct stg_seq){.id = i,
                            .n = f->len[i],
                            .call = f->call[i],
                            .phase = f->phase[i],
                            .ret = f->ret[i],
                            .time_ns = f->time_ns[i],
                            .thread = f->thread[i],
                            .n_threads = 1,
                            .thread_tid = f->tid,
                            .thread_pid = f->pid,
                            .thread_proc = f->proc};
}

struct fixture {
    struct fake *train_data, *valid_data;
    struct stg_corpus train, valid;
    struct stg_vocab vocab;
    struct stg_recipe recipe;
    char dir[64], checkpoint[96], log[96];
    const char *kind; /* of new models */
    enum stg_optimizer_kind optimizer;
};

static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    x->kind = "lstm";
    x->train_data = fake_new(1);
    x->valid_data = fake_new(2);
    x->train = (struct stg_corpus){.n = N_SEQUENCES, .context = x->train_data, .get = fake_get};
    x->valid = (struct stg_corpus){.n = N_SEQUENCES, .context = x->valid_data, .get = fake_get};
    stg_recipe_default(&x->recipe);
    x->recipe.cut = STG_CUT_GIVEN;
    x->recipe.order = STG_ORDER_TIME;
    x->recipe.n_context = 0;
    if (stg_vocab_init(&x->vocab) != STG_OK) {
        return -1;
    }
    for (int i = 0; i < N_CALLS; i++) {
        char name[16];
        uint16_t id;
        snprintf(name, sizeof name, "call%d", i);
        if (stg_vocab_call(&x->vocab, name, &id) != STG_OK) {
            return -1;
        }
    }
    uint16_t id;
    if (stg_vocab_proc(&x->vocab, "p", &id) != STG_OK) {
        return -1;
    }
    scratch_path(x->dir, sizeof x->dir, "train-XXXXXX");
    if (mkdtemp(x->dir) == NULL) {
        return -1;
    }
    snprintf(x->checkpoint, sizeof x->checkpoint, "%s/checkpoint", x->dir);
    snprintf(x->log, sizeof x->log, "%s/log", x->dir);
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    unlink(x->checkpoint);
    unlink(x->log);
    const int status = rmdir(x->dir); /* fails when a temporary file was left behind */
    stg_vocab_fini(&x->vocab);
    free(x->train_data);
    free(x->valid_data);
    free(x);
    return status;
}

/* fields: 0 are the default ones. */
static struct stg_model *new_model_of(const struct fixture *x, const struct stg_vocab *vocab, unsigned fields)
{
    struct stg_model_settings s;
    struct stg_model *m = NULL;
    stg_model_settings_default(&s);
    s.fields = fields;
    s.kind = x->kind;
    s.hidden = 16;
    s.layers = 1;
    s.dropout = 0.1;
    s.seed = 3;
    assert_int_equal(stg_model_new(&m, &s, &x->recipe, vocab), STG_OK);
    return m;
}

static struct stg_model *new_model(const struct fixture *x)
{
    return new_model_of(x, &x->vocab, 0);
}

static struct stg_train_settings settings_for(const struct fixture *x)
{
    struct stg_train_settings s;
    stg_train_settings_default(&s, "lstm");
    s.batch_tokens = 150;
    s.eval_every = 7;
    s.rate = 0.01;
    s.optimizer = x->optimizer;
    s.checkpoint = x->checkpoint;
    return s;
}

static void same_parameters(struct stg_model *a, struct stg_model *b)
{
    const struct stg_params *p = a->ops->gradient->params(a), *q = b->ops->gradient->params(b);
    assert_int_equal(p->size, q->size);
    assert_memory_equal(p->value, q->value, p->size * sizeof *p->value);
}

static void test_learns(void **state)
{
    struct fixture *x = *state;
    struct stg_train_settings s = settings_for(x);
    struct stg_train_result result;
    struct stg_model *m = new_model(x);
    s.max_epochs = 12;
    s.log = x->log;
    assert_int_equal(stg_train(m, &x->train, &x->valid, &s, NULL, &result), STG_OK);
    assert_string_equal(result.stopped, "epochs");
    assert_true(result.epochs >= 12 && result.epochs < 12.2);
    assert_true(result.valid_loss < 0.9); /* uniform over six calls is 1.79; the noise leaves about 0.4 */
    assert_true(result.valid_accuracy > 0.7);
    /* One line a milestone, the last one with the result. */
    FILE *log = fopen(x->log, "r");
    char line[512];
    uint64_t n = 0;
    assert_non_null(log);
    while (fgets(line, sizeof line, log) != NULL) {
        json_t *entry = json_loads(line, 0, NULL);
        assert_non_null(entry);
        assert_true(json_is_real(json_object_get(entry, "valid_loss")));
        json_decref(entry);
        n++;
    }
    fclose(log);
    assert_int_equal(n, (result.n_updates + 6) / 7);
    stg_model_free(m);
}

/* Mean distance between what two models say of the first walks of the validation data, nats per symbol. */
static double distance(const struct fixture *x, const struct stg_model *a, const struct stg_model *b,
                       struct stg_pool *pool)
{
    struct stg_batch_walks walks = {0};
    struct stg_lesson lessons[2] = {{0}};
    const uint32_t some[] = {0, 1, 2, 3, 4, 5, 6, 7};
    double sum = 0;
    size_t n = 0;
    const size_t V = stg_symbols_count(a->symbols);
    assert_int_equal(stg_batch_walks_fill(&walks, &x->valid, some, 8, STG_ORDER_TIME, 0), STG_OK);
    struct stg_model_soft soft[2];
    const struct stg_teacher teachers[2] = {{.model = a}, {.model = b}};
    for (size_t i = 0; i < 2; i++) { /* the second one with threads, if there are any */
        assert_int_equal(
            stg_lesson_prepare(&lessons[i], &teachers[i], walks.walks, walks.n, i == 0 ? NULL : pool, &soft[i]),
            STG_OK);
    }
    for (size_t i = 0; i < walks.n; i++) {
        for (size_t k = 0; k < stg_walk_scored(&walks.walks[i]) * V; k++, n++) {
            const double p = exp((double)soft[0].log_p[i][k]), q = exp((double)soft[1].log_p[i][k]);
            sum += fabs(p - q);
        }
    }
    stg_lesson_fini(&lessons[0]);
    stg_lesson_fini(&lessons[1]);
    stg_batch_walks_fini(&walks);
    return sum / (double)n;
}

/* A student of soft targets says what its teacher says, more than one of the events alone does; its loss is still that
 * of the events. */
static void test_distils(void **state)
{
    struct fixture *x = *state;
    struct stg_train_settings s = settings_for(x);
    struct stg_train_result result, with;
    struct stg_model *teacher = new_model(x), *alone = new_model(x), *student = new_model(x);
    struct stg_pool *pool = NULL;
    s.checkpoint = NULL;
    s.max_updates = 100;
    s.label_smoothing = 0.4; /* which the teacher has and the one alone has not */
    assert_int_equal(stg_train(teacher, &x->train, &x->valid, &s, NULL, &result), STG_OK);
    s.label_smoothing = 0;
    assert_int_equal(stg_train(alone, &x->train, &x->valid, &s, NULL, &result), STG_OK);
    s.teacher = (struct stg_teacher){.model = teacher, .weight = 1, .temperature = 2};
    assert_int_equal(stg_train(student, &x->train, &x->valid, &s, NULL, &with), STG_OK);
    const double near = distance(x, teacher, student, NULL);
    const double far = distance(x, teacher, alone, NULL);
    assert_true(near < far / 3);
    assert_true(with.valid_loss > result.valid_loss); /* the teacher is less sure than the events allow */
    assert_int_equal(stg_pool_new(&pool, 3), STG_OK);
    assert_true(distance(x, teacher, teacher, pool) < 1e-6);
    stg_pool_free(pool);
    /* Resumed, with this teacher only, it comes to the same bits. */
    struct stg_model *resumed = new_model(x), *loaded = NULL;
    s.checkpoint = x->checkpoint;
    s.max_updates = 49;
    assert_int_equal(stg_train(resumed, &x->train, &x->valid, &s, NULL, &with), STG_OK);
    s.max_updates = 100;
    s.teacher.model = alone;
    assert_int_equal(stg_train_resume(&loaded, &x->train, &x->valid, &s, NULL, &with), STG_ERR_MISMATCH);
    stg_model_free(loaded);
    s.teacher.model = teacher;
    assert_int_equal(stg_train_resume(&loaded, &x->train, &x->valid, &s, NULL, &with), STG_OK);
    same_parameters(loaded, student);
    stg_model_free(loaded);
    stg_model_free(resumed);
    s.teacher.temperature = 0;
    assert_int_equal(stg_train(student, &x->train, &x->valid, &s, NULL, &with), STG_ERR_USAGE);
    s.teacher = (struct stg_teacher){.model = teacher, .weight = 1.5, .temperature = 1};
    assert_int_equal(stg_train(student, &x->train, &x->valid, &s, NULL, &with), STG_ERR_USAGE);
    stg_model_free(teacher);
    stg_model_free(alone);
    stg_model_free(student);
}

/* The result has the loss that is reported: the best evaluation's parameters, not the last ones. */
static void test_best_is_kept(void **state)
{
    struct fixture *x = *state;
    struct stg_train_settings s = settings_for(x);
    struct stg_train_result result;
    struct stg_model *m = new_model(x);
    s.checkpoint = NULL;
    s.rate = 0.3; /* jumps about */
    s.schedule = STG_SCHEDULE_CONSTANT;
    s.max_updates = 70;
    s.stop_after = 0;
    assert_int_equal(stg_train(m, &x->train, &x->valid, &s, NULL, &result), STG_OK);
    assert_int_equal(result.n_updates, 70);
    struct stg_model_loss sum = {0};
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        struct stg_batch_walks walks = {0};
        struct stg_model_loss part;
        const uint32_t one = (uint32_t)i;
        assert_int_equal(stg_batch_walks_fill(&walks, &x->valid, &one, 1, STG_ORDER_TIME, 0), STG_OK);
        assert_int_equal(m->ops->gradient->pass(m, walks.walks, walks.n, 0, NULL, 0, false, NULL, &part), STG_OK);
        sum.loss += part.loss;
        sum.n_tokens += part.n_tokens;
        stg_batch_walks_fini(&walks);
    }
    assert_true(fabs(sum.loss / (double)sum.n_tokens - result.valid_loss) < 1e-4);
    stg_model_free(m);
}

static void test_patience(void **state)
{
    struct fixture *x = *state;
    struct stg_train_settings s = settings_for(x);
    struct stg_train_result result;
    struct stg_model *m = new_model(x);
    s.checkpoint = NULL;
    s.min_gain = 100; /* nothing is ever a gain */
    s.stop_after = 3;
    assert_int_equal(stg_train(m, &x->train, &x->valid, &s, NULL, &result), STG_OK);
    assert_string_equal(result.stopped, "patience");
    assert_int_equal(result.n_updates, 7 * 4); /* the first evaluation sets the mark */
    stg_model_free(m);
}

static void test_budget(void **state)
{
    struct fixture *x = *state;
    struct stg_train_settings s = settings_for(x);
    struct stg_train_result result;
    struct stg_model *m = new_model(x);
    s.checkpoint = NULL;
    s.budget_s = 0.2;
    s.stop_after = 0;
    assert_int_equal(stg_train(m, &x->train, NULL, &s, NULL, &result), STG_OK);
    assert_string_equal(result.stopped, "budget");
    assert_true(result.seconds >= 0.2);
    assert_true(isnan(result.valid_loss));
    assert_true(result.train_loss > 0);
    stg_model_free(m);
}

/* Stops at `first` updates, goes on from the checkpoint; must equal the straight run to the bit. */
static void resume_from(struct fixture *x, uint64_t first, enum stg_train_schedule schedule, uint32_t batch,
                        struct stg_pool *pool)
{
    struct stg_train_settings s = settings_for(x);
    struct stg_train_result straight, part, rest;
    struct stg_model *a = new_model(x), *b = new_model(x), *c = NULL;
    s.schedule = schedule;
    s.batch = batch;
    s.warm_up = 5;
    s.patience = 1; /* the rate changes on the way */
    s.min_gain = 0.02;
    s.stop_after = 0;
    s.max_updates = 63;
    assert_int_equal(stg_train(a, &x->train, &x->valid, &s, pool, &straight), STG_OK);
    s.max_updates = first;
    assert_int_equal(stg_train(b, &x->train, &x->valid, &s, pool, &part), STG_OK);
    assert_int_equal(part.n_updates, first);
    s.max_updates = 63;
    assert_int_equal(stg_train_resume(&c, &x->train, &x->valid, &s, pool, &rest), STG_OK);
    assert_int_equal(rest.n_updates, straight.n_updates);
    assert_int_equal(rest.n_tokens, straight.n_tokens);
    assert_true(rest.valid_loss == straight.valid_loss);
    assert_true(rest.train_loss == straight.train_loss);
    same_parameters(a, c);
    stg_model_free(a);
    stg_model_free(b);
    stg_model_free(c);
}

static void test_resume(void **state)
{
    struct fixture *x = *state;
    struct stg_pool *pool = NULL;
    resume_from(x, 7, STG_SCHEDULE_PLATEAU, 0, NULL);
    resume_from(x, 35, STG_SCHEDULE_PLATEAU, 0, NULL);
    resume_from(x, 56, STG_SCHEDULE_INVERSE_SQRT, 8, NULL);
    assert_int_equal(stg_pool_new(&pool, 3), STG_OK);
    resume_from(x, 21, STG_SCHEDULE_PLATEAU, 0, pool);
    x->kind = "longformer";
    x->optimizer = STG_OPTIMIZER_RANGER; /* between two of Lookahead's steps */
    resume_from(x, 28, STG_SCHEDULE_INVERSE_SQRT, 0, pool);
    stg_pool_free(pool);
}

/* The rate falls by the same step with every update, and a resumed run must know where it ends. */
static void test_linear(void **state)
{
    struct fixture *x = *state;
    struct stg_train_settings s = settings_for(x);
    struct stg_train_result result;
    struct stg_model *m = new_model(x), *resumed = NULL;
    char line[1024], *rate = NULL;
    s.schedule = STG_SCHEDULE_LINEAR;
    s.warm_up = 0;
    s.log = x->log;
    s.eval_every = 7;
    s.max_updates = 63;
    s.stop_after = 0;
    assert_int_equal(stg_train(m, &x->train, &x->valid, &s, NULL, &result), STG_OK);
    FILE *f = fopen(x->log, "re");
    assert_non_null(f);
    for (int i = 7; i <= 63; i += 7) {
        assert_non_null(fgets(line, sizeof line, f));
        rate = strstr(line, "\"rate\": ");
        assert_non_null(rate);
        assert_true(fabs(strtod(rate + 8, NULL) / s.rate - (1 - (i - 1) / 63.0)) < 1e-4);
    }
    fclose(f);
    s.max_updates = 64;
    assert_int_equal(stg_train_resume(&resumed, &x->train, &x->valid, &s, NULL, &result), STG_ERR_MISMATCH);
    stg_model_free(resumed);
    stg_model_free(m);
}

/* The rates that the log tells, one for each evaluation; the best loss on valid of all. */
static size_t read_rates(const struct fixture *x, double *rates, size_t cap, double *best)
{
    char line[1024];
    size_t n = 0;
    FILE *f = fopen(x->log, "re");
    assert_non_null(f);
    *best = (double)INFINITY;
    while (fgets(line, sizeof line, f) != NULL) {
        json_t *entry = json_loads(line, 0, NULL);
        assert_true(n < cap);
        rates[n++] = json_real_value(json_object_get(entry, "rate"));
        *best = fmin(*best, json_real_value(json_object_get(entry, "valid_loss")));
        json_decref(entry);
    }
    fclose(f);
    return n;
}

/* Inverse square root after the warm-up; a tenth where validation stalls. A gain too small to go on for is still kept.
 */
static void test_schedules(void **state)
{
    struct fixture *x = *state;
    struct stg_train_settings s = settings_for(x);
    struct stg_train_result result;
    double rates[16], best;
    s.checkpoint = NULL;
    s.schedule = STG_SCHEDULE_INVERSE_SQRT;
    s.warm_up = 10;
    s.log = x->log;
    s.eval_every = 7;
    s.max_updates = 42;
    s.stop_after = 0;
    struct stg_model *m = new_model(x);
    assert_int_equal(stg_train(m, &x->train, &x->valid, &s, NULL, &result), STG_OK);
    stg_model_free(m);
    assert_int_equal(read_rates(x, rates, 16, &best), 6);
    assert_true(fabs(rates[0] / s.rate - 0.7) < 1e-4);
    for (int i = 1; i < 6; i++) {
        assert_true(fabs(rates[i] / s.rate - sqrt(10.0 / (7 * (i + 1)))) < 1e-4);
    }
    unlink(x->log);
    s.schedule = STG_SCHEDULE_PLATEAU;
    s.warm_up = 0;
    s.patience = 2;
    s.min_gain = 100; /* nothing is ever a gain */
    m = new_model(x);
    assert_int_equal(stg_train(m, &x->train, &x->valid, &s, NULL, &result), STG_OK);
    stg_model_free(m);
    assert_int_equal(read_rates(x, rates, 16, &best), 6);
    for (int i = 0; i < 6; i++) { /* the first evaluation sets the mark, the third and the fifth divide what follows */
        assert_true(fabs(rates[i] / s.rate - (i < 3 ? 1 : i < 5 ? 0.1 : 0.01)) < 1e-6);
    }
    assert_true(fabs(result.valid_loss - best) < 1e-6);
}

static void on_alarm(int number)
{
    (void)number;
    stg_interrupt_ask();
}

/* A signal between two evaluations: the checkpoint holds the middle of an interval and of an epoch. */
static void test_resume_after_interrupt(void **state)
{
    struct fixture *x = *state;
    struct stg_train_settings s = settings_for(x);
    struct stg_train_result straight, rest;
    struct stg_model *a = new_model(x), *c = NULL;
    s.eval_every = 1000000;
    /* The child is interrupted after a while by itself; it must leave with a checkpoint. */
    const pid_t child = fork();
    if (child == 0) {
        struct stg_model *b = new_model(x);
        struct stg_train_result part;
        s.max_updates = 0;
        s.budget_s = 0;
        s.stop_after = 0;
        struct sigaction action = {.sa_handler = SIG_DFL};
        action.sa_handler = on_alarm;
        sigaction(SIGALRM, &action, NULL);
        ualarm(30000, 0);
        const enum stg_status status = stg_train(b, &x->train, &x->valid, &s, NULL, &part);
        _exit(status == STG_ERR_INTERRUPTED ? 0 : 1);
    }
    int code = -1;
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
    struct stg_tensors *file = NULL;
    assert_int_equal(stg_tensors_open(&file, x->checkpoint, STG_CHECKPOINT_FORMAT, STG_CHECKPOINT_VERSION), STG_OK);
    json_t *done = json_loads(stg_tensors_meta(file, "train.state"), 0, NULL);
    const json_int_t n_done = json_integer_value(json_object_get(done, "updates"));
    json_decref(done);
    stg_tensors_free(file);
    s.max_updates = (uint64_t)n_done + 13;
    s.stop_after = 0;
    assert_int_equal(stg_train_resume(&c, &x->train, &x->valid, &s, NULL, &rest), STG_OK);
    unlink(x->checkpoint);
    assert_int_equal(stg_train(a, &x->train, &x->valid, &s, NULL, &straight), STG_OK);
    assert_true(rest.train_loss == straight.train_loss);
    same_parameters(a, c);
    stg_model_free(a);
    stg_model_free(c);
}

static void test_resume_refused(void **state)
{
    struct fixture *x = *state;
    struct stg_train_settings s = settings_for(x);
    struct stg_train_result result;
    struct stg_model *m = new_model(x), *c = NULL;
    s.max_updates = 7;
    assert_int_equal(stg_train(m, &x->train, &x->valid, &s, NULL, &result), STG_OK);
    s.rate = 0.02;
    assert_int_equal(stg_train_resume(&c, &x->train, &x->valid, &s, NULL, &result), STG_ERR_MISMATCH);
    stg_model_free(c);
    s.rate = 0.01;
    x->train_data->call[3][2] ^= 1;
    assert_int_equal(stg_train_resume(&c, &x->train, &x->valid, &s, NULL, &result), STG_ERR_MISMATCH);
    x->train_data->call[3][2] ^= 1;
    stg_model_free(c);
    assert_int_equal(stg_train_resume(&c, &x->train, NULL, &s, NULL, &result), STG_ERR_MISMATCH);
    stg_model_free(c);
    s.checkpoint = "/nowhere/checkpoint";
    assert_int_equal(stg_train_resume(&c, &x->train, &x->valid, &s, NULL, &result), STG_ERR_IO);
    assert_null(c);
    stg_model_free(m);
}

/* What nothing would end is not begun, nor gone on with. */
static void test_no_end_refused(void **state)
{
    struct fixture *x = *state;
    struct stg_train_settings s = settings_for(x);
    struct stg_train_result result;
    struct stg_model *m = new_model(x), *c = NULL;
    const struct stg_corpus none = {.n = 0};
    assert_int_equal(stg_train(m, &x->train, NULL, &s, NULL, &result), STG_ERR_USAGE);
    assert_non_null(strstr(stg_status_message(), "nothing says when to stop"));
    assert_int_equal(stg_train(m, &x->train, &none, &s, NULL, &result), STG_ERR_USAGE);
    s.max_updates = 7;
    s.schedule = STG_SCHEDULE_CONSTANT;
    assert_int_equal(stg_train(m, &x->train, NULL, &s, NULL, &result), STG_OK);
    s.max_updates = 0;
    assert_int_equal(stg_train_resume(&c, &x->train, NULL, &s, NULL, &result), STG_ERR_USAGE);
    assert_null(c);
    s.max_epochs = 1;
    assert_int_equal(stg_train_resume(&c, &x->train, NULL, &s, NULL, &result), STG_OK);
    stg_model_free(c);
    stg_model_free(m);
}

/* A checkpoint is of a model that predicts other fields, or the same numbers stand for other names. */
static void test_resume_unlike(void **state)
{
    struct fixture *x = *state;
    struct stg_train_settings s = settings_for(x);
    struct stg_train_result result;
    struct stg_model *m = new_model(x), *c = NULL;
    struct stg_vocab renamed;
    char name[16];
    uint16_t id;
    s.max_updates = 7;
    assert_int_equal(stg_train(m, &x->train, &x->valid, &s, NULL, &result), STG_OK);
    assert_int_equal(stg_vocab_init(&renamed), STG_OK);
    assert_int_equal(stg_vocab_proc(&renamed, "p", &id), STG_OK);
    for (int i = 0; i < N_CALLS; i++) {
        snprintf(name, sizeof name, "other%d", i);
        assert_int_equal(stg_vocab_call(&renamed, name, &id), STG_OK);
    }
    struct stg_model *const like[] = {new_model_of(x, &x->vocab, STG_FIELD_CALL), new_model_of(x, &renamed, 0),
                                      new_model(x)};
    const char *const said[] = {"a model with other settings", "other names"};
    for (size_t i = 0; i < 3; i++) {
        s.like = like[i];
        assert_int_equal(stg_train_resume(&c, &x->train, &x->valid, &s, NULL, &result),
                         i < 2 ? STG_ERR_MISMATCH : STG_OK);
        assert_true(i == 2 || strstr(stg_status_message(), said[i]) != NULL);
        stg_model_free(c);
        stg_model_free(like[i]);
    }
    stg_vocab_fini(&renamed);
    stg_model_free(m);
}

/* Every sequence once an epoch; bounds kept; another order each epoch. */
static void test_batches(void **state)
{
    struct fixture *x = *state;
    struct stg_batches b;
    struct stg_rng rng;
    uint32_t before = UINT32_MAX;
    int n_equal_starts = 0;
    stg_rng_seed(&rng, 5);
    assert_int_equal(stg_batches_init(&b, &x->train, 0, 100, 0), STG_OK);
    for (int epoch = 0; epoch < 20; epoch++) {
        int seen[N_SEQUENCES] = {0};
        stg_batches_shuffle(&b, &rng);
        for (size_t i = 0; i < b.n; i++) {
            size_t n, tokens = 0;
            const uint32_t *sequences = stg_batches_get(&b, i, &n);
            assert_true(n > 0);
            for (size_t k = 0; k < n; k++) {
                seen[sequences[k]]++;
                tokens += x->train_data->len[sequences[k]] + 1;
            }
            assert_true(tokens <= 100 || n == 1);
        }
        for (size_t i = 0; i < N_SEQUENCES; i++) {
            assert_int_equal(seen[i], 1);
        }
        size_t n;
        const uint32_t first = stg_batches_get(&b, 0, &n)[0];
        n_equal_starts += first == before;
        before = first;
    }
    assert_true(n_equal_starts < 10);
    stg_batches_fini(&b);
    assert_int_equal(stg_batches_init(&b, &x->train, 16, 0, 0), STG_OK);
    stg_batches_shuffle(&b, &rng);
    assert_int_equal(b.n, (N_SEQUENCES + 15) / 16);
    stg_batches_fini(&b);
}

/* A checkpoint that is cut off or has a flipped bit is refused; the training data is not touched. */
static void test_damaged_checkpoint(void **state)
{
    struct fixture *x = *state;
    struct stg_train_settings s = settings_for(x);
    struct stg_train_result result;
    struct stg_model *m = new_model(x), *c = NULL;
    s.max_updates = 7;
    assert_int_equal(stg_train(m, &x->train, &x->valid, &s, NULL, &result), STG_OK);
    stg_model_free(m);
    FILE *file = fopen(x->checkpoint, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const size_t size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(size);
    assert_int_equal(fread(bytes, 1, size, file), size);
    fclose(file);
    uint64_t header = 0;
    memcpy(&header, bytes, sizeof header);
    for (size_t n = 0; n < size; n += 1 + size / 997) {
        for (int flip = 0; flip < 2; flip++) {
            unlink(x->checkpoint); /* a file system may flush a file that is truncated and written again */
            file = fopen(x->checkpoint, "wb");
            assert_non_null(file);
            bytes[n] ^= flip ? 0x10 : 0;
            assert_int_equal(fwrite(bytes, 1, flip ? size : n, file), flip ? size : n);
            bytes[n] ^= flip ? 0x10 : 0;
            fclose(file);
            const enum stg_status status = stg_train_resume(&c, &x->train, &x->valid, &s, NULL, &result);
            stg_model_free(c);
            if (flip && n < header + 8) { /* in the header it may be harmless */
                assert_true(status == STG_OK || status == STG_ERR_INPUT || status == STG_ERR_MISMATCH);
            } else if (status != STG_ERR_INPUT) {
                fail_msg("byte %zu of %zu: status %d: %s", n, size, (int)status, stg_status_message());
            }
        }
    }
    free(bytes);
}

/* Whatever allocation fails, training fails with it and leaves no half-written checkpoint. */
static void test_memory(void **state)
{
    struct fixture *x = *state;
    struct stg_train_settings s = settings_for(x);
    s.max_updates = 7;
    for (uint64_t n = 1; n < 4000; n += 1 + n / 12) {
        struct stg_train_result result;
        struct stg_model *m = new_model(x);
        unlink(x->checkpoint);
        stg_mem_fail_at(n);
        const enum stg_status status = stg_train(m, &x->train, &x->valid, &s, NULL, &result);
        stg_mem_fail_at(0);
        stg_model_free(m);
        assert_true(status == STG_OK || status == STG_ERR_MEMORY);
        if (access(x->checkpoint, F_OK) == 0) {
            struct stg_tensors *file = NULL;
            assert_int_equal(stg_tensors_open(&file, x->checkpoint, STG_CHECKPOINT_FORMAT, STG_CHECKPOINT_VERSION),
                             STG_OK);
            stg_tensors_free(file);
        }
        if (status == STG_OK) {
            return;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_batches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_learns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_distils, setup, teardown),
        cmocka_unit_test_setup_teardown(test_best_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_patience, setup, teardown),
        cmocka_unit_test_setup_teardown(test_linear, setup, teardown),
        cmocka_unit_test_setup_teardown(test_schedules, setup, teardown),
        cmocka_unit_test_setup_teardown(test_budget, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resume, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resume_after_interrupt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resume_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_end_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resume_unlike, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_checkpoint, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
