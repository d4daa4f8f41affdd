/* The options that commands which train share, as runs of entries for their tables. Their settings begin with a struct
 * stg_train_options (cmd_train.h). */
#ifndef STG_CLI_TRAIN_OPTIONS_H
#define STG_CLI_TRAIN_OPTIONS_H

#include "cli/cmd_train.h"

#include "nn/net.h"

#define STG_TRAIN_AT(field) offsetof(struct stg_train_options, field)
/* In the order of enum stg_optimizer_kind and enum stg_train_schedule. */
#define STG_TRAIN_OPTIMIZERS "adam|adamw|ranger"
#define STG_TRAIN_SCHEDULES  "constant|plateau|inverse-sqrt|linear"

#define STG_TRAIN_GROUP_COUNTED   "Counted models (ngram, stide)"
#define STG_TRAIN_GROUP_GRADIENT  "Training by gradients (lstm, transformer, longformer)"
#define STG_TRAIN_GROUP_ATTENTION "Attention nets (transformer, longformer)"

/* clang-format off */
/* What data decides beside the training data. */
#define STG_TRAIN_OPTIONS_DATA \
    {.name = "valid", \
     .arg = "DATA…", \
     .type = STG_OPTION_LIST, \
     .offset = STG_TRAIN_AT(valid), \
     .help = "known data that decides when to stop; without it and --calibrate, the end of DATA is held out"}, \
    {.name = "calibrate", \
     .arg = "DATA…", \
     .type = STG_OPTION_LIST, \
     .offset = STG_TRAIN_AT(calibrate), \
     .fallback = "the data of --valid", \
     .help = "known data, best of several runs, that says how surprising known behaviour gets; each trace is a run"}, \
    {.name = "quarantine", \
     .arg = "PART", \
     .type = STG_OPTION_DOUBLE, \
     .offset = STG_TRAIN_AT(quarantine), \
     .min = 0, \
     .max = 0.5, \
     .fallback = "0", \
     .help = "part of the calibration data, the most novel, that does not calibrate and is named instead: for known data that may hold some novelty. " \
             "Known sequences are called novel by up to as much more often; the verdict on many, groups and the stream allow for that"}, \
    {.name = "hold-out", \
     .arg = "PART", \
     .type = STG_OPTION_DOUBLE, \
     .offset = STG_TRAIN_AT(hold_out), \
     .min = 0.001, \
     .max = 0.9, \
     .fallback = "0.1; of few sequences 100 or a third", \
     .help = "part of DATA to hold out when there is no other validation data"}

/* When a training by gradients stops, its net, its steps, its files. */
#define STG_TRAIN_OPTIONS_GRADIENT \
    {.name = "budget", \
     .arg = "TIME", \
     .type = STG_OPTION_DURATION, \
     .offset = STG_TRAIN_AT(budget_ns), \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .help = "stop after this long (10m, 2h), 0: no bound; time before a resume counts"}, \
    {.name = "updates", \
     .arg = "N", \
     .type = STG_OPTION_U64, \
     .offset = STG_TRAIN_AT(updates), \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .help = "stop after so many updates, 0: no bound"}, \
    {.name = "epochs", \
     .arg = "X", \
     .type = STG_OPTION_DOUBLE, \
     .offset = STG_TRAIN_AT(epochs), \
     .min = 0, \
     .max = 1e6, \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .help = "stop after so many passes over DATA, 0: no bound"}, \
    {.name = "hidden", \
     .arg = "N", \
     .type = STG_OPTION_U32, \
     .offset = STG_TRAIN_AT(hidden), \
     .min = 8, \
     .max = 4096, \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .fallback = "128; 64 of an LSTM that is a student; the preset's: 256 of an LSTM, else 168", \
     .help = "units of an LSTM's layer, a multiple of 8; width of an attention net's rows"}, \
    {.name = "layers", \
     .arg = "N", \
     .type = STG_OPTION_U32, \
     .offset = STG_TRAIN_AT(layers), \
     .min = 1, \
     .max = STG_NET_MAX_LAYERS, \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .fallback = "2; 1 of an LSTM that is a student", \
     .help = "number of layers"}, \
    {.name = "dropout", \
     .arg = "P", \
     .type = STG_OPTION_DOUBLE, \
     .offset = STG_TRAIN_AT(dropout), \
     .min = 0, \
     .max = 0.95, \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .fallback = "0.05 (lstm), 0.01 (attention nets)", \
     .help = "probability that an activation is dropped"}, \
    {.name = "precision", \
     .arg = "NAME", \
     .type = STG_OPTION_CHOICE, \
     .choices = "f32|bf16", \
     .offset = STG_TRAIN_AT(precision), \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .fallback = "f32", \
     .help = "of the numbers that are multiplied, in training and scoring; bf16 is faster where the processor has it. Sums and the " \
             "weights themselves stay f32"}, \
    {.name = "rate", \
     .arg = "X", \
     .type = STG_OPTION_DOUBLE, \
     .offset = STG_TRAIN_AT(rate), \
     .min = 1e-9, \
     .max = 10, \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .fallback = "0.008; 0.004 for attention nets; 0.001 in the preset", \
     .help = "learning rate"}, \
    {.name = "optimizer", \
     .arg = "NAME", \
     .type = STG_OPTION_CHOICE, \
     .choices = STG_TRAIN_OPTIMIZERS, \
     .offset = STG_TRAIN_AT(optimizer), \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .fallback = "adam", \
     .help = "adam, adamw (with weight decay), ranger (RAdam with Lookahead)"}, \
    {.name = "weight-decay", \
     .arg = "X", \
     .type = STG_OPTION_DOUBLE, \
     .offset = STG_TRAIN_AT(decay), \
     .min = 0, \
     .max = 10, \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .fallback = "0.01", \
     .help = "of adamw: part of a weight that goes in an update at rate 1"}, \
    {.name = "batch", \
     .arg = "N", \
     .type = STG_OPTION_U32, \
     .offset = STG_TRAIN_AT(batch), \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .fallback = "by --batch-tokens; 64 in the preset", \
     .help = "sequences of an update, 0: by --batch-tokens"}, \
    {.name = "batch-tokens", \
     .arg = "N", \
     .type = STG_OPTION_U32, \
     .offset = STG_TRAIN_AT(batch_tokens), \
     .min = 1, \
     .max = 4e6, \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .fallback = "2048", \
     .help = "tokens of an update, about"}, \
    {.name = "label-smoothing", \
     .arg = "P", \
     .type = STG_OPTION_DOUBLE, \
     .offset = STG_TRAIN_AT(label_smoothing), \
     .min = 0, \
     .max = 0.95, \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .fallback = "0; 0.1 in the preset", \
     .help = "probability spread over all symbols in the training objective"}, \
    {.name = "clip", \
     .arg = "X", \
     .type = STG_OPTION_DOUBLE, \
     .offset = STG_TRAIN_AT(clip), \
     .min = 0, \
     .max = 1e9, \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .fallback = "10", \
     .help = "bound of the gradient's norm; 0 is none"}, \
    {.name = "schedule", \
     .arg = "NAME", \
     .type = STG_OPTION_CHOICE, \
     .choices = STG_TRAIN_SCHEDULES, \
     .offset = STG_TRAIN_AT(schedule), \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .fallback = "linear where the training is bounded, else plateau; or the preset's", \
     .help = "how the rate changes: plateau divides it by 10 when validation stalls, linear falls to zero at the end of --budget, --updates or --epochs"}, \
    {.name = "warm-up", \
     .arg = "N", \
     .type = STG_OPTION_U32, \
     .offset = STG_TRAIN_AT(warm_up), \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .fallback = "100 (lstm), 200 (attention nets), at most a tenth of --updates; in the preset 0, 5000 (transformer), 1000 (longformer)", \
     .help = "updates over which the rate rises from zero"}, \
    {.name = "eval-every", \
     .arg = "N", \
     .type = STG_OPTION_U32, \
     .offset = STG_TRAIN_AT(eval_every), \
     .min = 1, \
     .max = 4e9, \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .fallback = "800; 1000 in the preset", \
     .help = "updates between evaluations on the validation data"}, \
    {.name = "patience", \
     .arg = "N", \
     .type = STG_OPTION_U32, \
     .offset = STG_TRAIN_AT(patience), \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .fallback = "5", \
     .help = "evaluations without gain before the rate is divided, 0: it is not"}, \
    {.name = "stop-after", \
     .arg = "N", \
     .type = STG_OPTION_U32, \
     .offset = STG_TRAIN_AT(stop_after), \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .fallback = "12; 20 in the preset", \
     .help = "evaluations without gain before training stops, 0: it does not"}, \
    {.name = "checkpoint", \
     .arg = "FILE", \
     .type = STG_OPTION_STRING, \
     .offset = STG_TRAIN_AT(checkpoint), \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .fallback = "MODEL.checkpoint", \
     .help = "where the state is saved at every evaluation; removed when training is done. What is there already is not replaced: a checkpoint waits for --resume, or to be removed"}, \
    {.name = "resume", \
     .type = STG_OPTION_FLAG, \
     .offset = STG_TRAIN_AT(resume), \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .help = "go on from the checkpoint, with the same options (where the schedule is linear, the same bound too); the result is the same to the bit as without the interruption"}, \
    {.name = "log", \
     .arg = "FILE", \
     .type = STG_OPTION_STRING, \
     .offset = STG_TRAIN_AT(log), \
     .group = STG_TRAIN_GROUP_GRADIENT, \
     .help = "write a line of JSON for each evaluation"}

#define STG_TRAIN_OPTIONS_ATTENTION \
    {.name = "heads", \
     .arg = "N", \
     .type = STG_OPTION_U32, \
     .offset = STG_TRAIN_AT(heads), \
     .min = 1, \
     .max = 64, \
     .group = STG_TRAIN_GROUP_ATTENTION, \
     .fallback = "4", \
     .help = "attention heads of a layer; they divide --hidden"}, \
    {.name = "ff", \
     .arg = "N", \
     .type = STG_OPTION_U32, \
     .offset = STG_TRAIN_AT(ff), \
     .min = 1, \
     .max = 16384, \
     .group = STG_TRAIN_GROUP_ATTENTION, \
     .fallback = "8/3 of --hidden, in whole sixteens; 448 in the preset", \
     .help = "width inside the feed-forward sublayer"}, \
    {.name = "activation", \
     .arg = "NAME", \
     .type = STG_OPTION_CHOICE, \
     .choices = "relu|gelu|swiglu", \
     .offset = STG_TRAIN_AT(activation), \
     .group = STG_TRAIN_GROUP_ATTENTION, \
     .fallback = "swiglu", \
     .help = "of the feed-forward sublayer"}, \
    {.name = "norm", \
     .arg = "WHERE", \
     .type = STG_OPTION_CHOICE, \
     .choices = "post|pre|none", \
     .offset = STG_TRAIN_AT(norm), \
     .group = STG_TRAIN_GROUP_ATTENTION, \
     .fallback = "pre; post in the preset", \
     .help = "layer norm after or before a sublayer, or none (with the initial values of T-Fixup)"}, \
    {.name = "window", \
     .arg = "N[,N…]", \
     .type = STG_OPTION_STRING, \
     .offset = STG_TRAIN_AT(window), \
     .group = STG_TRAIN_GROUP_ATTENTION, \
     .fallback = "2048 (transformer), 32 (longformer)", \
     .help = "events that each one attends to, itself included; one number, or one for each layer"}, \
    {.name = "dilation", \
     .arg = "N[,N…]", \
     .type = STG_OPTION_STRING, \
     .offset = STG_TRAIN_AT(dilation), \
     .group = STG_TRAIN_GROUP_ATTENTION, \
     .fallback = "1", \
     .help = "distance between the events of the window"}, \
    {.name = "global", \
     .arg = "N", \
     .type = STG_OPTION_U32, \
     .offset = STG_TRAIN_AT(n_global), \
     .min = 0, \
     .max = 16, \
     .group = STG_TRAIN_GROUP_ATTENTION, \
     .fallback = "0 (transformer), 1 (longformer)", \
     .help = "first events that every later one attends to"}, \
    {.name = "recompute", \
     .type = STG_OPTION_FLAG, \
     .offset = STG_TRAIN_AT(recompute), \
     .group = STG_TRAIN_GROUP_ATTENTION, \
     .help = "compute activations again in the backward pass instead of keeping them: less memory, more time"}
/* clang-format on */

#endif
