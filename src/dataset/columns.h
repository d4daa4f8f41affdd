/* Columns of a data set: one table for writer, reader and tests. Private to dataset/. */
#ifndef STG_DATASET_COLUMNS_H
#define STG_DATASET_COLUMNS_H

#include "base/tensors.h"
#include "token/cut.h"

/* id, name, type. Those from context_offset on exist only where the recipe keeps context, thread_back only where a
 * thread has two names; runnable to workers are missing in older files. */
#define DATASET_COLUMN_TABLE(X)                          \
    X(DATASET_CALL, "call", STG_U16)                     \
    X(DATASET_PHASE, "phase", STG_U8)                    \
    X(DATASET_RET, "ret", STG_I64)                       \
    X(DATASET_TIME, "time_ns", STG_I64)                  \
    X(DATASET_THREAD, "thread", STG_U16)                 \
    X(DATASET_OFFSETS, "offsets", STG_U64)               \
    X(DATASET_BEGIN, "begin_ns", STG_I64)                \
    X(DATASET_END, "end_ns", STG_I64)                    \
    X(DATASET_TID, "tid", STG_I32)                       \
    X(DATASET_PID, "pid", STG_I32)                       \
    X(DATASET_LOST, "lost", STG_U64)                     \
    X(DATASET_TRACE, "trace", STG_U32)                   \
    X(DATASET_FLAGS, "flags", STG_U32)                   \
    X(DATASET_RUNNABLE, "runnable", STG_F32)             \
    X(DATASET_ALONE, "alone", STG_F32)                   \
    X(DATASET_STAYED, "stayed", STG_F32)                 \
    X(DATASET_WORKERS, "workers", STG_F32)               \
    X(DATASET_THREAD_OFFSETS, "thread_offsets", STG_U64) \
    X(DATASET_THREAD_TID, "thread_tid", STG_I32)         \
    X(DATASET_THREAD_PID, "thread_pid", STG_I32)         \
    X(DATASET_THREAD_PROC, "thread_proc", STG_U16)       \
    X(DATASET_THREAD_BACK, "thread_back", STG_U16)       \
    X(DATASET_CONTEXT_OFFSET, "context_offset", STG_U64) \
    X(DATASET_CONTEXT_CALL, "context_call", STG_U16)     \
    X(DATASET_CONTEXT_PHASE, "context_phase", STG_U8)    \
    X(DATASET_CONTEXT_RET, "context_ret", STG_I64)       \
    X(DATASET_CONTEXT_TIME, "context_time_ns", STG_I64)

enum dataset_column_id {
#define COLUMN(id, name, dtype) id,
    DATASET_COLUMN_TABLE(COLUMN)
#undef COLUMN
        DATASET_COLUMNS,
};

struct dataset_column {
    const char *name;
    enum stg_dtype dtype;
};

extern const struct dataset_column dataset_columns[DATASET_COLUMNS];

/* The counts of a trace, as members of its JSON object. */
#define DATASET_COUNTS 19
extern const char *const dataset_count_names[DATASET_COUNTS];
uint64_t *dataset_count(const struct stg_cut_counts *counts, size_t i);

#endif
