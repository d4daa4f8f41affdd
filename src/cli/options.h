/* Options: the tables from which parsing, `--help`, manual pages and completion all come, so that they cannot drift
 * apart. */
#ifndef STG_CLI_OPTIONS_H
#define STG_CLI_OPTIONS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stg_option_type {
    STG_OPTION_FLAG,     /* bool; no value */
    STG_OPTION_STRING,   /* const char *, borrowed from argv */
    STG_OPTION_CHOICE,   /* const char *, one of `choices` */
    STG_OPTION_U32,      /* uint32_t */
    STG_OPTION_U64,      /* uint64_t */
    STG_OPTION_DOUBLE,   /* double */
    STG_OPTION_DURATION, /* int64_t nanoseconds; the value has a unit: ns us ms s m h */
    STG_OPTION_LIST,     /* struct stg_list: all values up to the next option, and again when repeated */
};

/* Values of a list option, in order. items is owned by the parser (stg_options_fini), the strings are argv's. */
struct stg_list {
    const char **items;
    size_t n;
};

struct stg_option {
    const char *name;     /* without dashes */
    const char *arg;      /* what help calls the value, NULL for a flag */
    const char *help;     /* a phrase without full stop */
    const char *choices;  /* "a|b|c": checked for STG_OPTION_CHOICE, offered by completion; NULL = anything */
    const char *fallback; /* the default in words, NULL = none */
    const char *group;    /* heading of its group in help; NULL = "Options" */
    size_t offset;        /* of the value in the settings */
    double min, max;      /* bounds of a number when min < max */
    enum stg_option_type type;
    char letter; /* 0 = none */
    bool not_0;  /* of a duration: 0 would count as not given, so it is refused */
};

struct stg_example {
    const char *line; /* the command line */
    const char *what; /* what it does, a phrase */
};

struct stg_cli;

struct stg_command {
    const char *name;
    const char *summary;            /* one line, no full stop */
    const char *operands;           /* "MODEL DATA|TRACE…" */
    size_t n_min, n_max;            /* operands; SIZE_MAX = any number */
    const char *const *description; /* paragraphs, NULL-terminated */
    const struct stg_option *options;
    size_t n_options;
    const struct stg_example *examples; /* ended by a NULL line */
    const char *exit_status;            /* NULL = the usual: 0 done, 2 failure */
    bool ends_in_order;   /* asked to stop a second time, it goes on with what it has to write or to clean up */
    size_t settings_size; /* bytes of the settings struct that the offsets point into */
    void (*defaults)(void *settings); /* fills zeroed settings */
    /* *exit_code is 0 before; a failure makes it 2 whatever it says. */
    enum stg_status (*run)(struct stg_cli *cli, void *settings, int *exit_code);
};

/* What every command has. */
struct stg_cli {
    bool quiet, verbose, no_progress, help, version;
    uint32_t threads;                   /* 0 = one per processor */
    const struct stg_option *given[64]; /* (n_given) options of the command line, the first ones */
    size_t n_given;
    const char *const *operands; /* (n_operands) */
    size_t n_operands;
    bool has_dashes; /* "--" was given: operands follow, or none */
    const struct stg_command *command;
    char *line; /* the command line, shell-quoted, for provenance; owned */
};

extern const struct stg_option stg_global_options[];
extern const size_t stg_n_global_options;

/* Parses argv[0 … argc−1] (what follows the command's name) into cli and settings. operands has room for argc pointers.
 * List values at the end are taken back as operands when there are fewer than n_min of those. With cli->help set the
 * number of operands is not checked. STG_ERR_USAGE with what to do otherwise. settings may be NULL: global options
 * only, up to the first operand; *n_used says how many arguments were used. */
enum stg_status stg_options_parse(struct stg_cli *cli, const struct stg_command *command, void *settings, int argc,
                                  char *const *argv, const char **operands, int *n_used) STG_MUST_USE;
/* Frees the lists in settings. */
void stg_options_fini(const struct stg_command *command, void *settings);

/* "1.5s" → 1,500,000,000. what names the option in the message. */
enum stg_status stg_parse_duration(const char *text, const char *what, int64_t *ns) STG_MUST_USE;
/* "16M" → 16,777,216: bytes with K, M, G or T (powers of 1024). NULL leaves *bytes as it is, and 0, which would look
 * like that, is refused. */
enum stg_status stg_parse_size(const char *text, const char *what, uint64_t *bytes) STG_MUST_USE;
enum stg_status stg_parse_u64(const char *text, const char *what, uint64_t *value) STG_MUST_USE;
/* Copies the i-th of "a|b|c" into out; false when there is none or it does not fit. */
bool stg_choice_at(const char *choices, size_t i, char *out, size_t cap);
/* Which of "a|b|c" value is, from 0; SIZE_MAX: none. */
size_t stg_choice_place(const char *choices, const char *value);
/* Edits (insertions, deletions, changes, swaps of neighbours) between two words of at most 63 bytes; SIZE_MAX for
 * longer ones. */
size_t stg_edit_distance(const char *a, const char *b);
/* The nearest of n words, NULL when none is near enough to suggest. */
const char *stg_suggest(const char *word, const char *const *words, size_t n);

#endif
