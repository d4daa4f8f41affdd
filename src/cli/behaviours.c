#include "cli/behaviours.h"

#include "base/memory.h"

#include <string.h>

static const char *file_of(const void *input, size_t index)
{
    const struct stg_input *in = input;
    struct stg_seq seq;
    stg_corpus_get(&in->corpus, index, &seq);
    return stg_dataset_file(in->dataset, &seq);
}

enum stg_status stg_found_behaviours_init(struct stg_found_behaviours *out, const struct stg_groups *groups,
                                          const struct stg_model *m, enum stg_aggregate aggregate, double alpha,
                                          bool unseen_only, struct stg_pool *pool)
{
    struct stg_behaviours_settings settings;
    size_t n = 0;
    memset(out, 0, sizeof *out);
    stg_behaviours_settings_default(&settings, m);
    settings.aggregate = aggregate;
    settings.alpha = alpha;
    settings.most = unseen_only ? 0 : settings.most;
    for (size_t i = 0; i < groups->n; i++) {
        n += groups->groups[i].n_inputs;
    }
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->inputs, n, sizeof *out->inputs));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->origins, n, sizeof *out->origins));
    n = 0;
    for (size_t i = 0; i < groups->n; i++) {
        const struct stg_group *g = &groups->groups[i];
        for (size_t k = 0; k < g->n_inputs; k++, n++) {
            out->inputs[n] = (struct stg_behaviour_input){&g->inputs[k].corpus, stg_dataset_vocab(g->inputs[k].dataset),
                                                          g->scores + g->offset[k]};
            out->origins[n] = (struct stg_behaviour_origin){g->inputs[k].path, &out->inputs[n], file_of, &g->inputs[k]};
        }
    }
    return stg_behaviours_find(&out->behaviours, m, out->inputs, n, &settings, pool);
}

void stg_found_behaviours_fini(struct stg_found_behaviours *f)
{
    stg_behaviours_fini(&f->behaviours);
    stg_mem_free(f->inputs);
    stg_mem_free(f->origins);
    memset(f, 0, sizeof *f);
}
