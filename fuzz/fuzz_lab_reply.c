/* HTTP responses as the lab's load takes them in: the first byte says in which pieces; whatever the pieces, the outcome
 * is the same. */
#include "lab/reply.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    enum stg_status status;
    enum stg_reply_state state;
    int code;
    uint64_t used, body;
};

static void count_body(void *context, const char *data, size_t n)
{
    uint64_t *sum = context;
    for (size_t i = 0; i < n; i++) {
        *sum = *sum * 31 + (unsigned char)data[i];
    }
}

static struct outcome take(const char *text, size_t n, size_t piece)
{
    struct outcome o = {.status = STG_OK};
    static struct stg_reply r;
    r.body = count_body;
    r.context = &o.body;
    stg_reply_begin(&r);
    for (size_t at = 0; at < n && r.state != STG_REPLY_DONE && o.status == STG_OK;) {
        size_t used;
        o.status = stg_reply_put(&r, text + at, n - at < piece ? n - at : piece, &used);
        if (used == 0) {
            abort(); /* would turn for ever */
        }
        at += used;
        o.used += used;
    }
    if (o.status != STG_OK && (o.status != STG_ERR_INPUT || stg_status_message()[0] == '\0')) {
        abort();
    }
    o.state = r.state;
    o.code = r.code;
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const char *text = (const char *)data + 1;
    const struct outcome whole = take(text, size - 1, size);
    const struct outcome parts = take(text, size - 1, 1 + data[0] % 64);
    if (whole.status != parts.status || whole.state != parts.state || whole.code != parts.code ||
        whole.used != parts.used || whole.body != parts.body) {
        abort();
    }
    return 0;
}
