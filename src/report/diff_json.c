#include "report/behaviour_words.h"
#include "report/json_parts.h"
#include "report/report.h"

#include "event/syscalls.h"

/* What a result is: its errno, or the least and the most that was returned. */
static bool put_result(json_t *to, const struct stg_diff_row *row)
{
    if (row->size > 0) {
        const double least = row->size < 2 ? 0 : (double)(UINT64_C(1) << (row->size - 2));
        return json_object_set_new(
                   to, "returned",
                   json_pack("[o, o]", json_of_number(least), json_of_number(row->size < 2 ? 0 : least * 2 - 1))) == 0;
    }
    const char *name = row->other > 2 ? stg_errno_name(row->other - 2) : NULL;
    return json_object_set_new(
               to, "error", name != NULL ? json_string(name) : json_integer(row->other > 2 ? row->other - 2 : 0)) == 0;
}

static json_t *row_json(const struct stg_diff_result *r, const struct stg_diff_row *row)
{
    json_t *out =
        json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "facet", stg_diff_facet_name(row->facet), "process",
                  json_of_text(behaviour_process(r->names, row->proc)), "call",
                  json_of_text(behaviour_call(r->names, row->call)), "a", json_of_number(row->rate[STG_DIFF_A]), "b",
                  json_of_number(row->rate[STG_DIFF_B]), "ratio", json_of_number(row->ratio), "contribution",
                  json_of_number(row->contribution), "deviation", json_of_number(row->z));
    bool ok = out != NULL;
    if (ok && row->facet == STG_DIFF_TRANSITIONS) {
        ok = json_object_set_new(out, "next", json_of_text(behaviour_call(r->names, row->other))) == 0;
    } else if (ok && row->facet == STG_DIFF_RESULTS) {
        ok = put_result(out, row);
    } else if (ok && row->facet == STG_DIFF_LATENCIES) {
        json_t *times = json_pack("{s:[o, o], s:[o, o]}", "median_ns", json_of_number(row->median_ns[STG_DIFF_A]),
                                  json_of_number(row->median_ns[STG_DIFF_B]), "p95_ns",
                                  json_of_number(row->upper_ns[STG_DIFF_A]), json_of_number(row->upper_ns[STG_DIFF_B]));
        ok = times != NULL && json_object_update(out, times) == 0;
        json_decref(times);
    }
    if (!ok) {
        json_decref(out);
        return NULL;
    }
    return out;
}

static json_t *descriptors_json(const struct stg_diff_only *o)
{
    json_t *out = json_array();
    bool ok = out != NULL;
    for (unsigned kind = STG_FD_OTHER + 1; kind < STG_N_FD_KINDS && ok; kind++) {
        ok = (o->fd_kinds >> kind & 1) == 0 || json_array_append_new(out, json_string(stg_fd_kind_name(kind))) == 0;
    }
    if (!ok) {
        json_decref(out);
        return NULL;
    }
    return out;
}

static const char *kind_name(enum stg_diff_kind kind)
{
    static const char *const names[] = {[STG_DIFF_PROGRAM] = "program",
                                        [STG_DIFF_THREAD] = "thread",
                                        [STG_DIFF_CALL] = "call",
                                        [STG_DIFF_FILE] = "file"};
    return names[kind];
}

/* An errno's name, its number where it has none, 0 where it failed and no more is known; null: it did not fail. */
static json_t *error_json(uint16_t class)
{
    const char *name = class > 2 ? stg_errno_name(class - 2) : NULL;
    return class < 2 ? json_null() : name != NULL ? json_string(name) : json_integer(class - 2);
}

/* What is told of its kind alone. */
static json_t *details_json(const struct stg_diff_result *r, const struct stg_diff_only *o)
{
    json_t *file = o->path != NULL ? json_of_text(o->path) : json_null();
    if (o->kind == STG_DIFF_FILE) {
        return json_pack("{s:o, s:I, s:o, s:b, s:o, s:o}", "file", file, "files", (json_int_t)o->n_files, "call",
                         json_of_text(behaviour_call(r->names, o->call)), "more_calls", (int)o->more_calls, "error",
                         error_json(o->error), "other_error", error_json(o->other_error));
    }
    if (o->kind == STG_DIFF_CALL) {
        return json_pack("{s:o, s:o, s:b, s:o}", "call", json_of_text(behaviour_call(r->names, o->call)), "file", file,
                         "more_files", (int)o->more_paths, "descriptors", descriptors_json(o));
    }
    json_decref(file);
    return json_pack("{s:I, s:I}", "processes", (json_int_t)o->n_processes, "threads", (json_int_t)o->n_threads);
}

static json_t *only_json(const struct stg_diff_result *r, const struct stg_diff_only *o)
{
    const char *process = behaviour_process(r->names, o->proc);
    json_t *out =
        json_pack("{s:s, s:s, s:o, s:I, s:b}", "side", o->side == STG_DIFF_A ? "a" : "b", "kind", kind_name(o->kind),
                  "process", json_of_text(process), "calls", (json_int_t)o->n, "decides", (int)o->decides);
    json_t *more = details_json(r, o);
    bool ok = out != NULL && more != NULL && json_object_update(out, more) == 0;
    if (ok && o->kind != STG_DIFF_PROGRAM) {
        ok = json_object_set_new(out, "occasions", json_integer(o->n_occasions)) == 0 &&
             json_object_set_new(out, "chance", json_of_number(o->chance)) == 0;
    }
    json_decref(more);
    if (!ok) {
        json_decref(out);
        return NULL;
    }
    return out;
}

static json_t *all_only_json(const struct stg_diff_result *r)
{
    json_t *out = json_array();
    for (size_t i = 0; i < r->n_only; i++) {
        if (json_array_append_new(out, only_json(r, &r->only[i])) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *side_json(const struct stg_diff_result *r, int side, const char *path)
{
    const struct stg_diff_run *run = &r->run[side];
    return json_pack("{s:o, s:o, s:b, s:I, s:I, s:o}", "path", json_of_text(path), "command",
                     run->ended[0] != '\0' ? json_of_text(run->ended) : json_null(), "whole_run", (int)run->whole,
                     "calls", (json_int_t)r->n_calls[side], "lost", (json_int_t)r->n_lost[side],
                     r->by_sequence ? "sequences" : "seconds", json_of_number(r->n_units[side]));
}

enum stg_status stg_report_diff_json(struct stg_buffer *out, const struct stg_diff_result *r,
                                     const char *const paths[STG_DIFF_SIDES])
{
    json_t *rows = json_array(), *divergence = json_object();
    bool ok = true;
    for (size_t i = 0; i < r->n && ok; i++) {
        ok = json_array_append_new(rows, row_json(r, &r->rows[i])) == 0;
    }
    for (int f = 0; f < STG_DIFF_LATENCIES && ok; f++) {
        ok = json_object_set_new(divergence, stg_diff_facet_name((enum stg_diff_facet)f),
                                 json_of_number(r->divergence[f])) == 0;
    }
    if (!ok) {
        json_decref(rows);
        rows = NULL;
    }
    return json_put_line(
        out, json_pack(
                 "{s:s, s:o, s:o, s:o, s:I, s:b, s:b, s:o, s:b, s:o, s:o, s:I, s:o, s:o, s:o, s:I, s:o}", "schema",
                 "strange.diff/2", "changed", r->too_short && !r->changed ? json_null() : json_boolean(r->changed), "a",
                 side_json(r, STG_DIFF_A, paths[STG_DIFF_A]), "b", side_json(r, STG_DIFF_B, paths[STG_DIFF_B]), "like",
                 (json_int_t)r->n_like, "command_changed", (int)r->end_changed, "total_changed", (int)r->total_changed,
                 "duration_ratio", r->time_ratio > 0 ? json_of_number(r->time_ratio) : json_null(), "duration_changed",
                 (int)r->time_changed, "scale", json_of_number(r->scale), "divergence_bits", divergence, "left_out",
                 (json_int_t)r->n_left_out, "only", all_only_json(r), "sign_test", json_of_number(r->kinds_chance),
                 "files_sign_test", json_of_number(r->files_chance), "renewed_names", (json_int_t)r->n_renewed, "rows",
                 rows));
}
