/* Name lists: sequences of names of calls (or of other keys), as DongTing ("execve|brk|access") and sets that have been
 * made of traces come. Read as integer lists are: one sequence per line, or per file of a directory. */
#include "event/syscalls.h"
#include "import/files.h"
#include "import/import.h"
#include "import/intlist.h"

#include <string.h>

#define MAX_PROBED 64 /* names that are looked up */

/* What stands around names elsewhere (strace's parentheses, the columns of data.txt) is in none. */
static bool take_name(struct stg_cursor *c)
{
    static const char others[] = "()[]{}\"'=;";
    const char *at = c->at;
    while (at < c->end && (unsigned char)*at > ' ' && *at != '\x7f' && !stg_list_is_separator(*at) &&
           strchr(others, *at) == NULL) {
        at++;
    }
    if (at == c->at) {
        return false;
    }
    c->at = at;
    return true;
}

static const struct stg_list_kind names = {
    .ops = &stg_import_namelist,
    .what = "name",
    .expected = "not a name: expected names of calls separated by blanks, commas or bars",
    .value = take_name,
};

static bool matches(const char *line, size_t len)
{
    return stg_list_is_line(&names, line, len);
}

/* Whether at least half of the first names are those of system calls. Any words would pass for names. */
static bool are_calls(const uint8_t *head, size_t n_head)
{
    struct stg_cursor c = stg_cursor_of((const char *)head, n_head);
    size_t n = 0, n_known = 0;
    while (n < MAX_PROBED) {
        char text[64];
        while (c.at < c.end && (*c.at == '\n' || stg_list_is_separator(*c.at))) {
            c.at++;
        }
        const char *begin = c.at;
        if (!take_name(&c)) {
            break;
        }
        const size_t len = (size_t)(c.at - begin);
        n++;
        if (len < sizeof text) {
            memcpy(text, begin, len);
            text[len] = '\0';
            n_known += stg_syscall_is_known(text) ? 1 : 0;
        }
    }
    return n_known > 0 && 2 * n_known >= n;
}

static int namelist_probe(const char *path, const uint8_t *head, size_t n_head)
{
    uint8_t room[STG_FILES_HEAD];
    const size_t n = stg_list_head(path, &head, n_head, room);
    return stg_text_probe(head, n, matches) >= 90 && are_calls(head, n) ? 88 : 0;
}

static enum stg_status namelist_open(struct stg_source **out, const char *path)
{
    return stg_list_open(out, path, &names);
}

const struct stg_source_ops stg_import_namelist = {
    .name = "namelist",
    .summary = "name lists: one sequence of names of calls per line, or per file of a directory",
    .probe = namelist_probe,
    .open = namelist_open,
    .next = stg_text_next,
    .info = stg_text_info,
    .close = stg_list_close,
};
