/* Text import: batches, names, messages and the cursor that the text sources share. */
#include "import/text.h"

#include "base/memory.h"
#include "event/syscalls.h"
#include "import/clean.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DAY_NS (UINT64_C(86400) * 1000000000)

enum stg_status stg_text_init(struct stg_text *t, const struct stg_source_ops *ops, const char *path,
                              enum stg_status (*step)(struct stg_text *t))
{
    t->source.ops = ops;
    t->step = step;
    STG_RETURN_IF_FAILED(stg_mem_strdup(&t->path, path));
    t->file = t->path;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&t->events, STG_TEXT_BATCH, sizeof *t->events));
    STG_RETURN_IF_FAILED(stg_strings_new(&t->source.names));
    return stg_strings_new(&t->source.comms);
}

void stg_text_fini(struct stg_text *t)
{
    stg_lines_free(t->lines);
    stg_strings_free(t->source.names);
    stg_strings_free(t->source.comms);
    stg_strings_free(t->source.paths);
    stg_mem_free(t->places);
    stg_mem_free(t->events);
    stg_mem_free(t->files);
    stg_mem_free(t->path);
}

enum stg_status stg_text_next(struct stg_source *s, const struct stg_event **events, size_t *n)
{
    struct stg_text *t = (struct stg_text *)s;
    t->n = 0;
    *events = t->events;
    *n = 0;
    while (!t->ended && t->n + STG_TEXT_STEP <= STG_TEXT_BATCH) {
        STG_RETURN_IF_FAILED(t->step(t));
    }
    *n = t->n;
    return STG_OK;
}

void stg_text_info(const struct stg_source *s, struct stg_source_info *out)
{
    const struct stg_text *t = (const struct stg_text *)s;
    const uint64_t total = t->total != 0 || t->lines == NULL ? t->total : stg_lines_size(t->lines);
    *out = (struct stg_source_info){
        .format = s->ops->name,
        .path = t->path,
        .n_events = t->n_events,
        .n_lost = t->n_lost,
        .n_gaps = t->n_gaps,
        .n_skipped = t->n_skipped,
        .n_no_path = t->n_no_path,
        .done = t->done_before + (t->lines == NULL ? 0 : stg_lines_offset(t->lines)),
        .total = total,
        .has_sequences = t->has_sequences,
        .no_markers = 1,
        .has_clock = t->has_clock,
        .files = t->files,
        .n_files = t->n_files,
    };
}

enum stg_status stg_text_is_regular(const char *path, bool *out)
{
    struct stat st;
    *out = false;
    if (strcmp(path, "-") == 0) {
        return STG_OK;
    }
    if (stat(path, &st) != 0) {
        return stg_fail_errno("%s: cannot look at it", path);
    }
    *out = S_ISREG(st.st_mode);
    return STG_OK;
}

struct stg_event *stg_text_put(struct stg_text *t, enum stg_event_kind kind, uint64_t n_lost)
{
    if (t->n == STG_TEXT_BATCH) {
        return NULL;
    }
    struct stg_event *e = &t->events[t->n++];
    *e = (struct stg_event){.kind = (uint8_t)kind, .name = STG_NAME_NONE, .comm = STG_NAME_NONE, .n_lost = n_lost};
    if (kind == STG_EVENT_LOST) {
        t->n_gaps++;
        t->n_lost = n_lost > UINT64_MAX - t->n_lost ? UINT64_MAX : t->n_lost + n_lost;
    } else if (kind != STG_EVENT_BEGIN && kind != STG_EVENT_END) {
        t->n_events++;
    }
    return e;
}

static enum stg_status intern(struct stg_text *t, struct stg_strings *table, const char *text, size_t len, uint32_t *id,
                              const char *what, const char *remedy)
{
    len = len > STG_TEXT_MAX_NAME_LEN ? STG_TEXT_MAX_NAME_LEN : len;
    *id = stg_strings_find(table, text, len);
    if (*id != STG_STRINGS_NONE) {
        return STG_OK;
    }
    if (stg_strings_count(table) >= STG_TEXT_MAX_NAMES) {
        return stg_text_fail(t, "more than %d different %s: %s", STG_TEXT_MAX_NAMES, what, remedy);
    }
    return stg_strings_put(table, text, len, id);
}

enum stg_status stg_text_name(struct stg_text *t, const char *text, size_t len, uint32_t *id)
{
    return intern(t, t->source.names, text, len, id, "call names",
                  "the file is damaged or of another format; name the right one with --format");
}

/* Threads that are many may each have a name of its own. */
enum stg_status stg_text_comm(struct stg_text *t, const char *text, size_t len, uint32_t *id)
{
    return intern(t, t->source.comms, text, len, id, "thread names",
                  "a vocabulary has no room for more; write the text without names, or cut the file into shorter ones");
}

enum stg_status stg_text_number_name(struct stg_text *t, int64_t number, uint32_t *id)
{
    const char *known = stg_syscall_name(number);
    char made[40];
    if (known == NULL) {
        known = made;
        if (number < 0) {
            snprintf(made, sizeof made, "<unknown>");
        } else {
            snprintf(made, sizeof made, "syscall_%" PRId64, number);
        }
    }
    return stg_text_name(t, known, strlen(known), id);
}

enum stg_status stg_text_keep_paths(struct stg_text *t)
{
    return stg_strings_new(&t->source.paths);
}

enum stg_status stg_text_places(struct stg_text *t, uint32_t name, struct stg_text_places *out)
{
    const size_t before = t->cap_places;
    STG_RETURN_IF_FAILED(stg_mem_grow(&t->places, &t->cap_places, (size_t)name + 1, sizeof *t->places));
    if (t->cap_places > before) {
        memset(t->places + before, 0, (t->cap_places - before) * sizeof *t->places);
    }
    if (!t->places[name].known) {
        const char *call = stg_strings_get(t->source.names, name);
        t->places[name] = (struct stg_text_places){true, (int8_t)stg_syscall_path_index(call),
                                                   (int8_t)stg_syscall_descriptor_index(call)};
    }
    *out = t->places[name];
    return STG_OK;
}

enum stg_status stg_text_path(struct stg_text *t, const char *text, size_t len, struct stg_event *e)
{
    char cleaned[STG_TEXT_MAX_PATH_LEN];
    const size_t n = stg_import_clean(cleaned, sizeof cleaned, text, len);
    uint32_t id = stg_strings_find(t->source.paths, cleaned, n);
    if (n == 0) {
        return STG_OK;
    }
    if (id == STG_STRINGS_NONE && stg_strings_count(t->source.paths) >= STG_TEXT_MAX_PATHS) {
        t->n_no_path++;
        return STG_OK;
    }
    if (id == STG_STRINGS_NONE) {
        STG_RETURN_IF_FAILED(stg_strings_put(t->source.paths, cleaned, n, &id));
    }
    e->path = id;
    e->has |= STG_HAS_PATH;
    return STG_OK;
}

enum stg_status stg_text_of_file(struct stg_text *t)
{
    STG_RETURN_IF_FAILED(stg_mem_grow(&t->files, &t->cap_files, t->n_files + 1, sizeof *t->files));
    t->files[t->n_files++] = t->file;
    return STG_OK;
}

enum stg_status stg_text_fail(const struct stg_text *t, const char *fmt, ...)
{
    char what[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    if (t->lines == NULL) {
        return stg_fail(STG_ERR_INPUT, "%s: %s", t->file, what);
    }
    return stg_fail(STG_ERR_INPUT, "%s: line %" PRIu64 "%s: %s", t->file, stg_lines_number(t->lines),
                    t->reversed ? " from the end" : "", what);
}

enum stg_status stg_text_check_known(const struct stg_text *t, bool any, const char *what)
{
    if (any) {
        return STG_OK;
    }
    return stg_fail(STG_ERR_INPUT,
                    "%s: no %s in it: give the text that the tracer wrote, or name its format with --format", t->file,
                    what);
}

/* --- The cursor --- */

void stg_cursor_spaces(struct stg_cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t')) {
        c->at++;
    }
}

bool stg_cursor_begins(const struct stg_cursor *c, const char *text)
{
    const size_t len = strlen(text);
    return stg_cursor_left(c) >= len && memcmp(c->at, text, len) == 0;
}

bool stg_cursor_text(struct stg_cursor *c, const char *text)
{
    if (!stg_cursor_begins(c, text)) {
        return false;
    }
    c->at += strlen(text);
    return true;
}

static unsigned digit_value(char ch)
{
    if (ch >= '0' && ch <= '9') {
        return (unsigned)(ch - '0');
    }
    if (ch >= 'a' && ch <= 'f') {
        return (unsigned)(ch - 'a') + 10;
    }
    return ch >= 'A' && ch <= 'F' ? (unsigned)(ch - 'A') + 10 : 99;
}

/* Digits of a base; false when there is none or the value does not fit. */
static bool read_digits(struct stg_cursor *c, unsigned base, uint64_t *out)
{
    const char *at = c->at;
    uint64_t value = 0;
    for (; at < c->end && digit_value(*at) < base; at++) {
        const unsigned digit = digit_value(*at);
        if (value > (UINT64_MAX - digit) / base) {
            return false;
        }
        value = value * base + digit;
    }
    if (at == c->at) {
        return false;
    }
    c->at = at;
    *out = value;
    return true;
}

bool stg_cursor_u64(struct stg_cursor *c, uint64_t *out)
{
    return read_digits(c, 10, out);
}

bool stg_cursor_hex(struct stg_cursor *c, uint64_t *out)
{
    return read_digits(c, 16, out);
}

bool stg_cursor_integer(struct stg_cursor *c, int64_t *out)
{
    struct stg_cursor at = *c;
    const bool negative = stg_cursor_text(&at, "-");
    uint64_t value = 0;
    unsigned base = 10;
    if (stg_cursor_text(&at, "0x")) {
        base = 16;
    } else if (stg_cursor_left(&at) > 1 && at.at[0] == '0' && digit_value(at.at[1]) < 8) {
        base = 8;
    }
    if (!read_digits(&at, base, &value) || (negative && value > (uint64_t)INT64_MAX + 1)) {
        return false;
    }
    *out = (int64_t)(negative ? 0 - value : value);
    *c = at;
    return true;
}

bool stg_cursor_id(struct stg_cursor *c, int32_t *out)
{
    struct stg_cursor at = *c;
    uint64_t value = 0;
    if (!read_digits(&at, 10, &value) || value == 0 || value > INT32_MAX) {
        return false;
    }
    *out = (int32_t)value;
    *c = at;
    return true;
}

/* ".FRACTION" with 1 to 9 digits, in ns. */
static bool read_fraction(struct stg_cursor *c, uint64_t *ns)
{
    struct stg_cursor at = *c;
    uint64_t value = 0;
    if (!stg_cursor_text(&at, ".")) {
        return false;
    }
    const char *first = at.at;
    if (!read_digits(&at, 10, &value) || at.at - first > 9) {
        return false;
    }
    for (ptrdiff_t i = at.at - first; i < 9; i++) {
        value *= 10;
    }
    *ns = value;
    *c = at;
    return true;
}

bool stg_cursor_seconds(struct stg_cursor *c, uint64_t *ns)
{
    struct stg_cursor at = *c;
    uint64_t seconds = 0, fraction = 0;
    /* Up to the year 2262, so that every time also fits a signed number. */
    if (!read_digits(&at, 10, &seconds) || seconds >= INT64_MAX / 1000000000 || !read_fraction(&at, &fraction)) {
        return false;
    }
    *ns = seconds * 1000000000 + fraction;
    *c = at;
    return true;
}

bool stg_cursor_daytime(struct stg_cursor *c, uint64_t *ns)
{
    struct stg_cursor at = *c;
    uint64_t hours = 0, minutes = 0, seconds = 0, fraction = 0;
    if (!read_digits(&at, 10, &hours) || !stg_cursor_text(&at, ":") || !read_digits(&at, 10, &minutes) ||
        !stg_cursor_text(&at, ":") || !read_digits(&at, 10, &seconds) || !read_fraction(&at, &fraction) || hours > 23 ||
        minutes > 59 || seconds > 60) {
        return false;
    }
    *ns = ((hours * 60 + minutes) * 60 + seconds) * 1000000000 + fraction;
    *c = at;
    return true;
}

bool stg_cursor_word(struct stg_cursor *c, const char **word, size_t *len)
{
    const char *at = c->at;
    while (at < c->end &&
           ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') || *at == '_')) {
        at++;
    }
    if (at == c->at) {
        return false;
    }
    *word = c->at;
    *len = (size_t)(at - c->at);
    c->at = at;
    return true;
}

uint64_t stg_daytime_unwrap(struct stg_daytime *d, uint64_t ns)
{
    if (ns < d->last && d->last - ns > DAY_NS / 2 && d->days < INT64_MAX - 2 * DAY_NS) {
        d->days += DAY_NS;
    } else if (ns > d->last && ns - d->last > DAY_NS / 2 && d->days > 0) {
        d->days -= DAY_NS; /* a late line of the day before */
    }
    d->last = ns;
    return d->days + ns;
}

int stg_text_probe(const uint8_t *head, size_t n_head, bool (*match)(const char *line, size_t len))
{
    size_t n_lines = 0, n_match = 0;
    const char *at = (const char *)head;
    const char *const end = at + n_head;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL && n_lines > 0) {
            break; /* the last line may be cut off */
        }
        stop = stop == NULL ? end : stop;
        const size_t n = (size_t)(stop - at), len = n > 0 && at[n - 1] == '\r' ? n - 1 : n;
        struct stg_cursor c = stg_cursor_of(at, len);
        stg_cursor_spaces(&c);
        if (c.at < c.end) { /* blank lines say nothing */
            n_lines++;
            n_match += match(at, len) ? 1 : 0;
        }
        at = stop < end ? stop + 1 : end;
    }
    if (n_match == 0) {
        return 0;
    }
    return n_match == n_lines ? 95 : (int)(10 + 80 * n_match / n_lines);
}
