#include "lab/reply.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void stg_reply_begin(struct stg_reply *r)
{
    r->state = STG_REPLY_STATUS;
    r->code = 0;
    r->close = r->chunked = r->has_length = false;
    r->left = r->received = 0;
    r->len = 0;
}

static enum stg_status take_status(struct stg_reply *r)
{
    /* "HTTP/1.1 200 OK" */
    if (strncmp(r->line, "HTTP/1.", 7) != 0 || r->len < 12 || r->line[8] != ' ') {
        return stg_fail(STG_ERR_INPUT, "not an HTTP/1 response: '%.20s'", r->line);
    }
    r->code = atoi(r->line + 9);
    if (r->code < 100 || r->code > 599) {
        return stg_fail(STG_ERR_INPUT, "no HTTP status in '%.20s'", r->line);
    }
    r->close = r->line[7] == '0';
    r->state = STG_REPLY_HEADER;
    return STG_OK;
}

/* The headers are complete: what follows? */
static void begin_body(struct stg_reply *r)
{
    if (r->code < 200) { /* an interim response: the real one follows */
        r->state = STG_REPLY_STATUS;
    } else if (r->chunked) {
        r->state = STG_REPLY_CHUNK_SIZE;
    } else if (r->code == 204 || r->code == 304 || (r->has_length && r->left == 0)) {
        r->state = STG_REPLY_DONE;
    } else if (r->has_length) {
        r->state = STG_REPLY_BODY;
    } else {
        r->state = STG_REPLY_UNTIL_CLOSE;
        r->close = true;
    }
}

static const char *value_of(const char *line, const char *name)
{
    const size_t len = strlen(name);
    if (strncasecmp(line, name, len) != 0 || line[len] != ':') {
        return NULL;
    }
    line += len + 1;
    return line + strspn(line, " \t");
}

static enum stg_status parse_size(const char *text, int base, uint64_t *out)
{
    char *end;
    const unsigned long long value = strtoull(text, &end, base);
    if (end == text || text[0] == '-' || text[0] == '+' || value > (UINT64_C(1) << 40)) {
        return stg_fail(STG_ERR_INPUT, "bad length in an HTTP response: '%.20s'", text);
    }
    *out = value;
    return STG_OK;
}

static enum stg_status take_header(struct stg_reply *r)
{
    const char *value;
    if (r->len == 0) {
        begin_body(r);
        return STG_OK;
    }
    if ((value = value_of(r->line, "Content-Length")) != NULL) {
        r->has_length = true;
        return parse_size(value, 10, &r->left);
    }
    if ((value = value_of(r->line, "Transfer-Encoding")) != NULL) {
        r->chunked = strcasecmp(value, "chunked") == 0;
    } else if ((value = value_of(r->line, "Connection")) != NULL) {
        r->close = strcasecmp(value, "close") == 0;
    }
    return STG_OK;
}

static enum stg_status take_line(struct stg_reply *r)
{
    switch (r->state) {
    case STG_REPLY_STATUS:
        return take_status(r);
    case STG_REPLY_HEADER:
        return take_header(r);
    case STG_REPLY_CHUNK_SIZE:
        STG_RETURN_IF_FAILED(parse_size(r->line, 16, &r->left));
        r->state = r->left == 0 ? STG_REPLY_TRAILER : STG_REPLY_CHUNK_DATA;
        return STG_OK;
    case STG_REPLY_CHUNK_END:
        r->state = STG_REPLY_CHUNK_SIZE;
        return r->len == 0 ? STG_OK : stg_fail(STG_ERR_INPUT, "a chunk of an HTTP response is longer than it says");
    default: /* STG_REPLY_TRAILER */
        r->state = r->len == 0 ? STG_REPLY_DONE : STG_REPLY_TRAILER;
        return STG_OK;
    }
}

static size_t take_data(struct stg_reply *r, const char *data, size_t n)
{
    if (r->state != STG_REPLY_UNTIL_CLOSE && n > r->left) {
        n = (size_t)r->left;
    }
    if (r->body != NULL && n > 0) {
        r->body(r->context, data, n);
    }
    if (r->state != STG_REPLY_UNTIL_CLOSE) {
        r->left -= n;
        if (r->left == 0) {
            r->state = r->state == STG_REPLY_BODY ? STG_REPLY_DONE : STG_REPLY_CHUNK_END;
        }
    }
    return n;
}

static bool wants_data(const struct stg_reply *r)
{
    return r->state == STG_REPLY_BODY || r->state == STG_REPLY_CHUNK_DATA || r->state == STG_REPLY_UNTIL_CLOSE;
}

enum stg_status stg_reply_put(struct stg_reply *r, const char *data, size_t n, size_t *used)
{
    size_t at = 0;
    enum stg_status status = STG_OK;
    while (at < n && r->state != STG_REPLY_DONE && status == STG_OK) {
        if (wants_data(r)) {
            at += take_data(r, data + at, n - at);
            continue;
        }
        const char c = data[at++];
        if (c != '\n') {
            if (r->len + 1 >= sizeof r->line) {
                status =
                    stg_fail(STG_ERR_INPUT, "a line of an HTTP response is longer than %d bytes", STG_REPLY_MAX_LINE);
                break;
            }
            r->line[r->len++] = c;
            continue;
        }
        r->len -= r->len > 0 && r->line[r->len - 1] == '\r';
        r->line[r->len] = '\0';
        status = take_line(r);
        r->len = 0;
    }
    r->received += at;
    *used = at;
    return status;
}

bool stg_reply_end(struct stg_reply *r)
{
    if (r->state == STG_REPLY_UNTIL_CLOSE) {
        r->state = STG_REPLY_DONE;
    }
    return r->state == STG_REPLY_DONE;
}
