/* Report: one document; writers for text, JSON and HTML. Streams are written to a buffer so that a failure leaves
 * nothing. */
#ifndef STG_REPORT_REPORT_H
#define STG_REPORT_REPORT_H

#include "base/buffer.h"
#include "detect/evaluate.h"
#include "detect/shift.h"
#include "detect/verdict.h"
#include "explain/attention.h"
#include "explain/behaviours.h"
#include "explain/counterfactual.h"
#include "explain/delay.h"
#include "explain/diff.h"
#include "explain/embedding.h"
#include "explain/explain.h"
#include "explain/extremes.h"
#include "explain/profile.h"
#include "report/training.h"

/* What a behaviour's sequences are from, by their input; borrowed. */
struct stg_behaviour_origin {
    const char *path; /* of the data set or trace */
    const struct stg_behaviour_input *input;
    const char *(*file)(const void *of, size_t index); /* of the input's sequence; NULL, and what it returns then: it is
                                                          of no file of a directory of lists */
    const void *of;
};
/* The behaviours of one set; borrowed. */
struct stg_reported_behaviours {
    const struct stg_behaviours *found;
    const struct stg_behaviour_origin *origins; /* (inputs of found) */
};

/* Everything a report shows; all borrowed. */
struct stg_report {
    const char *title, *model_path, *date;
    const struct stg_model *model;
    const struct stg_scored_set *known; /* one set */
    const struct stg_scored_set *novel; /* (n_novel) */
    size_t n_novel;
    const struct stg_evaluation *evaluation;    /* NULL without novel sets */
    const struct stg_explanation *explanations; /* (n_explanations) most novel first */
    const char *const *explanation_sets;        /* (n_explanations) name of the set each comes from */
    const char *const *explanation_traces;      /* (n_explanations) path of the trace each comes from */
    size_t n_explanations;
    /* (n_novel, or 1) of each novel set, or of the known one; NULL: none were looked for */
    const struct stg_reported_behaviours *behaviours;
    const struct stg_verdict *verdicts; /* (1 + n_novel) on each set, the known one first; NULL: with behaviours */
    const struct stg_shift *shifts;     /* (1 + n_novel) each set as a stream, to its end; NULL: with verdicts */
    double interval;                    /* of the shifts: known sequences from one false alarm to the next */
    /* Any of these may be NULL: it is left out of the page. Of the sets, the known one is first. */
    const struct stg_profile *profiles;       /* (1 + n_novel) what the sets are made of */
    const struct stg_extremes *extremes;      /* (1 + n_novel) their lowest and highest sequences */
    const struct stg_training_log *trainings; /* (n_trainings) */
    size_t n_trainings;
    const struct stg_attention_maps *attention; /* over known sequences; n_events 0 */
    size_t n_attention;                         /* how many of them */
    const struct stg_attention_maps
        *attention_worst; /* (n_explanations) of the event most to blame; n_events 0: of none */
    const struct stg_embedding *embedding;
    const struct stg_delay_effect *delays;
    enum stg_aggregate aggregate;
    double alpha;
    uint64_t n_lost, n_gaps; /* over all inputs */
};

/* The table of eval, for people. colour: ANSI codes. */
enum stg_status stg_report_table(struct stg_buffer *out, const struct stg_evaluation *e, bool colour) STG_MUST_USE;
/* One JSON object (schema docs/formats/eval.md): per behaviour auroc, auprc, f1, accuracy, fpr, n_known, n_novel;
 * macro_auroc. */
enum stg_status stg_report_eval_json(struct stg_buffer *out, const struct stg_evaluation *e) STG_MUST_USE;
/* Where a sequence stands among all that were scored. */
struct stg_score_place {
    const char *data;     /* the input it is from, borrowed; NULL: it is not said */
    const char *file;     /* the file of a directory of lists, borrowed; NULL: it is not known */
    bool in_group;        /* of consecutive sequences (detect/fisher.h) */
    size_t group;         /* number, from 0 */
    double group_p;       /* the group's p-value */
    bool shifted;         /* the stream has (detect/shift.h) */
    uint64_t shift_since; /* number of the sequence with which that began */
};
/* One line of `score --json` (docs/formats/score.md): id, perplexity, p_value, novel, lost, … place NULL: it stands
 * alone. */
enum stg_status stg_report_score_json(struct stg_buffer *out, const struct stg_model *m, const struct stg_score *s,
                                      const struct stg_score_place *place, enum stg_aggregate a,
                                      double alpha) STG_MUST_USE;
/* What is judged, in words: "mean surprisal", "novelty"; static. */
const char *stg_report_score_words(enum stg_aggregate a);
/* What was asked for beside an explanation; NULL, here or instead of the whole: was not. Borrowed. */
struct stg_explained_more {
    const struct stg_counterfactual *without;
    const struct stg_attention_maps *attention;
};
/* By what a sequence is judged, and when it is novel. */
struct stg_judged_by {
    enum stg_aggregate aggregate;
    double alpha;
};
/* Explanation for people: at most n_show most surprising events with their surroundings; trace is where it comes
 * from. */
enum stg_status stg_report_explain_text(struct stg_buffer *out, const struct stg_model *m,
                                        const struct stg_explanation *x, struct stg_judged_by by,
                                        const struct stg_explained_more *more, const char *trace, size_t n_show,
                                        bool colour) STG_MUST_USE;
enum stg_status stg_report_explain_json(struct stg_buffer *out, const struct stg_model *m,
                                        const struct stg_explanation *x, struct stg_judged_by by,
                                        const struct stg_explained_more *more, const char *trace) STG_MUST_USE;
/* The behaviours for people: a paragraph for each. */
enum stg_status stg_report_behaviours_text(struct stg_buffer *out, const struct stg_model *m,
                                           const struct stg_behaviours *b, const struct stg_behaviour_origin *origins,
                                           bool colour) STG_MUST_USE;
/* What makes the verdict on n sequences less sure: lost events that touch them, and how far known runs differ; nothing
 * where nothing does. */
enum stg_status stg_report_doubts(struct stg_buffer *out, const struct stg_model *m, struct stg_judged_by by,
                                  const struct stg_verdict *v, size_t n) STG_MUST_USE;
/* What one channel says of n sequences where the novelty may not show it; nothing where none does. */
enum stg_status stg_report_alone(struct stg_buffer *out, const struct stg_verdict *v, size_t n) STG_MUST_USE;
/* What training had not, beside what the first n_shown behaviours say: a few programs with their calls, those of
 * consequence first, how many more programs there are, and where it was first; nothing where there is none. */
enum stg_status stg_report_unseen(struct stg_buffer *out, const struct stg_behaviours *b,
                                  const struct stg_behaviour_origin *origins, size_t n_shown) STG_MUST_USE;
/* One line for each of the first STG_REPORT_BRIEF. */
#define STG_REPORT_BRIEF 3
enum stg_status stg_report_behaviours_brief(struct stg_buffer *out, const struct stg_behaviours *b,
                                            const struct stg_behaviour_origin *origins) STG_MUST_USE;
/* What is different, in plain words: the largest two behaviours, and what training had not beside them, which comes
 * first where there is a new program. Where no more is novel than chance explains: what training had not, and the
 * behaviours of which something is above every calibration score; where there is nothing of either kind, what the
 * sequences are like together. scores (b->n_sequences): of all sequences, which v is on, by what they
 * were judged by. A paragraph and an empty line. */
enum stg_status stg_report_findings_text(struct stg_buffer *out, const struct stg_model *m,
                                         const struct stg_behaviours *b, const struct stg_behaviour_origin *origins,
                                         const struct stg_score *scores, const struct stg_verdict *v,
                                         struct stg_judged_by by) STG_MUST_USE;
/* One JSON object (docs/formats/behaviours.md). */
enum stg_status stg_report_behaviours_json(struct stg_buffer *out, const struct stg_model *m,
                                           const struct stg_behaviours *b,
                                           const struct stg_behaviour_origin *origins) STG_MUST_USE;
/* What differs between two inputs, which are called by their paths: at most `top` rows of each facet, and how many
 * more. */
enum stg_status stg_report_diff_text(struct stg_buffer *out, const struct stg_diff_result *r,
                                     const char *const paths[STG_DIFF_SIDES], size_t top, bool colour) STG_MUST_USE;
/* One JSON object with all rows (docs/formats/diff.md). */
enum stg_status stg_report_diff_json(struct stg_buffer *out, const struct stg_diff_result *r,
                                     const char *const paths[STG_DIFF_SIDES]) STG_MUST_USE;
/* One self-contained HTML page. */
enum stg_status stg_report_html(struct stg_buffer *out, const struct stg_report *r) STG_MUST_USE;

#endif
