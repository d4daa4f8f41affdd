/* strace import: one line taken apart. Arguments may hold anything in quotes, so they are walked with their quotes and
 * brackets. */
#include "import/strace_line.h"

#include "event/syscalls.h"
#include "import/text.h"

#include <string.h>

#define MESSAGE      "strace: Process "
#define TID_MAX      4194304                            /* Linux gives no greater ones (PID_MAX_LIMIT) */
#define EPOCH_MIN_NS (UINT64_C(100000000) * 1000000000) /* 1973; smaller times are relative ones */

/* --- Prefix --- */

/* "12", or "12<sh>" with -Y; strace writes a '>' of a name as "\76". */
static bool read_id(struct stg_cursor *c, struct strace_line *l)
{
    if (!stg_cursor_id(c, &l->tid)) {
        return false;
    }
    if (stg_cursor_text(c, "<")) {
        const char *close = memchr(c->at, '>', stg_cursor_left(c));
        if (close == NULL) {
            return false;
        }
        l->comm = c->at;
        l->comm_len = (size_t)(close - c->at);
        c->at = close + 1;
    }
    return true;
}

/* "[pid 12] " or "12 " or nothing. */
static void read_thread(struct stg_cursor *c, struct strace_line *l)
{
    struct stg_cursor at = *c;
    if (stg_cursor_text(&at, "[pid ")) {
        stg_cursor_spaces(&at);
        l->bracketed = true;
        if (!read_id(&at, l) || !stg_cursor_text(&at, "]")) {
            l->tid = 0;
            return;
        }
    } else if (!read_id(&at, l) || at.at == at.end || *at.at != ' ' || l->tid > TID_MAX) {
        l->tid = 0;
        return;
    }
    stg_cursor_spaces(&at);
    *c = at;
}

static void read_time(struct stg_cursor *c, struct strace_line *l)
{
    uint64_t ns, part;
    stg_cursor_spaces(c);
    if (stg_cursor_seconds(c, &ns)) {
        l->time = ns >= EPOCH_MIN_NS ? STRACE_TIME_EPOCH : STRACE_TIME_NONE;
        l->ts_ns = ns;
    } else if (stg_cursor_daytime(c, &ns)) {
        l->time = STRACE_TIME_DAY;
        l->ts_ns = ns;
    } else {
        struct stg_cursor at = *c; /* -t, or whole seconds */
        if (stg_cursor_u64(&at, &part) &&
            (stg_cursor_begins(&at, " ") || (stg_cursor_text(&at, ":") && stg_cursor_u64(&at, &part) &&
                                             stg_cursor_text(&at, ":") && stg_cursor_u64(&at, &part)))) {
            *c = at;
        }
    }
    stg_cursor_spaces(c);
    struct stg_cursor at = *c; /* -r beside -t: "(+     0.000012)" */
    if (stg_cursor_text(&at, "(+")) {
        stg_cursor_spaces(&at);
        if (stg_cursor_seconds(&at, &ns) && stg_cursor_text(&at, ")")) {
            stg_cursor_spaces(&at);
            *c = at;
        }
    }
}

/* -n and -i: "[ 257] ", "[00007f…] " */
static void skip_brackets(struct stg_cursor *c)
{
    uint64_t value;
    struct stg_cursor at = *c;
    while (stg_cursor_text(&at, "[")) {
        stg_cursor_spaces(&at);
        if (!stg_cursor_hex(&at, &value) || !stg_cursor_text(&at, "]")) {
            return;
        }
        stg_cursor_spaces(&at);
        *c = at;
    }
}

static void read_prefix(struct stg_cursor *c, struct strace_line *l)
{
    read_thread(c, l);
    read_time(c, l);
    skip_brackets(c);
}

/* --- Arguments --- */

/* at is behind an opening quote; behind the closing one, or end. */
static const char *skip_quoted(const char *at, const char *end)
{
    while (at < end && *at != '"') {
        at += *at == '\\' && end - at > 1 ? 2 : 1;
    }
    return at < end ? at + 1 : end;
}

/* at is at the '<' of a descriptor's path (-y), which may hold another (-yy: "</dev/null<char 1:3>>"); behind its '>',
 * or at + 1 when it is none. A "->" belongs to an address. A third '<' ends the search, so that many of them take no
 * longer than few. */
static const char *skip_decoration(const char *begin, const char *at, const char *end)
{
    unsigned depth = 1;
    const bool after_word =
        at > begin && (((at[-1] | 32) >= 'a' && (at[-1] | 32) <= 'z') || (at[-1] >= '0' && at[-1] <= '9'));
    if (!after_word || (end - at > 1 && at[1] == '<')) {
        return at + 1;
    }
    for (const char *p = at + 1; p < end && depth <= 2; p++) {
        if (*p == '<') {
            depth++;
        } else if (*p == '>' && p[-1] != '-' && --depth == 0) {
            return p + 1;
        }
    }
    return at + 1;
}

/* at is within arguments that start at begin; the next comma at their level, or the bracket that closes them, or end.
 */
static const char *find_stop(const char *begin, const char *at, const char *end)
{
    size_t depth = 0;
    while (at < end) {
        const char ch = *at;
        if (ch == '"') {
            at = skip_quoted(at + 1, end);
            continue;
        }
        if (ch == '<') {
            at = skip_decoration(begin, at, end);
            continue;
        }
        if (ch == '(' || ch == '[' || ch == '{') {
            depth++;
        } else if (ch == ')' || ch == ']' || ch == '}') {
            if (depth == 0) {
                return at;
            }
            depth--;
        } else if (ch == ',' && depth == 0) {
            return at;
        }
        at++;
    }
    return end;
}

/* at is behind the call's '('; the ')' that closes it, or NULL when the line ends before. */
static const char *find_close(const char *begin, const char *end)
{
    const char *at = find_stop(begin, begin, end);
    while (at < end && *at == ',') {
        at = find_stop(begin, at + 1, end);
    }
    return at < end && *at == ')' ? at : NULL;
}

/* The integers at the front: "3", "0x7f…", "3</etc/hosts>", "NULL", "AT_FDCWD". */
static void read_args(struct stg_cursor c, struct strace_line *l)
{
    l->text = c.at;
    l->text_len = stg_cursor_left(&c);
    const char *begin = c.at;
    while (l->n_args < STG_EVENT_MAX_ARGS) {
        int64_t value = 0;
        stg_cursor_spaces(&c);
        if (stg_cursor_text(&c, "AT_FDCWD")) {
            value = -100;
        } else if (!stg_cursor_text(&c, "NULL") && !stg_cursor_integer(&c, &value)) {
            return;
        }
        if (c.at < c.end && *c.at == '<') {
            c.at = skip_decoration(begin, c.at, c.end);
            (void)stg_cursor_text(&c, "(deleted)");
        }
        stg_cursor_spaces(&c);
        if (c.at < c.end && *c.at != ',' && *c.at != '<') {
            return; /* "1<<2", an integer with a comment: more than an integer */
        }
        l->args[l->n_args++] = (uint64_t)value;
        if (!stg_cursor_text(&c, ",")) {
            return;
        }
    }
}

/* --- Result --- */

/* "<0.000012>" at the end of the rest. */
static void read_duration(const struct stg_cursor *c, struct strace_line *l)
{
    const char *open = memrchr(c->at, '<', stg_cursor_left(c));
    if (open == NULL) {
        return;
    }
    struct stg_cursor at = {open + 1, c->end};
    l->has_duration = stg_cursor_seconds(&at, &l->duration_ns) && stg_cursor_text(&at, ">");
    if (l->has_duration && l->duration_ns > INT64_MAX / 4) {
        l->has_duration = false;
    }
}

/* The error's name behind "-1 " or "? ", as −errno; class only when the name is not known. Errors without a name:
 * "(errno 600)". */
static void read_error(struct stg_cursor *c, struct strace_line *l)
{
    enum { ERRNO_MAX = 4095 };
    const char *word;
    size_t len;
    uint64_t number;
    if (stg_cursor_text(c, "(errno ") && stg_cursor_u64(c, &number) && number > 0 && number <= ERRNO_MAX) {
        l->ret = -(int64_t)number;
        l->has_ret = true;
        return;
    }
    if (!stg_cursor_word(c, &word, &len) || word[0] != 'E') {
        return;
    }
    const int error = stg_errno_number(word, len);
    l->ret = error > 0 ? -(int64_t)error : -1;
    l->ret_class = error == 0;
    l->has_ret = true;
}

/* c is behind the closing ')': " = 3 <0.000012>", " = -1 EAGAIN (…)", " = ? ERESTARTSYS (…)", " = ?" */
static bool read_result(struct stg_cursor c, struct strace_line *l)
{
    stg_cursor_spaces(&c);
    if (!stg_cursor_text(&c, "=")) {
        return false;
    }
    stg_cursor_spaces(&c);
    if (stg_cursor_text(&c, "?")) {
        stg_cursor_spaces(&c);
        read_error(&c, l);
        l->has_exit = l->has_ret; /* "= ?" alone: the thread ended inside the call */
    } else if (stg_cursor_integer(&c, &l->ret)) {
        l->has_exit = l->has_ret = true;
        stg_cursor_spaces(&c);
        if (l->ret == -1) {
            read_error(&c, l);
        }
    } else {
        return false;
    }
    read_duration(&c, l);
    return true;
}

/* --- Lines --- */

/* "<... poll resumed>…) = 0" */
static bool read_resumed(struct stg_cursor c, struct strace_line *l)
{
    l->what = STRACE_RESUMED;
    if (!stg_cursor_text(&c, "<... ") || !stg_cursor_word(&c, &l->name, &l->name_len) ||
        !stg_cursor_text(&c, " resumed>")) {
        return false;
    }
    const char *close = find_close(c.at, c.end);
    return close != NULL && read_result((struct stg_cursor){close + 1, c.end}, l);
}

/* Where the part of the line ends that belongs to a call that has not returned, NULL when it is not one. */
static const char *find_unfinished(const struct stg_cursor *c, struct strace_line *l)
{
    static const char *const marks[] = {"<unfinished ...>", "<detached ...>", "<ptrace(SYSCALL):No such process>"};
    struct stg_cursor trimmed = *c;
    while (trimmed.end > trimmed.at && (trimmed.end[-1] == ' ' || trimmed.end[-1] == '\r')) {
        trimmed.end--;
    }
    l->what = STRACE_UNFINISHED;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        const size_t len = strlen(marks[i]);
        if (stg_cursor_left(&trimmed) >= len && memcmp(trimmed.end - len, marks[i], len) == 0) {
            return trimmed.end - len;
        }
    }
    /* An execve() of another than the first thread. */
    const char *last = memrchr(c->at, '<', stg_cursor_left(c));
    struct stg_cursor changed = {last, trimmed.end};
    if (last != NULL && stg_cursor_text(&changed, "<pid changed to ") && stg_cursor_id(&changed, &l->heir)) {
        return last;
    }
    l->what = STRACE_BROKEN;
    return memmem(c->at, stg_cursor_left(c), MESSAGE, strlen(MESSAGE));
}

static bool read_call(struct stg_cursor c, struct strace_line *l)
{
    if (!stg_cursor_word(&c, &l->name, &l->name_len) || !stg_cursor_text(&c, "(") ||
        (l->name[0] >= '0' && l->name[0] <= '9')) {
        return false;
    }
    l->what = STRACE_CALL;
    const char *close = find_close(c.at, c.end);
    if (close != NULL && read_result((struct stg_cursor){close + 1, c.end}, l)) {
        read_args((struct stg_cursor){c.at, close}, l);
        return true;
    }
    const char *stop = find_unfinished(&c, l);
    if (stop == NULL) {
        return false;
    }
    read_args((struct stg_cursor){c.at, stop}, l);
    return true;
}

bool strace_line_read(struct strace_line *out, const char *line, size_t len)
{
    struct stg_cursor c = stg_cursor_of(line, len);
    *out = (struct strace_line){0};
    read_prefix(&c, out);
    return stg_cursor_begins(&c, "<... ") ? read_resumed(c, out) : read_call(c, out);
}

bool strace_line_continue(struct strace_line *out, const char *line, size_t len)
{
    const char *close = find_close(line, line + len);
    *out = (struct strace_line){0};
    return close != NULL && read_result((struct stg_cursor){close + 1, line + len}, out);
}

bool strace_line_known(struct strace_end *out, const char *line, size_t len)
{
    struct stg_cursor c = stg_cursor_of(line, len);
    struct strace_line l = {0};
    *out = (struct strace_end){0};
    if (stg_cursor_begins(&c, MESSAGE)) {
        return true;
    }
    read_prefix(&c, &l);
    if (stg_cursor_begins(&c, "+++ exited with ") || stg_cursor_begins(&c, "+++ killed by ")) {
        out->gone = l.tid;
        return true;
    }
    if (stg_cursor_text(&c, "+++ superseded by execve in pid ")) {
        out->superseded = stg_cursor_id(&c, &out->gone);
        out->heir = l.tid;
        return true;
    }
    return stg_cursor_begins(&c, "--- SIG") || stg_cursor_begins(&c, "--- stopped by ");
}

bool strace_line_makes_thread(const struct strace_line *l)
{
    static const char *const calls[] = {"clone", "clone3", "fork", "vfork"};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (strlen(calls[i]) == l->name_len && memcmp(calls[i], l->name, l->name_len) == 0) {
            return true;
        }
    }
    return false;
}

/* The string behind `in_front`, without its quotes; an escaped character is taken as it stands. */
static const char *quoted(const struct strace_line *l, const char *in_front, size_t *len)
{
    struct stg_cursor c = {l->text, l->text + l->text_len};
    if (!stg_cursor_text(&c, in_front)) {
        return NULL;
    }
    const char *end = c.at;
    while (end < c.end && *end != '"') {
        end += *end == '\\' && end + 1 < c.end ? 2 : 1;
    }
    *len = (size_t)(end - c.at);
    return c.at;
}

const char *strace_line_comm(const struct strace_line *l, size_t *len)
{
    enum { COMM_MAX = 15 };
    const char *name = NULL;
    if (l->text == NULL) {
        return NULL;
    }
    if (l->name_len == strlen("execve") && memcmp(l->name, "execve", l->name_len) == 0) {
        name = quoted(l, "\"", len);
        for (const char *slash; name != NULL && (slash = memchr(name, '/', *len)) != NULL;) {
            *len -= (size_t)(slash + 1 - name);
            name = slash + 1;
        }
    } else if (l->name_len == strlen("prctl") && memcmp(l->name, "prctl", l->name_len) == 0) {
        name = quoted(l, "PR_SET_NAME, \"", len);
    }
    if (name == NULL || *len == 0) {
        return NULL;
    }
    *len = *len < COMM_MAX ? *len : COMM_MAX;
    return name;
}

/* The argument at index, without blanks in front. */
static bool argument(const struct strace_line *l, int index, struct stg_cursor *out)
{
    if (l->text == NULL || index < 0) {
        return false;
    }
    const char *const end = l->text + l->text_len;
    const char *at = l->text;
    for (int i = 0; i < index; i++) {
        at = find_stop(l->text, at, end);
        if (at == end || *at != ',') {
            return false;
        }
        at++;
    }
    *out = (struct stg_cursor){at, find_stop(l->text, at, end)};
    stg_cursor_spaces(out);
    return true;
}

/* Digits of a base, at most n; how many there were. */
static int read_code(struct stg_cursor *c, unsigned base, int n, unsigned *code)
{
    int i = 0;
    *code = 0;
    for (; i < n && c->at < c->end; i++) {
        const char ch = *c->at;
        const unsigned letter = (unsigned char)(ch | 32), digit = ch <= '9' ? (unsigned)(ch - '0') : letter - 'a' + 10;
        if (digit >= base) {
            break;
        }
        *code = *code * base + digit;
        c->at++;
    }
    return i;
}

/* The character behind a backslash: "n", "\"", "303", "xc3". */
static char read_escape(struct stg_cursor *c)
{
    static const char from[] = "nrtvf", to[] = "\n\r\t\v\f";
    unsigned code;
    if (read_code(c, 8, 3, &code) > 0) {
        return (char)code;
    }
    struct stg_cursor hex = {c->at + 1, c->end};
    if (*c->at == 'x' && read_code(&hex, 16, 2, &code) > 0) {
        *c = hex;
        return (char)code;
    }
    const char *found = strchr(from, *c->at);
    const char ch = *c->at++;
    return found != NULL && ch != '\0' ? to[found - from] : ch;
}

/* Unescapes up to `to` or, of a descriptor's, to what tells more of the file. False where the end is missing. */
static bool unescape(struct stg_cursor *c, char to, char out[STRACE_PATH_SIZE], size_t *len)
{
    *len = 0;
    while (c->at < c->end && *c->at != to && (to != '>' || *c->at != '<')) {
        char ch = *c->at++;
        if (ch == '\\' && c->at < c->end) {
            ch = read_escape(c);
        }
        if (*len < STRACE_PATH_SIZE) {
            out[(*len)++] = ch;
        }
    }
    return c->at < c->end;
}

bool strace_line_path(const struct strace_line *l, int index, char out[STRACE_PATH_SIZE], size_t *len)
{
    struct stg_cursor c;
    return argument(l, index, &c) && stg_cursor_text(&c, "\"") && unescape(&c, '"', out, len) &&
           stg_cursor_text(&c, "\"") && !stg_cursor_begins(&c, "...");
}

bool strace_line_descriptor_path(const struct strace_line *l, int index, char out[STRACE_PATH_SIZE], size_t *len)
{
    struct stg_cursor c;
    uint64_t number;
    return argument(l, index, &c) && stg_cursor_u64(&c, &number) && stg_cursor_begins(&c, "</") &&
           stg_cursor_text(&c, "<") && unescape(&c, '>', out, len);
}

int32_t strace_line_attached(const char *line, size_t len)
{
    const char *at = memmem(line, len, MESSAGE, strlen(MESSAGE));
    if (at == NULL) {
        return 0;
    }
    struct stg_cursor c = {at + strlen(MESSAGE), line + len};
    struct strace_line l = {0};
    return read_id(&c, &l) && stg_cursor_begins(&c, " attached") ? l.tid : 0;
}

int32_t strace_line_bracketed(const char *line, size_t len)
{
    struct stg_cursor c = stg_cursor_of(line, len);
    struct strace_line l = {0};
    read_thread(&c, &l);
    return l.bracketed ? l.tid : 0;
}
