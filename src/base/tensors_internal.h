/* Tensors: what reading and writing share. */
#ifndef STG_BASE_TENSORS_INTERNAL_H
#define STG_BASE_TENSORS_INTERNAL_H

#include "base/status.h"

#include <jansson.h>

#define STG_TENSORS_HEADER_KEY "strange.header"
#define STG_TENSORS_HASH_SIZE  17 /* 16 hexadecimal digits and NUL */

/* XXH3 of the header as compact JSON with sorted keys, so that who writes the same in another way has the same one. The
 * metadata must not have the key yet, or no more. */
enum stg_status stg_tensors_hash_header(const json_t *header, char out[STG_TENSORS_HASH_SIZE]) STG_MUST_USE;

#endif
