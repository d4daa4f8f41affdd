/* Channels: what is judged of a sequence, each by itself, and together.
 *
 * A model's surprisal says how unusual the calls are (content), its side models how unusual the rhythm and the
 * descriptors are (time, state; model/model.h), how many events come sooner than usual (pace; model/pace.h), and how
 * busy the machine is (load): the requests of a server hardly feel a program that computes beside them, whose calls
 * nobody sees. Content is measured by the root of the mean square of the surprisals: a few strange calls in a long
 * sequence hardly move their mean, and the most surprising one is mostly chance. How large each of them usually is
 * depends on the length of the sequence, so held-out known sequences are divided by length into bins, of which none has
 * more than a quarter of them nor lengths that differ by more than half where there are enough, and a value is measured
 * in its bin. A few that are much shorter than all others, as where a server is asked for its health, are measured with
 * their neighbours, but these without them:
 *
 *     z = (value − median) / spread,   spread² = within² + ((2 + 4/(n − 1)) between)², of n runs
 *     within = max over q of (quantile q − median) / (its deviations, if it were normal), q = .9, .98, .995
 *     between = max over q of the standard deviation of quantile q from run to run, q = .5, .9, .98
 *               and half as much again of descriptors, whose use differs from run to run the most
 *     novelty = ln(1 + Σ w max(0, z) over the channels),   w = ½ of time, ¼ of pace, 1 of the others
 *
 *     load = ln(31 / (runnable (alone + .005)))
 *     migration = −ln(migrated + .001)
 *
 * of which alone is the part of the events at which no other thread could run on the CPU, runnable the geometric mean
 * of how many could, and migrated the part of the events that came on another CPU than their thread's event before.
 *
 * A queue that forms when requests come together makes a thread rarely alone, too, but by being long: one that computes
 * all the time leaves nobody alone while few wait. In an M/M/1 queue the share of events that are alone is one over the
 * mean length, so load counts how much rarer that is. A trace that does not tell how many threads could run mostly
 * tells the CPU of each event, and that shows it, too: a thread that wakes goes to a CPU that is idle, and with a
 * program that computes on each there is none, so that threads stay where they are. Load counts where both the sequence
 * and the calibration have it, else migration. Both are of all that the trace has around the sequence (token/token.h),
 * as a request of a web server has a handful of migrations. What differs by less than half a nat is not told apart.
 *
 * State is measured twice: by the descriptors, and by how many threads share the work (workers; token/cut_workers.c),
 * of which fewer and more are novel alike: z = |ln workers − median| / spread − 1, spread from the deviations to both
 * sides.
 *
 * The upper tail alone gives the spread within runs, and of what is mostly constant the rare values do. What differs
 * from run to run tells little of a sequence; of a single run nothing is known of that. One-sided, because known
 * behaviour that is even more usual is not novel; a sum, because what shows in several channels should count in all,
 * and the logarithm keeps a printed exp(novelty) readable: 1 is as usual as can be. The sum's own calibration makes it
 * a p-value (detect/calibrate.h), so nothing here needs to be normal. docs/measurements.md compares other sums. */
#ifndef STG_SCORE_CHANNELS_H
#define STG_SCORE_CHANNELS_H

#include "score/score.h"

const char *stg_channel_name(enum stg_channel c); /* "content", "time", "state", "pace", "load" */
/* Whether the model judges it. Content always. */
bool stg_channel_has(const struct stg_model *m, enum stg_channel c);

/* The name of the channel that brings most to the novelty; NULL where the model judges the calls alone. */
const char *stg_channel_loudest(const struct stg_model *m, const struct stg_score *s);

/* The load of a sequence, above 0; 0 where it is not known. */
#define STG_CHANNELS_ALONE_LEAST 0.005 /* what is less is the same */
float stg_channels_load(const struct stg_seq *seq);
/* How rarely threads change the CPU, above 0; 0 where it is not known. */
#define STG_CHANNELS_MIGRATED_LEAST 0.001 /* what is less is hardly less */
float stg_channels_migration(const struct stg_seq *seq);
/* Which of the two measures of load counts for a sequence: STG_AGGREGATE_LOAD, STG_AGGREGATE_MIGRATION, or
 * STG_AGGREGATES: neither. */
enum stg_aggregate stg_channels_load_by(const struct stg_model *m, const struct stg_score *s);
/* 1 + the logarithm of how many threads share the work; 0 where it is not known. */
float stg_channels_workers(const struct stg_seq *seq);
/* How many they usually are; 0 where m does not know. */
double stg_channels_usual_workers(const struct stg_model *m);
/* Whether m knows what is usual of that measure, STG_AGGREGATE_LOAD, STG_AGGREGATE_MIGRATION or
 * STG_AGGREGATE_WORKERS. */
bool stg_channels_measures(const struct stg_model *m, enum stg_aggregate optional);

/* What is usual, from held-out known sequences; goes into m. Run k is scores[offset[k]] … scores[offset[k + 1] − 1], as
 * of stg_calibrate_runs(). Fewer than STG_CHANNELS_LEAST leave the model without, and so does a model of names alone or
 * of interleaved threads, which is the paper's and keeps its score. */
#define STG_CHANNELS_LEAST 20
enum stg_status stg_channels_fit(struct stg_model *m, const struct stg_score *scores, const size_t *offset,
                                 size_t n_runs) STG_MUST_USE;

/* Σ w max(0, z) as above. */
double stg_channels_sum(const float z[STG_CHANNELS]);

/* Fills s->z and s->value[STG_AGGREGATE_NOVELTY] from the other values; the mean when the model does not know what is
 * usual. */
void stg_channels_judge(const struct stg_model *m, struct stg_score *s);

#endif
