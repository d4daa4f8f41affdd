/* Vocabulary: names of calls and of processes, frozen after training data; an unknown name is STG_TOKEN_UNKNOWN, and that is
 * itself informative. Ids 0 … 4 are the special tokens [MASK] [UNKNOWN] [START] [END] [TRUNCATE]; at most 65,535 names. */
#ifndef STG_TOKEN_VOCAB_H
#define STG_TOKEN_VOCAB_H

#include "base/strings.h"
#include "base/tensors.h"
#include "token/token.h"

struct stg_vocab {
    struct stg_strings *calls; /* owned */
    struct stg_strings *procs; /* owned */
    bool frozen;               /* new names become UNKNOWN */
};

enum stg_status stg_vocab_init(struct stg_vocab *v) STG_MUST_USE; /* the special tokens only */
void stg_vocab_fini(struct stg_vocab *v);
enum stg_status stg_vocab_copy(struct stg_vocab *out, const struct stg_vocab *from) STG_MUST_USE;
/* *id of a name, added unless frozen. */
enum stg_status stg_vocab_call(struct stg_vocab *v, const char *name, uint16_t *id) STG_MUST_USE;
enum stg_status stg_vocab_proc(struct stg_vocab *v, const char *name, uint16_t *id) STG_MUST_USE;
/* Equal names in equal order. */
bool stg_vocab_equal(const struct stg_vocab *a, const struct stg_vocab *b);
/* Metadata keys `vocab.calls`, `vocab.procs` (JSON arrays). */
enum stg_status stg_vocab_save(const struct stg_vocab *v, struct stg_tensors_writer *w) STG_MUST_USE;
enum stg_status stg_vocab_load(struct stg_vocab *out, const struct stg_tensors *t) STG_MUST_USE; /* frozen */

/* Symbols: what a model predicts. A symbol is the tuple of the chosen fields; the table of those that occur in training
 * data is built while fitting, then frozen. Ids 0 … 4 are the special tokens here too. */
struct stg_symbols;

enum stg_status stg_symbols_new(struct stg_symbols **out, unsigned fields) STG_MUST_USE; /* STG_FIELD_* */
void stg_symbols_free(struct stg_symbols *s);
unsigned stg_symbols_fields(const struct stg_symbols *s);
size_t stg_symbols_count(const struct stg_symbols *s); /* with the special tokens */
/* Adds every symbol of the corpus, in order of first appearance in time order. */
enum stg_status stg_symbols_fit(struct stg_symbols *s, const struct stg_corpus *corpus) STG_MUST_USE;
/* Every call of the vocabulary is a symbol with its own id (fields = STG_FIELD_CALL): the paper's head. */
enum stg_status stg_symbols_from_vocab(struct stg_symbols *s, const struct stg_vocab *v) STG_MUST_USE;
/* The id of an event's symbol, STG_TOKEN_UNKNOWN when it is new. */
uint32_t stg_symbols_find(const struct stg_symbols *s, uint16_t call, uint8_t phase, int64_t ret);
/* The same for every row of a walk: out (n). */
void stg_symbols_map(const struct stg_symbols *s, const struct stg_walk *w, uint32_t *out);
/* "read", "read exit", "read exit EAGAIN" into out (NUL-terminated, cut to cap). */
void stg_symbols_describe(const struct stg_symbols *s, const struct stg_vocab *v, uint32_t id, char *out, size_t cap);
/* Tensor `symbols.key` (U64) and metadata `symbols.fields`. */
enum stg_status stg_symbols_save(const struct stg_symbols *s, struct stg_tensors_writer *w) STG_MUST_USE;
enum stg_status stg_symbols_load(struct stg_symbols **out, const struct stg_tensors *t) STG_MUST_USE;

#endif
