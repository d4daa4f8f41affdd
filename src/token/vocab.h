/* Vocabulary: names of calls and of processes. Ids 0 … 4 are the special tokens [MASK] [UNKNOWN] [START] [END]
 * [TRUNCATE]; at most 65,535 names.
 *
 * A model's vocabulary is that of its training data, frozen. Data that goes with a model *extends* its vocabulary: the
 * model's names keep their ids and new ones follow, so that people see what a call is named although the model does not
 * know it. To the model every id that is not below its own count is STG_TOKEN_UNKNOWN (stg_vocab_known), and that is
 * itself informative. */
#ifndef STG_TOKEN_VOCAB_H
#define STG_TOKEN_VOCAB_H

#include "base/strings.h"
#include "base/tensors.h"
#include "token/token.h"

struct stg_vocab {
    struct stg_strings *calls;     /* owned */
    struct stg_strings *procs;     /* owned */
    bool frozen;                   /* new names become UNKNOWN */
    size_t base_calls, base_procs; /* names of the vocabulary that this one extends; 0: it extends none */
};

/* What an id of data is to a vocabulary of n names. */
static inline uint16_t stg_vocab_known(uint16_t id, size_t n)
{
    return id < n ? id : STG_TOKEN_UNKNOWN;
}

enum stg_status stg_vocab_init(struct stg_vocab *v) STG_MUST_USE; /* the special tokens only */
void stg_vocab_fini(struct stg_vocab *v);
enum stg_status stg_vocab_copy(struct stg_vocab *out, const struct stg_vocab *from) STG_MUST_USE;
/* From now on new names follow those that are there. */
void stg_vocab_extend(struct stg_vocab *v);
/* *id of a name, added unless frozen. A call that is there in another spelling (stg_syscall_synonym) is that one, so
 * that a model trained on one source reads another. When there is no more room: UNKNOWN in an extended vocabulary,
 * which has the names that matter already; STG_ERR_INPUT otherwise. */
enum stg_status stg_vocab_call(struct stg_vocab *v, const char *name, uint16_t *id) STG_MUST_USE;
enum stg_status stg_vocab_proc(struct stg_vocab *v, const char *name, uint16_t *id) STG_MUST_USE;
/* Equal names in equal order. */
bool stg_vocab_equal(const struct stg_vocab *a, const struct stg_vocab *b);
/* v has the names of first with the same ids, and perhaps more. */
bool stg_vocab_begins_with(const struct stg_vocab *v, const struct stg_vocab *first);
/* Both extend a vocabulary, and the same one. */
bool stg_vocab_same_base(const struct stg_vocab *a, const struct stg_vocab *b);
/* The call is none of the vocabulary's own: UNKNOWN, or a name that extends another vocabulary. */
bool stg_vocab_is_new_call(const struct stg_vocab *v, uint16_t id);
/* Metadata keys `vocab.calls`, `vocab.procs` (JSON arrays), and `vocab.base` when it extends another. */
enum stg_status stg_vocab_save(const struct stg_vocab *v, struct stg_tensors_writer *w) STG_MUST_USE;
enum stg_status stg_vocab_load(struct stg_vocab *out, const struct stg_tensors *t) STG_MUST_USE; /* frozen */

/* Symbols: what a model predicts. A symbol is the tuple of the chosen fields; the table of those that occur in training
 * data is built while fitting, then frozen. Ids 0 … 4 are the special tokens here too. STG_TOKEN_MASK stands for an
 * event that has no such symbol at all: models leave it out, as if it were not there. */
struct stg_symbols;

/* fields: STG_FIELD_*, in one of the combinations that are named there; STG_ERR_INTERNAL otherwise. */
enum stg_status stg_symbols_new(struct stg_symbols **out, unsigned fields) STG_MUST_USE;
/* The same symbols with the same ids. */
enum stg_status stg_symbols_copy(struct stg_symbols **out, const struct stg_symbols *s) STG_MUST_USE;
void stg_symbols_free(struct stg_symbols *s);
unsigned stg_symbols_fields(const struct stg_symbols *s);
size_t stg_symbols_count(const struct stg_symbols *s); /* with the special tokens */
/* The symbols are of this vocabulary: calls that are not in it are UNKNOWN, as data may extend it; its names say which
 * calls return a count. Before fitting; frozen symbols of a loaded model too. */
enum stg_status stg_symbols_bind(struct stg_symbols *s, const struct stg_vocab *v) STG_MUST_USE;
/* Adds every symbol of the corpus, in order of first appearance in time order. */
enum stg_status stg_symbols_fit(struct stg_symbols *s, const struct stg_corpus *corpus) STG_MUST_USE;
/* Every call of the vocabulary is a symbol with its own id (fields = STG_FIELD_CALL): the paper's head. */
enum stg_status stg_symbols_from_vocab(struct stg_symbols *s, const struct stg_vocab *v) STG_MUST_USE;
/* The id of an event's symbol, STG_TOKEN_UNKNOWN when it is new; for symbols of CALL and what goes with it. */
uint32_t stg_symbols_find(const struct stg_symbols *s, uint16_t call, uint8_t phase, int64_t ret);
/* For every row of a walk: out (n). Symbols of ELAPSED need that column of the walk (STG_WALK_ELAPSED). */
void stg_symbols_map(const struct stg_symbols *s, const struct stg_walk *w, uint32_t *out);
/* How many rows of a walk, those of its context left out, are STG_TOKEN_UNKNOWN. */
size_t stg_symbols_unknown(const struct stg_symbols *s, const struct stg_walk *w);
/* "read", "read exit", "read exit EAGAIN" into out (NUL-terminated, cut to cap). */
void stg_symbols_describe(const struct stg_symbols *s, const struct stg_vocab *v, uint32_t id, char *out, size_t cap);
/* What a symbol stands for; all 0 for a special token, and what is not among the fields. */
struct stg_symbol_parts {
    uint16_t call, errno_class; /* id in the vocabulary; stg_ret_errno_class() */
    uint8_t phase;
    int64_t elapsed_ns; /* the least that the class of an elapsed time holds */
};
/* The highest descriptor of the classes that the data of stg_symbols_fit() had: 0, 1, 2, 63, 127 and so on; -1 when it
 * had none, or symbols are not of descriptors. */
int64_t stg_symbols_highest_descriptor(const struct stg_symbols *s);
struct stg_symbol_parts stg_symbols_parts(const struct stg_symbols *s, uint32_t id);
/* Tensor `symbols.key` (U64) and metadata `symbols.fields`. */
enum stg_status stg_symbols_save(const struct stg_symbols *s, struct stg_tensors_writer *w) STG_MUST_USE;
enum stg_status stg_symbols_load(struct stg_symbols **out, const struct stg_tensors *t) STG_MUST_USE;

#endif
