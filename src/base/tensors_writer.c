/* Writing safetensors: spills and borrowed arrays first, then header and data in one atomic file. */
#include "base/file.h"
#include "base/memory.h"
#include "base/tensors.h"
#include "base/tensors_internal.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct pending {
    char *name;
    enum stg_dtype dtype;
    uint32_t n_dims;
    size_t dims[STG_TENSOR_MAX_DIMS];
    const void *data;             /* borrowed; NULL for a column */
    struct stg_file_spill *spill; /* NULL for borrowed data */
    size_t size;                  /* bytes */
};

struct stg_tensors_writer {
    char *path;
    json_t *meta;
    struct pending *items;
    size_t n, cap;
    const char *prefix; /* of names and keys; borrowed */
};

enum stg_status stg_tensors_writer_open(struct stg_tensors_writer **out, const char *path, const char *format,
                                        int version)
{
    enum stg_status status = STG_OK;
    struct stg_tensors_writer *w = NULL;
    char number[16];
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&w, 1, sizeof *w));
    STG_TRY(stg_mem_strdup(&w->path, path));
    w->meta = json_object();
    if (w->meta == NULL) {
        status = stg_fail(STG_ERR_MEMORY, "out of memory: free memory");
        goto out;
    }
    snprintf(number, sizeof number, "%d", version);
    STG_TRY(stg_tensors_writer_meta(w, "strange.format", format));
    STG_TRY(stg_tensors_writer_meta(w, "strange.version", number));
    STG_TRY(stg_file_writer_try(path));
out:
    if (status != STG_OK) {
        stg_tensors_writer_free(w);
        return status;
    }
    *out = w;
    return STG_OK;
}

void stg_tensors_writer_scope(struct stg_tensors_writer *w, const char *prefix)
{
    w->prefix = prefix;
}

/* The name as it is written; owned by the caller. */
static enum stg_status scoped(const struct stg_tensors_writer *w, const char *name, char **out)
{
    const char *prefix = w->prefix == NULL ? "" : w->prefix;
    const size_t n = strlen(prefix), len = strlen(name);
    STG_RETURN_IF_FAILED(stg_mem_zeroed(out, n + len + 1, 1));
    memcpy(*out, prefix, n);
    memcpy(*out + n, name, len);
    return STG_OK;
}

enum stg_status stg_tensors_writer_meta(struct stg_tensors_writer *w, const char *key, const char *value)
{
    char *name = NULL;
    json_t *text = json_string(value);
    if (text == NULL) {
        /* Names come from traces: what is no UTF-8 is kept byte by byte as Latin-1. */
        char *latin = NULL;
        STG_RETURN_IF_FAILED(stg_mem_zeroed(&latin, 2 * strlen(value) + 1, 1));
        char *to = latin;
        for (const char *c = value; *c != '\0'; c++) {
            const unsigned char byte = (unsigned char)*c;
            if (byte < 128) {
                *to++ = *c;
            } else {
                *to++ = (char)(0xc0 | byte >> 6);
                *to++ = (char)(0x80 | (byte & 0x3f));
            }
        }
        text = json_string(latin);
        stg_mem_free(latin);
    }
    enum stg_status status = scoped(w, key, &name);
    if (status != STG_OK) {
        json_decref(text);
        return status;
    }
    if (text == NULL || json_object_set_new(w->meta, name, text) != 0) {
        status = stg_fail(STG_ERR_MEMORY, "out of memory: free memory");
    }
    stg_mem_free(name);
    return status;
}

static enum stg_status add(struct stg_tensors_writer *w, const char *name, enum stg_dtype dtype, struct pending **out)
{
    STG_RETURN_IF_FAILED(stg_mem_grow(&w->items, &w->cap, w->n + 1, sizeof *w->items));
    struct pending *p = &w->items[w->n];
    *p = (struct pending){.dtype = dtype};
    STG_RETURN_IF_FAILED(scoped(w, name, &p->name));
    w->n++;
    *out = p;
    return STG_OK;
}

enum stg_status stg_tensors_writer_put(struct stg_tensors_writer *w, const char *name, enum stg_dtype dtype,
                                       uint32_t n_dims, const size_t *dims, const void *data)
{
    struct pending *p = NULL;
    size_t n = stg_dtype_size(dtype);
    STG_RETURN_IF_FAILED(add(w, name, dtype, &p));
    p->n_dims = n_dims;
    p->data = data;
    for (uint32_t i = 0; i < n_dims; i++) {
        p->dims[i] = dims[i];
        if (!stg_mem_product(n, dims[i], &n)) {
            return stg_fail(STG_ERR_MEMORY, "%s: tensor %s is too large", w->path, name);
        }
    }
    p->size = n;
    return STG_OK;
}

enum stg_status stg_tensors_writer_column(struct stg_tensors_writer *w, const char *name, enum stg_dtype dtype,
                                          size_t *column)
{
    struct pending *p = NULL;
    STG_RETURN_IF_FAILED(add(w, name, dtype, &p));
    p->n_dims = 1;
    *column = w->n - 1;
    STG_RETURN_IF_FAILED(stg_file_spill_open(&p->spill, w->path));
    return STG_OK;
}

enum stg_status stg_tensors_writer_append(struct stg_tensors_writer *w, size_t column, const void *data, size_t n)
{
    struct pending *p = &w->items[column];
    size_t size;
    if (!stg_mem_product(n, stg_dtype_size(p->dtype), &size)) {
        return stg_fail(STG_ERR_MEMORY, "%s: tensor %s is too large", w->path, p->name);
    }
    STG_RETURN_IF_FAILED(stg_file_spill_put(p->spill, data, size));
    p->dims[0] += n;
    p->size += size;
    return STG_OK;
}

/* Larger types first, so that every tensor is aligned to its type without holes. */
static size_t order_of(const struct stg_tensors_writer *w, size_t *order)
{
    size_t k = 0;
    for (size_t size = 8; size >= 1; size /= 2) {
        for (size_t i = 0; i < w->n; i++) {
            if (stg_dtype_size(w->items[i].dtype) == size) {
                order[k++] = i;
            }
        }
    }
    return k;
}

/* NULL: out of memory. */
static json_t *make_shape(const struct pending *p)
{
    json_t *shape = json_array();
    for (uint32_t i = 0; shape != NULL && i < p->n_dims; i++) {
        if (json_array_append_new(shape, json_integer((json_int_t)p->dims[i])) != 0) {
            json_decref(shape);
            shape = NULL;
        }
    }
    return shape;
}

static enum stg_status make_header(const struct stg_tensors_writer *w, const size_t *order, char **out)
{
    enum stg_status status = stg_fail(STG_ERR_MEMORY, "out of memory: free memory");
    json_t *header = json_object();
    json_int_t at = 0;
    char hash[STG_TENSORS_HASH_SIZE];
    if (header == NULL || json_object_set(header, "__metadata__", w->meta) != 0) {
        goto out;
    }
    for (size_t k = 0; k < w->n; k++) {
        const struct pending *p = &w->items[order[k]];
        json_t *shape = make_shape(p);
        if (shape == NULL) {
            goto out;
        }
        json_t *entry = json_pack("{s:s, s:o, s:[I,I]}", "dtype", stg_dtype_name(p->dtype), "shape", shape,
                                  "data_offsets", at, at + (json_int_t)p->size);
        if (entry == NULL || json_object_set_new(header, p->name, entry) != 0) {
            goto out;
        }
        at += (json_int_t)p->size;
    }
    if (stg_tensors_hash_header(header, hash) != STG_OK ||
        json_object_set_new(w->meta, STG_TENSORS_HEADER_KEY, json_string(hash)) != 0) {
        goto out;
    }
    char *text = json_dumps(header, JSON_COMPACT);
    if (text == NULL) {
        goto out;
    }
    /* Spaces bring the data section to a multiple of 64 bytes. */
    const size_t length = strlen(text);
    const size_t padded = (length + 8 + 63) / 64 * 64 - 8;
    status = stg_mem_zeroed(out, padded + 1, 1);
    if (status == STG_OK) {
        memset(*out, ' ', padded);
        memcpy(*out, text, length);
    }
    free(text);
out:
    json_decref(header);
    return status;
}

static enum stg_status write_item(struct pending *p, struct stg_file_writer *file)
{
    if (p->spill != NULL) {
        return stg_file_spill_copy(p->spill, file);
    }
    return stg_file_writer_put(file, p->data, p->size);
}

static void update_hash(void *hash, const void *data, size_t n)
{
    XXH3_64bits_update(hash, data, n);
}

static enum stg_status hash_item(struct pending *p, XXH3_state_t *hash)
{
    if (p->spill != NULL) {
        return stg_file_spill_visit(p->spill, update_hash, hash);
    }
    update_hash(hash, p->data, p->size);
    return STG_OK;
}

enum stg_status stg_tensors_writer_commit(struct stg_tensors_writer *w)
{
    enum stg_status status = STG_OK;
    struct stg_file_writer *file = NULL;
    XXH3_state_t *hash = XXH3_createState();
    size_t *order = NULL;
    char *header = NULL;
    char checksum[17];
    if (hash == NULL) {
        return stg_fail(STG_ERR_MEMORY, "out of memory: free memory");
    }
    XXH3_64bits_reset(hash);
    STG_TRY(stg_mem_zeroed(&order, w->n, sizeof *order));
    order_of(w, order);
    for (size_t k = 0; k < w->n; k++) {
        STG_TRY(hash_item(&w->items[order[k]], hash));
    }
    snprintf(checksum, sizeof checksum, "%016" PRIx64, (uint64_t)XXH3_64bits_digest(hash));
    STG_TRY(stg_tensors_writer_meta(w, "strange.checksum", checksum));
    STG_TRY(make_header(w, order, &header));
    STG_TRY(stg_file_writer_open(&file, w->path));
    const uint64_t length = strlen(header);
    uint8_t prefix[8];
    for (int i = 0; i < 8; i++) {
        prefix[i] = (uint8_t)(length >> (8 * i));
    }
    STG_TRY(stg_file_writer_put(file, prefix, sizeof prefix));
    STG_TRY(stg_file_writer_put(file, header, (size_t)length));
    for (size_t k = 0; k < w->n; k++) {
        STG_TRY(write_item(&w->items[order[k]], file));
    }
    STG_TRY(stg_file_writer_commit(file));
out:
    stg_file_writer_free(file);
    stg_mem_free(header);
    stg_mem_free(order);
    XXH3_freeState(hash);
    return status;
}

void stg_tensors_writer_free(struct stg_tensors_writer *w)
{
    if (w == NULL) {
        return;
    }
    for (size_t i = 0; i < w->n; i++) {
        stg_file_spill_free(w->items[i].spill);
        stg_mem_free(w->items[i].name);
    }
    stg_mem_free(w->items);
    json_decref(w->meta);
    stg_mem_free(w->path);
    stg_mem_free(w);
}
