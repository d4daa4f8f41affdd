#include "event/marker.h"

#include <stdio.h>
#include <string.h>

static const char *const prefixes[] = {"uprobe:", "uretprobe:", "usdt:"};

static int kind_of(const char *text)
{
    for (int i = 0; i < 3; i++) {
        if (strncmp(text, prefixes[i], strlen(prefixes[i])) == 0) {
            return i;
        }
    }
    return -1;
}

bool stg_marker_is(const char *text)
{
    return kind_of(text) >= 0;
}

static bool copy(char *to, size_t cap, const char *from, size_t len)
{
    if (len == 0 || len >= cap) {
        return false;
    }
    memcpy(to, from, len);
    to[len] = '\0';
    return true;
}

/* Cuts what follows the last `mark` off *len bytes at text into out. */
static bool take_last(const char *text, size_t *len, char mark, char *out, size_t cap)
{
    const char *at = memrchr(text, mark, *len);
    if (at == NULL || !copy(out, cap, at + 1, *len - (size_t)(at + 1 - text))) {
        return false;
    }
    *len = (size_t)(at - text);
    return true;
}

static bool make_name(struct stg_marker *m)
{
    const char *slash = strrchr(m->path, '/');
    const char *file = slash == NULL ? m->path : slash + 1;
    int len;
    if (m->kind == STG_MARKER_USDT) {
        len = snprintf(m->name, sizeof m->name, "%s:%s", m->provider, m->symbol);
    } else {
        len = snprintf(m->name, sizeof m->name, "%s:%s%s", file, m->symbol,
                       m->kind == STG_MARKER_URETPROBE ? "__return" : "");
    }
    return len > 0 && (size_t)len < sizeof m->name;
}

enum stg_status stg_marker_parse(struct stg_marker *out, const char *text, const char *what)
{
    const int kind = kind_of(text);
    memset(out, 0, sizeof *out);
    if (kind < 0) {
        return stg_fail(
            STG_ERR_USAGE,
            "%s: '%s' is not a marker: give uprobe:PATH:SYMBOL, uretprobe:PATH:SYMBOL or usdt:PATH:PROVIDER:NAME", what,
            text);
    }
    out->kind = (enum stg_marker_kind)kind;
    const char *at = text + strlen(prefixes[kind]);
    size_t len = strlen(at);
    const char *equals = strrchr(at, '=');
    const bool named =
        equals != NULL && strchr(equals, '/') == NULL; /* a path may have an = too, a name has no slash */
    if ((named && !take_last(at, &len, '=', out->name, sizeof out->name)) ||
        !take_last(at, &len, ':', out->symbol, sizeof out->symbol) ||
        (kind == STG_MARKER_USDT && !take_last(at, &len, ':', out->provider, sizeof out->provider)) ||
        !copy(out->path, sizeof out->path, at, len)) {
        return stg_fail(STG_ERR_USAGE, "%s: '%s' has an empty or too long part: give %s%s", what, text, prefixes[kind],
                        kind == STG_MARKER_USDT ? "PATH:PROVIDER:NAME" : "PATH:SYMBOL");
    }
    if (!named && !make_name(out)) {
        return stg_fail(STG_ERR_USAGE, "%s: the name that '%s' gives its events is longer than %d bytes: add =NAME",
                        what, text, STG_MARKER_NAME_SIZE - 1);
    }
    return STG_OK;
}
