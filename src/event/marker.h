/* Marker: a point in a program that recording turns into events, as the command line names it. */
#ifndef STG_EVENT_MARKER_H
#define STG_EVENT_MARKER_H

#include "base/status.h"

#include <stdbool.h>

#define STG_MARKER_NAME_SIZE 128 /* bytes of a marker's name with its NUL */

/* Facts of a trace (stg_source_each_fact): the names of the markers between which requests are. */
#define STG_MARKER_FACT_BEGIN "begin_marker"
#define STG_MARKER_FACT_END   "end_marker"

enum stg_marker_kind {
    STG_MARKER_UPROBE,    /* entry of a function */
    STG_MARKER_URETPROBE, /* its return */
    STG_MARKER_USDT,      /* a static probe */
};

struct stg_marker {
    enum stg_marker_kind kind;
    char path[4096];                 /* the program or library, as given */
    char provider[128];              /* usdt */
    char symbol[512];                /* function; usdt: the probe's name */
    char name[STG_MARKER_NAME_SIZE]; /* of its events */
};

/* True when text begins like a marker ("uprobe:", "uretprobe:", "usdt:"). */
bool stg_marker_is(const char *text);

/* `uprobe:PATH:SYMBOL[=NAME]`, `uretprobe:PATH:SYMBOL[=NAME]`, `usdt:PATH:PROVIDER:NAME[=NAME]`. Without =NAME the
 * events are called FILE:SYMBOL (the last part of PATH), FILE:SYMBOL__return, PROVIDER:NAME. what names the option in
 * the message (STG_ERR_USAGE). */
enum stg_status stg_marker_parse(struct stg_marker *out, const char *text, const char *what) STG_MUST_USE;

#endif
