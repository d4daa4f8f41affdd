#include "cli/groups.h"

#include "cli/output.h"

#include "base/log.h"
#include "base/memory.h"
#include "report/writer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum stg_status group_add(struct stg_group *group, const char *path, size_t room, const struct stg_model *m,
                                 struct stg_pool *pool, const struct stg_cli *cli)
{
    if (group->inputs == NULL) {
        STG_RETURN_IF_FAILED(stg_mem_zeroed(&group->inputs, room, sizeof *group->inputs));
        STG_RETURN_IF_FAILED(stg_mem_zeroed(&group->offset, room + 1, sizeof *group->offset));
    }
    struct stg_input *in = &group->inputs[group->n_inputs++];
    STG_RETURN_IF_FAILED(stg_input_open(in, path, m, pool, cli));
    group->n += in->corpus.n;
    group->offset[group->n_inputs] = group->n;
    return STG_OK;
}

enum stg_status stg_groups_open_one(struct stg_groups *out, const char *name, const struct stg_list *paths,
                                    const struct stg_model *m, struct stg_pool *pool, const struct stg_cli *cli)
{
    memset(out, 0, sizeof *out);
    if (paths->n == 0) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->groups, 1, sizeof *out->groups));
    out->n = 1;
    STG_RETURN_IF_FAILED(stg_mem_strdup(&out->groups[0].name, name));
    for (size_t i = 0; i < paths->n; i++) {
        STG_RETURN_IF_FAILED(group_add(&out->groups[0], paths->items[i], paths->n, m, pool, cli));
    }
    return STG_OK;
}

/* The last part of a path. */
static void base_name(const char *path, const char **name, size_t *len)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') {
        end--;
    }
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/') {
        begin--;
    }
    *name = path + begin;
    *len = end - begin;
}

/* NULL when no group is called by the len bytes at name. */
static struct stg_group *group_find(const struct stg_groups *g, const char *name, size_t len)
{
    for (size_t i = 0; i < g->n; i++) {
        if (strlen(g->groups[i].name) == len && memcmp(g->groups[i].name, name, len) == 0) {
            return &g->groups[i];
        }
    }
    return NULL;
}

/* Refuses the last group where it would be taken for one of the others: control characters and malformed UTF-8 are
 * shown as U+FFFD, in tables and as keys of JSON. */
static enum stg_status check_shown(const struct stg_groups *g, const char *option)
{
    enum stg_status status = STG_OK;
    struct stg_buffer last = STG_BUFFER_INIT, other = STG_BUFFER_INIT;
    struct writer w = {&last, STG_OK};
    writer_plain(&w, g->groups[g->n - 1].name, 0);
    STG_TRY(w.status);
    w.out = &other;
    for (size_t i = 0; i + 1 < g->n; i++) {
        stg_buffer_clear(&other);
        writer_plain(&w, g->groups[i].name, 0);
        STG_TRY(w.status);
        if (other.len == last.len && memcmp(other.data, last.data, last.len) == 0) {
            status = stg_fail(STG_ERR_USAGE,
                              "%s: two names differ only in characters that cannot be shown, '%s': give one of them "
                              "another name, NAME=DATA",
                              option, last.data);
            goto out;
        }
    }
out:
    stg_buffer_fini(&last);
    stg_buffer_fini(&other);
    return status;
}

/* The group called by the len bytes at name, made when there is none. */
static enum stg_status group_named(struct stg_groups *g, const char *option, const char *name, size_t len,
                                   struct stg_group **out)
{
    *out = group_find(g, name, len);
    if (*out != NULL) {
        return STG_OK;
    }
    struct stg_group *group = &g->groups[g->n];
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&group->name, len + 1, 1));
    memcpy(group->name, name, len);
    g->n++;
    *out = group;
    return check_shown(g, option);
}

/* A pattern behind NAME= is no word that a shell looks at. */
static enum stg_status check_pattern(const char *option, const char *name, size_t len, const char *path)
{
    if (strpbrk(path, "*?[") == NULL || access(path, F_OK) == 0) {
        return STG_OK;
    }
    return stg_fail(STG_ERR_USAGE,
                    "%s: %s: shells do not look for files behind %.*s=: make one data set of them (strange prepare "
                    "--vocab MODEL -o DATA FILE...) and give that",
                    option, path, (int)len, name);
}

enum stg_status stg_groups_open_named(struct stg_groups *out, const char *option, const struct stg_list *named,
                                      const struct stg_model *m, struct stg_pool *pool, const struct stg_cli *cli)
{
    memset(out, 0, sizeof *out);
    if (named->n == 0) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->groups, named->n, sizeof *out->groups));
    for (size_t i = 0; i < named->n; i++) {
        const char *path = named->items[i], *name = path, *equals = strchr(path, '=');
        size_t len = 0;
        if (equals == NULL) {
            base_name(path, &name, &len);
        } else {
            len = (size_t)(equals - name);
            path = equals + 1;
        }
        if (len == 0 || *path == '\0') {
            return stg_fail(STG_ERR_USAGE, "%s: '%s' lacks the name or the data: write NAME=DATA", option,
                            named->items[i]);
        }
        STG_RETURN_IF_FAILED(equals == NULL ? STG_OK : check_pattern(option, name, len, path));
        struct stg_group *group = NULL;
        STG_RETURN_IF_FAILED(group_named(out, option, name, len, &group));
        STG_RETURN_IF_FAILED(group_add(group, path, named->n, m, pool, cli));
    }
    return STG_OK;
}

/* An input's streams are others than those of the inputs before: recordings whose clocks begin at the start of a
 * machine have the same times, and do not overlap. */
static void number_streams(struct stg_group *group, size_t k, uint32_t *n_before)
{
    for (size_t i = group->offset[k]; i < group->offset[k + 1]; i++) {
        group->scores[i].stream += *n_before;
    }
    *n_before += (uint32_t)stg_dataset_traces(group->inputs[k].dataset);
}

enum stg_status stg_groups_score(struct stg_groups *g, const struct stg_model *m, struct stg_pool *pool,
                                 const struct stg_cli *cli)
{
    if (g->sets == NULL) {
        STG_RETURN_IF_FAILED(stg_mem_zeroed(&g->sets, g->n, sizeof *g->sets));
    }
    uint32_t n_streams = 0;
    for (size_t i = 0; i < g->n; i++) {
        struct stg_group *group = &g->groups[i];
        struct stg_progress progress;
        struct stg_progress *p = stg_cli_progress(cli, &progress, group->name, "sequences", group->n);
        enum stg_status status =
            group->scores != NULL ? STG_OK : stg_mem_zeroed(&group->scores, group->n, sizeof *group->scores);
        for (size_t k = 0; status == STG_OK && k < group->n_inputs; k++) {
            status = (g->plain ? stg_score_corpus_plain : stg_score_corpus)(m, &group->inputs[k].corpus, pool, p,
                                                                            group->scores + group->offset[k]);
            if (status != STG_OK) {
                status = stg_context(status, "%s", group->inputs[k].path);
            } else {
                number_streams(group, k, &n_streams);
            }
        }
        stg_progress_finish(p);
        if (status != STG_OK) {
            return status;
        }
        g->sets[i] = (struct stg_scored_set){.name = group->name, .scores = group->scores, .n = group->n};
    }
    return STG_OK;
}

enum stg_status stg_group_check(const struct stg_group *group, const struct stg_model *m)
{
    if (group->n == 0) {
        return stg_fail(STG_ERR_INPUT, "%s: no sequences, cut by %s: nothing to judge; look at it with `strange info`",
                        group->inputs[0].path, stg_cut_name(m->recipe.cut));
    }
    for (size_t i = 0; i < group->n_inputs; i++) {
        if (group->offset[i] == group->offset[i + 1]) {
            stg_log(STG_LOG_WARN, "%s: no sequences", group->inputs[i].path);
        }
    }
    return STG_OK;
}

enum stg_status stg_groups_match(const struct stg_groups *valid_novel, const struct stg_groups *novel)
{
    for (size_t i = 0; i < valid_novel->n; i++) {
        const char *name = valid_novel->groups[i].name;
        if (group_find(novel, name, strlen(name)) == NULL) {
            return stg_fail(STG_ERR_USAGE,
                            "--valid-novel: '%s' is no behaviour of --novel: give it the name of one, NAME=DATA", name);
        }
    }
    return STG_OK;
}

enum stg_status stg_groups_apart(const struct stg_groups *g, const char *out)
{
    for (size_t i = 0; i < g->n; i++) {
        for (size_t k = 0; k < g->groups[i].n_inputs; k++) {
            const struct stg_list input = {.items = &g->groups[i].inputs[k].path, .n = 1};
            STG_RETURN_IF_FAILED(stg_output_apart("-o", out, &input));
        }
    }
    return STG_OK;
}

enum stg_status stg_groups_check(const struct stg_groups *g, const struct stg_model *m)
{
    for (size_t i = 0; i < g->n; i++) {
        STG_RETURN_IF_FAILED(stg_group_check(&g->groups[i], m));
    }
    return STG_OK;
}

void stg_groups_fini(struct stg_groups *g)
{
    for (size_t i = 0; i < g->n; i++) {
        struct stg_group *group = &g->groups[i];
        for (size_t k = 0; k < group->n_inputs; k++) {
            stg_input_close(&group->inputs[k]);
        }
        stg_mem_free(group->inputs);
        stg_mem_free(group->offset);
        stg_mem_free(group->scores);
        stg_mem_free(group->name);
    }
    stg_mem_free(g->groups);
    stg_mem_free(g->sets);
    memset(g, 0, sizeof *g);
}

struct ranked {
    float value;
    size_t index;
};

/* Highest first; equal ones in their order. */
static int by_value(const void *a_, const void *b_)
{
    const struct ranked *a = a_, *b = b_;
    if (a->value != b->value) {
        return a->value > b->value ? -1 : 1;
    }
    return a->index < b->index ? -1 : a->index > b->index;
}

enum stg_status stg_group_worst(const struct stg_group *group, enum stg_aggregate a, size_t k, size_t **out, size_t *n)
{
    enum stg_status status = STG_OK;
    struct ranked *ranked = NULL;
    *out = NULL;
    *n = k < group->n ? k : group->n;
    STG_TRY(stg_mem_zeroed(&ranked, group->n, sizeof *ranked));
    STG_TRY(stg_mem_zeroed(out, *n, sizeof **out));
    for (size_t i = 0; i < group->n; i++) {
        ranked[i] = (struct ranked){.value = group->scores[i].value[a], .index = i};
    }
    qsort(ranked, group->n, sizeof *ranked, by_value);
    for (size_t i = 0; i < *n; i++) {
        (*out)[i] = ranked[i].index;
    }
out:
    stg_mem_free(ranked);
    return status;
}

const struct stg_input *stg_group_sequence(const struct stg_group *group, size_t i, struct stg_seq *seq)
{
    size_t k = 0;
    while (k + 1 < group->n_inputs && i >= group->offset[k + 1]) {
        k++;
    }
    stg_corpus_get(&group->inputs[k].corpus, i - group->offset[k], seq);
    return &group->inputs[k];
}
