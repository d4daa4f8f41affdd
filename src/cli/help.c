/* Help as text. */
#include "cli/help.h"

#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

/* Columns that a UTF-8 text takes: bytes that do not continue a character. */
static size_t columns(const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return n;
}

/* Words of text, broken at width; every line begins at column indent. The first one begins at column `at`. */
static enum stg_status put_wrapped(struct stg_buffer *out, const char *text, size_t at, size_t indent, size_t width)
{
    if (at > indent || at + 2 > indent) {
        if (at != indent) {
            STG_RETURN_IF_FAILED(stg_buffer_printf(out, "\n"));
            at = 0;
        }
    }
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, "%*s", (int)(indent - at), ""));
    size_t column = indent;
    while (*text != '\0') {
        const size_t len = strcspn(text, " ");
        const size_t wide = columns(text, len);
        if (column > indent && column + 1 + wide > width) {
            STG_RETURN_IF_FAILED(stg_buffer_printf(out, "\n%*s", (int)indent, ""));
            column = indent;
        }
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "%s%.*s", column > indent ? " " : "", (int)len, text));
        column += (column > indent ? 1 : 0) + wide;
        text += len;
        text += strspn(text, " ");
    }
    return stg_buffer_printf(out, "\n");
}

/* The word stands in the text, and is no part of a longer one. */
static bool has_word(const char *text, const char *word)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    const size_t len = strlen(word);
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        if ((at == text || strchr(letters, at[-1]) == NULL) && (at[len] == '\0' || strchr(letters, at[len]) == NULL)) {
            return true;
        }
    }
    return false;
}

void stg_help_choices(const struct stg_option *o, char *out, size_t cap)
{
    char word[32];
    size_t len = 0;
    bool all = true;
    out[0] = '\0';
    for (size_t i = 0; o->type == STG_OPTION_CHOICE && len < cap && stg_choice_at(o->choices, i, word, sizeof word);
         i++) {
        len += (size_t)snprintf(out + len, cap - len, "%s%s", i == 0 ? "" : ", ", word);
        all = all && has_word(o->help, word);
    }
    if (all) {
        out[0] = '\0';
    }
}

static enum stg_status put_option(struct stg_buffer *out, const struct stg_option *o, size_t width)
{
    char left[96];
    char letter[8] = "    ";
    if (o->letter != 0) {
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    }
    snprintf(left, sizeof left, "  %s--%s%s%s", letter, o->name, o->arg == NULL ? "" : " ",
             o->arg == NULL ? "" : o->arg);
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, "%s", left));
    char right[1024], choices[256];
    stg_help_choices(o, choices, sizeof choices);
    snprintf(right, sizeof right, "%s%s%s%s%s%s", o->help, choices[0] == '\0' ? "" : ": ", choices,
             o->fallback == NULL ? "" : " (default: ", o->fallback == NULL ? "" : o->fallback,
             o->fallback == NULL ? "" : ")");
    return put_wrapped(out, right, columns(left, strlen(left)), 30, width);
}

static enum stg_status put_options(struct stg_buffer *out, const struct stg_command *c, size_t width)
{
    const char *group = NULL;
    for (size_t i = 0; i < c->n_options; i++) {
        const char *own = c->options[i].group == NULL ? "Options" : c->options[i].group;
        if (group == NULL || strcmp(group, own) != 0) {
            STG_RETURN_IF_FAILED(stg_buffer_printf(out, "\n%s:\n", own));
            group = own;
        }
        STG_RETURN_IF_FAILED(put_option(out, &c->options[i], width));
    }
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, "\nEverywhere:\n"));
    for (size_t i = 0; i < stg_n_global_options; i++) {
        STG_RETURN_IF_FAILED(put_option(out, &stg_global_options[i], width));
    }
    return STG_OK;
}

enum stg_status stg_help_command(struct stg_buffer *out, const struct stg_command *c, size_t width)
{
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, "strange %s: %s\n\nusage: strange %s [OPTION…] %s\n", c->name,
                                           c->summary, c->name, c->operands));
    for (size_t i = 0; c->description != NULL && c->description[i] != NULL; i++) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "\n"));
        STG_RETURN_IF_FAILED(put_wrapped(out, c->description[i], 0, 0, width));
    }
    STG_RETURN_IF_FAILED(put_options(out, c, width));
    if (c->examples != NULL) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "\nExamples:\n"));
        for (const struct stg_example *e = c->examples; e->line != NULL; e++) {
            STG_RETURN_IF_FAILED(stg_buffer_printf(out, "  %s\n", e->line));
            STG_RETURN_IF_FAILED(put_wrapped(out, e->what, 0, 6, width));
        }
    }
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, "\nExit status:\n"));
    return put_wrapped(out, c->exit_status == NULL ? STG_EXIT_STATUS_USUAL : c->exit_status, 0, 2, width);
}

enum stg_status stg_help_overview(struct stg_buffer *out, size_t width)
{
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, "strange: %s\n\nusage: strange COMMAND [OPTION…] …\n\nCommands:\n",
                                           STG_PROJECT_SUMMARY));
    for (size_t i = 0; stg_command_list[i] != NULL; i++) {
        const int n = (int)(12 - strlen(stg_command_list[i]->name));
        STG_RETURN_IF_FAILED(
            stg_buffer_printf(out, "  %s%*s%s\n", stg_command_list[i]->name, n, "", stg_command_list[i]->summary));
    }
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, "\nEverywhere:\n"));
    for (size_t i = 0; i < stg_n_global_options; i++) {
        STG_RETURN_IF_FAILED(put_option(out, &stg_global_options[i], width));
    }
    return stg_buffer_printf(out, "\nThe usual way:\n"
                                  "  strange prepare -o train.data good-run/       cut a trace into sequences\n"
                                  "  strange train -o web.model train.data         learn them\n"
                                  "  strange score web.model next-run/             exit status 1 if it is novel\n"
                                  "  strange explain --worst 3 web.model next-run/ which calls gave it away\n"
                                  "\n`strange help COMMAND` says more about one.\n");
}
