/* ELF: where in a program's file a function begins. Of hostile input at worst an answer is wrong; nothing outside it is read. */
#ifndef STG_RECORD_ELF_H
#define STG_RECORD_ELF_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum stg_elf_found {
    STG_ELF_FOUND,
    STG_ELF_NO_SYMBOL,
    STG_ELF_NO_PROGRAM, /* not a 64-bit program or library of x86-64, or a damaged one */
};

/* Looks through both symbol tables of the size bytes at data. */
enum stg_elf_found stg_elf_find(const uint8_t *data, size_t size, const char *symbol, uint64_t *offset);

/* The same for a file, which a process without privileges reads. STG_ERR_IO, STG_ERR_USAGE (there is no such function), STG_ERR_INPUT (no
 * program); the message names path and symbol. */
enum stg_status stg_elf_find_in_file(const char *path, const char *symbol, uint64_t *offset) STG_MUST_USE;

#endif
