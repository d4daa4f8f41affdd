/* sysdig import: text in one of five forms.
 *
 *     1602667846491622507 | 299 | 11981 | < | epoll_wait |  | 1
 *     12345 23:40:09.105899621 2 httpd (7513) < read res=-11(EAGAIN) data=
 *     12345 23:40:09.105899621 2 httpd (7510.7513) < read res=-11(EAGAIN) data=
 *     12345 23:40:09.105899621 2 33 httpd 7513 < read res=-11(EAGAIN) data=
 *     1631209047761484608 33 7510 httpd 7513 read < res=-11(EAGAIN) data=
 *
 * that is "time in ns | latency | thread | direction | call | arguments | number of the call"; sysdig's default:
 * number, time, CPU, name, (thread) or by newer versions (process.thread), direction, call, arguments, with -pc also
 * the container before the name, "web (3ad7b26ded6d)", and its ids behind the others, "(7510.7513:1.4)"; and those of
 * LID-DS 2019 (number, time, CPU, user, name, thread, direction, call, arguments) and 2021 (time in ns, user, process,
 * name, thread, call, direction, arguments).
 *
 * Any may be written newest first; the times of the first lines tell, and the file is then read from its end. */
#include "base/memory.h"
#include "event/syscalls.h"
#include "import/import.h"
#include "import/text.h"

#include <string.h>

#define EPOCH_MIN_NS (UINT64_C(100000000) * 1000000000) /* 1973; smaller times are relative ones */
#define LOOK_AHEAD   256                                /* events whose times tell the direction */

#define FEW_TIMES 16 /* that tell as much of a whole text */

enum time_kind { TIME_EPOCH, TIME_RELATIVE, TIME_DAY };

struct record {
    uint64_t ts_ns;
    enum time_kind time;
    bool entry, has_cpu;
    int32_t tid, pid, cpu;
    struct stg_cursor comm, call, args;
};

struct sysdig {
    struct stg_text text;
    bool any;
    bool regular;        /* can be read from its end */
    enum time_kind time; /* of the first event */
    struct stg_daytime daytime;
    uint64_t last_ns;
    uint64_t n_forward, n_backward; /* pairs of neighbours */
};

/* sysdig's events that are not system calls. */
static const char *const others[] = {
    "switch",     "procexit",    "procinfo",     "signaldeliver", "signalsend",  "container",     "container_json",
    "page_fault", "scapevent",   "notification", "infra",         "mesos",       "k8s",           "k8s_json",
    "tracer",     "cpu_hotplug", "user_added",   "user_deleted",  "group_added", "group_deleted", "pluginevent",
    "asyncevent", "NA1",         "NA2",
};

/* --- Lines --- */

static bool read_direction(struct stg_cursor *c, bool *entry)
{
    *entry = stg_cursor_begins(c, ">");
    return stg_cursor_text(c, *entry ? ">" : "<");
}

/* A call's name: a word, or "<unknown>". */
static bool read_call(struct stg_cursor *c, struct stg_cursor *call)
{
    const char *word;
    size_t len;
    const char *begin = c->at;
    if (!stg_cursor_text(c, "<unknown>") && !stg_cursor_word(c, &word, &len)) {
        return false;
    }
    *call = (struct stg_cursor){begin, c->at};
    return true;
}

/* A thread or process id; sysdig writes 0 and −1 where there is none. */
static bool read_tid(struct stg_cursor *c, int32_t *tid)
{
    *tid = 0;
    return stg_cursor_id(c, tid) || stg_cursor_text(c, "0") || stg_cursor_text(c, "-1");
}

/* "ts | latency | tid | > | call | args | id" */
static bool read_columns(struct stg_cursor c, struct record *r)
{
    uint64_t latency;
    stg_cursor_spaces(&c);
    if (!stg_cursor_u64(&c, &r->ts_ns) || r->ts_ns > INT64_MAX || !stg_cursor_text(&c, " | ") ||
        !stg_cursor_u64(&c, &latency) || !stg_cursor_text(&c, " | ") || !read_tid(&c, &r->tid) ||
        !stg_cursor_text(&c, " | ") || !read_direction(&c, &r->entry) || !stg_cursor_text(&c, " | ") ||
        !read_call(&c, &r->call) || !stg_cursor_text(&c, " |")) {
        return false;
    }
    r->time = r->ts_ns >= EPOCH_MIN_NS ? TIME_EPOCH : TIME_RELATIVE;
    stg_cursor_spaces(&c);
    const char *bar = memrchr(c.at, '|', stg_cursor_left(&c)); /* arguments may hold bars: the last one ends them */
    r->args = (struct stg_cursor){c.at, bar == NULL ? c.end : bar};
    return true;
}

/* "TID" or "PID.TID" */
static bool read_ids(struct stg_cursor *c, int32_t *pid, int32_t *tid)
{
    *pid = 0;
    if (!read_tid(c, tid)) {
        return false;
    }
    if (stg_cursor_text(c, ".")) {
        *pid = *tid;
        return read_tid(c, tid);
    }
    return true;
}

/* The above, and behind a colon the same as the container has them (-pc), which is not read. */
static bool read_all_ids(struct stg_cursor *c, struct record *r, bool *contained)
{
    int32_t pid, tid;
    *contained = false;
    if (!read_ids(c, &r->pid, &r->tid)) {
        return false;
    }
    *contained = stg_cursor_text(c, ":");
    return !*contained || read_ids(c, &pid, &tid);
}

/* A process's name without its container in front: "web (3ad7b26ded6d) nginx". */
static struct stg_cursor without_container(struct stg_cursor comm)
{
    const char *open = memmem(comm.at, stg_cursor_left(&comm), " (", 2);
    const char *close = open == NULL ? NULL : memmem(open, (size_t)(comm.end - open), ") ", 2);
    return close == NULL ? comm : (struct stg_cursor){close + 2, comm.end};
}

/* " NAME (IDS) >" where NAME may hold blanks and parentheses: the first "(ids) >" or "(ids) <" ends it. */
static bool read_process(struct stg_cursor *c, struct record *r)
{
    bool contained;
    const char *begin = c->at;
    for (const char *at = begin; at < c->end; at++) {
        struct stg_cursor try = {at, c->end};
        if (stg_cursor_text(&try, " (") && read_all_ids(&try, r, &contained) && stg_cursor_text(&try, ") ") &&
            read_direction(&try, &r->entry) && stg_cursor_text(&try, " ")) {
            r->comm = (struct stg_cursor){begin, at};
            r->comm = contained ? without_container(r->comm) : r->comm;
            *c = try;
            return true;
        }
    }
    return false;
}

/* A user's number, −1 where there is none. */
static bool read_user(struct stg_cursor *c)
{
    uint64_t user;
    (void)stg_cursor_text(c, "-");
    return stg_cursor_u64(c, &user);
}

/* "TID > CALL", or with the call in front "TID CALL >", at the front of c and followed by a blank or the end. */
static bool read_thread(struct stg_cursor *c, struct record *r, bool call_first)
{
    return read_tid(c, &r->tid) && stg_cursor_text(c, " ") &&
           (call_first ? read_call(c, &r->call) && stg_cursor_text(c, " ") && read_direction(c, &r->entry)
                       : read_direction(c, &r->entry) && stg_cursor_text(c, " ") && read_call(c, &r->call)) &&
           (c->at == c->end || *c->at == ' ');
}

/* "NAME " and the above; NAME may hold blanks: the first thread behind a blank ends it. */
static bool read_name_and_thread(struct stg_cursor *c, struct record *r, bool call_first)
{
    const char *begin = c->at;
    for (const char *at = begin; at < c->end; at++) {
        struct stg_cursor try = {at, c->end};
        if (stg_cursor_text(&try, " ") && read_thread(&try, r, call_first)) {
            r->comm = (struct stg_cursor){begin, at};
            stg_cursor_spaces(&try);
            r->args = *c = try;
            return true;
        }
    }
    return false;
}

/* LID-DS 2021: "ts user pid name tid call > args" */
static bool read_lidds_2021(struct stg_cursor c, struct record *r)
{
    r->time = TIME_EPOCH;
    return stg_cursor_u64(&c, &r->ts_ns) && r->ts_ns >= EPOCH_MIN_NS && r->ts_ns <= INT64_MAX &&
           stg_cursor_text(&c, " ") && read_user(&c) && stg_cursor_text(&c, " ") && read_tid(&c, &r->pid) &&
           stg_cursor_text(&c, " ") && read_name_and_thread(&c, r, true);
}

/* "num time cpu process (tid) > call args", or LID-DS 2019: "num time cpu user name tid > call args" */
static bool read_default(struct stg_cursor c, struct record *r)
{
    uint64_t number, cpu;
    stg_cursor_spaces(&c);
    if (!stg_cursor_u64(&c, &number) || !stg_cursor_text(&c, " ")) {
        return false;
    }
    if (stg_cursor_daytime(&c, &r->ts_ns)) {
        r->time = TIME_DAY;
    } else if (stg_cursor_seconds(&c, &r->ts_ns)) {
        r->time = r->ts_ns >= EPOCH_MIN_NS ? TIME_EPOCH : TIME_RELATIVE;
    } else {
        return false;
    }
    if (!stg_cursor_text(&c, " ") || !stg_cursor_u64(&c, &cpu) || cpu > INT32_MAX || !stg_cursor_text(&c, " ")) {
        return false;
    }
    r->cpu = (int32_t)cpu;
    r->has_cpu = true;
    struct stg_cursor lidds = c;
    if (read_user(&lidds) && stg_cursor_text(&lidds, " ") && read_name_and_thread(&lidds, r, false)) {
        return true;
    }
    if (!read_process(&c, r) || !read_call(&c, &r->call)) {
        return false;
    }
    stg_cursor_spaces(&c);
    r->args = c;
    return true;
}

static bool read_line(const char *line, size_t len, struct record *r)
{
    *r = (struct record){0};
    if (read_columns(stg_cursor_of(line, len), r)) {
        return true;
    }
    *r = (struct record){0};
    if (read_lidds_2021(stg_cursor_of(line, len), r)) {
        return true;
    }
    *r = (struct record){0};
    return read_default(stg_cursor_of(line, len), r);
}

/* --- Arguments --- */

static bool same(const struct stg_cursor *call, const char *name)
{
    return stg_cursor_left(call) == strlen(name) && memcmp(call->at, name, strlen(name)) == 0;
}

/* "3" or "-11(EAGAIN)" */
static bool read_value(struct stg_cursor c, int64_t *out)
{
    uint64_t digits = 0;
    const bool negative = stg_cursor_text(&c, "-");
    if (!stg_cursor_u64(&c, &digits) || digits > INT64_MAX) {
        return false;
    }
    *out = negative ? -(int64_t)digits : (int64_t)digits;
    return true;
}

/* An address has no mark of its base: what brk returns is hexadecimal where the size of memory follows, and so is what
 * has a letter. */
static bool read_address(struct stg_cursor c, bool certain, int64_t *out)
{
    uint64_t value = 0;
    const char *begin = c.at;
    if (!stg_cursor_hex(&c, &value) || (c.at < c.end && *c.at != ' ')) {
        return false;
    }
    bool is = certain;
    for (; begin < c.at; begin++) {
        is = is || *begin > '9';
    }
    *out = (int64_t)value;
    return is;
}

/* The return value is "res=…", or for calls that return a descriptor "fd=…" at the front. */
static bool read_ret(const struct record *r, int64_t *ret)
{
    struct stg_cursor c = r->args;
    if (stg_cursor_text(&c, "res=")) {
        const bool sized = same(&r->call, "brk") && memmem(c.at, stg_cursor_left(&c), " vm_size=", 9) != NULL;
        return read_address(c, sized, ret) || read_value(c, ret);
    }
    if (stg_cursor_text(&c, "fd=")) {
        return read_value(c, ret);
    }
    const char *at = memmem(c.at, stg_cursor_left(&c), " res=", 5);
    return at != NULL && read_value((struct stg_cursor){at + 5, c.end}, ret);
}

/* Of an entry only a leading descriptor is taken: sysdig's other fields are not the call's registers in their order. */
static uint8_t read_args(const struct record *r, uint64_t *args)
{
    struct stg_cursor c = r->args;
    int64_t value;
    if (!stg_cursor_text(&c, "fd=") || !read_value(c, &value)) {
        return 0;
    }
    args[0] = (uint64_t)value;
    return 1;
}

/* The next " KEY=" or the end, from at on. */
static const char *find_key(const char *at, const char *end)
{
    for (; at < end; at++) {
        const char *word;
        size_t len;
        struct stg_cursor c = {at, end};
        if (stg_cursor_text(&c, " ") && stg_cursor_word(&c, &word, &len) && stg_cursor_begins(&c, "=")) {
            return at;
        }
    }
    return end;
}

/* Without blanks at the end and, of a relative name, without the whole one that sysdig puts behind it: "x(/tmp/x)". */
static bool trim_path(const char *at, const char *end, struct stg_cursor *out)
{
    while (at < end && end[-1] == ' ') {
        end--;
    }
    if (at >= end) {
        return false;
    }
    const char *whole = memmem(at, (size_t)(end - at), "(/", 2);
    *out = (struct stg_cursor){at, whole != NULL && *at != '/' && end[-1] == ')' ? whole : end};
    return !same(out, "<NA>");
}

/* The name of a file among a call's arguments; what a new program was given is none. */
static bool read_named(const struct record *r, struct stg_cursor *out)
{
    static const char *const keys[] = {"name=", "filename=", "path=", "oldpath=", "target="};
    struct stg_cursor c = r->args;
    while (c.at < c.end && !stg_cursor_begins(&c, "exe=") && !stg_cursor_begins(&c, "args=")) {
        const char *const end = find_key(c.at, c.end);
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            if (stg_cursor_text(&c, keys[i])) {
                const char *joined = memmem(c.at, (size_t)(end - c.at), "newpath=", 8); /* some leave no blank */
                return trim_path(c.at, joined == NULL || i != 3 ? end : joined, out);
            }
        }
        c.at = end < c.end ? end + 1 : c.end;
    }
    return false;
}

/* The file of the descriptor at the front: "fd=3(<f>/etc/passwd)". */
static bool read_descriptor(const struct record *r, struct stg_cursor *out)
{
    int64_t number;
    struct stg_cursor c = r->args;
    if (!stg_cursor_text(&c, "fd=") || !stg_cursor_integer(&c, &number) || !stg_cursor_text(&c, "(<")) {
        return false;
    }
    const char *end = find_key(c.at, c.end), *at = memchr(c.at, '>', (size_t)(end - c.at));
    return at != NULL && trim_path(at + 1, end, out) && *out->at == '/' && *--out->end == ')';
}

/* The file that the call is given by its name, or at its entry by a descriptor of which sysdig tells it. */
static enum stg_status name_file(struct sysdig *s, const struct record *r, struct stg_event *e)
{
    struct stg_cursor path;
    struct stg_text_places places;
    STG_RETURN_IF_FAILED(stg_text_places(&s->text, e->name, &places));
    const bool named = places.path >= 0 ? read_named(r, &path) : r->entry && read_descriptor(r, &path);
    return named ? stg_text_path(&s->text, path.at, stg_cursor_left(&path), e) : STG_OK;
}

/* --- The source --- */

static bool is_call(const struct record *r)
{
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (same(&r->call, others[i])) {
            return false;
        }
    }
    return true;
}

static enum stg_status put(struct sysdig *s, const struct record *r, uint64_t ts_ns)
{
    struct stg_text *t = &s->text;
    uint32_t name = STG_NAME_NONE, comm = STG_NAME_NONE;
    const bool lost = same(&r->call, "drop");
    if (!lost) {
        STG_RETURN_IF_FAILED(stg_text_name(t, r->call.at, stg_cursor_left(&r->call), &name));
        if (r->comm.at < r->comm.end) {
            STG_RETURN_IF_FAILED(stg_text_comm(t, r->comm.at, stg_cursor_left(&r->comm), &comm));
        }
    }
    const enum stg_event_kind kind = lost ? STG_EVENT_LOST : r->entry ? STG_EVENT_ENTRY : STG_EVENT_EXIT;
    struct stg_event *e = stg_text_put(t, kind, lost ? 1 : 0);
    if (e == NULL) {
        return stg_fail(STG_ERR_INTERNAL, "sysdig: a line gave too many events");
    }
    e->ts_ns = ts_ns;
    e->name = name;
    e->comm = comm;
    e->cpu = r->cpu;
    e->has = (uint16_t)(STG_HAS_TIME | (r->has_cpu ? STG_HAS_CPU : 0));
    if (lost) {
        return STG_OK;
    }
    e->tid = r->tid;
    e->pid = r->pid;
    e->has |= (uint16_t)((r->tid > 0 ? STG_HAS_TID : 0) | (r->pid > 0 ? STG_HAS_PID : 0) |
                         (comm == STG_NAME_NONE ? 0 : STG_HAS_COMM));
    if (r->entry) {
        e->n_args = read_args(r, e->args);
    } else if (read_ret(r, &e->ret)) {
        e->has |= STG_HAS_RET;
    }
    return name_file(s, r, e);
}

static void compare_times(struct sysdig *s, uint64_t ts_ns)
{
    if (s->any) {
        s->n_forward += ts_ns > s->last_ns;
        s->n_backward += ts_ns < s->last_ns;
    }
    s->last_ns = ts_ns;
}

/* Standard input and pipes cannot be read from their end. */
static enum stg_status check_direction(const struct sysdig *s)
{
    if (s->n_backward > s->n_forward && s->n_forward + s->n_backward >= LOOK_AHEAD && !s->text.reversed) {
        return stg_text_fail(
            &s->text, "the lines are newest first: give the file by its name, so that it can be read from its end");
    }
    return STG_OK;
}

/* Times that go back about as often as forth are those since the line before. */
static enum stg_status check_relative(const struct sysdig *s, uint64_t least)
{
    const uint64_t n = s->n_forward + s->n_backward,
                   fewer = s->n_forward < s->n_backward ? s->n_forward : s->n_backward;
    if (s->time != TIME_RELATIVE || n < least || fewer * 4 <= n) {
        return STG_OK;
    }
    return stg_text_fail(&s->text,
                         "the times go back and forth, as those since the line before do: write the text without -t d");
}

static enum stg_status step(struct stg_text *t)
{
    struct sysdig *s = (struct sysdig *)t;
    const char *line;
    size_t len;
    struct record r;
    STG_RETURN_IF_FAILED(stg_lines_next(t->lines, &line, &len));
    if (line == NULL) {
        t->ended = true;
        STG_RETURN_IF_FAILED(check_relative(s, FEW_TIMES));
        return stg_text_check_known(t, s->any, "system call as sysdig prints it");
    }
    const bool read = read_line(line, len, &r);
    if (read && !s->any) {
        s->time = r.time;
        t->has_clock = r.time == TIME_EPOCH;
    }
    if (!read || !is_call(&r) || r.time != s->time) {
        t->n_skipped += len > 0 ? 1 : 0;
        s->any |= read;
        return STG_OK;
    }
    const uint64_t ts_ns = r.time == TIME_DAY ? stg_daytime_unwrap(&s->daytime, r.ts_ns) : r.ts_ns;
    compare_times(s, ts_ns);
    s->any = true;
    if (!s->regular) {
        STG_RETURN_IF_FAILED(check_direction(s));
    }
    STG_RETURN_IF_FAILED(check_relative(s, LOOK_AHEAD));
    return put(s, &r, ts_ns);
}

/* Looks at the times of the first events: *reversed when more of them go back than forth. */
static enum stg_status look_ahead(const char *path, bool *reversed)
{
    enum stg_status status;
    struct stg_lines *lines = NULL;
    struct sysdig s = {0};
    struct record r;
    const char *line;
    size_t len;
    size_t n_lines = 0;
    *reversed = false;
    STG_TRY(stg_lines_open(&lines, path, STG_TEXT_LINE_MAX));
    while (n_lines++ < 64 * LOOK_AHEAD && s.n_forward + s.n_backward < LOOK_AHEAD) {
        STG_TRY(stg_lines_next(lines, &line, &len));
        if (line == NULL) {
            break;
        }
        if (read_line(line, len, &r)) {
            compare_times(&s, r.time == TIME_DAY ? stg_daytime_unwrap(&s.daytime, r.ts_ns) : r.ts_ns);
            s.any = true;
        }
    }
    *reversed = s.n_backward > s.n_forward;
    status = STG_OK;
out:
    stg_lines_free(lines);
    return status;
}

static bool matches(const char *line, size_t len)
{
    struct record r;
    return read_line(line, len, &r);
}

static int sysdig_probe(const char *path, const uint8_t *head, size_t n_head)
{
    (void)path;
    return stg_text_probe(head, n_head, matches);
}

static void sysdig_close(struct stg_source *s)
{
    stg_text_fini((struct stg_text *)s);
    stg_mem_free(s);
}

static enum stg_status sysdig_open(struct stg_source **out, const char *path)
{
    enum stg_status status;
    struct sysdig *s = NULL;
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s, 1, sizeof *s));
    STG_TRY(stg_text_init(&s->text, &stg_import_sysdig, path, step));
    STG_TRY(stg_text_keep_paths(&s->text));
    STG_TRY(stg_text_is_regular(path, &s->regular));
    if (s->regular) {
        STG_TRY(look_ahead(path, &s->text.reversed));
    }
    STG_TRY(s->text.reversed ? stg_lines_open_reversed(&s->text.lines, path, STG_TEXT_LINE_MAX)
                             : stg_lines_open(&s->text.lines, path, STG_TEXT_LINE_MAX));
    *out = &s->text.source;
    return STG_OK;
out:
    sysdig_close(&s->text.source);
    return status;
}

const struct stg_source_ops stg_import_sysdig = {
    .name = "sysdig",
    .summary = "text of sysdig, oldest or newest first",
    .probe = sysdig_probe,
    .open = sysdig_open,
    .next = stg_text_next,
    .info = stg_text_info,
    .close = sysdig_close,
};
