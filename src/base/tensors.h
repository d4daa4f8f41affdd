/* Tensors: safetensors files (https://github.com/huggingface/safetensors, "Format"): 8 bytes little-endian header
 * length, a JSON header, then the raw little-endian tensors. docs/formats/safetensors.md says what we add: names in
 * the metadata (`strange.format`, `strange.version`, `strange.checksum`, `strange.header`).
 *
 * Reading maps the file; tensors are borrowed from the mapping. Every length, offset and shape is checked before use,
 * and the checksums (XXH3 64 of the header, and of all that follows it) on open. Writing goes through stg_file_writer:
 * the file appears whole or not at all. */
#ifndef STG_BASE_TENSORS_H
#define STG_BASE_TENSORS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stg_dtype { STG_U8, STG_I8, STG_U16, STG_I16, STG_U32, STG_I32, STG_U64, STG_I64, STG_F32, STG_F64, STG_BF16 };

size_t stg_dtype_size(enum stg_dtype dtype);
const char *stg_dtype_name(enum stg_dtype dtype); /* as in the file: "U8", "F32" … */

#define STG_TENSOR_MAX_DIMS 4

struct stg_tensor {
    const char *name; /* borrowed from the file */
    const void *data; /* aligned to at least 8 bytes; borrowed from the file */
    enum stg_dtype dtype;
    uint32_t n_dims;
    size_t dims[STG_TENSOR_MAX_DIMS];
    size_t n; /* elements: product of dims */
};

struct stg_tensors;

/* format is the expected `strange.format` ("dataset", "model", "checkpoint") or NULL for any; another one, or another
 * version than the one given, is STG_ERR_INPUT with what to do. */
enum stg_status stg_tensors_open(struct stg_tensors **out, const char *path, const char *format,
                                 int version) STG_MUST_USE;
/* The same but for the checksum of the data, which stg_tensors_verify() compares: for who needs the header alone, or
 * has other work meanwhile. */
enum stg_status stg_tensors_open_unverified(struct stg_tensors **out, const char *path, const char *format,
                                            int version) STG_MUST_USE;
/* Reads the whole file, in blocks of its own; from any thread. */
enum stg_status stg_tensors_verify(const struct stg_tensors *t) STG_MUST_USE;
void stg_tensors_free(struct stg_tensors *t);
/* From now on names of tensors and keys of metadata are looked for with this prefix (borrowed; "" for none): one file
 * inside another. */
void stg_tensors_scope(struct stg_tensors *t, const char *prefix);
/* NULL when absent. Borrowed. */
const char *stg_tensors_meta(const struct stg_tensors *t, const char *key);
size_t stg_tensors_count(const struct stg_tensors *t);
const struct stg_tensor *stg_tensors_at(const struct stg_tensors *t, size_t i);
const struct stg_tensor *stg_tensors_find(const struct stg_tensors *t, const char *name); /* NULL when absent */
/* The tensor with this name, dtype and number of elements (n = SIZE_MAX: any), else STG_ERR_INPUT naming the file. */
enum stg_status stg_tensors_need(const struct stg_tensors *t, const char *name, enum stg_dtype dtype, size_t n,
                                 const struct stg_tensor **out) STG_MUST_USE;
const char *stg_tensors_path(const struct stg_tensors *t);
/* *is = the file at path begins like a safetensors file; for telling kinds of files apart. */
bool stg_tensors_probe(const char *path);

/* Writer: declare metadata and tensors in any order, then commit. Data that is given is borrowed until commit; data
 * that is put piecewise is spilled to disk, so memory stays bounded. */
struct stg_tensors_writer;

enum stg_status stg_tensors_writer_open(struct stg_tensors_writer **out, const char *path, const char *format,
                                        int version) STG_MUST_USE;
enum stg_status stg_tensors_writer_meta(struct stg_tensors_writer *w, const char *key, const char *value) STG_MUST_USE;
enum stg_status stg_tensors_writer_put(struct stg_tensors_writer *w, const char *name, enum stg_dtype dtype,
                                       uint32_t n_dims, const size_t *dims, const void *data) STG_MUST_USE;
/* From now on names and keys are written with this prefix (borrowed; "" for none). */
void stg_tensors_writer_scope(struct stg_tensors_writer *w, const char *prefix);
/* A one-dimensional column that grows; *column is a handle for _append. */
enum stg_status stg_tensors_writer_column(struct stg_tensors_writer *w, const char *name, enum stg_dtype dtype,
                                          size_t *column) STG_MUST_USE;
enum stg_status stg_tensors_writer_append(struct stg_tensors_writer *w, size_t column, const void *data,
                                          size_t n) STG_MUST_USE; /* n elements */
enum stg_status stg_tensors_writer_commit(struct stg_tensors_writer *w) STG_MUST_USE;
void stg_tensors_writer_free(struct stg_tensors_writer *w); /* without commit: leaves nothing */

#endif
