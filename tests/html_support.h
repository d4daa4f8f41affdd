/* What tests ask of a page that the program wrote. */
#ifndef TESTS_HTML_SUPPORT_H
#define TESTS_HTML_SUPPORT_H

#include "report/html.h"

#include <ctype.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what)) {
        n++;
    }
    return n;
}

/* A small reader of HTML: every tag closed by its own name, attributes quoted, text escaped, ids unique, links to
 * them. */
struct html {
    bool has_script;
    const char *at;
    char stack[64][16];
    size_t depth;
    char ids[4096][32];
    size_t n_ids;
    char links[4096][32];
    size_t n_links;
};

static inline bool is_one_of(const char *name, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(name, *list) == 0) {
            return true;
        }
    }
    return false;
}

static inline void read_attribute(struct html *h)
{
    char name[48] = "", value[512] = "";
    size_t n = 0;
    while (isalnum((unsigned char)*h->at) || *h->at == '-' || *h->at == ':') {
        assert_true(n < sizeof name - 1);
        name[n++] = *h->at++;
    }
    assert_true(n > 0);
    assert_true(strncmp(name, "on", 2) != 0 && strcmp(name, "src") != 0);
    if (*h->at != '=') {
        assert_string_equal(name, "open");
        return;
    }
    h->at++;
    assert_int_equal(*h->at, '"');
    h->at++;
    for (n = 0; *h->at != '"'; h->at++) {
        assert_true(*h->at != '\0' && *h->at != '<');
        if (n < sizeof value - 1) {
            value[n++] = *h->at;
        }
    }
    h->at++;
    if (strcmp(name, "id") == 0) {
        for (size_t i = 0; i < h->n_ids; i++) {
            assert_string_not_equal(h->ids[i], value);
        }
        assert_true(h->n_ids < sizeof h->ids / sizeof h->ids[0]);
        snprintf(h->ids[h->n_ids++], sizeof h->ids[0], "%.31s", value);
    }
    if (strcmp(name, "href") == 0 || strcmp(name, "aria-labelledby") == 0) {
        assert_true(value[0] == '#' || name[0] == 'a');
        assert_true(h->n_links < sizeof h->links / sizeof h->links[0]);
        snprintf(h->links[h->n_links++], sizeof h->links[0], "%.31s", value[0] == '#' ? value + 1 : value);
    }
}

/* What a strip is made of: as many columns for every event, lanes and names that are there. */
static inline void check_strip(const char *text, size_t len)
{
    json_t *data = json_loadb(text, len, 0, NULL), *e;
    size_t i;
    assert_non_null(data);
    const size_t n_lanes = json_array_size(json_object_get(data, "lanes")),
                 n_names = json_array_size(json_object_get(data, "names"));
    assert_true(json_array_size(json_object_get(data, "events")) > 0);
    json_array_foreach(json_object_get(data, "events"), i, e)
    {
        assert_true(json_array_size(e) >= 9 && json_array_size(e) % 2 == 1);
        assert_true((size_t)json_integer_value(json_array_get(e, 0)) < n_lanes);
        assert_true((size_t)json_integer_value(json_array_get(e, 2)) < n_names);
        for (size_t k = 9; k < json_array_size(e); k += 2) {
            assert_true((size_t)json_integer_value(json_array_get(e, k)) < n_names);
            assert_in_range(json_integer_value(json_array_get(e, k + 1)), 1, 100);
        }
    }
    json_decref(data);
}

/* Data holds no markup that could end it; the one script that runs is the program's own. */
static inline void read_script(struct html *h, bool is_data)
{
    const char *end = strstr(h->at, "</script>");
    assert_non_null(end);
    const size_t len = (size_t)(end - h->at);
    if (is_data) {
        assert_null(memchr(h->at, '<', len));
        check_strip(h->at, len);
    } else {
        struct stg_buffer own = STG_BUFFER_INIT;
        struct writer w = {&own, STG_OK};
        html_strip_script(&w);
        assert_int_equal(strncmp(own.data, "<script>", 8), 0);
        assert_int_equal(strncmp(own.data + 8, h->at, len), 0);
        assert_int_equal(strncmp(own.data + 8 + len, "</script>", 9), 0);
        stg_buffer_fini(&own);
        assert_false(h->has_script);
        h->has_script = true;
    }
    h->at = end;
}

static inline void read_tag(struct html *h)
{
    static const char *const empty[] = {"meta", "br", "hr", "link", "img", "input", NULL};
    static const char *const forbidden[] = {"link", "img", "iframe", "object", "embed", NULL};
    char name[16] = "";
    size_t n = 0;
    const bool closes = *++h->at == '/';
    h->at += closes;
    while (isalnum((unsigned char)*h->at)) {
        assert_true(n < sizeof name - 1);
        name[n++] = *h->at++;
    }
    assert_true(n > 0);
    assert_false(is_one_of(name, forbidden));
    if (closes) {
        assert_true(h->depth > 0);
        assert_string_equal(h->stack[--h->depth], name);
        assert_int_equal(*h->at++, '>');
        return;
    }
    while (*h->at == ' ') {
        h->at++;
        read_attribute(h);
    }
    const bool self = *h->at == '/';
    h->at += self;
    assert_int_equal(*h->at++, '>');
    if (!self && !is_one_of(name, empty)) {
        assert_true(h->depth < 64);
        memcpy(h->stack[h->depth++], name, sizeof name);
    }
    if (strcmp(name, "style") == 0) {
        h->at = strstr(h->at, "</style>");
        assert_non_null(h->at);
    }
    if (strcmp(name, "script") == 0) {
        read_script(h, h->at[-2] == '"');
    }
}

/* How wide a figure is in the picture, in letters as wide as those of DejaVu Sans, which are wide ones. */
static inline double width_of_figure(const char *text, const char *end)
{
    double width = 0;
    for (; text < end; text++) {
        width += ((unsigned char)*text & 0xc0) == 0x80 ? 0
                 : *text == ' ' || *text == '.'        ? 3.5
                 : *text == '%'                        ? 10.5
                                                       : 7;
    }
    return width;
}

/* No figure at an axis is cut off by the edge of its picture: "100 %" would be ".00 %". */
static inline void check_figures(const char *text)
{
    double picture = 0;
    for (const char *at = text; (at = strstr(at, "<")) != NULL; at++) {
        double x, y;
        char anchor[8] = "start", tag[160];
        if (strncmp(at, "<svg", 4) != 0 && strncmp(at, "<text", 5) != 0) {
            continue;
        }
        snprintf(tag, sizeof tag, "%.159s", at); /* sscanf() counts all that follows, at each tag of a page */
        if (sscanf(tag, "<svg viewBox=\"0 0 %lf", &x) == 1 || sscanf(tag, "<svg width=\"%lf", &x) == 1) {
            picture = x;
        } else if (sscanf(tag, "<text x=\"%lf\" y=\"%lf\" text-anchor=\"%7[a-z]", &x, &y, anchor) >= 2) {
            const char *figure = strchr(at, '>') + 1, *end = strchr(figure, '<');
            const double width = width_of_figure(figure, end), left = anchor[0] == 'e'   ? x - width
                                                                      : anchor[0] == 'm' ? x - width / 2
                                                                                         : x;
            if (isdigit((unsigned char)*figure) && (left < -1 || left + width > picture + 1)) {
                print_error("cut off: %.120s\n", at);
                fail();
            }
        }
    }
}

static inline void check_html(const char *text)
{
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    struct html *h = calloc(1, sizeof *h);
    static const char doctype[] = "<!DOCTYPE html>";
    assert_int_equal(strncmp(text, doctype, strlen(doctype)), 0);
    h->at = text + strlen(doctype);
    while (*h->at != '\0') {
        if (*h->at == '<') {
            read_tag(h);
            continue;
        }
        assert_true(*h->at != '>');
        assert_true((unsigned char)*h->at >= 0x20 || *h->at == '\n');
        bool known = *h->at != '&';
        for (size_t i = 0; i < sizeof entities / sizeof entities[0] && !known; i++) {
            known = strncmp(h->at, entities[i], strlen(entities[i])) == 0;
        }
        assert_true(known);
        h->at++;
    }
    assert_int_equal(h->depth, 0);
    for (size_t i = 0; i < h->n_links; i++) {
        bool found = false;
        for (size_t k = 0; k < h->n_ids; k++) {
            found = found || strcmp(h->ids[k], h->links[i]) == 0;
        }
        if (!found) {
            print_error("no id %s\n", h->links[i]);
        }
        assert_true(found);
    }
    free(h);
    check_figures(text);
    /* A table that is wider than the window scrolls by itself, by keys too, or the whole page would. */
    assert_int_equal(count(text, "<table"), count(text, "scroll\" tabindex=\"0\" role=\"region\" aria-label=\""));
}

/* What printf makes of a figure that is none, as a word of its own ("provenance" is not one). */
static inline bool has_non_number(const char *text)
{
    static const char *const words[] = {"nan", "inf"};
    for (size_t i = 0; i < 2; i++) {
        for (const char *at = strstr(text, words[i]); at != NULL; at = strstr(at + 1, words[i])) {
            if (!islower((unsigned char)at[-1]) && !islower((unsigned char)at[3])) {
                print_error("%.60s\n", at - 20);
                return true;
            }
        }
    }
    return false;
}

#endif
