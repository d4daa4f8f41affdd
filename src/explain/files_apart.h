/* Files apart: which files the calls of some sequences are given, and those of others are not. Where a call comes more
 * often than usual, the file that it is mostly given is that of its usual calls; what tells is the file of the others.
 *
 * Calls fall into slots, a kind of call of a behaviour each. Files are compared by name, with what is made anew in each
 * run folded (diff_names.h), as such a name is in no other sequence. A call counts for the directory of its file, too:
 * of two files that only one sequence has, that in a directory where all sequences find others tells less.
 *
 * Memory: 131,072 names and directories, 40 MiB at most; what is beyond is not counted. */
#ifndef STG_EXPLAIN_FILES_APART_H
#define STG_EXPLAIN_FILES_APART_H

#include "base/keys.h"
#include "base/strings.h"

#include <stdbool.h>

/* Sequences that are told apart among those that shall have the file: by a bit each. */
#define STG_FILES_APART_MEMBERS 64

struct stg_files_apart {
    struct stg_strings *names;       /* folded; owned */
    struct stg_keys uses;            /* of a slot and a name */
    struct stg_files_apart_use *use; /* (uses.n) owned */
    size_t cap_use;
    uint32_t *name_of; /* (cap_name_of) of a source's path: plus one; 0: not asked for yet; owned */
    size_t cap_name_of;
};

/* Zeroed, it is an empty one. */
void stg_files_apart_fini(struct stg_files_apart *f);

/* A call that is given paths' path: members are those of the sequences that it is in which shall have the file, a bit
 * each; 0: it is in others. */
enum stg_status stg_files_apart_add(struct stg_files_apart *f, uint32_t slot, const struct stg_strings *paths,
                                    uint32_t path, uint64_t members) STG_MUST_USE;

/* *path: what most of the n_members sequences have, and the n_others have not, or eight times as rarely; the first such
 * path of its folded name. False where there is none, or the others do not make such calls. */
bool stg_files_apart_find(const struct stg_files_apart *f, uint32_t slot, size_t n_members, size_t n_others,
                          uint32_t *path);

#endif
