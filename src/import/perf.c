/* perf import: the text that `perf script` prints of raw_syscalls and syscalls tracepoints.
 *
 *     COMM [PID/]TID [CPU] SECONDS.FRACTION: raw_syscalls:sys_enter: NR 0 (3, 7ffe, 400, 0, 0, 0)
 *     COMM [PID/]TID [CPU] SECONDS.FRACTION: syscalls:sys_exit_read: 0x5
 *     COMM [PID/]TID [CPU] SECONDS.FRACTION: PERF_RECORD_LOST lost 12
 *
 * A comm may hold blanks, so a line is read from the event outwards: forwards its fields, backwards time, CPU, ids,
 * comm. */
#include "base/memory.h"
#include "event/syscalls.h"
#include "import/import.h"
#include "import/text.h"

#include <string.h>

#define MANY_TIMES 256 /* pairs of neighbours that tell whether times have an order */
#define FEW_TIMES  16  /* the same at the end of the text */

struct perf {
    struct stg_text text;
    bool any;                       /* a line was recognised */
    uint64_t last_ns;               /* of the last event with a time: where a gap without one is put */
    uint64_t n_forward, n_backward; /* pairs of neighbours with other times */
};

/* A line, taken apart. */
struct record {
    enum stg_event_kind kind;
    bool by_number;
    int64_t number;
    const char *name;
    size_t name_len;
    struct stg_cursor comm;
    uint64_t ts_ns, n_lost;
    int64_t ret;
    uint64_t args[STG_EVENT_MAX_ARGS];
    int32_t pid, tid, cpu;
    uint8_t n_args;
    uint16_t has;
};

/* --- Behind the event's name --- */

/* "NR 0 (3, 7ffe…, 400, 0, 0, 0)" or "NR 0 = 12" */
static bool read_raw(struct stg_cursor *c, struct record *r)
{
    r->by_number = true;
    if (!stg_cursor_text(c, "NR ") || !stg_cursor_integer(c, &r->number)) {
        return false;
    }
    stg_cursor_spaces(c);
    if (r->kind == STG_EVENT_EXIT) {
        r->has |= STG_HAS_RET;
        return stg_cursor_text(c, "= ") && stg_cursor_integer(c, &r->ret);
    }
    if (!stg_cursor_text(c, "(")) {
        return false;
    }
    while (r->n_args < STG_EVENT_MAX_ARGS && stg_cursor_hex(c, &r->args[r->n_args])) {
        r->n_args++;
        if (!stg_cursor_text(c, ", ")) {
            break;
        }
    }
    return true;
}

/* "fd: 0x00000003, buf: 0x7f…": integers up to the first field that is none. */
static void read_fields(struct stg_cursor *c, struct record *r)
{
    const char *word;
    size_t len;
    int64_t value;
    while (r->n_args < STG_EVENT_MAX_ARGS) {
        stg_cursor_spaces(c);
        if (!stg_cursor_word(c, &word, &len) || !stg_cursor_text(c, ": ") || !stg_cursor_integer(c, &value)) {
            return;
        }
        r->args[r->n_args++] = (uint64_t)value;
        if (!stg_cursor_text(c, ",")) {
            return;
        }
    }
}

/* c is at "sys_…" of a tracepoint. */
static bool read_event(struct stg_cursor *c, bool raw, struct record *r)
{
    if (stg_cursor_text(c, "sys_enter")) {
        r->kind = STG_EVENT_ENTRY;
    } else if (stg_cursor_text(c, "sys_exit")) {
        r->kind = STG_EVENT_EXIT;
    } else {
        return false;
    }
    if (!raw && (!stg_cursor_text(c, "_") || !stg_cursor_word(c, &r->name, &r->name_len))) {
        return false;
    }
    if (!stg_cursor_text(c, ":")) {
        return false;
    }
    stg_cursor_spaces(c);
    if (raw) {
        return read_raw(c, r);
    }
    if (r->kind == STG_EVENT_ENTRY) {
        read_fields(c, r);
        return true;
    }
    if (stg_cursor_integer(c, &r->ret)) {
        r->has |= STG_HAS_RET;
    }
    return true;
}

/* c is behind "PERF_RECORD_LOST": " lost 12" or "_SAMPLES lost samples 12" */
static bool read_lost(struct stg_cursor *c, struct record *r)
{
    r->kind = STG_EVENT_LOST;
    (void)stg_cursor_text(c, "_SAMPLES");
    stg_cursor_spaces(c);
    if (!stg_cursor_text(c, "lost")) {
        return false;
    }
    stg_cursor_spaces(c);
    if (stg_cursor_text(c, "samples")) {
        stg_cursor_spaces(c);
    }
    if (stg_cursor_u64(c, &r->n_lost)) {
        r->has |= STG_HAS_COUNT;
    } else {
        r->n_lost = 1;
    }
    return r->n_lost > 0;
}

/* --- In front of it, backwards; c->end moves --- */

static void trim_end(struct stg_cursor *c)
{
    while (c->end > c->at && (c->end[-1] == ' ' || c->end[-1] == '\t')) {
        c->end--;
    }
}

/* The last word of c, taken off. */
static struct stg_cursor last_word(struct stg_cursor *c)
{
    trim_end(c);
    const char *at = c->end;
    while (at > c->at && at[-1] != ' ' && at[-1] != '\t') {
        at--;
    }
    const struct stg_cursor word = {at, c->end};
    c->end = at;
    return word;
}

static bool whole(const struct stg_cursor *c)
{
    return c->at == c->end;
}

/* "[003]" */
static bool read_cpu(struct stg_cursor word, int32_t *cpu)
{
    uint64_t value;
    if (!stg_cursor_text(&word, "[") || !stg_cursor_u64(&word, &value) || value > INT32_MAX ||
        !stg_cursor_text(&word, "]")) {
        return false;
    }
    *cpu = (int32_t)value;
    return whole(&word);
}

/* "TID" or "PID/TID"; 0 (the idle thread) counts as absent. */
static bool read_ids(struct stg_cursor word, struct record *r)
{
    uint64_t first, second;
    if (!stg_cursor_u64(&word, &first) || first > INT32_MAX) {
        return false;
    }
    r->tid = (int32_t)first;
    if (stg_cursor_text(&word, "/")) {
        if (!stg_cursor_u64(&word, &second) || second > INT32_MAX) {
            return false;
        }
        r->pid = (int32_t)first;
        r->tid = (int32_t)second;
    }
    r->has |= (uint16_t)((r->tid > 0 ? STG_HAS_TID : 0) | (r->pid > 0 ? STG_HAS_PID : 0));
    return whole(&word);
}

/* All of the word are of the characters. */
static bool consists(const struct stg_cursor *word, const char *characters)
{
    const char *at = word->at;
    while (at < word->end && strchr(characters, *at) != NULL && *at != '\0') {
        at++;
    }
    return at == word->end && !whole(word);
}

/* c is all that stands before the event's name: with -F +period how many events it stands for, too, and with -F +misc
 * letters between CPU and time. */
static bool read_context(struct stg_cursor c, struct record *r)
{
    trim_end(&c);
    struct stg_cursor word = last_word(&c);
    if (consists(&word, "0123456789")) {
        word = last_word(&c);
    }
    if (!stg_cursor_seconds(&word, &r->ts_ns) || !stg_cursor_text(&word, ":") || !whole(&word)) {
        return false;
    }
    r->has |= STG_HAS_TIME;
    word = last_word(&c);
    struct stg_cursor behind_misc = c;
    if (consists(&word, "KUHGgMEFDSLPp") && read_cpu(last_word(&behind_misc), &r->cpu)) {
        word = last_word(&c);
    }
    if (read_cpu(word, &r->cpu)) {
        r->has |= STG_HAS_CPU;
        word = last_word(&c);
    }
    if (whole(&word)) {
        return true; /* -F without ids */
    }
    if (!read_ids(word, r)) {
        return false;
    }
    stg_cursor_spaces(&c);
    trim_end(&c);
    r->comm = c;
    r->has |= (uint16_t)(whole(&c) ? 0 : STG_HAS_COMM);
    return true;
}

/* "LOST 12 events!", as perf itself says it. */
static bool read_bare_lost(struct stg_cursor c, struct record *r)
{
    stg_cursor_spaces(&c);
    if (!stg_cursor_text(&c, "LOST ") || !stg_cursor_u64(&c, &r->n_lost) || !stg_cursor_begins(&c, " events") ||
        r->n_lost == 0) {
        return false;
    }
    r->kind = STG_EVENT_LOST;
    r->has = STG_HAS_COUNT;
    return true;
}

static bool read_line(const char *line, size_t len, struct record *r)
{
    static const char raw_prefix[] = "raw_";
    const struct stg_cursor all = stg_cursor_of(line, len);
    const char *at = line;
    *r = (struct record){0};
    while ((at = memmem(at, (size_t)(all.end - at), "syscalls:sys_", 13)) != NULL) {
        struct stg_cursor c = {at + 9, all.end};
        const bool raw = at - line >= 4 && memcmp(at - 4, raw_prefix, 4) == 0;
        const struct stg_cursor before = {line, raw ? at - 4 : at};
        *r = (struct record){0};
        if (read_event(&c, raw, r) && read_context(before, r)) {
            return true;
        }
        at += 13;
    }
    *r = (struct record){0};
    at = memmem(line, len, "PERF_RECORD_LOST", 16);
    if (at != NULL) {
        struct stg_cursor c = {at + 16, all.end};
        if (!read_lost(&c, r)) {
            return false;
        }
        /* Without context (perf script -D) it is a gap all the same. */
        struct record with_context = *r;
        if (read_context((struct stg_cursor){line, at}, &with_context)) {
            *r = with_context;
        }
        return true;
    }
    return read_bare_lost(all, r);
}

/* --- The source --- */

/* perf prints events in order of time. Times that go back about as often as forth are those since the line before. */
static enum stg_status check_times(const struct perf *p, uint64_t least)
{
    const uint64_t n = p->n_forward + p->n_backward;
    return n < least || p->n_backward * 4 <= n
               ? STG_OK
               : stg_text_fail(&p->text, "the times go back and forth, as those since the line before do: write the "
                                         "text without --deltatime");
}

static enum stg_status put(struct perf *p, const struct record *r)
{
    struct stg_text *t = &p->text;
    uint32_t name = STG_NAME_NONE, comm = STG_NAME_NONE;
    if (r->kind != STG_EVENT_LOST) {
        STG_RETURN_IF_FAILED(r->by_number ? stg_text_number_name(t, r->number, &name)
                                          : stg_text_name(t, r->name, r->name_len, &name));
    }
    if ((r->has & STG_HAS_COMM) != 0) {
        STG_RETURN_IF_FAILED(stg_text_comm(t, r->comm.at, stg_cursor_left(&r->comm), &comm));
    }
    struct stg_event *e = stg_text_put(t, r->kind, r->n_lost);
    if (e == NULL) {
        return stg_fail(STG_ERR_INTERNAL, "perf: a line gave too many events");
    }
    if ((r->has & STG_HAS_TIME) != 0) {
        p->n_forward += r->ts_ns > p->last_ns;
        p->n_backward += r->ts_ns < p->last_ns;
        p->last_ns = r->ts_ns;
    }
    e->ts_ns = p->last_ns;
    e->name = name;
    e->comm = comm;
    e->ret = r->ret;
    e->pid = r->pid;
    e->tid = r->tid;
    e->cpu = r->cpu;
    e->has = r->has;
    e->n_args = r->n_args;
    memcpy(e->args, r->args, sizeof e->args);
    return check_times(p, MANY_TIMES);
}

static enum stg_status step(struct stg_text *t)
{
    struct perf *p = (struct perf *)t;
    const char *line;
    size_t len;
    struct record r;
    STG_RETURN_IF_FAILED(stg_lines_next(t->lines, &line, &len));
    if (line == NULL) {
        t->ended = true;
        STG_RETURN_IF_FAILED(check_times(p, FEW_TIMES));
        return stg_text_check_known(t, p->any, "raw_syscalls or syscalls event of perf script");
    }
    if (!read_line(line, len, &r)) {
        t->n_skipped += len > 0 ? 1 : 0;
        return STG_OK;
    }
    p->any = true;
    return put(p, &r);
}

static bool matches(const char *line, size_t len)
{
    struct record r;
    return read_line(line, len, &r);
}

static int perf_probe(const char *path, const uint8_t *head, size_t n_head)
{
    (void)path;
    return stg_text_probe(head, n_head, matches);
}

static void perf_close(struct stg_source *s)
{
    stg_text_fini((struct stg_text *)s);
    stg_mem_free(s);
}

static enum stg_status perf_open(struct stg_source **out, const char *path)
{
    enum stg_status status;
    struct perf *p = NULL;
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&p, 1, sizeof *p));
    STG_TRY(stg_text_init(&p->text, &stg_import_perf, path, step));
    STG_TRY(stg_lines_open(&p->text.lines, path, STG_TEXT_LINE_MAX));
    *out = &p->text.source;
    return STG_OK;
out:
    perf_close(&p->text.source);
    return status;
}

const struct stg_source_ops stg_import_perf = {
    .name = "perf",
    .summary = "text of perf script: raw_syscalls and syscalls events",
    .probe = perf_probe,
    .open = perf_open,
    .next = stg_text_next,
    .info = stg_text_info,
    .close = perf_close,
};
