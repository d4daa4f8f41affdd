/* ELF: where in a program's file a function begins, or a static probe is. Of hostile input at worst an answer is wrong;
 * nothing outside it is read. */
#ifndef STG_RECORD_ELF_H
#define STG_RECORD_ELF_H

#include "base/status.h"
#include "record/record_abi.h"

#include <stddef.h>
#include <stdint.h>

enum stg_elf_found {
    STG_ELF_FOUND,
    STG_ELF_NO_SYMBOL,
    STG_ELF_NO_PROGRAM, /* not a 64-bit program or library of x86-64, or a damaged one */
    STG_ELF_TOO_MANY,   /* more than STG_ELF_MAX_SITES places */
};

#define STG_ELF_MAX_SITES STG_ABI_MAX_SITES

/* A place of a static probe. */
struct stg_elf_site {
    uint64_t offset; /* in the file */
    uint64_t
        semaphore; /* in the file: the counter by which the program knows that the probe is watched; 0 = it has none */
    struct stg_abi_site site; /* its arguments; marker is 0 */
};

/* Looks through both symbol tables of the size bytes at data. */
enum stg_elf_found stg_elf_find(const uint8_t *data, size_t size, const char *symbol, uint64_t *offset);

/* Looks through the notes for the places (*n ≤ STG_ELF_MAX_SITES) of provider:name. Owner "stapsdt" and type 3, as
 * <sys/sdt.h> writes them. */
enum stg_elf_found stg_elf_find_probe(const uint8_t *data, size_t size, const char *provider, const char *name,
                                      struct stg_elf_site out[STG_ELF_MAX_SITES], size_t *n);

/* Opens a file for the two below; the caller closes it. What is found is of this file, wherever its path leads later.
 */
enum stg_status stg_elf_open(int *file, const char *path) STG_MUST_USE;

/* The same for a file, which a process without privileges reads. STG_ERR_IO, STG_ERR_USAGE (there is no such function),
 * STG_ERR_INPUT (no program); the message names path and symbol. */
enum stg_status stg_elf_find_in_file(int file, const char *path, const char *symbol, uint64_t *offset) STG_MUST_USE;
/* STG_ERR_UNSUPPORTED: it is in too many places. */
enum stg_status stg_elf_find_probe_in_file(int file, const char *path, const char *provider, const char *name,
                                           struct stg_elf_site out[STG_ELF_MAX_SITES], size_t *n) STG_MUST_USE;

#endif
