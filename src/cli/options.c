#include "cli/options.h"

#include "base/memory.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct stg_option stg_global_options[] = {
    {.name = "help",
     .letter = 'h',
     .type = STG_OPTION_FLAG,
     .offset = offsetof(struct stg_cli, help),
     .help = "print help and exit"},
    {.name = "quiet",
     .letter = 'q',
     .type = STG_OPTION_FLAG,
     .offset = offsetof(struct stg_cli, quiet),
     .help = "only errors on standard error"},
    {.name = "verbose",
     .letter = 'v',
     .type = STG_OPTION_FLAG,
     .offset = offsetof(struct stg_cli, verbose),
     .help = "say more on standard error"},
    {.name = "threads",
     .arg = "N",
     .type = STG_OPTION_U32,
     .offset = offsetof(struct stg_cli, threads),
     .min = 0,
     .max = 1024,
     .fallback = "one per processor",
     .help = "threads to work with, 0: as many as by default"},
    {.name = "no-progress",
     .type = STG_OPTION_FLAG,
     .offset = offsetof(struct stg_cli, no_progress),
     .help = "no progress line, even on a terminal"},
    {.name = "version",
     .type = STG_OPTION_FLAG,
     .offset = offsetof(struct stg_cli, version),
     .help = "print the version and exit"},
};
const size_t stg_n_global_options = sizeof stg_global_options / sizeof stg_global_options[0];

#define MAX_WORD 63

static size_t min3(size_t a, size_t b, size_t c)
{
    const size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

size_t stg_edit_distance(const char *a, const char *b)
{
    const size_t n = strlen(a), m = strlen(b);
    size_t rows[3][MAX_WORD + 1];
    if (n > MAX_WORD || m > MAX_WORD) {
        return SIZE_MAX;
    }
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= m; j++) {
        before[j] = above[j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            const size_t change = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = min3(above[j] + 1, row[j - 1] + 1, change);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < row[j]) {
                row[j] = before[j - 2] + 1;
            }
        }
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[m];
}

const char *stg_suggest(const char *word, const char *const *words, size_t n)
{
    const char *best = NULL;
    size_t best_distance = 1 + strlen(word) / 3; /* a third of the word may be wrong */
    if (best_distance > 3) {
        best_distance = 3;
    }
    best_distance++;
    for (size_t i = 0; i < n; i++) {
        const size_t distance = stg_edit_distance(word, words[i]);
        if (distance < best_distance) {
            best = words[i];
            best_distance = distance;
        }
    }
    return best;
}

bool stg_choice_at(const char *choices, size_t i, char *out, size_t cap)
{
    for (const char *at = choices; at != NULL;) {
        const char *bar = strchr(at, '|');
        const size_t len = bar == NULL ? strlen(at) : (size_t)(bar - at);
        if (i == 0) {
            if (len >= cap) {
                return false;
            }
            memcpy(out, at, len);
            out[len] = '\0';
            return true;
        }
        i--;
        at = bar == NULL ? NULL : bar + 1;
    }
    return false;
}

size_t stg_choice_place(const char *choices, const char *value)
{
    char word[64];
    for (size_t i = 0; stg_choice_at(choices, i, word, sizeof word); i++) {
        if (strcmp(word, value) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

enum stg_status stg_parse_u64(const char *text, const char *what, uint64_t *value)
{
    char *end = NULL;
    errno = 0;
    const unsigned long long parsed = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0) {
        return stg_fail(STG_ERR_USAGE, "%s: '%s' is not a whole number: give one of 0 or more", what, text);
    }
    *value = parsed;
    return STG_OK;
}

static enum stg_status parse_double(const char *text, const char *what, double *value)
{
    char *end = NULL;
    const double parsed = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(parsed)) {
        return stg_fail(STG_ERR_USAGE, "%s: '%s' is not a number", what, text);
    }
    *value = parsed;
    return STG_OK;
}

enum stg_status stg_parse_duration(const char *text, const char *what, int64_t *ns)
{
    static const struct {
        const char *unit;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}};
    char *end = NULL;
    const double value = strtod(text, &end);
    const bool is_number = end != text && text[0] != '-' && isfinite(value);
    if (is_number && value == 0 && *end == '\0') {
        *ns = 0;
        return STG_OK;
    }
    for (size_t i = 0; is_number && i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].unit) == 0) {
            if (value * units[i].ns >= 9.2e18) {
                break;
            }
            *ns = (int64_t)(value * units[i].ns + 0.5);
            return STG_OK;
        }
    }
    return stg_fail(STG_ERR_USAGE,
                    "%s: '%s' is not a duration: give a number and a unit (ns, us, ms, s, m, h), such as 1.5s", what,
                    text);
}

enum stg_status stg_parse_size(const char *text, const char *what, uint64_t *bytes)
{
    static const char units[] = "KMGT";
    char *end = NULL;
    if (text == NULL) {
        return STG_OK;
    }
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    const char *unit = *end == '\0' ? NULL : strchr(units, *end);
    const unsigned shift = unit == NULL ? 0 : 10 * ((unsigned)(unit - units) + 1);
    if (text[0] < '0' || text[0] > '9' || errno != 0 || (*end != '\0' && (unit == NULL || end[1] != '\0')) ||
        value > UINT64_MAX >> shift) {
        return stg_fail(STG_ERR_USAGE, "%s: '%s' is not a size: give bytes, or a number with K, M, G or T", what, text);
    }
    if (value == 0) {
        return stg_fail(STG_ERR_USAGE, "%s: %s is out of bounds: give a size above 0, or leave it out", what, text);
    }
    *bytes = (uint64_t)value << shift;
    return STG_OK;
}

static enum stg_status check_bounds(const struct stg_option *o, double value, const char *text)
{
    if (o->min < o->max && !(value >= o->min && value <= o->max)) {
        return stg_fail(STG_ERR_USAGE, "--%s: %s is out of bounds: give a value from %.10g to %.10g", o->name, text,
                        o->min, o->max);
    }
    return STG_OK;
}

static enum stg_status check_choice(const struct stg_option *o, const char *text)
{
    char words[32][32];
    const char *pointers[32];
    size_t n = 0;
    while (n < 32 && stg_choice_at(o->choices, n, words[n], sizeof words[n])) {
        pointers[n] = words[n];
        if (strcmp(words[n], text) == 0) {
            return STG_OK;
        }
        n++;
    }
    const char *near = stg_suggest(text, pointers, n);
    if (near != NULL) {
        return stg_fail(STG_ERR_USAGE, "--%s: unknown value '%s': did you mean '%s'? Choices: %s", o->name, text, near,
                        o->choices);
    }
    return stg_fail(STG_ERR_USAGE, "--%s: unknown value '%s': choices: %s", o->name, text, o->choices);
}

static enum stg_status add_item(struct stg_list *list, const char *value, size_t room)
{
    if (list->items == NULL) {
        STG_RETURN_IF_FAILED(stg_mem_zeroed(&list->items, room, sizeof *list->items));
    }
    list->items[list->n++] = value; /* a list holds at most as many values as there are arguments */
    return STG_OK;
}

static enum stg_status set_number(const struct stg_option *o, void *slot, const char *value, const char *what)
{
    uint64_t whole = 0;
    double number = 0;
    if (o->type == STG_OPTION_DOUBLE) {
        STG_RETURN_IF_FAILED(parse_double(value, what, &number));
        STG_RETURN_IF_FAILED(check_bounds(o, number, value));
        *(double *)slot = number;
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_parse_u64(value, what, &whole));
    STG_RETURN_IF_FAILED(check_bounds(o, (double)whole, value));
    if (o->type == STG_OPTION_U64) {
        *(uint64_t *)slot = whole;
        return STG_OK;
    }
    if (whole > UINT32_MAX) {
        return stg_fail(STG_ERR_USAGE, "%s: %s is too large: give at most 4294967295", what, value);
    }
    *(uint32_t *)slot = (uint32_t)whole;
    return STG_OK;
}

static enum stg_status set_duration(const struct stg_option *o, int64_t *slot, const char *value, const char *what)
{
    int64_t ns;
    STG_RETURN_IF_FAILED(stg_parse_duration(value, what, &ns));
    if (o->not_0 && ns == 0) {
        return stg_fail(STG_ERR_USAGE, "%s: %s is out of bounds: give a time above 0, or leave it out", what, value);
    }
    *slot = ns;
    return STG_OK;
}

static enum stg_status set_value(const struct stg_option *o, void *base, const char *value, size_t room)
{
    void *slot = (char *)base + o->offset;
    char what[80] = "--";
    strncat(what, o->name, sizeof what - 3);
    switch (o->type) {
    case STG_OPTION_FLAG:
        *(bool *)slot = true;
        return STG_OK;
    case STG_OPTION_CHOICE:
        STG_RETURN_IF_FAILED(check_choice(o, value));
        *(const char **)slot = value;
        return STG_OK;
    case STG_OPTION_STRING:
        *(const char **)slot = value;
        return STG_OK;
    case STG_OPTION_U32:
    case STG_OPTION_U64:
    case STG_OPTION_DOUBLE:
        return set_number(o, slot, value, what);
    case STG_OPTION_DURATION:
        return set_duration(o, slot, value, what);
    case STG_OPTION_LIST:
        return add_item(slot, value, room);
    }
    return stg_fail(STG_ERR_INTERNAL, "%s: unknown type of option", what);
}

/* The parser's position and what it parses into. */
struct parser {
    struct stg_cli *cli;
    const struct stg_command *command; /* NULL: global options only */
    void *settings;
    char *const *argv;
    int argc, at;
    const char **operands;
    size_t n_operands;
    struct stg_list *last_list; /* the list that took the last argument, NULL when it was something else */
};

static const struct stg_option *find_option(const struct parser *p, const char *name, size_t len, char letter,
                                            void **base)
{
    const size_t n_own = p->command == NULL ? 0 : p->command->n_options;
    for (size_t i = 0; i < n_own + stg_n_global_options; i++) {
        const struct stg_option *o = i < n_own ? &p->command->options[i] : &stg_global_options[i - n_own];
        if (name != NULL ? strlen(o->name) == len && memcmp(o->name, name, len) == 0 : o->letter == letter) {
            *base = i < n_own ? p->settings : (void *)p->cli;
            return o;
        }
    }
    return NULL;
}

/* Sets the option's value and notes that it was given. */
static enum stg_status give_value(struct parser *p, const struct stg_option *o, void *base, const char *value)
{
    STG_RETURN_IF_FAILED(set_value(o, base, value, (size_t)p->argc));
    if (p->cli->n_given < sizeof p->cli->given / sizeof p->cli->given[0]) {
        p->cli->given[p->cli->n_given++] = o;
    }
    return STG_OK;
}

static enum stg_status fail_unknown(const struct parser *p, const char *name, size_t len)
{
    const char *names[128];
    size_t n = 0;
    const size_t n_own = p->command == NULL ? 0 : p->command->n_options;
    for (size_t i = 0; i < n_own + stg_n_global_options && n < 128; i++) {
        names[n++] = (i < n_own ? &p->command->options[i] : &stg_global_options[i - n_own])->name;
    }
    char word[MAX_WORD + 1];
    if (len > MAX_WORD) {
        len = MAX_WORD;
    }
    memcpy(word, name, len);
    word[len] = '\0';
    const char *near = stg_suggest(word, names, n);
    if (near != NULL) {
        return stg_fail(STG_ERR_USAGE, "unknown option --%s: did you mean --%s?", word, near);
    }
    return stg_fail(STG_ERR_USAGE, "unknown option --%s: `strange help%s%s` lists them", word,
                    p->command == NULL ? "" : " ", p->command == NULL ? "" : p->command->name);
}

/* A lone "-" is standard input or output, so a value or an operand; and so are negative numbers. */
static bool is_option(const char *arg)
{
    return arg[0] == '-' && arg[1] != '\0' && !(arg[1] >= '0' && arg[1] <= '9');
}

/* Takes the value of option o that was not attached with '='. */
static enum stg_status take_value(struct parser *p, const struct stg_option *o, void *base)
{
    if (p->at >= p->argc || is_option(p->argv[p->at])) {
        return stg_fail(STG_ERR_USAGE, "--%s needs a value: --%s %s", o->name, o->name, o->arg);
    }
    do {
        STG_RETURN_IF_FAILED(give_value(p, o, base, p->argv[p->at++]));
    } while (o->type == STG_OPTION_LIST && p->at < p->argc && !is_option(p->argv[p->at]));
    p->last_list = o->type == STG_OPTION_LIST ? (struct stg_list *)(void *)((char *)base + o->offset) : NULL;
    return STG_OK;
}

static enum stg_status parse_long(struct parser *p, const char *text)
{
    const char *equals = strchr(text, '=');
    const size_t len = equals == NULL ? strlen(text) : (size_t)(equals - text);
    void *base = NULL;
    const struct stg_option *o = find_option(p, text, len, 0, &base);
    if (o == NULL) {
        return fail_unknown(p, text, len);
    }
    if (o->type == STG_OPTION_FLAG) {
        return equals == NULL ? give_value(p, o, base, NULL)
                              : stg_fail(STG_ERR_USAGE, "--%s takes no value: leave out '%s'", o->name, equals);
    }
    return equals == NULL ? take_value(p, o, base) : give_value(p, o, base, equals + 1);
}

/* "-o v", "-ov", and flags together ("-qv"). */
static enum stg_status parse_short(struct parser *p, const char *letters)
{
    for (; *letters != '\0'; letters++) {
        void *base = NULL;
        const struct stg_option *o = find_option(p, NULL, 0, *letters, &base);
        if (o == NULL) {
            return stg_fail(STG_ERR_USAGE, "unknown option -%c: `strange help%s%s` lists them", *letters,
                            p->command == NULL ? "" : " ", p->command == NULL ? "" : p->command->name);
        }
        if (o->type == STG_OPTION_FLAG) {
            STG_RETURN_IF_FAILED(give_value(p, o, base, NULL));
        } else {
            return letters[1] == '\0' ? take_value(p, o, base) : give_value(p, o, base, letters + 1);
        }
    }
    return STG_OK;
}

static enum stg_status check_operands(struct parser *p)
{
    const struct stg_command *c = p->command;
    /* `train -o MODEL --calibrate A B DATA`: the list took DATA too; what is missing is given back from its end. */
    if (p->last_list != NULL && p->n_operands < c->n_min) {
        const size_t missing = c->n_min - p->n_operands;
        if (p->last_list->n > missing) {
            p->last_list->n -= missing;
            for (size_t i = 0; i < missing; i++) {
                p->operands[p->n_operands++] = p->last_list->items[p->last_list->n + i];
            }
        }
    }
    if (p->n_operands < c->n_min) {
        return stg_fail(STG_ERR_USAGE, "missing operand: usage: strange %s [OPTION…] %s", c->name, c->operands);
    }
    if (p->n_operands > c->n_max) {
        return stg_fail(STG_ERR_USAGE, "'%s' is one operand too many: usage: strange %s [OPTION…] %s",
                        p->operands[c->n_max], c->name, c->operands);
    }
    return STG_OK;
}

enum stg_status stg_options_parse(struct stg_cli *cli, const struct stg_command *command, void *settings, int argc,
                                  char *const *argv, const char **operands, int *n_used)
{
    struct parser p = {
        .cli = cli, .command = command, .settings = settings, .argv = argv, .argc = argc, .operands = operands};
    bool only_operands = false;
    while (p.at < argc) {
        const char *arg = argv[p.at];
        if (only_operands || !is_option(arg)) {
            if (command == NULL) {
                break; /* the command's name */
            }
            p.last_list = NULL;
            operands[p.n_operands++] = arg;
            p.at++;
            continue;
        }
        p.at++;
        if (strcmp(arg, "--") == 0) {
            only_operands = cli->has_dashes = true;
            p.last_list = NULL;
            continue;
        }
        p.last_list = NULL;
        STG_RETURN_IF_FAILED(arg[1] == '-' ? parse_long(&p, arg + 2) : parse_short(&p, arg + 1));
    }
    *n_used = p.at;
    if (command != NULL && !cli->help && !cli->version) {
        STG_RETURN_IF_FAILED(check_operands(&p));
    }
    cli->operands = operands;
    cli->n_operands = p.n_operands;
    return STG_OK;
}

void stg_options_fini(const struct stg_command *command, void *settings)
{
    for (size_t i = 0; i < command->n_options; i++) {
        if (command->options[i].type == STG_OPTION_LIST) {
            struct stg_list *list = (struct stg_list *)(void *)((char *)settings + command->options[i].offset);
            stg_mem_free(list->items);
            list->items = NULL;
            list->n = 0;
        }
    }
}
