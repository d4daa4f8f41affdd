/* What was expected where a behaviour surprises: the representative is explained, and its most surprising event of each
 * kind says it. */
#include "explain/behaviours_internal.h"
#include "explain/explain.h"

static void look_at(struct stg_behaviour *out, const struct behaviour_search *s, const struct stg_explained_event *e,
                    float most[STG_BEHAVIOUR_SURPRISES])
{
    const uint16_t call = s->call_of[out->input][e->call], proc = s->proc_of[out->input][e->proc];
    struct stg_kind_of_call kind;
    (void)stg_usual_kind(&kind, call, proc, e->phase, e->ret, s->counted[call] != 0);
    for (size_t i = 0; i < out->n_surprises; i++) {
        struct stg_behaviour_surprise *x = &out->surprises[i];
        if (stg_usual_key(&kind) == stg_usual_key(&x->kind) && e->surprisal > most[i]) {
            most[i] = e->surprisal;
            x->ret = e->phase == STG_PHASE_EXIT ? e->ret : STG_RET_ABSENT; /* an entry has a descriptor there */
            x->expected = e->n_alternatives > 0 ? e->alternatives[0].symbol : (uint32_t)STG_TOKEN_MASK;
            x->expected_share = e->n_alternatives > 0 ? e->alternatives[0].probability : 0;
        }
    }
}

enum stg_status behaviour_find_expected(struct behaviour_search *s, struct stg_behaviour *out)
{
    struct stg_explanation x = {0};
    struct stg_seq seq;
    float most[STG_BEHAVIOUR_SURPRISES];
    if (out->n_surprises == 0) {
        return STG_OK;
    }
    for (size_t i = 0; i < STG_BEHAVIOUR_SURPRISES; i++) {
        most[i] = behaviour_is_new(s, out->surprises[i].kind.call, out->surprises[i].kind.phase) ? 0 : BEHAVIOUR_HINGE;
    }
    stg_corpus_get(s->inputs[out->input].corpus, out->index, &seq);
    STG_RETURN_IF_FAILED(stg_explain(&x, s->model, &seq, s->inputs[out->input].names, 1));
    for (size_t i = 0; i < x.n; i++) {
        look_at(out, s, &x.events[i], most);
    }
    stg_explanation_fini(&x);
    return STG_OK;
}
