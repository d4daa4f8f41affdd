/* The option parser and what is generated from its tables. */
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/train_options.h"

#include "base/memory.h"
#include "import/import.h"
#include "model/model.h"
#include "score/score.h"
#include "train/train.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct values {
    bool flag;
    const char *text, *choice;
    uint32_t small;
    uint64_t large;
    double real;
    int64_t time_ns;
    struct stg_list list;
};

static const struct stg_option options[] = {
    {.name = "flag", .letter = 'f', .type = STG_OPTION_FLAG, .offset = offsetof(struct values, flag), .help = "a flag"},
    {.name = "output",
     .letter = 'o',
     .arg = "FILE",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct values, text),
     .help = "a file"},
    {.name = "order",
     .arg = "O",
     .type = STG_OPTION_CHOICE,
     .choices = "time|thread",
     .offset = offsetof(struct values, choice),
     .help = "a choice"},
    {.name = "small",
     .arg = "N",
     .type = STG_OPTION_U32,
     .min = 1,
     .max = 10,
     .offset = offsetof(struct values, small),
     .help = "n"},
    {.name = "large", .arg = "N", .type = STG_OPTION_U64, .offset = offsetof(struct values, large), .help = "n"},
    {.name = "real", .arg = "X", .type = STG_OPTION_DOUBLE, .offset = offsetof(struct values, real), .help = "x"},
    {.name = "time", .arg = "T", .type = STG_OPTION_DURATION, .offset = offsetof(struct values, time_ns), .help = "t"},
    {.name = "known", .arg = "DATA…", .type = STG_OPTION_LIST, .offset = offsetof(struct values, list), .help = "some"},
};

static const struct stg_command command = {
    .name = "try",
    .summary = "a command for tests",
    .operands = "MODEL…",
    .n_min = 1,
    .n_max = 2,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct values),
};

struct parsed {
    struct stg_cli cli;
    struct values v;
    const char *operands[16];
    enum stg_status status;
};

/* Parses a line of words. */
static struct parsed *parse(const char *line)
{
    static struct parsed p;
    static char copy[512];
    char *argv[16];
    int argc = 0, used = 0;
    memset(&p, 0, sizeof p);
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    p.status = stg_options_parse(&p.cli, &command, &p.v, argc, argv, p.operands, &used);
    return &p;
}

static void fails(const char *line, const char *with)
{
    struct parsed *p = parse(line);
    assert_int_equal(p->status, STG_ERR_USAGE);
    if (strstr(stg_status_message(), with) == NULL) {
        fail_msg("'%s' fails with '%s', without '%s'", line, stg_status_message(), with);
    }
    stg_options_fini(&command, &p->v);
}

static void test_forms(void **state)
{
    (void)state;
    struct parsed *p =
        parse("--output=a --small 3 -f --real=-1.5 --large 18446744073709551615 --time 1.5s --order thread model");
    assert_int_equal(p->status, STG_OK);
    assert_string_equal(p->v.text, "a");
    assert_int_equal(p->v.small, 3);
    assert_true(p->v.flag);
    assert_true(p->v.real == -1.5);
    assert_true(p->v.large == UINT64_MAX);
    assert_int_equal(p->v.time_ns, 1500000000);
    assert_string_equal(p->v.choice, "thread");
    assert_int_equal(p->cli.n_operands, 1);
    p = parse("-ob -- -f");
    assert_int_equal(p->status, STG_OK);
    assert_string_equal(p->v.text, "b");
    assert_false(p->v.flag);
    assert_string_equal(p->operands[0], "-f");
    p = parse("-fqo c m");
    assert_int_equal(p->status, STG_OK);
    assert_true(p->v.flag && p->cli.quiet);
    assert_string_equal(p->v.text, "c");
    p = parse("-o d -o e m -"); /* the last one holds; - is an operand */
    assert_int_equal(p->status, STG_OK);
    assert_string_equal(p->v.text, "e");
    assert_string_equal(p->operands[1], "-");
}

static void test_lists(void **state)
{
    (void)state;
    struct parsed *p = parse("m --known a b --flag --known=c");
    assert_int_equal(p->status, STG_OK);
    assert_int_equal(p->v.list.n, 3);
    assert_string_equal(p->v.list.items[2], "c");
    stg_options_fini(&command, &p->v);
    p = parse("--flag --known a b m"); /* the operand that is missing is given back */
    assert_int_equal(p->status, STG_OK);
    assert_int_equal(p->v.list.n, 2);
    assert_int_equal(p->cli.n_operands, 1);
    assert_string_equal(p->operands[0], "m");
    stg_options_fini(&command, &p->v);
    p = parse("--known a -- m");
    assert_int_equal(p->status, STG_OK);
    assert_int_equal(p->v.list.n, 1);
    stg_options_fini(&command, &p->v);
    fails("--known a", "missing operand");
    fails("--known=a", "missing operand");
}

static void test_errors(void **state)
{
    (void)state;
    fails("", "missing operand: usage: strange try");
    fails("a b c", "'c' is one operand too many");
    fails("--flg m", "did you mean --flag?");
    fails("--zzzzz m", "`strange help try`");
    fails("-x m", "unknown option -x");
    fails("--flag=1 m", "takes no value");
    fails("m --output", "--output needs a value: --output FILE");
    fails("--output --flag m", "--output needs a value");
    fails("--small 11 m", "out of bounds");
    fails("--small x m", "not a whole number");
    fails("--small -1 m", "not a whole number");
    fails("--large 18446744073709551616 m", "not a whole number");
    fails("--real x m", "not a number");
    fails("--real nan m", "not a number");
    fails("--order thraed m", "did you mean 'thread'?");
    fails("--order xyz m", "choices: time|thread");
    fails("--time 5 m", "not a duration");
    fails("--time -1s m", "not a duration");
    fails("--time 1d m", "not a duration");
    fails("--time 1e300h m", "not a duration");
}

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {{"0", 0},
                 {"7ns", 7},
                 {"2us", 2000},
                 {"500ms", 500000000},
                 {"1s", 1000000000},
                 {"10m", 600000000000},
                 {"2h", 7200000000000}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ns = -1;
        assert_int_equal(stg_parse_duration(cases[i].text, "--x", &ns), STG_OK);
        assert_int_equal(ns, cases[i].ns);
    }
}

/* 0 bytes would count as no --max-size. */
static void test_sizes(void **state)
{
    uint64_t bytes = 7;
    (void)state;
    assert_int_equal(stg_parse_size(NULL, "--x", &bytes), STG_OK);
    assert_int_equal(bytes, 7);
    assert_int_equal(stg_parse_size("16M", "--x", &bytes), STG_OK);
    assert_int_equal(bytes, 16777216);
    assert_int_equal(stg_parse_size("0", "--x", &bytes), STG_ERR_USAGE);
    assert_int_equal(stg_parse_size("00K", "--x", &bytes), STG_ERR_USAGE);
    assert_string_equal(stg_status_message(), "--x: 00K is out of bounds: give a size above 0, or leave it out");
    assert_int_equal(bytes, 16777216);
}

static void test_suggestions(void **state)
{
    static const char *const words[] = {"train", "score", "eval"};
    (void)state;
    assert_int_equal(stg_edit_distance("", "abc"), 3);
    assert_int_equal(stg_edit_distance("abc", "acb"), 1);
    assert_int_equal(stg_edit_distance("kitten", "sitting"), 3);
    assert_string_equal(stg_suggest("tarin", words, 3), "train");
    assert_string_equal(stg_suggest("scores", words, 3), "score");
    assert_null(stg_suggest("watch", words, 3));
    char longest[300];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(stg_suggest(longest, words, 3));
}

/* Every option of every command is in the text, the manual and both completions, and has what they need. */
static void test_generated(void **state)
{
    struct stg_buffer texts[3] = {STG_BUFFER_INIT, STG_BUFFER_INIT, STG_BUFFER_INIT};
    (void)state;
    assert_int_equal(stg_help_completion(&texts[1], "bash"), STG_OK);
    assert_int_equal(stg_help_completion(&texts[2], "zsh"), STG_OK);
    for (size_t i = 0; stg_command_list[i] != NULL; i++) {
        const struct stg_command *c = stg_command_list[i];
        struct stg_buffer man = STG_BUFFER_INIT;
        stg_buffer_clear(&texts[0]);
        assert_int_equal(stg_help_command(&texts[0], c, 80), STG_OK);
        assert_int_equal(stg_help_man(&man, c), STG_OK);
        for (size_t k = 0; k < c->n_options; k++) {
            const struct stg_option *o = &c->options[k];
            char name[80];
            assert_true((o->type == STG_OPTION_FLAG) == (o->arg == NULL));
            assert_non_null(o->help);
            assert_true(o->type != STG_OPTION_CHOICE || o->choices != NULL);
            assert_true(o->offset < c->settings_size);
            snprintf(name, sizeof name, "--%s", o->name);
            for (size_t t = 0; t < 3; t++) {
                assert_non_null(strstr(texts[t].data, name));
            }
            for (size_t j = 0; j < k; j++) {
                assert_string_not_equal(o->name, c->options[j].name);
                assert_true(o->letter == 0 || o->letter != c->options[j].letter);
            }
        }
        assert_non_null(strstr(man.data, ".SH EXIT STATUS"));
        stg_buffer_fini(&man);
    }
    for (size_t t = 0; t < 3; t++) {
        stg_buffer_fini(&texts[t]);
    }
}

/* No line of help is wider than asked, but for examples and usage, which are not broken. */
static void test_width(void **state)
{
    (void)state;
    for (size_t i = 0; stg_command_list[i] != NULL; i++) {
        struct stg_buffer b = STG_BUFFER_INIT;
        assert_int_equal(stg_help_command(&b, stg_command_list[i], 80), STG_OK);
        const char *examples = strstr(b.data, "\nExamples:");
        for (char *line = strtok(b.data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            size_t columns = 0;
            for (const char *at = line; *at != '\0'; at++) {
                columns += ((unsigned char)*at & 0xc0) != 0x80;
            }
            if (columns > 80 && (examples == NULL || line < examples) && strncmp(line, "usage:", 6) != 0) {
                fail_msg("%zu columns: %s", columns, line);
            }
        }
        stg_buffer_fini(&b);
    }
}

static const struct stg_option *option_of(const struct stg_command *of, const char *name)
{
    for (size_t i = 0; i < of->n_options; i++) {
        if (strcmp(of->options[i].name, name) == 0) {
            return &of->options[i];
        }
    }
    fail_msg("%s has no --%s", of->name, name);
    return NULL;
}

/* Lists that are written elsewhere agree with the tables. */
static void test_lists_agree(void **state)
{
    char path[4096], line[8192], all[16384] = "", word[64];
    (void)state;
    const char *source = getenv("STRANGE_SOURCE");
    if (source == NULL) {
        skip();
    }
    snprintf(path, sizeof path, "%s/man/meson.build", source);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        strncat(all, line, sizeof all - strlen(all) - 1);
    }
    fclose(file);
    for (size_t i = 0; stg_command_list[i] != NULL; i++) {
        snprintf(word, sizeof word, "'%s'", stg_command_list[i]->name);
        if (strstr(all, word) == NULL) {
            fail_msg("man/meson.build has no %s", word);
        }
    }
    const struct stg_option *model = option_of(&stg_command_train, "model"),
                            *format = option_of(&stg_command_prepare, "format");
    for (size_t i = 0; stg_model_list[i] != NULL; i++) {
        const char *kind = stg_model_list[i]->kind;
        assert_true(strcmp(kind, "ensemble") == 0 ||
                    strstr(model->choices, kind) != NULL); /* an ensemble is made by --ensemble */
    }
    for (size_t i = 0; stg_import_list[i] != NULL; i++) {
        assert_non_null(strstr(format->choices, stg_import_list[i]->name));
    }
    for (size_t i = 0; i < stg_command_score.n_options; i++) {
        const struct stg_option *o = &stg_command_score.options[i];
        for (unsigned a = 0; a < STG_AGGREGATES && strcmp(o->name, "aggregate") == 0; a++) {
            assert_true(stg_choice_place(o->choices, stg_aggregate_name((enum stg_aggregate)a)) != SIZE_MAX);
        }
    }
    assert_true(stg_choice_place(STG_TRAIN_OPTIMIZERS, "adam") == STG_OPTIMIZER_ADAM);
    assert_true(stg_choice_place(STG_TRAIN_OPTIMIZERS, "adamw") == STG_OPTIMIZER_ADAMW);
    assert_true(stg_choice_place(STG_TRAIN_OPTIMIZERS, "ranger") == STG_OPTIMIZER_RANGER);
    assert_true(stg_choice_place(STG_TRAIN_SCHEDULES, "constant") == STG_SCHEDULE_CONSTANT);
    assert_true(stg_choice_place(STG_TRAIN_SCHEDULES, "plateau") == STG_SCHEDULE_PLATEAU);
    assert_true(stg_choice_place(STG_TRAIN_SCHEDULES, "inverse-sqrt") == STG_SCHEDULE_INVERSE_SQRT);
    assert_true(stg_choice_place(STG_TRAIN_SCHEDULES, "linear") == STG_SCHEDULE_LINEAR);
    assert_true(stg_choice_place(STG_TRAIN_SCHEDULES, "line") == SIZE_MAX);
}

/* Every allocation of parsing and of help may fail; nothing leaks and nothing succeeds by accident. */
static void test_memory(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 200; n++) {
        struct stg_buffer b = STG_BUFFER_INIT;
        stg_mem_fail_at(n);
        const enum stg_status status = stg_help_man(&b, &stg_command_train);
        stg_mem_fail_at(0);
        stg_buffer_fini(&b);
        if (status == STG_OK) {
            assert_true(n > 1);
            return;
        }
        assert_int_equal(status, STG_ERR_MEMORY);
    }
    fail_msg("never succeeded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),     cmocka_unit_test(test_lists), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_durations), cmocka_unit_test(test_sizes), cmocka_unit_test(test_suggestions),
        cmocka_unit_test(test_generated), cmocka_unit_test(test_width), cmocka_unit_test(test_lists_agree),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
