/* Prepare: from a trace to a data set. Memory does not grow with the trace (token/cut.h). */
#ifndef STG_DATASET_PREPARE_H
#define STG_DATASET_PREPARE_H

#include "base/progress.h"
#include "dataset/dataset.h"
#include "event/source.h"
#include "token/cut.h"

/* Opens a trace: stg_import_open(). */
typedef enum stg_status (*stg_prepare_open)(struct stg_source **out, const char *path, const char *format);

/* Turns STG_CUT_AUTO into the rule that fits the trace at path, by reading its first million events at most: `given`
 * where the source has sequences, `request` where the begin marker occurs, else `thread`. Where nobody chose the
 * markers (own_markers), they are those that the trace says it was recorded with, if it does. Settles the recipe
 * (stg_recipe_settle). Any other cut than auto and request: settles only and opens nothing. *opened: the source at path
 * when it was opened and nothing was read from it, as a pipe can be read only once; owned by the caller. NULL
 * otherwise. */
enum stg_status stg_prepare_resolve(struct stg_recipe *recipe, stg_prepare_open open, const char *path,
                                    const char *format, struct stg_source **opened) STG_MUST_USE;

/* Drives all of source through a cutter into w, as the next trace of the data set, and records its path and counts
 * there. recipe is that of the writer; vocab grows unless frozen. counts (may be NULL) gets those of this trace. Stops
 * with STG_ERR_INTERRUPTED when asked to (base/interrupt.h). progress may be NULL; otherwise it has been started, and
 * is updated in the source's units. */
enum stg_status stg_prepare_source(struct stg_dataset_writer *w, const struct stg_recipe *recipe,
                                   struct stg_vocab *vocab, struct stg_source *source, struct stg_progress *progress,
                                   struct stg_cut_counts *counts) STG_MUST_USE;

#endif
