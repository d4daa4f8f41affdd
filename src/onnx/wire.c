#include "onnx/wire.h"

#include <endian.h>
#include <string.h>

/* Wire types. */
enum { VARINT = 0, LENGTH = 2, FIXED32 = 5 };

void onnx_wire_fini(struct onnx_wire *w)
{
    stg_buffer_fini(&w->bytes); /* its status stays */
}

void onnx_wire_append(struct onnx_wire *w, const void *data, size_t n)
{
    if (w->status == STG_OK) {
        w->status = stg_buffer_put(&w->bytes, data, n);
    }
}

/* Seven bits a byte, lowest first; the eighth says that more follow. */
static void put_varint(struct onnx_wire *w, uint64_t value)
{
    uint8_t byte[10];
    size_t n = 0;
    do {
        byte[n++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80u : 0u));
        value >>= 7;
    } while (value > 0);
    onnx_wire_append(w, byte, n);
}

static size_t varint_size(uint64_t value)
{
    size_t n = 1;
    for (; value > 0x7f; value >>= 7) {
        n++;
    }
    return n;
}

static void put_tag(struct onnx_wire *w, uint32_t field, uint32_t type)
{
    put_varint(w, (uint64_t)field << 3 | type);
}

void onnx_wire_integer(struct onnx_wire *w, uint32_t field, int64_t value)
{
    put_tag(w, field, VARINT);
    put_varint(w, (uint64_t)value);
}

void onnx_wire_float(struct onnx_wire *w, uint32_t field, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = htole32(bits);
    put_tag(w, field, FIXED32);
    onnx_wire_append(w, &bits, sizeof bits);
}

void onnx_wire_begin(struct onnx_wire *w, uint32_t field, size_t n)
{
    put_tag(w, field, LENGTH);
    put_varint(w, n);
}

void onnx_wire_bytes(struct onnx_wire *w, uint32_t field, const void *data, size_t n)
{
    onnx_wire_begin(w, field, n);
    onnx_wire_append(w, data, n);
}

void onnx_wire_string(struct onnx_wire *w, uint32_t field, const char *text)
{
    onnx_wire_bytes(w, field, text, strlen(text));
}

void onnx_wire_message(struct onnx_wire *w, uint32_t field, struct onnx_wire *message)
{
    if (w->status == STG_OK) {
        w->status = message->status;
    }
    onnx_wire_bytes(w, field, message->bytes.data, message->bytes.len);
    stg_buffer_fini(&message->bytes);
}

size_t onnx_wire_size(uint32_t field, size_t n)
{
    return varint_size((uint64_t)field << 3) + varint_size(n) + n;
}
