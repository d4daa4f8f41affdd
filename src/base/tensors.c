/* Reading safetensors. Nothing of the file is believed before it was checked: header length, JSON, shapes, offsets,
 * checksum. */
#include "base/tensors.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/tensors_internal.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { HEADER_MAX = 100000000, MAX_TENSORS = 65536, SCOPED_NAME = 128 };

struct stg_tensors {
    struct stg_file_map map;
    char *path;
    json_t *header; /* owns the names and metadata */
    json_t *meta;   /* borrowed from header; may be NULL */
    struct stg_tensor *tensors;
    size_t n;
    const char *prefix; /* of what is looked for; borrowed */
    size_t data_at;     /* offset of the first byte behind the header */
};

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [STG_U8] = {"U8", 1},   [STG_I8] = {"I8", 1},   [STG_U16] = {"U16", 2},   [STG_I16] = {"I16", 2},
    [STG_U32] = {"U32", 4}, [STG_I32] = {"I32", 4}, [STG_U64] = {"U64", 8},   [STG_I64] = {"I64", 8},
    [STG_F32] = {"F32", 4}, [STG_F64] = {"F64", 8}, [STG_BF16] = {"BF16", 2},
};

size_t stg_dtype_size(enum stg_dtype dtype)
{
    return dtypes[dtype].size;
}

const char *stg_dtype_name(enum stg_dtype dtype)
{
    return dtypes[dtype].name;
}

static bool dtype_of(const char *name, enum stg_dtype *out)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (strcmp(dtypes[i].name, name) == 0) {
            *out = (enum stg_dtype)i;
            return true;
        }
    }
    return false;
}

static uint64_t little_endian(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--) {
        v = v << 8 | p[i];
    }
    return v;
}

static enum stg_status read_shape(const struct stg_tensors *t, const char *name, const json_t *shape,
                                  struct stg_tensor *out)
{
    if (!json_is_array(shape) || json_array_size(shape) > STG_TENSOR_MAX_DIMS) {
        return stg_fail(STG_ERR_INPUT, "%s: tensor %s: has no shape of at most %d dimensions: make the file again",
                        t->path, name, STG_TENSOR_MAX_DIMS);
    }
    out->n = 1;
    out->n_dims = (uint32_t)json_array_size(shape);
    for (uint32_t i = 0; i < out->n_dims; i++) {
        const json_t *dim = json_array_get(shape, i);
        const json_int_t value = json_is_integer(dim) ? json_integer_value(dim) : -1;
        if (value < 0 || !stg_mem_product(out->n, (size_t)value, &out->n)) {
            return stg_fail(STG_ERR_INPUT, "%s: tensor %s: impossible shape: make the file again", t->path, name);
        }
        out->dims[i] = (size_t)value;
    }
    return STG_OK;
}

static enum stg_status read_tensor(const struct stg_tensors *t, const char *name, const json_t *entry, size_t data_at,
                                   struct stg_tensor *out)
{
    const json_t *dtype = json_object_get(entry, "dtype");
    const json_t *offsets = json_object_get(entry, "data_offsets");
    *out = (struct stg_tensor){.name = name};
    if (!json_is_string(dtype) || !dtype_of(json_string_value(dtype), &out->dtype)) {
        return stg_fail(STG_ERR_INPUT, "%s: tensor %s: unknown type of data: made by a newer version?", t->path, name);
    }
    STG_RETURN_IF_FAILED(read_shape(t, name, json_object_get(entry, "shape"), out));
    const json_t *first = json_array_get(offsets, 0);
    const json_t *last = json_array_get(offsets, 1);
    const json_int_t begin = json_is_integer(first) ? json_integer_value(first) : -1;
    const json_int_t end = json_is_integer(last) ? json_integer_value(last) : -1;
    const size_t room = t->map.size - data_at;
    size_t size;
    if (begin < 0 || end < begin || (uint64_t)end > room || !stg_mem_product(out->n, dtypes[out->dtype].size, &size) ||
        size != (uint64_t)(end - begin)) {
        return stg_fail(STG_ERR_INPUT,
                        "%s: tensor %s: offsets %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT
                        " do not fit %zu bytes of data: the file is truncated or damaged: make it again",
                        t->path, name, begin, end, room);
    }
    out->data = t->map.data + data_at + begin;
    if ((uintptr_t)out->data % dtypes[out->dtype].size != 0) {
        return stg_fail(STG_ERR_INPUT,
                        "%s: tensor %s: offset %" JSON_INTEGER_FORMAT ": not aligned to its type: make the file again",
                        t->path, name, begin);
    }
    return STG_OK;
}

static int by_address(const void *a, const void *b)
{
    const struct stg_tensor *x = a;
    const struct stg_tensor *y = b;
    if (x->data != y->data) {
        return (uintptr_t)x->data < (uintptr_t)y->data ? -1 : 1;
    }
    return x->n < y->n ? -1 : x->n > y->n;
}

/* The data section is covered once, without holes or overlaps (the format's rule). */
static enum stg_status check_cover(const struct stg_tensors *t, size_t data_at)
{
    const uint8_t *at = t->map.data + data_at;
    for (size_t i = 0; i < t->n; i++) {
        const struct stg_tensor *tensor = &t->tensors[i];
        if (tensor->n == 0) {
            continue;
        }
        if (tensor->data != at) {
            return stg_fail(STG_ERR_INPUT, "%s: tensor %s: overlaps another one or leaves a hole: make the file again",
                            t->path, tensor->name);
        }
        at += tensor->n * dtypes[tensor->dtype].size;
    }
    if (at != t->map.data + t->map.size) {
        return stg_fail(STG_ERR_INPUT, "%s: offset %zu: bytes that belong to no tensor: make the file again", t->path,
                        (size_t)(at - t->map.data));
    }
    return STG_OK;
}

static enum stg_status read_header(struct stg_tensors *t, size_t *data_at)
{
    if (t->map.size < 10) {
        return stg_fail(STG_ERR_INPUT, "%s: offset %zu: file ends: empty or truncated, make it again", t->path,
                        t->map.size);
    }
    const uint64_t length = little_endian(t->map.data);
    if (length > HEADER_MAX || t->map.data[8] != '{') {
        return stg_fail(STG_ERR_INPUT, "%s: offset 0: not a safetensors file: give a data set or model made by strange",
                        t->path);
    }
    if (length > t->map.size - 8) {
        return stg_fail(STG_ERR_INPUT,
                        "%s: offset 8: header of %" PRIu64 " bytes but the file ends at %zu: truncated, make it again",
                        t->path, length, t->map.size);
    }
    json_error_t error;
    t->header = json_loadb((const char *)t->map.data + 8, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(t->header)) {
        return stg_fail(STG_ERR_INPUT, "%s: offset %d: header is damaged (%s): make the file again", t->path,
                        error.position + 8, error.text);
    }
    *data_at = 8 + (size_t)length;
    t->meta = json_object_get(t->header, "__metadata__");
    return STG_OK;
}

static enum stg_status read_tensors(struct stg_tensors *t, size_t data_at)
{
    const char *name;
    json_t *entry;
    const size_t n = json_object_size(t->header);
    if (n > MAX_TENSORS) {
        return stg_fail(STG_ERR_INPUT, "%s: %zu tensors, more than %d: make the file again", t->path, n, MAX_TENSORS);
    }
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&t->tensors, n, sizeof *t->tensors));
    json_object_foreach(t->header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0) {
            continue;
        }
        STG_RETURN_IF_FAILED(read_tensor(t, name, entry, data_at, &t->tensors[t->n]));
        t->n++;
    }
    qsort(t->tensors, t->n, sizeof *t->tensors, by_address);
    return check_cover(t, data_at);
}

static void hash_block(void *hash, const void *data, size_t n)
{
    XXH3_64bits_update(hash, data, n);
}

/* Checksum of all that follows the header. */
static enum stg_status checksum_of(const struct stg_tensors *t, size_t data_at, uint64_t *out)
{
    XXH3_state_t *hash = XXH3_createState();
    if (hash == NULL) {
        return stg_fail(STG_ERR_MEMORY, "%s: out of memory for the checksum", t->path);
    }
    XXH3_64bits_reset(hash);
    const enum stg_status status = stg_file_map_visit(&t->map, data_at, hash_block, hash);
    *out = XXH3_64bits_digest(hash);
    XXH3_freeState(hash);
    return status == STG_OK ? STG_OK : stg_context(status, "%s", t->path);
}

static enum stg_status check_identity(const struct stg_tensors *t, const char *format, int version)
{
    const char *found = stg_tensors_meta(t, "strange.format");
    const char *found_version = stg_tensors_meta(t, "strange.version");
    if (found == NULL || found_version == NULL || stg_tensors_meta(t, "strange.checksum") == NULL) {
        return stg_fail(STG_ERR_INPUT,
                        "%s: header: a safetensors file, but not one of strange's: give a data set or a model",
                        t->path);
    }
    if (format != NULL && strcmp(found, format) != 0) {
        return stg_fail(STG_ERR_INPUT, "%s: header: is a %.40s, not a %s: give a %s", t->path, found, format, format);
    }
    if (version >= 0 && strtol(found_version, NULL, 10) != version) {
        return stg_fail(STG_ERR_INPUT,
                        "%s: header: %s version %.20s, this program reads version %d: make it again with this program",
                        t->path, found, found_version, version);
    }
    return STG_OK;
}

static int hash_text(const char *text, size_t n, void *hash)
{
    XXH3_64bits_update(hash, text, n);
    return 0;
}

enum stg_status stg_tensors_hash_header(const json_t *header, char out[STG_TENSORS_HASH_SIZE])
{
    XXH3_state_t *hash = XXH3_createState();
    if (hash == NULL) {
        return stg_fail(STG_ERR_MEMORY, "out of memory for the checksum");
    }
    XXH3_64bits_reset(hash);
    const int failed = json_dump_callback(header, hash_text, hash, JSON_COMPACT | JSON_SORT_KEYS);
    snprintf(out, STG_TENSORS_HASH_SIZE, "%016" PRIx64, (uint64_t)XXH3_64bits_digest(hash));
    XXH3_freeState(hash);
    return failed == 0 ? STG_OK : stg_fail(STG_ERR_MEMORY, "out of memory for the checksum");
}

/* Names of data and all metadata stand in the header. Files of older versions say nothing of it. */
static enum stg_status check_header(const struct stg_tensors *t)
{
    enum stg_status status = STG_OK;
    char found[STG_TENSORS_HASH_SIZE];
    json_t *wanted = json_incref(json_object_get(t->meta, STG_TENSORS_HEADER_KEY));
    if (wanted == NULL) {
        return STG_OK;
    }
    json_object_del(t->meta, STG_TENSORS_HEADER_KEY);
    STG_TRY(stg_tensors_hash_header(t->header, found));
    if (!json_is_string(wanted) || strcmp(json_string_value(wanted), found) != 0) {
        status =
            stg_fail(STG_ERR_INPUT, "%s: header: checksum does not match: the file is damaged, make it again", t->path);
    }
out:
    json_decref(wanted);
    return status;
}

enum stg_status stg_tensors_verify(const struct stg_tensors *t)
{
    char found[17];
    uint64_t checksum = 0;
    STG_RETURN_IF_FAILED(checksum_of(t, t->data_at, &checksum));
    snprintf(found, sizeof found, "%016" PRIx64, checksum);
    if (strcmp(found, stg_tensors_meta(t, "strange.checksum")) != 0) {
        return stg_fail(STG_ERR_INPUT, "%s: offset %zu: checksum does not match: the file is damaged, make it again",
                        t->path, t->data_at);
    }
    return STG_OK;
}

enum stg_status stg_tensors_open_unverified(struct stg_tensors **out, const char *path, const char *format, int version)
{
    enum stg_status status = STG_OK;
    struct stg_tensors *t = NULL;
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&t, 1, sizeof *t));
    STG_TRY(stg_mem_strdup(&t->path, path));
    STG_TRY(stg_file_map_open(&t->map, path));
    STG_TRY(read_header(t, &t->data_at));
    STG_TRY(read_tensors(t, t->data_at));
    STG_TRY(check_identity(t, format, version));
    STG_TRY(check_header(t));
out:
    if (status != STG_OK) {
        stg_tensors_free(t);
        return status;
    }
    *out = t;
    return STG_OK;
}

enum stg_status stg_tensors_open(struct stg_tensors **out, const char *path, const char *format, int version)
{
    STG_RETURN_IF_FAILED(stg_tensors_open_unverified(out, path, format, version));
    const enum stg_status status = stg_tensors_verify(*out);
    if (status != STG_OK) {
        stg_tensors_free(*out);
        *out = NULL;
    }
    return status;
}

void stg_tensors_free(struct stg_tensors *t)
{
    if (t == NULL) {
        return;
    }
    json_decref(t->header);
    stg_mem_free(t->tensors);
    stg_file_map_close(&t->map);
    stg_mem_free(t->path);
    stg_mem_free(t);
}

void stg_tensors_scope(struct stg_tensors *t, const char *prefix)
{
    t->prefix = prefix;
}

/* prefix + name; NULL when that is longer than any name of ours. */
static const char *scoped(const char *prefix, const char *name, char *out, size_t cap)
{
    if (prefix == NULL || prefix[0] == '\0') {
        return name;
    }
    const int n = snprintf(out, cap, "%s%s", prefix, name);
    return n >= 0 && (size_t)n < cap ? out : NULL;
}

const char *stg_tensors_meta(const struct stg_tensors *t, const char *key)
{
    char text[SCOPED_NAME];
    const char *name = scoped(t->prefix, key, text, sizeof text);
    return name == NULL ? NULL : json_string_value(json_object_get(t->meta, name));
}

size_t stg_tensors_count(const struct stg_tensors *t)
{
    return t->n;
}

const struct stg_tensor *stg_tensors_at(const struct stg_tensors *t, size_t i)
{
    return &t->tensors[i];
}

const struct stg_tensor *stg_tensors_find(const struct stg_tensors *t, const char *name)
{
    char text[SCOPED_NAME];
    name = scoped(t->prefix, name, text, sizeof text);
    for (size_t i = 0; i < t->n && name != NULL; i++) {
        if (strcmp(t->tensors[i].name, name) == 0) {
            return &t->tensors[i];
        }
    }
    return NULL;
}

enum stg_status stg_tensors_need(const struct stg_tensors *t, const char *name, enum stg_dtype dtype, size_t n,
                                 const struct stg_tensor **out)
{
    *out = stg_tensors_find(t, name);
    if (*out == NULL) {
        return stg_fail(STG_ERR_INPUT, "%s: tensor %s is missing: make the file again", t->path, name);
    }
    if ((*out)->dtype != dtype || (n != SIZE_MAX && (*out)->n != n)) {
        return stg_fail(STG_ERR_INPUT,
                        "%s: tensor %s: %zu elements of type %s do not fit the rest of the file: make it again",
                        t->path, name, (*out)->n, dtypes[(*out)->dtype].name);
    }
    return STG_OK;
}

const char *stg_tensors_path(const struct stg_tensors *t)
{
    return t->path;
}

bool stg_tensors_probe(const char *path)
{
    struct stg_file_map map;
    if (stg_file_is_directory(path) || stg_file_map_open(&map, path) != STG_OK) {
        return false;
    }
    const bool is = map.size >= 10 && map.data[8] == '{' && little_endian(map.data) <= HEADER_MAX;
    stg_file_map_close(&map);
    return is;
}
