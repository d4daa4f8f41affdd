#include "report/unseen.h"

#include "event/syscalls.h"
#include "report/words.h"

#include <math.h>
#include <string.h>

enum { MOST_NAMES = 8 }; /* of the programs that are only counted */

enum rank { RANK_OTHER, RANK_NEW_ACTS, RANK_KNOWN_ACTS };

struct program {
    uint16_t proc;
    enum rank rank;
    float weight;
};

/* What is to be said of one program; false where there is nothing. */
static bool find_one(const struct stg_behaviours *b, const struct findings_told *told, uint16_t proc,
                     struct finding *out)
{
    struct finding all[FINDINGS];
    struct findings_told others = *told;
    for (size_t i = 0; i < b->n_unseen; i++) {
        others.unseen[i] |= b->unseen[i].proc != proc;
    }
    const size_t n = findings_unseen(b, &others, all);
    *out = n > 0 ? all[0] : (struct finding){0};
    return n > 0;
}

static enum rank rank_of(const struct stg_behaviours *b, const struct findings_told *told, uint16_t proc)
{
    bool acts = false, is_new = false;
    for (size_t i = 0; i < b->n_unseen; i++) {
        const struct stg_behaviour_unseen *u = &b->unseen[i];
        if (u->proc == proc) {
            is_new |= u->is_new_program;
            acts |=
                !told->unseen[i] && stg_syscall_consequence(behaviour_call(&b->names, u->call)) + 1 == STG_CONSEQUENCES;
        }
    }
    return !acts ? RANK_OTHER : is_new ? RANK_NEW_ACTS : RANK_KNOWN_ACTS;
}

/* Those that matter most first; equal ones in the order of the data. */
static size_t list(const struct stg_behaviours *b, const struct findings_told *told,
                   struct program out[STG_BEHAVIOUR_UNSEEN])
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_unseen; i++) {
        const uint16_t proc = b->unseen[i].proc;
        struct finding f;
        size_t k = 0;
        while (b->unseen[k].proc != proc) {
            k++;
        }
        if (k != i || !find_one(b, told, proc, &f)) {
            continue;
        }
        const struct program p = {proc, rank_of(b, told, proc), f.weight};
        size_t at = n++;
        for (; at > 0 && (out[at - 1].rank < p.rank || (out[at - 1].rank == p.rank && out[at - 1].weight < p.weight));
             at--) {
            out[at] = out[at - 1];
        }
        out[at] = p;
    }
    return n;
}

void unseen_make(struct unseen *out, const struct stg_behaviours *b, const struct findings_told *told)
{
    struct program programs[STG_BEHAVIOUR_UNSEEN];
    const size_t n = list(b, told, programs);
    *out = (struct unseen){.n = n < FINDINGS ? n : FINDINGS};
    out->n_more = n - out->n;
    for (size_t i = 0; i < n; i++) {
        out->heaviest = fmaxf(out->heaviest, programs[i].weight);
        if (i < out->n) {
            (void)find_one(b, told, programs[i].proc, &out->f[i]);
            continue;
        }
        const size_t k = i - out->n;
        if (k == 0) {
            words_append(out->more, sizeof out->more, "and %zu more: ", out->n_more);
        }
        if (k <= MOST_NAMES) {
            const char *name = behaviour_process(&b->names, programs[i].proc);
            words_append(out->more, sizeof out->more, "%s%.64s", k == 0 ? "" : ", ",
                         k == MOST_NAMES   ? "…"
                         : name[0] != '\0' ? name
                                           : "the program");
        }
    }
}

bool unseen_leads(const struct stg_verdict *v, const struct unseen *u)
{
    const struct finding heaviest = {.weight = u->heaviest};
    return findings_unseen_leads(v, &heaviest, u->n);
}
