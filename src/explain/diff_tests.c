/* The tests of what is on one side only: each by itself, and all together (diff.h). */
#include "explain/diff_internal.h"

#include <math.h>
#include <stdlib.h>

/* Twice that of this side, as in the sign test: of sides of unequal length the longer one has all of few occasions
 * easily, and that does not speak for the shorter one having them. Once is never enough, however short the side. */
double diff_chance(double share, int side, unsigned n_occasions)
{
    return n_occasions < 2 ? 1 : fmin(1, 2 * pow(side == STG_DIFF_B ? share : 1 - share, n_occasions));
}

/* Programs come last: they need no test. */
static int by_chance(const void *a_, const void *b_)
{
    const struct stg_diff_only *a = a_, *b = b_;
    const bool is_a = a->kind == STG_DIFF_PROGRAM, is_b = b->kind == STG_DIFF_PROGRAM;
    return is_a != is_b ? is_a - is_b : (a->chance > b->chance) - (a->chance < b->chance);
}

/* Holm: the smallest of m chances at level / m, the next at level / (m − 1) … up to the first that is above. */
void diff_decide_singly(struct stg_diff_only *only, size_t n, size_t n_candidates, double level)
{
    bool goes_on = true;
    if (n > 0) {
        qsort(only, n, sizeof *only, by_chance);
    }
    for (size_t i = 0; i < n; i++) {
        struct stg_diff_only *o = &only[i];
        goes_on = goes_on && o->kind != STG_DIFF_PROGRAM && o->chance <= level / (double)(n_candidates - i);
        o->decides = goes_on;
    }
}

void diff_signs_init(struct diff_signs *signs, double share)
{
    *signs = (struct diff_signs){.share = share, .law = {1}};
}

void diff_signs_put(struct diff_signs *signs, bool of_b, unsigned n_occasions)
{
    const double b = pow(signs->share, n_occasions), a = pow(1 - signs->share, n_occasions),
                 q = b > 0 ? b / (a + b) : 0;
    if (signs->n == DIFF_MOST_SORTS) {
        return;
    }
    signs->n_of_b += of_b;
    signs->n++;
    signs->law[signs->n] = 0;
    for (size_t k = signs->n; k > 0; k--) {
        signs->law[k] = signs->law[k] * (1 - q) + signs->law[k - 1] * q;
    }
    signs->law[0] *= 1 - q;
}

double diff_signs_chance(const struct diff_signs *signs, int *side)
{
    double up_to = 0, from = 0;
    for (size_t k = 0; k <= signs->n; k++) {
        up_to += k <= signs->n_of_b ? signs->law[k] : 0;
        from += k >= signs->n_of_b ? signs->law[k] : 0;
    }
    *side = from < up_to ? STG_DIFF_B : STG_DIFF_A;
    return fmin(1, 2 * fmin(up_to, from));
}
