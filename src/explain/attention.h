/* Attention: what the heads of an attention net looked at when they predicted a sequence's events (Vaswani et al. 2017,
 * section 3.2). It shows where a prediction came from, not why an event is novel: blame does that (explain.h). */
#ifndef STG_EXPLAIN_ATTENTION_H
#define STG_EXPLAIN_ATTENTION_H

#include "model/model.h"

#define STG_ATTENTION_START   UINT32_MAX       /* looked at: the beginning of the walk */
#define STG_ATTENTION_CONTEXT (UINT32_MAX - 1) /* an event of the thread before the sequence */

/* One event that was looked at. */
struct stg_attended {
    uint32_t index; /* its row in the sequence, time order; or one of the above */
    uint32_t back;  /* so many events of the walk before the predicted one, 1 the last one */
    float weight;   /* 0 … 1; 0: no such entry */
};

#define STG_ATTENDED 5
/* What was looked at for one predicted event: most first, of all heads together (their mean) and of each. */
struct stg_attention_event {
    uint32_t index; /* the predicted row of the sequence */
    struct stg_attended most[STG_ATTENDED];
    struct stg_attended *head; /* (n_heads) what each head looked at most; owned */
};

/* How far back a head looks, mean over events: START, then 1, 2, 3–4, 5–8, 9–16, 17–32 events back, further. Sums to
 * 1. */
enum { STG_ATTENTION_DISTANCES = 8 };

struct stg_attention_maps {
    size_t n_layers, n_heads;                  /* heads in all layers, layer by layer */
    float (*pattern)[STG_ATTENTION_DISTANCES]; /* (n_heads) owned */
    size_t n_pattern;                   /* events it is the mean of: all, or evenly spaced ones of a long sequence */
    struct stg_attention_event *events; /* (n_events) as asked for; owned */
    size_t n_events;
};

/* Whether the model has heads. */
bool stg_attention_has(const struct stg_model *m);
/* For the rows indices (n) of seq, each less than seq->n; a row that no walk predicts has no weights. STG_ERR_USAGE for
 * a model without heads. Memory: one walk through the sequence. */
enum stg_status stg_attention_of(struct stg_attention_maps *out, const struct stg_model *m, const struct stg_seq *seq,
                                 const uint32_t *indices, size_t n) STG_MUST_USE;
/* What is watched for a mean over sequences has at most so many events: each of them takes a step of the net. */
#define STG_ATTENTION_EVENTS 4096
/* sum (zeroed at first) += one: the pattern becomes the mean over the events of both; events are left out. */
enum stg_status stg_attention_add(struct stg_attention_maps *sum, const struct stg_attention_maps *one) STG_MUST_USE;
void stg_attention_fini(struct stg_attention_maps *a);

#endif
