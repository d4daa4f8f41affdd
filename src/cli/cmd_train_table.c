/* The option table of `strange train`. */
#include "cli/cmd_train.h"
#include "cli/commands.h"
#include "cli/train_options.h"

#define AT(field) offsetof(struct stg_train_options, field)
#define NETWORK   STG_TRAIN_GROUP_GRADIENT

static const struct stg_option options[] = {
    {.name = "output",
     .letter = 'o',
     .arg = "MODEL",
     .type = STG_OPTION_STRING,
     .offset = AT(out),
     .help = "where to write the model"},
    {.name = "model",
     .arg = "KIND",
     .type = STG_OPTION_CHOICE,
     .choices = "ngram|stide|lstm|transformer|longformer",
     .offset = AT(model),
     .fallback = "ngram",
     .help = "kind of model: ngram (interpolated modified Kneser-Ney), stide (windows that never occurred), lstm, "
             "transformer "
             "(attends to all before), longformer (to a window and the first event)"},
    {.name = "preset",
     .arg = "NAME",
     .type = STG_OPTION_CHOICE,
     .choices = "paper",
     .offset = AT(preset),
     .help = "published settings (arXiv 2309.02206) where no other option changes them"},
    STG_TRAIN_OPTIONS_DATA,
    {.name = "fields",
     .arg = "LIST",
     .type = STG_OPTION_STRING,
     .choices = "call|call,phase|call,phase,ret|call,phase,ret,size",
     .offset = AT(fields),
     .fallback = "call,phase,ret,size; call,phase,ret for stide; call with --preset",
     .help = "what of an event is predicted: call, and phase (entry or exit), ret (success or errno), size (eighths of "
             "the octave of a returned count)"},
    {.name = "channels",
     .arg = "WHICH",
     .type = STG_OPTION_CHOICE,
     .choices = "all|content",
     .offset = AT(channels),
     .fallback = "all; content with --preset or --fields",
     .help = "what is judged: the calls alone (content), or beside them the rhythm of each thread, the descriptors of "
             "the one that the cut rule followed and, where the trace tells, how many threads share the work and how "
             "busy the machine is"},
    {.name = "seed",
     .arg = "N",
     .type = STG_OPTION_U64,
     .offset = AT(seed),
     .fallback = "1",
     .help = "of everything random"},
    {.name = "learning-curve",
     .type = STG_OPTION_FLAG,
     .offset = AT(learning_curve),
     .help = "also say whether more known data would help: how surprising the calibration data is to an n-gram that "
             "has learnt an eighth, a quarter, "
             "half and all of DATA, and how much of it occurred in none"},
    {.name = "json",
     .type = STG_OPTION_FLAG,
     .offset = AT(json),
     .help = "print the training record as one JSON object"},

    {.name = "ngram-order",
     .arg = "N",
     .type = STG_OPTION_U32,
     .offset = AT(ngram_order),
     .min = 1,
     .max = 8,
     .group = STG_TRAIN_GROUP_COUNTED,
     .fallback = "5; 6 for stide",
     .help = "n of the n-gram, window of stide; at most 8"},
    {.name = "smoothing",
     .arg = "NAME",
     .type = STG_OPTION_CHOICE,
     .choices = "kneser-ney|paper",
     .offset = AT(smoothing),
     .group = STG_TRAIN_GROUP_COUNTED,
     .fallback = "kneser-ney",
     .help = "ngram: modified Kneser-Ney, or the paper's maximum likelihood with 1/V for what was never seen"},

    {.name = "ensemble",
     .arg = "N",
     .type = STG_OPTION_U32,
     .offset = AT(ensemble),
     .min = 1,
     .max = 64,
     .group = NETWORK,
     .fallback = "1",
     .help = "train N models one after the other, with seeds SEED, SEED + 1 …, each within the bounds below, and score "
             "by the mean of "
             "their log-probabilities"},
    STG_TRAIN_OPTIONS_GRADIENT,

    STG_TRAIN_OPTIONS_ATTENTION,
};

void stg_train_options_default(void *settings)
{
    struct stg_train_options *o = settings;
    o->model = "ngram";
    o->seed = 1;
    o->hold_out = STG_NOT_GIVEN_DOUBLE;
    o->batch = o->batch_tokens = o->warm_up = o->eval_every = o->patience = o->stop_after = o->n_global =
        STG_NOT_GIVEN_U32;
    o->dropout = o->rate = o->label_smoothing = o->clip = o->epochs = o->decay = STG_NOT_GIVEN_DOUBLE;
}

static const char *const description[] = {
    "Learns the behaviour in one or several data sets, then measures on held-out known data how surprising known "
    "behaviour gets: that "
    "calibration turns a score into a p-value. Latency and load differ from run to run, so give --calibrate the data "
    "of several.",
    "Data sets that belong together share one vocabulary: prepare the first, then the others with --vocab FIRST.",
    "Without --valid and --calibrate the latest part of every data set is held out for both (--hold-out), and a "
    "message says so. Of lists without times, which stand in the order of their files or lines, it is a part spread "
    "evenly; windows of one file stay together.",
    "A training by gradients saves its state at every evaluation and when it is interrupted (Ctrl-C); --resume with "
    "the same data and "
    "options goes on. Without --resume, a checkpoint or members of an ensemble that are there already are refused: "
    "remove them to begin anew.",
    NULL,
};

static const struct stg_example examples[] = {
    {"strange train -o web.model train.data", "an n-gram model; the latest part of the data calibrates it"},
    {"strange train --learning-curve -o web.model train.data", "… and whether train.data is enough"},
    {"strange train --model lstm --budget 10m --valid valid.data -o web.model train.data", "ten minutes of an LSTM"},
    {"strange train --model transformer --norm post --optimizer ranger -o web.model train.data",
     "a Transformer with other choices"},
    {"strange train --model longformer --window 64,32 --dilation 1,4 -o web.model train.data",
     "two layers with their own windows"},
    {"strange train --ngram-order 5 --calibrate run1.data run2.data -o web.model train.data",
     "calibrated on two other runs"},
    {NULL, NULL},
};

const struct stg_command stg_command_train = {
    .name = "train",
    .summary = "learn a data set: a calibrated model comes out",
    .operands = "-o MODEL DATA…",
    .n_min = 1,
    .n_max = SIZE_MAX,
    .description = description,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = examples,
    .settings_size = sizeof(struct stg_train_options),
    .defaults = stg_train_options_default,
    .run = stg_train_run,
};
