/* Objects: what the calls of behaviours were about, file names and kinds of descriptors. Sequences have neither, traces
 * may. */
#ifndef STG_CLI_BEHAVIOUR_OBJECTS_H
#define STG_CLI_BEHAVIOUR_OBJECTS_H

#include "cli/groups.h"

#include "explain/behaviours.h"

/* Fills the objects of b, which was found with m over the groups' inputs in their order. Each input that is a trace is
 * read once more: up to the end of the last sequence that is told of (a million events at most), whose calls say what a
 * behaviour's are about, and where they do not, the first 100,000 events: so it costs little beside the first reading,
 * and what comes later stays unknown. Where a call comes more often than usual, the file is that of the additional ones
 * if it shows against the sequences that are not novel (explain/files_apart.h). A data set may have outlived its trace,
 * or the trace's path have become another's: its trace is left alone. So is what is no file or directory (a pipe). */
enum stg_status stg_behaviour_objects(struct stg_behaviours *b, const struct stg_groups *groups,
                                      const struct stg_model *m) STG_MUST_USE;

#endif
