/* The program: finds the command, parses, runs, reports a failure on one line. */
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/output.h"

#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/temporary.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct stg_command *const stg_command_list[] = {
    &stg_command_record, &stg_command_prepare, &stg_command_train, &stg_command_distill, &stg_command_score,
    &stg_command_eval,   &stg_command_explain, &stg_command_diff,  &stg_command_report,  &stg_command_export,
    &stg_command_info,   &stg_command_doctor,  &stg_command_lab,   &stg_command_help,    NULL,
};

#define EXIT_FAILED 2

const struct stg_command *stg_command_find(const char *name)
{
    for (size_t i = 0; stg_command_list[i] != NULL; i++) {
        if (strcmp(stg_command_list[i]->name, name) == 0) {
            return stg_command_list[i];
        }
    }
    return NULL;
}

enum stg_status stg_command_need(const char *name, const struct stg_command **out)
{
    const char *names[64];
    size_t n = 0;
    *out = stg_command_find(name);
    if (*out != NULL) {
        return STG_OK;
    }
    for (size_t i = 0; stg_command_list[i] != NULL; i++) {
        names[n++] = stg_command_list[i]->name;
    }
    const char *near = stg_suggest(name, names, n);
    if (near != NULL) {
        return stg_fail(STG_ERR_USAGE, "unknown command '%s': did you mean '%s'?", name, near);
    }
    return stg_fail(STG_ERR_USAGE, "unknown command '%s': `strange help` lists them", name);
}

static void on_signal(int number)
{
    (void)number;
    if (stg_interrupt_asked()) { /* asked twice: no time for a checkpoint */
        stg_temporary_abandon_all();
        _exit(EXIT_FAILED);
    }
    stg_interrupt_ask();
}

/* Whoever makes a file shorter that is mapped, or pulls its disk out, is told. Anything else is a crash. */
static void on_bus_error(int number, siginfo_t *info, void *context)
{
    static char path[4096];
    static atomic_flag told = ATOMIC_FLAG_INIT;
    static const char front[] = "strange: ",
                      back[] = ": became shorter or cannot be read any more: leave it alone while it is read\n";
    (void)context;
    while (atomic_flag_test_and_set(&told)) {
        pause(); /* another thread tells, and ends the program */
    }
    if (info->si_code <= 0 || !stg_file_map_find(info->si_addr, path, sizeof path)) {
        signal(number, SIG_DFL); /* the access is tried again, and ends the program */
        return;
    }
    stg_status_one_line(path);
    if (write(STDERR_FILENO, front, sizeof front - 1) < 0 || write(STDERR_FILENO, path, strlen(path)) < 0 ||
        write(STDERR_FILENO, back, sizeof back - 1) < 0) {
        /* nobody to tell */
    }
    stg_temporary_abandon_all();
    _exit(EXIT_FAILED);
}

/* However often it is asked. */
static void on_patient_signal(int number)
{
    (void)number;
    stg_interrupt_ask();
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

static void install_signals(void)
{
    struct sigaction before;
    handle(SIGINT, on_signal);
    handle(SIGTERM, on_signal);
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) { /* which nohup says */
        handle(SIGHUP, on_patient_signal); /* shell and kernel may both send it: no wish to hurry */
    }
    /* A closed pipe, and a file that is longer than `ulimit -f` allows, are errors of write(), with their line and exit
     * status. */
    handle(SIGPIPE, SIG_IGN);
    handle(SIGXFSZ, SIG_IGN);
    handle(SIGCHLD, SIG_DFL); /* who inherits it ignored, as from some supervisors, is not told how a child ended */
    struct sigaction bus = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    sigemptyset(&bus.sa_mask);
    sigaction(SIGBUS, &bus, NULL);
}

static bool is_plain_word(const char *word)
{
    return *word != '\0' &&
           strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,+@%") == strlen(word);
}

/* The command line, quoted for a shell, as provenance. */
static enum stg_status quote_line(int argc, char *const *argv, char **out)
{
    enum stg_status status = STG_OK;
    struct stg_buffer b = STG_BUFFER_INIT;
    STG_TRY(stg_buffer_printf(&b, "strange"));
    for (int i = 1; i < argc; i++) {
        if (is_plain_word(argv[i])) {
            STG_TRY(stg_buffer_printf(&b, " %s", argv[i]));
            continue;
        }
        STG_TRY(stg_buffer_printf(&b, " '"));
        for (const char *at = argv[i]; *at != '\0'; at++) {
            STG_TRY(*at == '\'' ? stg_buffer_printf(&b, "'\\''") : stg_buffer_put(&b, at, 1));
        }
        STG_TRY(stg_buffer_printf(&b, "'"));
    }
    STG_TRY(stg_mem_strdup(out, b.data));
out:
    stg_buffer_fini(&b);
    return status;
}

static enum stg_status print_help(const struct stg_command *c)
{
    enum stg_status status = STG_OK;
    struct stg_buffer b = STG_BUFFER_INIT;
    STG_TRY(c == NULL ? stg_help_overview(&b, stg_output_width()) : stg_help_command(&b, c, stg_output_width()));
    STG_TRY(stg_output_write(&b));
out:
    stg_buffer_fini(&b);
    return status;
}

static enum stg_status print_version(void)
{
    enum stg_status status = STG_OK;
    struct stg_buffer b = STG_BUFFER_INIT;
    STG_TRY(stg_buffer_printf(&b, "strange %s\n", STG_VERSION));
    STG_TRY(stg_output_write(&b));
out:
    stg_buffer_fini(&b);
    return status;
}

static enum stg_status run_command(struct stg_cli *cli, const struct stg_command *c, int argc, char *const *argv,
                                   int *exit_code)
{
    enum stg_status status = STG_OK;
    void *settings = NULL;
    const char **operands = NULL;
    int n_used = 0;
    STG_TRY(stg_mem_zeroed(&settings, 1, c->settings_size));
    STG_TRY(stg_mem_zeroed(&operands, (size_t)argc + 1, sizeof *operands));
    if (c->defaults != NULL) {
        c->defaults(settings);
    }
    STG_TRY(stg_options_parse(cli, c, settings, argc, argv, operands, &n_used));
    stg_log_set_level(cli->quiet ? STG_LOG_ERROR : cli->verbose ? STG_LOG_DEBUG : STG_LOG_INFO);
    if (cli->help || cli->version) {
        STG_TRY(cli->help ? print_help(c) : print_version());
        goto out;
    }
    if (c->ends_in_order) {
        handle(SIGINT, on_patient_signal);
        handle(SIGTERM, on_patient_signal);
    }
    STG_TRY(c->run(cli, settings, exit_code));
out:
    if (settings != NULL) {
        stg_options_fini(c, settings);
    }
    stg_mem_free(settings);
    stg_mem_free((void *)operands);
    return status;
}

static enum stg_status run_program(struct stg_cli *cli, int argc, char **argv, int *exit_code)
{
    int at = 0;
    STG_RETURN_IF_FAILED(quote_line(argc, argv, &cli->line));
    STG_RETURN_IF_FAILED(stg_options_parse(cli, NULL, NULL, argc - 1, argv + 1, NULL, &at));
    at++;
    if (cli->version) {
        return print_version();
    }
    if (at >= argc) {
        return cli->help ? print_help(NULL) : stg_fail(STG_ERR_USAGE, "no command given: `strange help` lists them");
    }
    STG_RETURN_IF_FAILED(stg_command_need(argv[at], &cli->command));
    const enum stg_status status = run_command(cli, cli->command, argc - at - 1, argv + at + 1, exit_code);
    return status == STG_ERR_USAGE ? stg_context(status, "%s", cli->command->name) : status;
}

static void report_failure(void)
{
    const char *clear = stg_log_is_screen(STDERR_FILENO) ? "\r\033[K" : ""; /* a progress line may stand there */
    fprintf(stderr, "%sstrange: %s\n", clear, stg_status_message());
}

int stg_cli_main(int argc, char **argv)
{
    struct stg_cli cli = {0};
    int exit_code = 0;
    stg_output_init();
    install_signals();
    const enum stg_status status = run_program(&cli, argc, argv, &exit_code);
    if (status != STG_OK) {
        report_failure();
        exit_code = EXIT_FAILED;
    }
    stg_mem_free(cli.line);
    return exit_code;
}
