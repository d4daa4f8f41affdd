/* Protocol Buffers, the wire format (protobuf.dev, "Encoding"), as much of it as ONNX files need. A message is a run of
 * fields, each a tag (field number and wire type) and a value; a message within another is its length and its bytes, so
 * it is put together first. The first failure is kept, and what is put later is ignored, so that a graph can be written
 * without a test after each step. */
#ifndef STG_ONNX_WIRE_H
#define STG_ONNX_WIRE_H

#include "base/buffer.h"

#include <stdint.h>

struct onnx_wire {
    struct stg_buffer bytes; /* owned */
    enum stg_status status;
};

void onnx_wire_fini(struct onnx_wire *w);
void onnx_wire_integer(struct onnx_wire *w, uint32_t field, int64_t value); /* int64, int32 and enumerations */
void onnx_wire_float(struct onnx_wire *w, uint32_t field, float value);
void onnx_wire_bytes(struct onnx_wire *w, uint32_t field, const void *data, size_t n);
void onnx_wire_string(struct onnx_wire *w, uint32_t field, const char *text); /* UTF-8 */
/* Puts the message and empties it; its failure becomes w's. */
void onnx_wire_message(struct onnx_wire *w, uint32_t field, struct onnx_wire *message);
/* The tag and length of a field of n bytes that the caller appends, by onnx_wire_append(). */
void onnx_wire_begin(struct onnx_wire *w, uint32_t field, size_t n);
void onnx_wire_append(struct onnx_wire *w, const void *data, size_t n);
/* Bytes of a field that holds n bytes, tag and length included. */
size_t onnx_wire_size(uint32_t field, size_t n);

#endif
