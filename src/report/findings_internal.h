/* Findings: what the files that make them share. Private to report/findings*.c. */
#ifndef STG_REPORT_FINDINGS_INTERNAL_H
#define STG_REPORT_FINDINGS_INTERNAL_H

#include "report/findings.h"

/* ", on a TCP socket", ", as of /etc/passwd": where the trace says it. many: the calls that it was about, 0 where they
 * are not counted; those of several kinds of descriptors are told apart then: ", 16 on a TCP socket, 2 on a file". */
void finding_object(struct finding *f, const struct stg_behaviour_object *o, const char *before, float many);
/* "a TCP socket"; NULL: not known, or not to be said. */
const char *finding_kind(unsigned kind);
/* Whether what the calls were about are streams and messages, as far as is known: sockets and pipes. */
bool finding_is_message(const struct stg_behaviour_object *o);

/* " (9 in each)", " (in 36 % of them)", " (35 in each, usually 0, on a file)"; where nearly all, but not some, have
 * more or fewer than usual: " (3 or fewer in half of them, usually 5)". */
void finding_count(struct finding *f, const struct stg_behaviour_change *c);

/* Whether the call was on a socket, by its name or by what it was about. */
bool finding_is_socket(const char *call, const struct stg_behaviour_object *o);

/* Puts "apache2"; "new program: id", "new thread: bio_aof" where no known sequence has one of that name. */
enum finding_program { FINDING_PROGRAM_KNOWN, FINDING_THREAD_NEW, FINDING_PROGRAM_NEW };
enum finding_program finding_program(struct finding *f, const struct stg_behaviours *b, uint16_t proc);
/* What calls are made for: a set of purposes, which is said in f->means, those of most consequence first. each: how
 * many of the call a sequence has that has any. */
void finding_purpose(unsigned *found, const char *call, const struct stg_behaviour_object *o, float each,
                     enum finding_program program);
void finding_put_purposes(struct finding *f, unsigned found, enum finding_program program);

/* "the same calls return other amounts". */
void finding_sizes(struct finding *f, const struct stg_model *m, const struct stg_behaviours *b,
                   const struct stg_behaviour *x);

/* "the times between calls are unlike those of known sequences", "sequences last longer". */
void finding_times(struct finding *f, const struct stg_model *m, const struct stg_behaviours *b,
                   const struct stg_behaviour *x);

/* "the times between calls" */
const char *finding_channel(enum stg_channel c);

/* Puts f into out, the heaviest first; the lightest goes where there is no room. Not where it weighs nothing. */
void finding_keep(struct finding out[FINDINGS], size_t *n, const struct finding *f);

#endif
