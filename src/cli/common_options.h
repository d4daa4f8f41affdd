/* Common options: entries that several option tables share, so that an option means the same wherever it is. S is the
 * settings struct of the command, which has a field of the option's name. */
#ifndef STG_CLI_COMMON_OPTIONS_H
#define STG_CLI_COMMON_OPTIONS_H

#include "cli/options.h"
#include "detect/calibrate.h"

/* What a macro stands for, as text. */
#define STG_TEXT_OF(x) #x
#define STG_TEXT(x)    STG_TEXT_OF(x)

/* bool json */
#define STG_OPTION_JSON(S, HELP)                                                             \
    {                                                                                        \
        .name = "json", .type = STG_OPTION_FLAG, .offset = offsetof(S, json), .help = (HELP) \
    }

/* double alpha */
#define STG_OPTION_ALPHA(S, HELP)                                                                           \
    {                                                                                                       \
        .name = "alpha", .arg = "P", .type = STG_OPTION_DOUBLE, .offset = offsetof(S, alpha), .min = 1e-15, \
        .max = 0.5, .fallback = STG_TEXT(STG_ALPHA_DEFAULT), .help = (HELP)                                 \
    }

/* const char *aggregate */
#define STG_OPTION_AGGREGATE(S, HELP)                                                                               \
    {                                                                                                               \
        .name = "aggregate", .arg = "NAME", .type = STG_OPTION_CHOICE,                                              \
        .choices = "mean|median|window|upper|rms|time|state|pace|load|migration|workers|novelty",                   \
        .offset = offsetof(S, aggregate), .fallback = "novelty, or mean where the model has it not", .help = (HELP) \
    }

/* uint32_t group */
#define STG_OPTION_GROUP(S)                                                                                            \
    {                                                                                                                  \
        .name = "group", .arg = "N", .type = STG_OPTION_U32, .offset = offsetof(S, group), .min = 2, .max = 1000000,   \
        .fallback = "off",                                                                                             \
        .help = "judge every N consecutive sequences together, too: by the mean of ln(1/p-value), compared with such " \
                "groups of the calibration; what moves every sequence a little shows there"                            \
    }

/* double interval */
#define STG_OPTION_INTERVAL(S)                                                                                         \
    {                                                                                                                  \
        .name = "interval", .arg = "N", .type = STG_OPTION_DOUBLE, .offset = offsetof(S, interval), .min = 100,        \
        .max = 1e15, .fallback = "10000",                                                                              \
        .help = "known sequences from one false alarm to the next, of the test whether the stream of them has shifted" \
    }

/* const char *precision: NULL = the model's */
#define STG_OPTION_PRECISION(S)                                                                                        \
    {                                                                                                                  \
        .name = "precision", .arg = "NAME", .type = STG_OPTION_CHOICE, .choices = "f32|bf16",                          \
        .offset = offsetof(S, precision), .fallback = "the model's",                                                   \
        .help = "of the numbers that a neural model multiplies; bf16 is faster where the processor has it, and moves " \
                "scores a little"                                                                                      \
    }

/* struct stg_list known */
#define STG_OPTION_KNOWN(S, HELP)                                                                              \
    {                                                                                                          \
        .name = "known", .arg = "DATA…", .type = STG_OPTION_LIST, .offset = offsetof(S, known), .help = (HELP) \
    }

/* struct stg_list novel, valid_known, valid_novel */
#define STG_OPTIONS_NOVEL(S)                                                                                       \
    {.name = "novel",                                                                                              \
     .arg = "[NAME=]DATA…",                                                                                        \
     .type = STG_OPTION_LIST,                                                                                      \
     .offset = offsetof(S, novel),                                                                                 \
     .help = "data or traces of novel behaviours, by name; a name given twice is one behaviour, and a file or "    \
             "directory without has its own"},                                                                     \
        {.name = "valid-known",                                                                                    \
         .arg = "DATA…",                                                                                           \
         .type = STG_OPTION_LIST,                                                                                  \
         .offset = offsetof(S, valid_known),                                                                       \
         .help = "other known data, with which the paper's threshold is chosen"},                                  \
    {                                                                                                              \
        .name = "valid-novel", .arg = "[NAME=]DATA…", .type = STG_OPTION_LIST, .offset = offsetof(S, valid_novel), \
        .help = "other data of the behaviours, with which the paper's threshold is chosen"                         \
    }

/* const char *format */
#define STG_OPTION_FORMAT(S, HELP)                                                                       \
    {                                                                                                    \
        .name = "format", .arg = "FORMAT", .type = STG_OPTION_CHOICE,                                    \
        .choices = "ctf|perf|strace|sysdig|paper|intlist|namelist|pairs", .offset = offsetof(S, format), \
        .fallback = "found by itself", .help = (HELP)                                                    \
    }

#endif
