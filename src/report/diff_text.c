#include "report/behaviour_words.h"
#include "report/report.h"
#include "report/words.h"
#include "report/writer.h"

#include "event/syscalls.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* "apache2  read → writev", "apache2  read EAGAIN" */
static void name_row(const struct stg_vocab *names, const struct stg_diff_row *row, char *out, size_t cap)
{
    const char *process = behaviour_process(names, row->proc);
    struct stg_kind_of_call kind = {.call = row->call, .proc = row->proc};
    char text[200];
    if (row->facet == STG_DIFF_RESULTS) {
        kind.phase = STG_PHASE_EXIT;
        kind.errno_class = row->other;
        kind.size = row->size;
    }
    behaviour_kind(names, &kind, text, sizeof text);
    snprintf(out, cap, "%.64s%s%s%s%.64s", process, process[0] != '\0' ? "  " : "", text,
             row->facet == STG_DIFF_TRANSITIONS ? " → " : "",
             row->facet == STG_DIFF_TRANSITIONS ? behaviour_call(names, row->other) : "");
}

static void put_ratio(struct writer *w, double ratio)
{
    char text[32];
    if (!(ratio < INFINITY)) {
        snprintf(text, sizeof text, "new");
    } else if (!(ratio > 0)) {
        snprintf(text, sizeof text, "gone");
    } else {
        snprintf(text, sizeof text, "x %.3g", ratio);
    }
    writer_printf(w, "  %8s", text);
}

static void put_time(struct writer *w, double ns)
{
    char text[32];
    words_duration((int64_t)ns, text);
    writer_repeat(w, " ", text_width(text) < 13 ? 13 - text_width(text) : 0);
    writer_put(w, text);
}

static void put_row(struct writer *w, const struct stg_diff_result *r, const struct stg_diff_row *row, size_t width)
{
    char name[400];
    name_row(r->names, row, name, sizeof name);
    writer_put(w, "  ");
    writer_plain(w, name, width);
    if (row->facet == STG_DIFF_LATENCIES) {
        for (int side = 0; side < STG_DIFF_SIDES; side++) {
            put_time(w, row->median_ns[side]);
        }
        for (int side = 0; side < STG_DIFF_SIDES; side++) {
            put_time(w, row->upper_ns[side]);
        }
        put_ratio(w, row->ratio);
    } else {
        writer_printf(w, "  %11.4g  %11.4g", row->rate[STG_DIFF_A], row->rate[STG_DIFF_B]);
        put_ratio(w, row->ratio);
        writer_printf(w, "  %5.1f %%  %+9.1f", 100 * row->contribution / r->divergence[row->facet], row->z);
    }
    writer_put(w, "\n");
}

static void put_head(struct writer *w, const struct stg_diff_result *r, enum stg_diff_facet facet, size_t width,
                     bool colour)
{
    const char *unit = r->by_sequence                                             ? "sequence"
                       : r->n_units[STG_DIFF_A] > 0 && r->n_units[STG_DIFF_B] > 0 ? "s"
                                                                                  : "call";
    char a[32], b[32];
    snprintf(a, sizeof a, "A / %s", unit);
    snprintf(b, sizeof b, "B / %s", unit);
    writer_put(w, colour ? "\n\033[1m" : "\n");
    writer_plain(w, stg_diff_facet_name(facet), width + 2);
    if (facet == STG_DIFF_LATENCIES) {
        writer_printf(w, "%13s%13s%13s%13s  %8s", "A median", "B median", "A p95", "B p95", "change");
    } else {
        writer_printf(w, "  %11s  %11s  %8s  %7s  %9s", a, b, "change", "part", "deviation");
    }
    writer_put(w, colour ? "\033[0m\n" : "\n");
}

static void put_facet(struct writer *w, const struct stg_diff_result *r, size_t first, size_t top, bool colour)
{
    const enum stg_diff_facet facet = r->rows[first].facet;
    const size_t n = r->n_of[facet], shown = n < top ? n : top;
    size_t width = 24;
    for (size_t i = first; i < first + shown; i++) {
        char name[400];
        name_row(r->names, &r->rows[i], name, sizeof name);
        width = text_width(name) > width ? text_width(name) : width;
    }
    put_head(w, r, facet, width, colour);
    for (size_t i = first; i < first + shown; i++) {
        put_row(w, r, &r->rows[i], width);
    }
    if (shown < n) {
        writer_printf(w, "  and %zu more\n", n - shown);
    }
}

/* --- What only one side has --- */

/* "apache2  getpid", "program sh", "thread ib_io_rd-1"; of a file its process */
static void name_only(const struct stg_vocab *names, const struct stg_diff_only *o, char *out, size_t cap)
{
    const char *process = behaviour_process(names, o->proc);
    if (o->kind == STG_DIFF_FILE) {
        snprintf(out, cap, "%.64s", process);
    } else if (o->call == STG_TOKEN_START) {
        snprintf(out, cap, "%s %.64s", o->kind == STG_DIFF_PROGRAM ? "program" : "thread", process);
    } else {
        snprintf(out, cap, "%.64s%s%.64s", process, process[0] != '\0' ? "  " : "", behaviour_call(names, o->call));
    }
}

static void put_number_of(struct writer *w, const char *before, uint64_t n, const char *one, const char *more)
{
    char count[32];
    words_count(n, count);
    writer_printf(w, "%s%s %s", before, count, n == 1 ? one : more);
}

/* What it was about: its file, or what its descriptors are. */
static void put_object(struct writer *w, const struct stg_diff_only *o)
{
    const char *comma = "  ";
    if (o->path != NULL) {
        writer_put(w, "  ");
        writer_plain(w, o->path, 0);
        writer_put(w, o->more_paths ? " and others" : "");
        return;
    }
    for (unsigned kind = STG_FD_OTHER + 1; kind < STG_N_FD_KINDS; kind++) {
        if ((o->fd_kinds >> kind & 1) != 0) {
            writer_printf(w, "%s%s", comma, stg_fd_kind_name(kind));
            comma = ", ";
        }
    }
}

static void put_error(struct writer *w, const char *before, uint16_t class)
{
    const char *name = class > 2 ? stg_errno_name(class - 2) : NULL;
    if (class >= 2) {
        writer_printf(w, "%s%s", before, name != NULL ? name : "fails");
    }
}

enum { MOST_OF_DIR = 8 }; /* rows; where a directory has more, its first stands for all */

static bool is_folded(const struct stg_diff_only *o)
{
    return o->kind == STG_DIFF_FILE && o->n_in_dir > MOST_OF_DIR;
}

/* "/tmp/cc*.o: 14 files, openat and others", "/etc/app.conf: openat, in A ENOENT" */
static void put_file(struct writer *w, const struct stg_diff_result *r, const struct stg_diff_only *o)
{
    writer_put(w, "  ");
    writer_plain(w, o->path, 0);
    writer_put(w, ": ");
    if (o->n_files > 1) {
        put_number_of(w, "", o->n_files, "file", "files");
        writer_put(w, ", ");
    }
    writer_plain(w, behaviour_call(r->names, o->call), 0);
    writer_put(w, o->more_calls ? " and others" : "");
    put_error(w, " ", o->error);
    put_error(w, o->side == STG_DIFF_A ? ", in B " : ", in A ", o->other_error);
    if (is_folded(o)) {
        writer_printf(w, "; and %" PRIu32 " more of the directory", o->n_in_dir - 1);
    }
}

static void put_only(struct writer *w, const struct stg_diff_result *r, const struct stg_diff_only *o, size_t width)
{
    char name[200], count[32], occasions[32] = "", chance[32] = "";
    name_only(r->names, o, name, sizeof name);
    words_count(o->n, count);
    if (o->kind != STG_DIFF_PROGRAM) {
        snprintf(occasions, sizeof occasions, "%u", o->n_occasions);
        snprintf(chance, sizeof chance, "%.2g", o->chance);
    }
    writer_put(w, "  ");
    writer_plain(w, name, width);
    writer_printf(w, "  %11s  %9s  %8s", count, occasions, chance);
    if (o->kind == STG_DIFF_FILE) {
        put_file(w, r, o);
    } else if (o->kind == STG_DIFF_PROGRAM) {
        put_number_of(w, "  in ", o->n_processes, "process", "processes");
    } else if (o->n_threads > 0) {
        put_number_of(w, "  in ", o->n_threads, "thread", "threads");
    } else {
        put_object(w, o);
    }
    writer_put(w, "\n");
}

static bool is_shown(const struct stg_diff_only *o)
{
    return !is_folded(o) || o->is_first_in_dir;
}

/* Rows of one side (n) that are of a sort. */
static void put_only_rows(struct writer *w, const struct stg_diff_result *r, const struct stg_diff_only *first,
                          size_t n, size_t top, const char *title, bool colour)
{
    size_t width = 24, n_rows = 0, shown = 0;
    for (size_t i = 0; i < n; i++) {
        char name[200];
        name_only(r->names, &first[i], name, sizeof name);
        width = is_shown(&first[i]) && n_rows < top && text_width(name) > width ? text_width(name) : width;
        n_rows += is_shown(&first[i]);
    }
    if (n_rows == 0 || top == 0) {
        return;
    }
    writer_put(w, colour ? "\n\033[1m" : "\n");
    writer_plain(w, title, width + 2);
    writer_printf(w, "  %11s  %9s  %8s%s\n", "calls", "occasions", "chance", colour ? "\033[0m" : "");
    for (size_t i = 0; i < n && shown < top; i++) {
        if (is_shown(&first[i])) {
            put_only(w, r, &first[i], width);
            shown++;
        }
    }
    if (shown < n_rows) {
        writer_printf(w, "  and %zu more\n", n_rows - shown);
    }
}

static void put_only_of(struct writer *w, const struct stg_diff_result *r, int side, size_t top, bool colour)
{
    const struct stg_diff_only *first = r->only + (side == STG_DIFF_A ? 0 : r->n_only_of[STG_DIFF_A]);
    const size_t n = r->n_only_of[side] - r->n_files_of[side];
    put_only_rows(w, r, first, n, top, side == STG_DIFF_A ? "only in A" : "only in B", colour);
    put_only_rows(w, r, first + n, r->n_files_of[side], top, side == STG_DIFF_A ? "files only in A" : "files only in B",
                  colour);
}

static void put_side(struct writer *w, const struct stg_diff_result *r, int side, const char *path)
{
    char calls[32], lost[32], units[32];
    words_count(r->n_calls[side], calls);
    words_count(r->n_lost[side], lost);
    writer_printf(w, "%c  ", side == STG_DIFF_A ? 'A' : 'B');
    writer_plain(w, path, 0);
    writer_printf(w, ": %s calls", calls);
    if (r->by_sequence) {
        words_count((uint64_t)r->n_units[side], units);
        writer_printf(w, " in %s sequences", units);
    } else if (r->n_units[side] > 0) {
        writer_printf(w, " in %.3g s", r->n_units[side]);
    }
    writer_printf(w, ", %s lost events\n", lost);
}

/* What a whole run says that no rate does. */
static void put_runs(struct writer *w, const struct stg_diff_result *r)
{
    if (r->end_changed) {
        writer_put(w, "   the command ");
        writer_plain(w, r->run[STG_DIFF_A].ended, 0);
        writer_put(w, " in A and ");
        writer_plain(w, r->run[STG_DIFF_B].ended, 0);
        writer_put(w, " in B\n");
    }
    if (r->total_changed) {
        char share[32];
        words_percent(r->total_ratio, share);
        writer_printf(w, "   B has %s of A's calls, and both are the whole run of a command\n", share);
    }
    if (r->time_differs) {
        writer_printf(w, "   B takes %.3g times as long, and both are the whole run of a command%s\n", r->time_ratio,
                      r->time_changed ? "" : " (no change without --waits: a busy machine takes longer, too)");
    }
}

static void put_fact(struct writer *w, const char **comma, bool is_so, const char *what)
{
    if (is_so) {
        writer_printf(w, "%s %s", *comma, what);
        *comma = ",";
    }
}

/* "2 programs on one side only", after what came before. */
static void put_part(struct writer *w, const char **comma, size_t n, const char *one, const char *more,
                     const char *where)
{
    if (n > 0) {
        writer_printf(w, "%s %zu %s%s", *comma, n, n == 1 ? one : more, where);
        *comma = ",";
    }
}

static void put_changes(struct writer *w, const struct stg_diff_result *r)
{
    static const char *const one[STG_DIFF_FACETS] = {"call", "transition", "result", "latency"};
    const char *comma = "";
    writer_put(w, "changed:");
    put_fact(w, &comma, r->end_changed, "how the command ended");
    put_fact(w, &comma, r->total_changed, "how many calls it makes");
    put_fact(w, &comma, r->time_changed, "how long it takes");
    put_part(w, &comma, r->n_programs, "program", "programs", " on one side only");
    put_part(w, &comma, r->n_deciding, "call", "calls", " on one side only");
    put_part(w, &comma, r->n_files_deciding, "file", "files", " on one side only");
    for (int f = 0; f < STG_DIFF_FACETS; f++) {
        put_part(w, &comma, r->n_of[f], one[f], stg_diff_facet_name((enum stg_diff_facet)f), "");
    }
    writer_put(w, "\n");
}

static void put_verdict(struct writer *w, const struct stg_diff_result *r)
{
    const size_t n_files = r->n_files_of[STG_DIFF_A] + r->n_files_of[STG_DIFF_B];
    const char *comma = ";";
    if (r->changed) {
        put_changes(w, r);
        return;
    }
    if (r->too_short) {
        writer_printf(w, "no verdict: fewer than %d calls on a side", STG_DIFF_LEAST);
    } else {
        writer_put(w, r->n_only == 0 ? "nothing changed" : "nothing changed beyond chance");
    }
    put_part(w, &comma, r->n_only - n_files, "call", "calls", "");
    put_part(w, &comma, n_files, "file", "files", "");
    writer_put(w, r->n_only == 0 ? "\n" : " on one side only (--strict: exit status 1)\n");
}

enum stg_status stg_report_diff_text(struct stg_buffer *out, const struct stg_diff_result *r,
                                     const char *const paths[STG_DIFF_SIDES], size_t top, bool colour)
{
    struct writer w = {out, STG_OK};
    put_verdict(&w, r);
    put_side(&w, r, STG_DIFF_A, paths[STG_DIFF_A]);
    put_side(&w, r, STG_DIFF_B, paths[STG_DIFF_B]);
    if (r->n_like > 0) {
        put_number_of(&w, "   ", r->n_like, "further run as A", "further runs as A");
        writer_put(&w, ": what differs so from run to run is not told\n");
        if (r->n_only_of[STG_DIFF_A] > 0 && top > 0) {
            writer_put(&w, "   occasions of what only A has are those of these runs, too; the calls are A's\n");
        }
    }
    put_runs(&w, r);
    if (r->n_renewed > 0) {
        put_number_of(&w, "   ", r->n_renewed, "file name differs", "file names differ");
        writer_put(&w, " in numbers or random characters alone: made anew in each run\n");
    }
    const double factor = r->n_units[STG_DIFF_A] > 0 && r->n_units[STG_DIFF_B] > 0
                              ? r->scale * r->n_units[STG_DIFF_A] / r->n_units[STG_DIFF_B]
                              : r->scale * (double)r->n_calls[STG_DIFF_A] / (double)r->n_calls[STG_DIFF_B];
    char times[32];
    snprintf(times, sizeof times, "%.3g", factor);
    if (!r->too_short && strcmp(times, "1") != 0) {
        writer_printf(&w, "   every sort of call %s times as often in B, which is taken into account\n", times);
    }
    for (int side = 0; side < STG_DIFF_SIDES; side++) {
        put_only_of(&w, r, side, top, colour);
    }
    for (size_t first = 0; first < r->n && top > 0; first += r->n_of[r->rows[first].facet]) {
        put_facet(&w, r, first, top, colour);
    }
    if (r->n_left_out > 0) {
        writer_printf(&w, "\n%" PRIu64 " events were left out: too many different items or threads\n", r->n_left_out);
    }
    return w.status;
}
