/* Reply: an HTTP/1.1 response, taken in piece by piece as it arrives. What the lab's load needs to know of it: the
 * status, where it ends, and whether the connection stays. */
#ifndef STG_LAB_REPLY_H
#define STG_LAB_REPLY_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STG_REPLY_MAX_LINE 4096

enum stg_reply_state {
    STG_REPLY_STATUS,
    STG_REPLY_HEADER,
    STG_REPLY_BODY,       /* of a stated length */
    STG_REPLY_CHUNK_SIZE, /* chunked: the line with a chunk's size */
    STG_REPLY_CHUNK_DATA,
    STG_REPLY_CHUNK_END, /* the empty line behind a chunk */
    STG_REPLY_TRAILER,
    STG_REPLY_UNTIL_CLOSE, /* no length: the body ends with the connection */
    STG_REPLY_DONE,
};

struct stg_reply {
    enum stg_reply_state state;
    int code;   /* HTTP status */
    bool close; /* the server will close the connection */
    bool chunked;
    bool has_length;
    uint64_t left;     /* bytes of the body or chunk that are missing */
    uint64_t received; /* bytes of the response so far */
    size_t len;        /* of line */
    char line[STG_REPLY_MAX_LINE];
    /* Called with pieces of the body; NULL: nobody wants it. */
    void (*body)(void *context, const char *data, size_t n);
    void *context;
};

/* Ready for the next response; body and context stay. */
void stg_reply_begin(struct stg_reply *r);
/* Takes up to n bytes; *used says how many belonged to this response. STG_ERR_INPUT when it is none. */
enum stg_status stg_reply_put(struct stg_reply *r, const char *data, size_t n, size_t *used) STG_MUST_USE;
/* The connection has ended: true when that completes the response. */
bool stg_reply_end(struct stg_reply *r);

#endif
