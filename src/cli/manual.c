/* Manual pages in man(7) macros. */
#include "cli/commands.h"
#include "cli/help.h"

#include "base/clock.h"

#include <ctype.h>
#include <string.h>

/* Text with what roff would read as its own escaped; lines cannot begin with a request as they are never broken
 * here. */
static enum stg_status put_text(struct stg_buffer *out, const char *text)
{
    const bool control = text[0] == '.' || text[0] == '\'';
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, "%s", control ? "\\&" : ""));
    for (; *text != '\0'; text++) {
        if (*text == '\\') {
            STG_RETURN_IF_FAILED(stg_buffer_printf(out, "\\e"));
        } else if (*text == '-') {
            STG_RETURN_IF_FAILED(stg_buffer_printf(out, "\\-"));
        } else if ((unsigned char)*text >= 0xe0 && (text[1] & 0xc0) == 0x80 && (text[2] & 0xc0) == 0x80) {
            /* Three bytes of UTF-8, as in "…": by number, so that the page is ASCII. */
            const unsigned code = ((unsigned char)text[0] & 0x0fU) << 12 | ((unsigned char)text[1] & 0x3fU) << 6 |
                                  ((unsigned char)text[2] & 0x3fU);
            STG_RETURN_IF_FAILED(stg_buffer_printf(out, "\\[u%04X]", code));
            text += 2;
        } else {
            STG_RETURN_IF_FAILED(stg_buffer_put(out, text, 1));
        }
    }
    return STG_OK;
}

static enum stg_status put_line(struct stg_buffer *out, const char *before, const char *text, const char *after)
{
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, "%s", before));
    STG_RETURN_IF_FAILED(put_text(out, text));
    return stg_buffer_printf(out, "%s\n", after);
}

static enum stg_status put_option(struct stg_buffer *out, const struct stg_option *o)
{
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, ".TP\n"));
    if (o->letter != 0) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "\\fB\\-%c\\fR, ", o->letter));
    }
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, "\\fB\\-\\-"));
    STG_RETURN_IF_FAILED(put_text(out, o->name));
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, "\\fR"));
    if (o->arg != NULL) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, " \\fI"));
        STG_RETURN_IF_FAILED(put_text(out, o->arg));
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "\\fR"));
    }
    char choices[256];
    stg_help_choices(o, choices, sizeof choices);
    STG_RETURN_IF_FAILED(put_line(out, "\n", o->help, "."));
    STG_RETURN_IF_FAILED(choices[0] == '\0' ? STG_OK : put_line(out, "One of: ", choices, "."));
    return o->fallback == NULL ? STG_OK : put_line(out, "Default: ", o->fallback, ".");
}

static enum stg_status put_options(struct stg_buffer *out, const struct stg_option *options, size_t n,
                                   const char *heading)
{
    const char *group = NULL;
    for (size_t i = 0; i < n; i++) {
        const char *own = options[i].group == NULL ? heading : options[i].group;
        if (group == NULL || strcmp(group, own) != 0) {
            STG_RETURN_IF_FAILED(put_line(out, ".SS \"", own, "\""));
            group = own;
        }
        STG_RETURN_IF_FAILED(put_option(out, &options[i]));
    }
    return STG_OK;
}

static enum stg_status put_title(struct stg_buffer *out, const char *name)
{
    char date[21], upper[64] = "";
    stg_clock_date(date);
    for (size_t i = 0; name[i] != '\0' && i + 1 < sizeof upper; i++) {
        upper[i] = (char)toupper((unsigned char)name[i]);
    }
    return stg_buffer_printf(out, ".TH \"%s\" 1 \"%.10s\" \"strange %s\" \"User commands\"\n.nh\n.ad l\n", upper, date,
                             STG_VERSION);
}

static enum stg_status put_environment(struct stg_buffer *out)
{
    return stg_buffer_printf(
        out, ".SH ENVIRONMENT\n.TP\n\\fBNO_COLOR\\fR\nNo colours when set and not empty.\n"
             ".TP\n\\fBTMPDIR\\fR\nWhere a trace that is given instead of a data set is cut, and what goes to a pipe "
             "or device waits (default: /tmp).\n"
             ".TP\n\\fBSOURCE_DATE_EPOCH\\fR\nThe date in files that are written, for outputs that are equal to the "
             "byte.\n");
}

static enum stg_status put_see_also(struct stg_buffer *out, const struct stg_command *but)
{
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, ".SH SEE ALSO\n"));
    const char *comma = "";
    if (but != NULL) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "\\fBstrange\\fR(1)"));
        comma = ",\n";
    }
    for (size_t i = 0; stg_command_list[i] != NULL; i++) {
        if (stg_command_list[i] != but) {
            STG_RETURN_IF_FAILED(stg_buffer_printf(out, "%s\\fBstrange\\-%s\\fR(1)", comma, stg_command_list[i]->name));
            comma = ",\n";
        }
    }
    return stg_buffer_printf(
        out, "\n.PP\nWhat is named docs/\\[u2026] lies in share/doc/strange, beside the share/man of this page.\n");
}

static enum stg_status man_overview(struct stg_buffer *out)
{
    STG_RETURN_IF_FAILED(put_title(out, "strange"));
    STG_RETURN_IF_FAILED(put_line(out, ".SH NAME\nstrange \\- ", STG_PROJECT_SUMMARY, ""));
    STG_RETURN_IF_FAILED(
        stg_buffer_printf(out, ".SH SYNOPSIS\n\\fBstrange\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR\\[u2026]] \\[u2026]\n"));
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, ".SH COMMANDS\n"));
    for (size_t i = 0; stg_command_list[i] != NULL; i++) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, ".TP\n\\fBstrange\\-%s\\fR(1)\n", stg_command_list[i]->name));
        STG_RETURN_IF_FAILED(put_line(out, "", stg_command_list[i]->summary, "."));
    }
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, ".SH OPTIONS\n"));
    STG_RETURN_IF_FAILED(put_options(out, stg_global_options, stg_n_global_options, "Everywhere"));
    STG_RETURN_IF_FAILED(
        put_line(out, ".SH EXIT STATUS\n",
                 "0: done, nothing novel, nothing changed. 1: strange score found something novel, or strange diff a "
                 "change. 2: failure; one line on standard error says what failed and what to do.",
                 ""));
    STG_RETURN_IF_FAILED(put_environment(out));
    return put_see_also(out, NULL);
}

static enum stg_status man_command(struct stg_buffer *out, const struct stg_command *c)
{
    char title[64] = "strange-";
    strncat(title, c->name, sizeof title - 16);
    STG_RETURN_IF_FAILED(put_title(out, title));
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, ".SH NAME\nstrange\\-%s \\- ", c->name));
    STG_RETURN_IF_FAILED(put_line(out, "", c->summary, ""));
    STG_RETURN_IF_FAILED(
        stg_buffer_printf(out, ".SH SYNOPSIS\n\\fBstrange %s\\fR [\\fIOPTION\\fR\\[u2026]] \\fI", c->name));
    STG_RETURN_IF_FAILED(put_line(out, "", c->operands, "\\fR"));
    if (c->description != NULL) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, ".SH DESCRIPTION\n"));
        for (size_t i = 0; c->description[i] != NULL; i++) {
            STG_RETURN_IF_FAILED(put_line(out, i == 0 ? "" : ".PP\n", c->description[i], ""));
        }
    }
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, ".SH OPTIONS\n"));
    STG_RETURN_IF_FAILED(put_options(out, c->options, c->n_options, "Options"));
    STG_RETURN_IF_FAILED(put_options(out, stg_global_options, stg_n_global_options, "Everywhere"));
    if (c->examples != NULL) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, ".SH EXAMPLES\n"));
        for (const struct stg_example *e = c->examples; e->line != NULL; e++) {
            STG_RETURN_IF_FAILED(put_line(out, ".TP\n\\fB", e->line, "\\fR"));
            STG_RETURN_IF_FAILED(put_line(out, "", e->what, "."));
        }
    }
    STG_RETURN_IF_FAILED(
        put_line(out, ".SH EXIT STATUS\n", c->exit_status == NULL ? STG_EXIT_STATUS_USUAL : c->exit_status, ""));
    STG_RETURN_IF_FAILED(put_environment(out));
    return put_see_also(out, c);
}

enum stg_status stg_help_man(struct stg_buffer *out, const struct stg_command *c)
{
    return c == NULL ? man_overview(out) : man_command(out, c);
}
