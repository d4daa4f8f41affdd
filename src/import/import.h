/* Import: the list of sources, and opening whichever fits a path. */
#ifndef STG_IMPORT_IMPORT_H
#define STG_IMPORT_IMPORT_H

#include "event/source.h"

/* NULL-terminated. */
extern const struct stg_source_ops *const stg_import_list[];

extern const struct stg_source_ops stg_import_ctf;      /* CTF 1.8 directory through libbabeltrace2 */
extern const struct stg_source_ops stg_import_perf;     /* text of `perf script` */
extern const struct stg_source_ops stg_import_strace;   /* text of `strace -f -ttt -T` */
extern const struct stg_source_ops stg_import_sysdig;   /* text of sysdig, oldest or newest first */
extern const struct stg_source_ops stg_import_paper;    /* data.txt of arXiv 2309.02206 */
extern const struct stg_source_ops stg_import_intlist;  /* integer lists: one sequence per line or per file */
extern const struct stg_source_ops stg_import_namelist; /* the same of names */
extern const struct stg_source_ops stg_import_pairs;    /* lines of a process and its call */

/* Opens path with the source named format, or with format NULL the one whose probe is surest. */
enum stg_status stg_import_open(struct stg_source **out, const char *path, const char *format) STG_MUST_USE;

/* Refuses what people give that no source reads, by its first bytes (archives, recordings of other programs), and says
 * what makes a trace of it. An archive of a text could pass for the text. */
enum stg_status stg_import_refuse_stranger(const char *path, const uint8_t *head, size_t n) STG_MUST_USE;

#endif
