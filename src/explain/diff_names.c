/* Names of files as they are counted, and their patterns. */
#include "explain/diff_names.h"

#include <stdio.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
    return is_digit(c) || is_upper(c) || (c >= 'a' && c <= 'z');
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static size_t span(const char *text, size_t max, bool (*is)(char c))
{
    size_t n = 0;
    while (n < max && is(text[n])) {
        n++;
    }
    return n;
}

static size_t component_len(const char *text)
{
    return strcspn(text, "/");
}

static bool is_below(const char *name, const char *dir)
{
    const size_t n = strlen(dir);
    return strncmp(name, dir, n) == 0 && name[n] == '/';
}

bool diff_name_is_temporary(const char *name)
{
    return is_below(name, "/tmp") || is_below(name, "/var/tmp") || is_below(name, "/dev/shm");
}

size_t diff_name_dir_len(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash == NULL ? 0 : (size_t)(slash - name) + 1;
}

/* What is written of a pattern; what does not fit is left out, which no pattern of a kept name reaches. */
struct pattern {
    char *out;
    size_t n, cap;
};

static void put(struct pattern *p, const char *text, size_t n)
{
    n = n < p->cap - 1 - p->n ? n : p->cap - 1 - p->n;
    memcpy(p->out + p->n, text, n);
    p->n += n;
    p->out[p->n] = '\0';
}

static void put_number(struct pattern *p)
{
    put(p, "<n>", 3);
}

void diff_name_keep_end(const char *path, char out[DIFF_NAME_BUFFER])
{
    const size_t len = strlen(path);
    const char *end = len <= DIFF_NAME_SIZE ? path : strchr(path + len - DIFF_NAME_SIZE, '/'); /* no character is cut */
    snprintf(out, DIFF_NAME_BUFFER, "%s%s", len <= DIFF_NAME_SIZE ? "" : "…", end == NULL ? "" : end);
}

void diff_name_keep(const char *path, char out[DIFF_NAME_BUFFER])
{
    char text[DIFF_NAME_BUFFER];
    struct pattern p = {out, 0, DIFF_NAME_BUFFER};
    diff_name_keep_end(path, text);
    const bool numbered = is_below(path, "/proc") || is_below(path, "/dev/pts");
    out[0] = '\0';
    for (const char *at = text; *at != '\0';) {
        const size_t n = component_len(at);
        if (numbered && n > 0 && span(at, n, is_digit) == n) {
            put_number(&p);
        } else {
            put(&p, at, n);
        }
        at += n;
        put(&p, at, *at == '/');
        at += *at == '/';
    }
}

/* --- Numbers and hashes --- */

static bool is_fixed(const char *name)
{
    static const char *const dirs[] = {"/usr", "/lib",  "/lib32", "/lib64", "/libx32",
                                       "/bin", "/sbin", "/etc",   "/opt",   "/boot"};
    for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
        if (is_below(name, dirs[i])) {
            return true;
        }
    }
    return false;
}

/* 8-4-4-4-12 hexadecimal digits. */
static size_t uuid_len(const char *text, size_t max)
{
    static const unsigned char parts[] = {8, 4, 4, 4, 12};
    size_t at = 0;
    for (size_t i = 0; i < sizeof parts; i++) {
        if (span(text + at, max - at, is_hex) != parts[i]) {
            return 0;
        }
        at += parts[i];
        if (i + 1 < sizeof parts && (at >= max || text[at++] != '-')) {
            return 0;
        }
    }
    return at;
}

/* Digits and letters up to f, both, and no other letters. */
static bool is_hash(const char *token, size_t n, size_t least)
{
    const size_t digits = span(token, n, is_digit);
    bool has_digit = digits > 0;
    for (size_t i = digits; i < n; i++) {
        has_digit |= is_digit(token[i]);
    }
    return n >= least && digits < n && has_digit && span(token, n, is_hex) == n;
}

/* "3.11", "6.0.1": one or two digits on both sides of a point. */
static bool is_version(const char *name, const char *digits, size_t n)
{
    const bool before = digits - name >= 2 && digits[-1] == '.' && is_digit(digits[-2]);
    const bool after = digits[n] == '.' && is_digit(digits[n + 1]);
    return n <= 2 && (before || after);
}

static void mask_token(struct pattern *p, const char *name, const char *token, size_t n, bool fixed)
{
    if (is_hash(token, n, fixed ? 8 : 4)) {
        put_number(p);
        return;
    }
    for (size_t i = 0; i < n;) {
        const size_t digits = span(token + i, n - i, is_digit);
        if (digits >= (fixed ? 5 : 2) && !is_version(name, token + i, digits)) {
            put_number(p);
        } else {
            put(p, token + i, digits > 0 ? digits : 1);
        }
        i += digits > 0 ? digits : 1;
    }
}

/* Whether there are hashes in it, which are often kept in directories by their first digits. */
static bool has_hash(const char *name)
{
    if (strstr(name, ".git/objects/") != NULL) {
        return true;
    }
    for (const char *at = name; *at != '\0'; at++) {
        const size_t n = span(at, strlen(at), is_alnum);
        if (is_hash(at, n, 16)) {
            return true;
        }
        at += n > 0 ? n - 1 : 0;
    }
    return false;
}

/* .git/objects/3f/a1b2…: the directory that a hash is in. */
static bool is_of_hash(const char *component, size_t n)
{
    return n > 0 && n <= 2 && span(component, n, is_hex) == n;
}

void diff_name_mask(const char *name, char out[DIFF_PATTERN_BUFFER])
{
    struct pattern p = {out, 0, DIFF_PATTERN_BUFFER};
    const bool fixed = is_fixed(name), hashed = has_hash(name);
    const char *end = name + strlen(name);
    out[0] = '\0';
    for (const char *at = name; *at != '\0';) {
        const size_t component = component_len(at);
        if (hashed && is_of_hash(at, component)) {
            put_number(&p);
            at += component;
            continue;
        }
        const char *stop = at + component < end ? at + component + 1 : end;
        while (at < stop) {
            const size_t max = (size_t)(stop - at), uuid = uuid_len(at, max), token = span(at, max, is_alnum);
            if (uuid > 0) {
                put_number(&p);
            } else if (token > 0) {
                mask_token(&p, name, at, token, fixed);
            } else {
                put(&p, at, 1);
            }
            at += uuid > 0 ? uuid : token > 0 ? token : 1;
        }
    }
}

/* --- Random characters --- */

enum { LEAST_STEM = 6, MOST_SUFFIX = 6 }; /* what mkstemp(3) draws; a suffix with its point */

void diff_name_shape(const char *name, char out[DIFF_PATTERN_BUFFER])
{
    struct pattern p = {out, 0, DIFF_PATTERN_BUFFER};
    const size_t known = diff_name_is_temporary(name) ? 0 : 2;
    const bool hashed = has_hash(name);
    out[0] = '\0';
    for (const char *at = name; *at != '\0';) {
        const size_t n = component_len(at);
        size_t stem = n;
        for (size_t i = n; i > 1 && n - i < MOST_SUFFIX && stem == n; i--) {
            stem = at[i - 1] == '.' ? i - 1 : n;
        }
        if (hashed && is_of_hash(at, n)) {
            put(&p, "<n>", n); /* as long as it is */
        } else if (stem < LEAST_STEM) {
            put(&p, at, n);
        } else {
            char length[32];
            put(&p, at, known);
            put(&p, length, (size_t)snprintf(length, sizeof length, "\1%zu", stem));
            put(&p, at + stem, n - stem);
        }
        at += n;
        put(&p, at, *at == '/');
        at += *at == '/';
    }
}

enum class { NONE, DIGIT, UPPER, LOWER };

static enum class class_of(char c) { return is_digit(c) ? DIGIT : is_upper(c) ? UPPER : is_alnum(c) ? LOWER : NONE; }

/* c: two characters before the change, one before, one behind and two more. */
static bool is_change(const enum class c[5])
{
    if (c[1] == NONE || c[2] == NONE || c[1] == c[2]) {
        return false;
    }
    const bool begins = c[1] == LOWER && c[2] == UPPER && c[3] == LOWER && c[4] == LOWER;
    const bool begun = c[1] == UPPER && c[2] == LOWER && c[0] != UPPER;
    return !begins && !begun;
}

size_t diff_name_changes(const char *text, size_t n)
{
    size_t changes = 0;
    for (size_t i = 1; i < n; i++) {
        enum class c[5];
        for (size_t k = 0; k < 5; k++) {
            c[k] = i + k >= 2 && i + k - 2 < n ? class_of(text[i + k - 2]) : NONE;
        }
        changes += is_change(c);
    }
    return changes;
}

bool diff_name_is_plain(const char *text, size_t n)
{
    bool plain = true;
    for (size_t i = 0; i < n; i++) {
        plain = plain && class_of(text[i]) != DIGIT && class_of(text[i]) != UPPER;
    }
    return plain;
}
