/* Completion scripts for bash and zsh. */
#include "cli/commands.h"
#include "cli/help.h"

#include <string.h>

/* Calls take for the command's own options, then for the global ones. */
static enum stg_status each_option(struct stg_buffer *out, const struct stg_command *c,
                                   enum stg_status (*take)(struct stg_buffer *out, const struct stg_option *o))
{
    for (size_t i = 0; i < c->n_options; i++) {
        STG_RETURN_IF_FAILED(take(out, &c->options[i]));
    }
    for (size_t i = 0; i < stg_n_global_options; i++) {
        STG_RETURN_IF_FAILED(take(out, &stg_global_options[i]));
    }
    return STG_OK;
}

static enum stg_status put_words(struct stg_buffer *out, const char *choices, const char *between)
{
    char word[64];
    for (size_t i = 0; stg_choice_at(choices, i, word, sizeof word); i++) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "%s%s", i == 0 ? "" : between, word));
    }
    return STG_OK;
}

static enum stg_status put_command_names(struct stg_buffer *out)
{
    for (size_t i = 0; stg_command_list[i] != NULL; i++) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "%s%s", i == 0 ? "" : " ", stg_command_list[i]->name));
    }
    return STG_OK;
}

/* The global options that take a value, whose next word is not the command. */
static enum stg_status put_valued_globals(struct stg_buffer *out)
{
    const char *between = "";
    for (size_t i = 0; i < stg_n_global_options; i++) {
        if (stg_global_options[i].type != STG_OPTION_FLAG) {
            STG_RETURN_IF_FAILED(stg_buffer_printf(out, "%s--%s", between, stg_global_options[i].name));
            between = "|";
        }
    }
    return STG_OK;
}

/* What the first operand can be where it is none of a file: a command's name, or one of the words in front of the
 * others ("run|report|clean"). */
static enum stg_status put_actions(struct stg_buffer *out, const struct stg_command *c)
{
    if (c == &stg_command_help) {
        return put_command_names(out);
    }
    const size_t len = strspn(c->operands, "abcdefghijklmnopqrstuvwxyz|");
    char words[64];
    if (len == 0 || len >= sizeof words) {
        return STG_OK;
    }
    memcpy(words, c->operands, len);
    words[len] = '\0';
    return put_words(out, words, " ");
}

static enum stg_status bash_name(struct stg_buffer *out, const struct stg_option *o)
{
    return stg_buffer_printf(out, " --%s", o->name);
}

/* A case of the option before the word: its choices, or nothing for a number, or files. */
static enum stg_status bash_value(struct stg_buffer *out, const struct stg_option *o)
{
    if (o->type == STG_OPTION_FLAG) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, "        --%s", o->name));
    if (o->letter != 0) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "|-%c", o->letter));
    }
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, ") "));
    if (o->choices != NULL) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "COMPREPLY=($(compgen -W '"));
        STG_RETURN_IF_FAILED(put_words(out, o->choices, " "));
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "' -- \"$word\")); "));
    } else if (o->type == STG_OPTION_STRING || o->type == STG_OPTION_LIST) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "mapfile -t COMPREPLY < <(compgen -f -- \"$word\"); "));
    }
    return stg_buffer_printf(out, "return ;;\n");
}

static enum stg_status complete_bash(struct stg_buffer *out)
{
    STG_RETURN_IF_FAILED(
        stg_buffer_printf(out, "# bash completion of strange; made by `strange help --completion bash`\n"
                               "_strange()\n{\n"
                               "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
                               "    local command= i options= actions=\n"
                               "    COMPREPLY=()\n"
                               "    # --name=value is three words here\n"
                               "    if [ \"$word\" = = ]; then word=; fi\n"
                               "    if [ \"$before\" = = ]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
                               "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                               "        case ${COMP_WORDS[i]} in "));
    STG_RETURN_IF_FAILED(put_valued_globals(out));
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, ") ((i++)) ;; -*) ;; *) command=${COMP_WORDS[i]}; break ;; esac\n"
                                                "    done\n"
                                                "    if [ -z \"$command\" ]; then\n"
                                                "        COMPREPLY=($(compgen -W '"));
    STG_RETURN_IF_FAILED(put_command_names(out));
    for (size_t i = 0; i < stg_n_global_options; i++) {
        STG_RETURN_IF_FAILED(bash_name(out, &stg_global_options[i]));
    }
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, "' -- \"$word\"))\n        return\n    fi\n    case $command in\n"));
    for (size_t i = 0; stg_command_list[i] != NULL; i++) {
        const struct stg_command *c = stg_command_list[i];
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "    %s)\n        options='", c->name));
        STG_RETURN_IF_FAILED(each_option(out, c, bash_name));
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "' actions='"));
        STG_RETURN_IF_FAILED(put_actions(out, c));
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "'\n        case $before in\n"));
        STG_RETURN_IF_FAILED(each_option(out, c, bash_value));
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "        esac\n"));
        if (c == &stg_command_help) { /* which takes no file */
            STG_RETURN_IF_FAILED(stg_buffer_printf(
                out, "        COMPREPLY=($(compgen -W \"$options $actions\" -- \"$word\"))\n        return\n"));
        }
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "        ;;\n"));
    }
    return stg_buffer_printf(
        out, "    esac\n"
             "    case $word in\n"
             "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
             "    *) mapfile -t COMPREPLY < <(compgen -W \"$actions\" -- \"$word\"; compgen -f -- \"$word\") ;;\n"
             "    esac\n}\n"
             "complete -o filenames -F _strange strange\n");
}

/* Text inside single quotes and brackets of a zsh specification. */
static enum stg_status zsh_text(struct stg_buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        const char *as = *text == '\''  ? "'\\''"
                         : *text == '[' ? "\\["
                         : *text == ']' ? "\\]"
                         : *text == ':' ? "\\:"
                                        : NULL;
        STG_RETURN_IF_FAILED(as != NULL ? stg_buffer_printf(out, "%s", as) : stg_buffer_put(out, text, 1));
    }
    return STG_OK;
}

static enum stg_status zsh_value(struct stg_buffer *out, const struct stg_option *o)
{
    if (o->type == STG_OPTION_FLAG) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, ":"));
    STG_RETURN_IF_FAILED(zsh_text(out, o->arg));
    if (o->choices != NULL) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, ":("));
        STG_RETURN_IF_FAILED(put_words(out, o->choices, " "));
        return stg_buffer_printf(out, ")");
    }
    return stg_buffer_printf(out, o->type == STG_OPTION_STRING || o->type == STG_OPTION_LIST ? ":_files" : ": ");
}

static enum stg_status zsh_option(struct stg_buffer *out, const struct stg_option *o)
{
    const char *repeated = o->type == STG_OPTION_LIST ? "*" : "";
    if (o->letter != 0) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, " \\\n            '%s-%c[", repeated, o->letter));
        STG_RETURN_IF_FAILED(zsh_text(out, o->help));
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "]"));
        STG_RETURN_IF_FAILED(zsh_value(out, o));
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "'"));
    }
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, " \\\n            '%s--%s%s[", repeated, o->name,
                                           o->type == STG_OPTION_FLAG ? "" : "="));
    STG_RETURN_IF_FAILED(zsh_text(out, o->help));
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, "]"));
    STG_RETURN_IF_FAILED(zsh_value(out, o));
    return stg_buffer_printf(out, "'");
}

static enum stg_status complete_zsh(struct stg_buffer *out)
{
    STG_RETURN_IF_FAILED(stg_buffer_printf(
        out, "#compdef strange\n# zsh completion of strange; made by `strange help --completion zsh`\n"
             "_strange()\n{\n    local -a commands\n    commands=("));
    for (size_t i = 0; stg_command_list[i] != NULL; i++) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "\n        '%s:", stg_command_list[i]->name));
        STG_RETURN_IF_FAILED(zsh_text(out, stg_command_list[i]->summary));
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "'"));
    }
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, "\n    )\n"
                                                "    local command= i\n"
                                                "    for ((i = 2; i < CURRENT; i++)); do\n"
                                                "        case $words[i] in "));
    STG_RETURN_IF_FAILED(put_valued_globals(out));
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, ") ((i++)) ;; -*) ;; *) command=$words[i]; break ;; esac\n    done\n"
                                                "    if [[ -z $command ]]; then\n"
                                                "        _arguments"));
    for (size_t i = 0; i < stg_n_global_options; i++) {
        STG_RETURN_IF_FAILED(zsh_option(out, &stg_global_options[i]));
    }
    STG_RETURN_IF_FAILED(
        stg_buffer_printf(out, " \\\n            ': :{_describe command commands}'\n        return\n    fi\n"
                               "    shift $((i - 1)) words\n    (( CURRENT -= i - 1 ))\n"
                               "    case $command in\n"));
    for (size_t i = 0; stg_command_list[i] != NULL; i++) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "    %s)\n        _arguments", stg_command_list[i]->name));
        STG_RETURN_IF_FAILED(each_option(out, stg_command_list[i], zsh_option));
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, " \\\n            '1:file:{ compadd -- "));
        STG_RETURN_IF_FAILED(put_actions(out, stg_command_list[i]));
        STG_RETURN_IF_FAILED(
            stg_buffer_printf(out, "%s }'", stg_command_list[i] == &stg_command_help ? "" : "; _files"));
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, " \\\n            '*:file:_files'\n        ;;\n"));
    }
    /* Loaded by name it is the body of the function, evaluated it says what it is for. */
    return stg_buffer_printf(
        out, "    esac\n}\n"
             "if [[ $funcstack[1] == _strange ]]; then _strange \"$@\"; else compdef _strange strange; fi\n");
}

enum stg_status stg_help_completion(struct stg_buffer *out, const char *shell)
{
    if (strcmp(shell, "bash") == 0) {
        return complete_bash(out);
    }
    if (strcmp(shell, "zsh") == 0) {
        return complete_zsh(out);
    }
    return stg_fail(STG_ERR_USAGE, "--completion: unknown shell '%s': choices: bash, zsh", shell);
}
