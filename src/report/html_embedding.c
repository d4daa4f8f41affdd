/* The calls as a net sees them: a point for each, near those that it learnt to treat alike. */
#include "report/html.h"
#include "report/html_frame.h"

#include "report/words.h"

#define WIDTH      716
#define HEIGHT     430
#define MARGIN     14
#define LETTER     6.3 /* pixels of a label's letter, about */
#define LABEL_HIGH 11.0
#define DOT        3.0
#define LABEL_MOST 24 /* columns */

struct box {
    double left, right, top, bottom;
};

struct map {
    const struct stg_embedding *e;
    const struct stg_strings *names;
    struct frame frame;
    struct box labels[STG_EMBEDDING_CALLS];
    size_t n_labels;
};

static const char *name_of(const struct map *m, size_t i)
{
    return stg_strings_get(m->names, m->e->calls[i].call);
}

/* Equal scales, so that distances are what they are; the cloud in the middle. */
static struct frame frame_of(const struct stg_embedding *e)
{
    struct frame f = {.left = MARGIN,
                      .right = WIDTH - MARGIN,
                      .top = MARGIN,
                      .bottom = HEIGHT - MARGIN,
                      .x_low = INFINITY,
                      .x_high = -INFINITY,
                      .y_low = INFINITY,
                      .y_high = -INFINITY};
    for (size_t i = 0; i < e->n; i++) {
        f.x_low = fmin(f.x_low, e->calls[i].x);
        f.x_high = fmax(f.x_high, e->calls[i].x);
        f.y_low = fmin(f.y_low, e->calls[i].y);
        f.y_high = fmax(f.y_high, e->calls[i].y);
    }
    const double unit =
        fmax(fmax((f.x_high - f.x_low) / (f.right - f.left), (f.y_high - f.y_low) / (f.bottom - f.top)), 1e-9);
    const double x = (f.x_low + f.x_high) / 2, y = (f.y_low + f.y_high) / 2;
    f.x_low = x - unit * (f.right - f.left) / 2;
    f.x_high = x + unit * (f.right - f.left) / 2;
    f.y_low = y - unit * (f.bottom - f.top) / 2;
    f.y_high = y + unit * (f.bottom - f.top) / 2;
    return f;
}

static bool overlap(const struct box *a, const struct box *b)
{
    return a->left < b->right && b->left < a->right && a->top < b->bottom && b->top < a->bottom;
}

static bool is_free(const struct map *m, const struct box *b)
{
    if (b->left < 0 || b->right > WIDTH || b->top < 0 || b->bottom > HEIGHT) {
        return false;
    }
    for (size_t i = 0; i < m->n_labels; i++) {
        if (overlap(b, &m->labels[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < m->e->n; i++) {
        const double x = x_of(&m->frame, m->e->calls[i].x), y = y_of(&m->frame, m->e->calls[i].y);
        const struct box dot = {x - DOT, x + DOT, y - DOT, y + DOT};
        if (overlap(b, &dot)) {
            return false;
        }
    }
    return true;
}

/* Beside the point, over or under it, or at one of its corners, where nothing is; else it has no label. */
static void put_label(struct writer *w, struct map *m, size_t i)
{
    static const struct {
        int right, down; /* −1, 0, 1 */
        const char *anchor;
    } places[] = {{1, 0, "start"},  {-1, 0, "end"},  {0, -1, "middle"}, {0, 1, "middle"},
                  {1, -1, "start"}, {1, 1, "start"}, {-1, -1, "end"},   {-1, 1, "end"}};
    const double x = x_of(&m->frame, m->e->calls[i].x), y = y_of(&m->frame, m->e->calls[i].y);
    const size_t columns = text_width(name_of(m, i));
    const double width = LETTER * (double)(columns < LABEL_MOST ? columns : LABEL_MOST);
    for (size_t k = 0; k < sizeof places / sizeof places[0]; k++) {
        const double cx = x + places[k].right * (DOT + 2 + width / 2),
                     cy = y + places[k].down * (places[k].right == 0 ? DOT + 2 + LABEL_HIGH / 2 : LABEL_HIGH + 0.5);
        const struct box b = {cx - width / 2, cx + width / 2, cy - LABEL_HIGH / 2, cy + LABEL_HIGH / 2};
        if (is_free(m, &b)) {
            writer_printf(w, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", cx - places[k].right * width / 2,
                          b.bottom - 2, places[k].anchor);
            html_short_name(w, name_of(m, i), LABEL_MOST);
            writer_put(w, "</text>");
            m->labels[m->n_labels++] = b;
            return;
        }
    }
}

static void put_picture(struct writer *w, struct map *m)
{
    writer_printf(w,
                  "<svg viewBox=\"0 0 %d %d\" width=\"%d\" role=\"img\"><title>Embeddings of the "
                  "calls</title><desc>%zu calls as points of the plane of the "
                  "two main components; the table below has them all.</desc><path class=\"gridline\" d=\"M%.1f 0V%dM0 "
                  "%.1fH%d\"/><g class=\"pt\">",
                  WIDTH, HEIGHT, WIDTH, m->e->n, x_of(&m->frame, 0), HEIGHT, y_of(&m->frame, 0), WIDTH);
    for (size_t i = 0; i < m->e->n; i++) {
        writer_printf(w, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>", x_of(&m->frame, m->e->calls[i].x),
                      y_of(&m->frame, m->e->calls[i].y), DOT);
    }
    writer_put(w, "</g>");
    for (size_t i = 0; i < m->e->n; i++) {
        put_label(w, m, i);
    }
    writer_put(w, "</svg>");
}

static void put_row(struct writer *w, const struct map *m, size_t i)
{
    const struct stg_embedded_call *c = &m->e->calls[i];
    char n[32];
    words_count(c->count, n);
    writer_put(w, "<tr><th scope=\"row\" class=\"name\"><span class=\"call\">");
    writer_html(w, name_of(m, i));
    writer_printf(w, "</span></th><td>%s</td><td>%.3f</td><td>%.3f</td><td class=\"l\">", n, c->x, c->y);
    if (c->nearest == c->call) {
        writer_put(w, "–</td><td>–</td></tr>\n");
        return;
    }
    writer_put(w, "<span class=\"call\">");
    writer_html(w, stg_strings_get(m->names, c->nearest));
    writer_printf(w, "</span></td><td>%.2f</td></tr>\n", c->likeness);
}

static void put_table(struct writer *w, const struct map *m)
{
    writer_put(w, "<details><summary>All calls as a table</summary><div class=\"in scroll\" tabindex=\"0\" "
                  "role=\"region\" aria-label=\"Embeddings of the "
                  "calls\"><table>\n<caption>Most frequent first. The most alike is by the cosine of the whole "
                  "embeddings: 1 is the same "
                  "direction.</caption>\n<thead><tr><th scope=\"col\">Call</th><th scope=\"col\">In the known "
                  "data</th><th scope=\"col\">x</th><th "
                  "scope=\"col\">y</th><th scope=\"col\" class=\"l\">Most alike</th><th "
                  "scope=\"col\">Cosine</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < m->e->n; i++) {
        put_row(w, m, i);
    }
    writer_put(w, "</tbody></table></div></details>\n");
}

void html_embedding(struct writer *w, const struct stg_report *r)
{
    if (r->embedding == NULL) {
        return;
    }
    struct map m = {.e = r->embedding, .names = r->model->vocab.calls};
    char x[32], y[32];
    m.frame = frame_of(m.e);
    words_percent(m.e->share[0], x);
    words_percent(m.e->share[1], y);
    writer_put(w, "<section id=\"embedding\" aria-labelledby=\"h-embedding\">\n<h2 id=\"h-embedding\">Embeddings of "
                  "the calls</h2>\n<p>How the net sees "
                  "the calls: look for calls of one purpose that lie together, and for one among strangers, which the "
                  "model has learnt little "
                  "about.</p>\n");
    if (m.e->n == 0) {
        writer_put(w, "<p>The known data has no call that the model knows.</p>\n</section>\n");
        return;
    }
    writer_put(w, "<figure>");
    put_picture(w, &m);
    writer_printf(w,
                  "<figcaption>%zu of %zu calls of the known data, the most frequent ones; %zu have room for their "
                  "names. Two main components of %zu "
                  "dimensions (PCA): to the right ",
                  m.e->n, m.e->n_all, m.n_labels, m.e->dim);
    writer_html(w, x);
    writer_put(w, " of the variance, upward ");
    writer_html(w, y);
    writer_printf(w, ".%s</figcaption>\n", r->model->ops->members != NULL ? " Of the ensemble's first member." : "");
    put_table(w, &m);
    writer_put(w, "</figure>\n</section>\n");
}
