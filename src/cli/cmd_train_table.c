/* The option table of `strange train`. */
#include "cli/cmd_train.h"
#include "cli/commands.h"

#define AT(field) offsetof(struct stg_train_options, field)
#define NETWORK "Training by gradients (lstm)"

static const struct stg_option options[] = {
    {.name = "output", .letter = 'o', .arg = "MODEL", .type = STG_OPTION_STRING, .offset = AT(out),
     .help = "where to write the model"},
    {.name = "model", .arg = "KIND", .type = STG_OPTION_CHOICE, .choices = "ngram|stide|lstm", .offset = AT(model),
     .fallback = "ngram", .help = "kind of model: ngram (interpolated modified Kneser-Ney), stide (windows that never occurred), lstm"},
    {.name = "preset", .arg = "NAME", .type = STG_OPTION_CHOICE, .choices = "paper", .offset = AT(preset),
     .help = "published settings (arXiv 2309.02206) where no other option changes them"},
    {.name = "valid", .arg = "DATA…", .type = STG_OPTION_LIST, .offset = AT(valid),
     .help = "known data that decides when to stop; without it and --calibrate, the end of DATA is held out"},
    {.name = "calibrate", .arg = "DATA…", .type = STG_OPTION_LIST, .offset = AT(calibrate), .fallback = "the data of --valid",
     .help = "known data, best of several runs, that says how surprising known behaviour gets"},
    {.name = "hold-out", .arg = "PART", .type = STG_OPTION_DOUBLE, .offset = AT(hold_out), .min = 0.001, .max = 0.9,
     .fallback = "0.1", .help = "part of DATA to hold out when there is no other validation data"},
    {.name = "fields", .arg = "LIST", .type = STG_OPTION_STRING, .choices = "call|call,phase|call,phase,ret", .offset = AT(fields),
     .fallback = "the model's", .help = "what of an event is predicted: call, and phase (entry or exit), ret (success or errno)"},
    {.name = "seed", .arg = "N", .type = STG_OPTION_U64, .offset = AT(seed), .fallback = "1", .help = "of everything random"},
    {.name = "json", .type = STG_OPTION_FLAG, .offset = AT(json), .help = "print the training record as one JSON object"},

    {.name = "ngram-order", .arg = "N", .type = STG_OPTION_U32, .offset = AT(ngram_order), .min = 1, .max = 64,
     .group = "Counted models (ngram, stide)", .fallback = "the model's", .help = "n of the n-gram (at most 8), window of stide"},
    {.name = "smoothing", .arg = "NAME", .type = STG_OPTION_CHOICE, .choices = "kneser-ney|paper", .offset = AT(smoothing),
     .group = "Counted models (ngram, stide)", .fallback = "kneser-ney",
     .help = "ngram: modified Kneser-Ney, or the paper's maximum likelihood with 1/V for what was never seen"},

    {.name = "budget", .arg = "TIME", .type = STG_OPTION_DURATION, .offset = AT(budget_ns), .group = NETWORK,
     .help = "stop after this long (10m, 2h); time before a resume counts"},
    {.name = "updates", .arg = "N", .type = STG_OPTION_U64, .offset = AT(updates), .group = NETWORK,
     .help = "stop after so many updates"},
    {.name = "epochs", .arg = "X", .type = STG_OPTION_DOUBLE, .offset = AT(epochs), .min = 0, .max = 1e6, .group = NETWORK,
     .help = "stop after so many passes over DATA"},
    {.name = "hidden", .arg = "N", .type = STG_OPTION_U32, .offset = AT(hidden), .min = 1, .max = 8192, .group = NETWORK,
     .fallback = "the model's", .help = "width of a layer"},
    {.name = "layers", .arg = "N", .type = STG_OPTION_U32, .offset = AT(layers), .min = 1, .max = 64, .group = NETWORK,
     .fallback = "the model's", .help = "number of layers"},
    {.name = "dropout", .arg = "P", .type = STG_OPTION_DOUBLE, .offset = AT(dropout), .min = 0, .max = 0.95, .group = NETWORK,
     .fallback = "the model's", .help = "probability that an activation is dropped"},
    {.name = "rate", .arg = "X", .type = STG_OPTION_DOUBLE, .offset = AT(rate), .min = 1e-9, .max = 10, .group = NETWORK,
     .fallback = "0.001", .help = "Adam's learning rate"},
    {.name = "batch", .arg = "N", .type = STG_OPTION_U32, .offset = AT(batch), .group = NETWORK,
     .fallback = "by --batch-tokens", .help = "sequences of an update"},
    {.name = "batch-tokens", .arg = "N", .type = STG_OPTION_U32, .offset = AT(batch_tokens), .min = 1, .max = 4e6, .group = NETWORK,
     .help = "tokens of an update, about"},
    {.name = "label-smoothing", .arg = "P", .type = STG_OPTION_DOUBLE, .offset = AT(label_smoothing), .min = 0, .max = 0.95,
     .group = NETWORK, .fallback = "0.1", .help = "probability spread over all symbols in the training objective"},
    {.name = "clip", .arg = "X", .type = STG_OPTION_DOUBLE, .offset = AT(clip), .min = 0, .max = 1e9, .group = NETWORK,
     .fallback = "10", .help = "bound of the gradient's norm; 0 is none"},
    {.name = "schedule", .arg = "NAME", .type = STG_OPTION_CHOICE, .choices = "constant|plateau|inverse-sqrt", .offset = AT(schedule),
     .group = NETWORK, .fallback = "plateau", .help = "how the rate changes: plateau divides it by 10 when validation stalls"},
    {.name = "warm-up", .arg = "N", .type = STG_OPTION_U32, .offset = AT(warm_up), .group = NETWORK, .fallback = "0",
     .help = "updates over which the rate rises from zero"},
    {.name = "eval-every", .arg = "N", .type = STG_OPTION_U32, .offset = AT(eval_every), .min = 1, .max = 4e9, .group = NETWORK,
     .help = "updates between evaluations on the validation data"},
    {.name = "patience", .arg = "N", .type = STG_OPTION_U32, .offset = AT(patience), .group = NETWORK,
     .help = "evaluations without gain before the rate is divided"},
    {.name = "stop-after", .arg = "N", .type = STG_OPTION_U32, .offset = AT(stop_after), .group = NETWORK,
     .help = "evaluations without gain before training stops"},
    {.name = "checkpoint", .arg = "FILE", .type = STG_OPTION_STRING, .offset = AT(checkpoint), .group = NETWORK,
     .fallback = "MODEL.checkpoint", .help = "where the state is saved at every evaluation; removed when training is done"},
    {.name = "resume", .type = STG_OPTION_FLAG, .offset = AT(resume), .group = NETWORK,
     .help = "go on from the checkpoint; the result is the same to the bit as without the interruption"},
    {.name = "log", .arg = "FILE", .type = STG_OPTION_STRING, .offset = AT(log), .group = NETWORK,
     .help = "write a line of JSON for each evaluation"},
};

static void defaults(void *context)
{
    struct stg_train_options *o = context;
    o->model = "ngram";
    o->seed = 1;
    o->hold_out = 0.1;
    o->batch = o->batch_tokens = o->warm_up = o->eval_every = o->patience = o->stop_after = STG_NOT_GIVEN_U32;
    o->dropout = o->rate = o->label_smoothing = o->clip = o->epochs = STG_NOT_GIVEN_DOUBLE;
}

static const char *const description[] = {
    "Learns the behaviour in one or several data sets, then measures on held-out known data how surprising known behaviour gets: that "
    "calibration turns a score into a p-value. Latency and load differ from run to run, so give --calibrate the data of several.",
    "Data sets that belong together share one vocabulary: prepare the first, then the others with --vocab FIRST.",
    "Without --valid and --calibrate the latest tenth of every data set is held out for both, and a message says so.",
    "A training by gradients saves its state at every evaluation and when it is interrupted (Ctrl-C); --resume with the same data and "
    "options goes on.",
    NULL,
};

static const struct stg_example examples[] = {
    {"strange train -o web.model train.data", "an n-gram model; the latest tenth calibrates it"},
    {"strange train --model lstm --budget 10m --valid valid.data -o web.model train.data", "ten minutes of an LSTM"},
    {"strange train --ngram-order 5 --calibrate run1.data run2.data -o web.model train.data", "calibrated on two other runs"},
    {NULL, NULL},
};

const struct stg_command stg_command_train = {
    .name = "train",
    .summary = "learn a data set: a calibrated model comes out",
    .operands = "DATA…",
    .n_min = 1,
    .n_max = SIZE_MAX,
    .description = description,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = examples,
    .settings_size = sizeof(struct stg_train_options),
    .defaults = defaults,
    .run = stg_train_run,
};
