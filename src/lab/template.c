#include "lab/template.h"

#include "base/file.h"

#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

/* "@NAME" and then the character `end` and, if that is '?', "@": bytes of it, 0 when text does not begin so. *name gets
 * NAME. */
static size_t match(const char *text, size_t n, char end, char name[64])
{
    size_t len = 0;
    if (n == 0 || text[0] != '@') {
        return 0;
    }
    while (1 + len < n && text[1 + len] != '\0' && strchr(LETTERS, text[1 + len]) != NULL) {
        len++;
    }
    const size_t tail = end == '?' ? 2 : 1;
    if (len == 0 || len >= 64 || 1 + len + tail > n || text[1 + len] != end || text[len + tail] != '@') {
        return 0;
    }
    memcpy(name, text + 1, len);
    name[len] = '\0';
    return 1 + len + tail;
}

static enum stg_status unknown(const char *where, unsigned line, const char *name)
{
    return stg_fail(STG_ERR_INPUT, "%s:%u: @%s@ is no setting: add set.%s to known.conf", where, line, name, name);
}

static enum stg_status put_line(struct stg_buffer *out, const char *text, size_t n, const char *where, unsigned line,
                                const struct stg_scenario *settings)
{
    char name[64];
    size_t at = 0, used;
    while ((used = match(text + at, n - at, '?', name)) > 0) {
        if (stg_scenario_get(settings, name) == NULL) {
            return unknown(where, line, name);
        }
        if (!stg_scenario_on(settings, name)) {
            return STG_OK;
        }
        at += used;
    }
    while (at < n) {
        used = match(text + at, n - at, '@', name);
        if (used == 0) {
            const char *next = memchr(text + at + 1, '@', n - at - 1);
            const size_t len = next == NULL ? n - at : (size_t)(next - text) - at;
            STG_RETURN_IF_FAILED(stg_buffer_put(out, text + at, len));
            at += len;
            continue;
        }
        const char *value = stg_scenario_get(settings, name);
        if (value == NULL) {
            return unknown(where, line, name);
        }
        STG_RETURN_IF_FAILED(stg_buffer_put(out, value, strlen(value)));
        at += used;
    }
    return stg_buffer_put(out, "\n", 1);
}

enum stg_status stg_template_expand(struct stg_buffer *out, const char *where, const char *text, size_t n,
                                    const struct stg_scenario *settings)
{
    unsigned line = 0;
    for (size_t at = 0; at < n;) {
        const char *newline = memchr(text + at, '\n', n - at);
        const size_t len = newline == NULL ? n - at : (size_t)(newline - text) - at;
        STG_RETURN_IF_FAILED(put_line(out, text + at, len, where, ++line, settings));
        at += len + 1;
    }
    return STG_OK;
}

enum stg_status stg_template_file(const char *to, const char *from, const struct stg_scenario *settings)
{
    enum stg_status status = STG_OK;
    struct stg_buffer out = STG_BUFFER_INIT;
    struct stg_file_map map;
    struct stg_file_writer *w = NULL;
    STG_RETURN_IF_FAILED(stg_file_map_open(&map, from));
    STG_TRY(stg_template_expand(&out, from, (const char *)map.data, map.size, settings));
    STG_TRY(stg_file_writer_open(&w, to));
    STG_TRY(stg_file_writer_put(w, out.data, out.len));
    STG_TRY(stg_file_writer_commit(w));
out:
    stg_file_writer_free(w);
    stg_buffer_fini(&out);
    stg_file_map_close(&map);
    return status;
}
