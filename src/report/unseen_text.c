/* What training had not, in one line. */
#include "report/report.h"

#include "report/words.h"
#include "report/writer.h"

enum { SHOWN = 6 };

/* "calls rename (2), fsync, and 3 more" */
static void put_names(struct writer *w, const char *what, const struct stg_tally *t)
{
    const char *names[SHOWN];
    const size_t n_all = stg_strings_count(t->names), n = stg_tally_top(t, 1, NULL, 0, names, SHOWN);
    writer_printf(w, "%s%s ", what, n_all == 1 ? "" : "s");
    for (size_t i = 0; i < n; i++) {
        char count[32];
        words_count(stg_tally_of(t, names[i]), count);
        writer_put(w, i > 0 ? ", " : "");
        writer_plain(w, names[i], 0);
        writer_printf(w, " (%s)", count);
    }
    if (n_all > n) {
        writer_printf(w, " and %zu more", n_all - n);
    }
}

enum stg_status stg_report_unseen(struct stg_buffer *out, const struct stg_unseen *u)
{
    struct writer w = {out, STG_OK};
    char n[32];
    if (u->n_sequences == 0) {
        return STG_OK;
    }
    words_count(u->n_sequences, n);
    writer_put(&w, "training had not: ");
    if (stg_strings_count(u->programs.names) > 0) {
        put_names(&w, "program", &u->programs);
    }
    if (stg_strings_count(u->calls.names) > 0) {
        writer_put(&w, stg_strings_count(u->programs.names) > 0 ? "; " : "");
        put_names(&w, "call", &u->calls);
    }
    writer_printf(&w, "; in %s sequence%s\n", n, u->n_sequences == 1 ? "" : "s");
    return w.status;
}
