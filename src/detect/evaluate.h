/* Evaluation: a model on known and labelled novel sequences. The one document that text, JSON and HTML are written
 * from. */
#ifndef STG_DETECT_EVALUATE_H
#define STG_DETECT_EVALUATE_H

#include "detect/metrics.h"
#include "score/score.h"

struct stg_interval {
    double value, low, high;
};

struct stg_scored_set {
    const char *name;               /* "known", or the behaviour's */
    const struct stg_score *scores; /* (n), borrowed */
    size_t n;
};

/* False-positive rates at which the ROC curve is told. */
#define STG_EVALUATION_RATES 4
extern const double stg_evaluation_rates[STG_EVALUATION_RATES];

struct stg_evaluation_row {
    const char *name;
    size_t n_novel;
    struct stg_interval auroc; /* 95 % */
    double auprc;
    double tpr_at[STG_EVALUATION_RATES]; /* stg_tpr_at() */
    struct stg_confusion calibrated;     /* at the calibrated threshold (alpha) */
    bool has_paper;                      /* labelled validation data was given for this behaviour */
    double paper_threshold;              /* best F1 on validation data */
    struct stg_confusion paper;          /* that threshold on the test data */
    size_t n_groups;                     /* with groups (detect/fisher.h): how many */
    double group_auroc, group_tpr;       /* NAN without; the second also where no p-value of a group can be alpha */
    double shift_delay; /* median of the sequences until a shift is noticed (detect/shift.h), over beginnings spread
                         * evenly over the first half of the data; INFINITY: not before its end. NAN: the model is not
                         * calibrated */
    double auroc_by[STG_AGGREGATES]; /* NAN for what the model does not give */
};

struct stg_evaluation {
    enum stg_aggregate aggregate;
    double alpha, threshold; /* nats; perplexity threshold = exp */
    bool per_trace;          /* each score is the highest of a trace: what is counted are traces */
    size_t n_known;
    double known_fpr; /* of known test sequences at the calibrated threshold */
    size_t group;     /* sequences in a group, 0: none were made */
    size_t n_known_groups;
    double group_fpr;                /* as group_tpr, of known test groups */
    double shift_interval;           /* sequences between false alarms, as asked for */
    size_t shift_alarms;             /* in the known sequences, each followed by a new beginning */
    struct stg_evaluation_row *rows; /* (n_rows) owned */
    size_t n_rows;
    double macro_auroc; /* mean over behaviours */
};

struct stg_evaluate_settings {
    enum stg_aggregate aggregate;
    double alpha;       /* default 0.01 */
    bool per_trace;     /* the sets' scores are stg_scores_per_trace() */
    size_t group;       /* also judge groups of that many sequences; 0 (default): do not */
    double interval;    /* of the shift test, default STG_SHIFT_INTERVAL; above 1 */
    size_t n_resamples; /* bootstrap, default 1000 */
    uint64_t seed;
};
void stg_evaluate_settings_default(struct stg_evaluate_settings *s);

/* Keeps of each trace's scores (of one stream, which stand together) the highest, each aggregate by itself, and says of
 * how many traces there were any. What else a score holds is that of the trace's first sequence. */
size_t stg_scores_per_trace(struct stg_score *scores, size_t n);

/* novel: (n_novel) behaviours; valid_known (n 0: none) and valid_novel (matched by name) only choose the paper's
 * threshold. */
enum stg_status stg_evaluate(struct stg_evaluation *out, const struct stg_model *m, const struct stg_scored_set *known,
                             const struct stg_scored_set *novel, size_t n_novel,
                             const struct stg_scored_set *valid_known, const struct stg_scored_set *valid_novel,
                             size_t n_valid_novel, const struct stg_evaluate_settings *s) STG_MUST_USE;
void stg_evaluation_fini(struct stg_evaluation *e);

#endif
