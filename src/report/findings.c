#include "report/findings.h"

#include "event/event.h"
#include "report/words.h"
#include "score/channels.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* What calls are made for. Calls that are made for everything (read, futex) are not here. */
static const struct {
    const char *calls, *means;
} purposes[] = {
    {" accept accept4 connect shutdown socket bind listen ", "opens or ends connections"},
    {" open openat openat2 creat stat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat getdents getdents64 ",
     "looks up or opens files that it otherwise does not need to"},
    {" getpid gettid getppid getuid geteuid getgid getegid ",
     "asks who it is, as programs do for each line of a log and for each new secure connection"},
    {" write pwrite64 pwritev pwritev2 fsync fdatasync ", "writes more, as to a log or a file"},
    {" clone clone3 fork vfork execve execveat wait4 waitid ", "starts processes or threads"},
    {" ptrace process_vm_readv process_vm_writev ", "looks into other processes"},
    {" setuid setgid setresuid setresgid capset chroot pivot_root unshare setns mount umount2 ", "changes its rights or its surroundings"},
    {" getrandom ", "draws random numbers, as for keys"},
    {" nanosleep clock_nanosleep pause ", "waits on purpose"},
    {" unlink unlinkat rename renameat renameat2 mkdir mkdirat rmdir ", "changes names of files"},
    {" mmap munmap mremap brk mprotect madvise ", "takes and returns memory"}, /* the last: it follows from most of the others */
};
enum { PURPOSES = sizeof purposes / sizeof purposes[0] };

/* Findings are as long as people read. */
enum { MOST_CALLS = 4, MOST_SIZES = 3, MOST_ORDER = 3, MOST_NUMBERS = 3, LEAST_PERCENT = 3 };

static void say(struct finding *f, const char *process)
{
    snprintf(f->what, sizeof f->what, "%.64s", process[0] != '\0' ? process : "the program");
}

/* "a TCP socket"; NULL: not known. */
static const char *kind_of_descriptor(const struct stg_behaviour_object *o)
{
    static const char *const kinds[STG_N_FD_KINDS] = {
        [STG_FD_FILE] = "a file",           [STG_FD_DIRECTORY] = "a directory",  [STG_FD_CHAR] = "a terminal or device",
        [STG_FD_BLOCK] = "a disk",          [STG_FD_PIPE] = "a pipe",            [STG_FD_SOCKET] = "a socket",
        [STG_FD_INET] = "a TCP socket",     [STG_FD_DGRAM] = "a UDP socket",     [STG_FD_UNIX] = "a Unix socket",
        [STG_FD_NETLINK] = "netlink",       [STG_FD_EPOLL] = "an epoll set",     [STG_FD_EVENTFD] = "an eventfd",
        [STG_FD_TIMERFD] = "a timer",       [STG_FD_SIGNALFD] = "a signalfd",    [STG_FD_INOTIFY] = "inotify",
        [STG_FD_PIDFD] = "a process",       [STG_FD_MEMFD] = "shared memory",    [STG_FD_IO_URING] = "an io_uring",
        [STG_FD_BPF] = "a BPF object",      [STG_FD_PERF] = "a perf event",      [STG_FD_PROC] = "a file of /proc",
    };
    return o->fd_kind < STG_N_FD_KINDS ? kinds[o->fd_kind] : NULL;
}

/* ", on a TCP socket", ", as of /etc/passwd": where the trace says it. */
static void put_object(struct finding *f, const struct stg_behaviour_object *o, const char *before)
{
    const char *kind = kind_of_descriptor(o);
    if (kind != NULL) {
        words_append(f->what, sizeof f->what, "%s on %s", before, kind);
    }
    if (o->path[0] != '\0') {
        words_append(f->what, sizeof f->what, "%s as of %s", before, o->path);
    }
}

/* --- Calls --- */

static bool is_new(const struct stg_behaviour_change *c)
{
    return c->kind.phase == 0 && !(c->usual.share > 0);
}

/* " (9 in each)", " (in 36 % of them)", " (35 in each, usually 0, on a file)" */
static void put_count(struct finding *f, const struct stg_behaviour_change *c)
{
    char text[32];
    if (c->now < 0.5f && !(c->usual.share > 0)) {
        words_percent((double)c->share, text);
        words_append(f->what, sizeof f->what, " (in %s of them", text);
    } else {
        words_count((uint64_t)llroundf(c->now), text);
        words_append(f->what, sizeof f->what, " (%s in each", text);
    }
    if (c->usual.share > 0) {
        words_count((uint64_t)llroundf(c->usual.median), text);
        words_append(f->what, sizeof f->what, ", usually %s", text);
    }
    put_object(f, &c->object, ",");
    words_append(f->what, sizeof f->what, ")");
}

static void add_purpose(unsigned *found, const char *call)
{
    char word[72];
    snprintf(word, sizeof word, " %.64s ", call);
    for (unsigned i = 0; i < PURPOSES; i++) {
        *found |= strstr(purposes[i].calls, word) != NULL ? 1U << i : 0;
    }
}

static void put_purposes(struct finding *f, unsigned found)
{
    bool first = true;
    for (unsigned i = 0; i < PURPOSES; i++) {
        if (found & 1U << i && (first || i + 1 < PURPOSES)) {
            words_append(f->means, sizeof f->means, "%s%s", first ? "it " : "; it ", purposes[i].means);
            first = false;
        }
    }
}

/* Those of a process that are new, or of which there are more. */
static void put_calls(struct finding *f, const struct stg_behaviours *b, const struct stg_behaviour *x, uint16_t proc, bool new, unsigned *found)
{
    int n = 0;
    for (size_t i = 0; i < x->n_more; i++) {
        const struct stg_behaviour_change *c = &x->more[i];
        if (c->kind.proc != proc || c->kind.phase != 0 || is_new(c) != new || n == MOST_CALLS) {
            continue;
        }
        const char *call = behaviour_call(&b->names, c->kind.call);
        if (n++ == 0) {
            words_append(f->what, sizeof f->what, new ? " makes calls that no known sequence makes: " : f->weight > 0 ? ", and more of " : " makes more of ");
        } else {
            words_append(f->what, sizeof f->what, ", ");
        }
        words_append(f->what, sizeof f->what, "%.64s", call);
        put_count(f, c);
        add_purpose(found, call);
        f->weight += c->weight + (new ? c->share : 0); /* what is new comes first where every sequence has it */
    }
}

static void add_calls(struct finding *f, const struct stg_behaviours *b, const struct stg_behaviour *x, uint16_t proc)
{
    unsigned found = 0;
    say(f, behaviour_process(&b->names, proc));
    put_calls(f, b, x, proc, true, &found);
    put_calls(f, b, x, proc, false, &found);
    put_purposes(f, found);
}

/* --- Results --- */

/* "← read 104-111" → the least and the most of it; false where it is no size. */
static bool range_of(const struct stg_model *m, uint32_t symbol, uint64_t *least, uint64_t *most)
{
    char text[WORDS_CALL];
    words_symbol(m, symbol, text, sizeof text);
    const char *last = strrchr(text, ' ');
    const int n = last == NULL ? 0 : sscanf(last, " %" SCNu64 "-%" SCNu64, least, most);
    if (n == 1) {
        *most = *least;
    }
    return n >= 1;
}

/* What another amount is a sign of. Of about the same size it is the same message in another form, else another one. */
enum amount { AMOUNT_END = 1, AMOUNT_SHORTER = 2, AMOUNT_LONGER = 4, AMOUNT_OTHER = 8 };

static enum amount amount_of(uint64_t now, uint64_t least, uint64_t most)
{
    return now == 0          ? AMOUNT_END
           : now * 2 < least ? AMOUNT_OTHER
           : now < least     ? AMOUNT_SHORTER
           : now / 2 > most  ? AMOUNT_OTHER
                             : AMOUNT_LONGER;
}

static void put_amounts(struct finding *f, unsigned found)
{
    static const struct {
        unsigned all, any; /* of enum amount: these and no others; one of these */
        const char *means;
    } meanings[] = {
        {AMOUNT_SHORTER, 0, "messages are shorter: other headers, less framing, no encryption, or compression"},
        {AMOUNT_LONGER, 0, "messages are longer: other headers, more framing, encryption, or no compression"},
        {AMOUNT_SHORTER | AMOUNT_LONGER, 0, "messages have other lengths: other contents, headers or encoding"},
        {0, AMOUNT_OTHER, "something else is read or written there"},
        {0, AMOUNT_END, "a return of 0 is the end of a file or of a connection that the other side closed"},
    };
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        const unsigned same = found & (AMOUNT_SHORTER | AMOUNT_LONGER);
        if (meanings[i].all != 0 ? same == meanings[i].all : (found & meanings[i].any) != 0) {
            words_append(f->means, sizeof f->means, "%s%s", f->means[0] != '\0' ? "; " : "", meanings[i].means);
        }
    }
}

/* "apache2 read 88 (usually 104-111)": the same call with another amount. */
static void add_sizes(struct finding *f, const struct stg_model *m, const struct stg_behaviours *b, const struct stg_behaviour *x)
{
    unsigned n = 0, found = 0;
    for (size_t i = 0; i < x->n_surprises && n < MOST_SIZES; i++) {
        const struct stg_behaviour_surprise *s = &x->surprises[i];
        const char *process = behaviour_process(&b->names, s->kind.proc);
        uint64_t least, most;
        if (s->kind.size == 0 || s->ret < 0 || s->expected < STG_TOKEN_SPECIALS || s->expected_share < 0.2f ||
            stg_symbols_parts(m->symbols, s->expected).call != s->kind.call || !range_of(m, s->expected, &least, &most)) {
            continue;
        }
        words_append(f->what, sizeof f->what, "%s%.64s%s%.64s %" PRId64, n++ == 0 ? "the same calls return other amounts: " : ", ", process,
               process[0] != '\0' ? " " : "", behaviour_call(&b->names, s->kind.call), s->ret);
        put_object(f, &s->object, "");
        words_append(f->what, sizeof f->what, least == most ? " (usually %" PRIu64 ")" : " (usually %" PRIu64 "-%" PRIu64 ")", least, most);
        found |= amount_of((uint64_t)s->ret, least, most);
        f->weight += s->weight;
    }
    put_amounts(f, found);
}

/* What an error is a sign of; NULL: of many things. */
static const char *meaning_of(unsigned error)
{
    switch (error) {
    case EPERM:
    case EACCES:       return "rights are missing";
    case ENOENT:
    case ENOTDIR:      return "a file is not where it is looked for";
    case EMFILE:
    case ENFILE:       return "too many files are open";
    case ENOSPC:
    case EDQUOT:       return "a disk is full";
    case ENOMEM:       return "memory is short";
    case EIO:          return "a device does not work";
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ETIMEDOUT:    return "the other side does not answer";
    case ECONNRESET:
    case EPIPE:        return "the other side has closed the connection";
    default:           return NULL;
    }
}

/* "apache2 read EAGAIN (5 in each, usually 0)" */
static void add_failures(struct finding *f, const struct stg_model *m, const struct stg_behaviours *b, const struct stg_behaviour *x)
{
    (void)m;
    int n = 0;
    for (size_t i = 0; i < x->n_more && n < MOST_CALLS; i++) {
        const struct stg_behaviour_change *c = &x->more[i];
        char kind[160];
        if (c->kind.class <= 1) {
            continue;
        }
        const char *process = behaviour_process(&b->names, c->kind.proc);
        behaviour_kind(&b->names, &c->kind, kind, sizeof kind);
        words_append(f->what, sizeof f->what, "%s%.64s%s%s", n++ == 0 ? "calls fail: " : ", ", process, process[0] != '\0' ? " " : "", kind);
        put_count(f, c);
        f->weight += c->weight;
        const char *meaning = meaning_of(c->kind.class - 2U);
        if (meaning != NULL && strstr(f->means, meaning) == NULL) {
            words_append(f->means, sizeof f->means, "%s%s", f->means[0] != '\0' ? "; " : "", meaning);
        }
    }
}

/* --- Descriptors, times, order --- */

/* "2 (standard error, a file)" */
static void put_number(struct finding *f, const struct stg_behaviour *x, size_t i)
{
    static const char *const standard[] = {"standard input", "standard output", "standard error"};
    const int64_t number = x->descriptors[i].number;
    const char *kind = kind_of_descriptor(&x->descriptors[i].object), *name = number >= 0 && number < 3 ? standard[number] : NULL;
    words_append(f->what, sizeof f->what, "%" PRId64, number);
    if (name != NULL || kind != NULL) {
        words_append(f->what, sizeof f->what, " (%s%s%s)", name != NULL ? name : "", name != NULL && kind != NULL ? ", " : "", kind != NULL ? kind : "");
    }
}

/* "14 (a TCP socket), 13 (a Unix socket)": of the process of the first. */
static void put_numbers(struct finding *f, const struct stg_behaviour *x)
{
    for (size_t i = 0; i < x->n_descriptors && i < MOST_NUMBERS && x->descriptors[i].proc == x->descriptors[0].proc; i++) {
        words_append(f->what, sizeof f->what, "%s", i > 0 ? ", " : "");
        put_number(f, x, i);
    }
}

static void add_descriptors(struct finding *f, const struct stg_model *m, const struct stg_behaviours *b, const struct stg_behaviour *x)
{
    (void)m;
    /* Where little else surprises, descriptors as usual as any are a large part of it. */
    if (x->n_descriptors == 0 || x->weight_descriptors < 0.1f || x->z[STG_CHANNEL_STATE] < 1) {
        return;
    }
    const int64_t first = x->descriptors[0].number;
    f->weight = x->weight_descriptors;
    say(f, behaviour_process(&b->names, x->descriptors[0].proc));
    if (x->highest_known >= 0 && x->weight_beyond > 0.5f && first > x->highest_known) {
        words_append(f->what, sizeof f->what, " uses descriptor numbers up to %" PRId64 ", in training up to %" PRId64 ": ", x->highest, x->highest_known);
        put_numbers(f, x);
        snprintf(f->means, sizeof f->means, "more connections or files are open at a time than ever in training");
    } else if (first < 3 && x->descriptors[0].weight > 0.3f) {
        words_append(f->what, sizeof f->what, " does %.64s on descriptor ", behaviour_call(&b->names, x->descriptors[0].call));
        put_number(f, x, 0);
        words_append(f->what, sizeof f->what, ", which known sequences hardly use");
        snprintf(f->means, sizeof f->means, "%s", first == 0 ? "" : "that is where programs log");
    } else {
        words_append(f->what, sizeof f->what, " uses descriptor numbers that known sequences hardly use: ");
        put_numbers(f, x);
        snprintf(f->means, sizeof f->means, "another number of connections or files is open at a time");
    }
}

static void add_workers(struct finding *f, const struct stg_model *m, const struct stg_behaviours *b, const struct stg_behaviour *x)
{
    (void)b;
    char text[160];
    if (!words_workers(m, x->z[STG_CHANNEL_STATE], x->workers, text)) {
        return;
    }
    f->weight = (float)((double)x->z[STG_CHANNEL_STATE] / stg_channels_sum(x->z));
    words_append(f->what, sizeof f->what, "%s", text);
    snprintf(f->means, sizeof f->means, "%s",
             (double)x->workers < stg_channels_usual_workers(m) ? "fewer workers are allowed, or needed" : "more workers were started, or more work comes at a time");
}

static void add_times(struct finding *f, const struct stg_model *m, const struct stg_behaviours *b, const struct stg_behaviour *x)
{
    (void)m;
    char now[32], usual[32];
    const bool fast = x->z[STG_CHANNEL_PACE] >= 3, odd = x->z[STG_CHANNEL_TIME] >= 3, crowded = x->z[STG_CHANNEL_LOAD] >= 3;
    const bool longer = b->duration.median > 0 && x->duration_ns > b->duration.high;
    if (!fast && !odd && !longer && !crowded) {
        return;
    }
    f->weight = fmaxf(x->weight_time, 0.01f);
    words_append(f->what, sizeof f->what, "%s",
           crowded ? "more threads want the same processors than in known sequences"
           : fast  ? "calls come sooner after one another than in known sequences"
           : odd ? "the times between calls are unlike those of known sequences"
                 : "sequences last longer");
    if (longer) {
        words_duration((int64_t)x->duration_ns, now);
        words_duration((int64_t)b->duration.median, usual);
        words_append(f->what, sizeof f->what, ": half of them last more than %s (known ones: %s)", now, usual);
    }
    snprintf(f->means, sizeof f->means, "%s",
             crowded  ? "something else on this machine computes meanwhile"
             : longer ? "they wait for something: a busier machine, or something slow that they ask for"
             : fast ? "short calls in a row, or a machine that is idler or faster"
                    : "a machine that is busier or idler, or something they ask for that answers at another speed");
}

static void add_fewer(struct finding *f, const struct stg_model *m, const struct stg_behaviours *b, const struct stg_behaviour *x)
{
    (void)m;
    int n = 0;
    for (size_t i = 0; i < x->n_fewer && n < MOST_CALLS; i++) {
        const struct stg_behaviour_change *c = &x->fewer[i];
        if (c->kind.phase != 0 || c->now > 0.75f * c->usual.median) {
            continue;
        }
        const char *process = behaviour_process(&b->names, c->kind.proc);
        words_append(f->what, sizeof f->what, "%s%.64s%s%.64s", n++ == 0 ? "fewer calls: " : ", ", process, process[0] != '\0' ? " " : "",
               behaviour_call(&b->names, c->kind.call));
        put_count(f, c);
        f->weight = fmaxf(f->weight, c->weight / 2);
    }
    f->weight = n > 0 ? fmaxf(f->weight, 0.005f) : 0;
}

/* "apache2 mmap after fcntl (usually → read)" */
static void add_order(struct finding *f, const struct stg_model *m, const struct stg_behaviours *b, const struct stg_behaviour *x)
{
    int n = 0;
    for (size_t i = 0; i < x->n_surprises && n < MOST_ORDER; i++) {
        const struct stg_behaviour_surprise *s = &x->surprises[i];
        char expected[WORDS_CALL];
        if (s->kind.phase != STG_PHASE_ENTRY || s->before < STG_TOKEN_SPECIALS || s->weight * 100 < LEAST_PERCENT) {
            continue;
        }
        const char *process = behaviour_process(&b->names, s->kind.proc);
        words_append(f->what, sizeof f->what, "%s%.64s%s%.64s after %.64s", n++ == 0 ? "calls come in another order: " : ", ", process,
               process[0] != '\0' ? " " : "", behaviour_call(&b->names, s->kind.call), behaviour_call(&b->names, s->before));
        if (s->expected >= STG_TOKEN_SPECIALS && s->expected_share >= 0.2f) {
            words_symbol(m, s->expected, expected, sizeof expected);
            words_append(f->what, sizeof f->what, " (usually %s)", expected);
        }
        f->weight += s->weight;
    }
    f->weight = n > 0 ? f->weight / 2 : 0; /* counts and sizes say more */
}

/* --- All --- */

static void keep(struct finding out[FINDINGS], size_t *n, const struct finding *f)
{
    if (!(f->weight > 0)) {
        return;
    }
    size_t at = *n;
    while (at > 0 && out[at - 1].weight < f->weight) {
        at--;
    }
    if (at < FINDINGS) {
        const size_t kept = *n < FINDINGS ? *n : FINDINGS - 1;
        memmove(&out[at + 1], &out[at], (kept - at) * sizeof *out);
        out[at] = *f;
        *n = kept + 1;
    }
}

size_t findings_make(const struct stg_model *m, const struct stg_behaviours *b, const struct stg_behaviour *x, struct finding out[FINDINGS])
{
    static void (*const kinds[])(struct finding *, const struct stg_model *, const struct stg_behaviours *, const struct stg_behaviour *) = {
        add_sizes, add_failures, add_descriptors, add_workers, add_times, add_fewer, add_order};
    size_t n = 0;
    struct finding f;
    for (size_t i = 0; i < x->n_more; i++) { /* each process once */
        size_t k = 0;
        while (x->more[k].kind.proc != x->more[i].kind.proc) {
            k++;
        }
        f = (struct finding){0};
        if (k == i) {
            add_calls(&f, b, x, x->more[i].kind.proc);
        }
        keep(out, &n, &f);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        f = (struct finding){0};
        kinds[i](&f, m, b, x);
        keep(out, &n, &f);
    }
    if (n == 0) {
        out[n++] = (struct finding){.what = "no call stands out by itself: many are a little unlikely"};
    }
    return n;
}

void findings_share(const struct stg_behaviours *b, const struct stg_behaviour *x, char out[96])
{
    char n[32], all[32];
    words_count((uint64_t)llround(x->n_estimated), n);
    words_count(b->n_novel, all);
    if (b->n_groups == 1) {
        snprintf(out, 96, b->n_novel == 1 ? "the one novel sequence" : "all %s novel sequences", all);
    } else {
        snprintf(out, 96, "%s of %s novel sequences", n, all);
    }
}

void findings_of_set(const struct stg_model *m, const struct stg_score *scores, size_t n, char out[WORDS_SENTENCE])
{
    static const char *const words[STG_CHANNELS] = {
        [STG_CHANNEL_CONTENT] = "calls and what they return", [STG_CHANNEL_TIME] = "the times between them", [STG_CHANNEL_STATE] = "descriptors",
        [STG_CHANNEL_PACE] = "speed", [STG_CHANNEL_LOAD] = "what else wants to run"};
    char share[32], usual[32], odd[256] = "", even[256] = "";
    size_t n_longer = 0;
    struct stg_usual duration;
    out[0] = '\0';
    for (int c = 0; c < STG_CHANNELS && n > 0 && stg_aggregate_has(m, STG_AGGREGATE_NOVELTY); c++) {
        size_t n_above = 0;
        for (size_t i = 0; i < n; i++) {
            n_above += scores[i].z[c] >= 1;
        }
        if (stg_channel_has(m, (enum stg_channel)c)) { /* the median is a deviation above the usual, or is not */
            char *list = n_above * 2 > n ? odd : even;
            words_append(list, sizeof odd, "%s%s", list[0] != '\0' ? ", " : "", words[c]);
        }
    }
    if (even[0] != '\0') {
        words_append(out, WORDS_SENTENCE, "Like known sequences in %s.", even);
    }
    if (odd[0] != '\0') {
        words_append(out, WORDS_SENTENCE, "%sA little unlike them, in half of the sequences, in %s.", out[0] != '\0' ? " " : "", odd);
    }
    for (size_t i = 0; i < n; i++) {
        n_longer += stg_usual_find(m, STG_USUAL_DURATION, &duration) && (float)(scores[i].end_ns - scores[i].begin_ns) > duration.median;
    }
    if (n > 0 && stg_usual_find(m, STG_USUAL_DURATION, &duration) && duration.median > 0) {
        const double longer = (double)n_longer / (double)n;
        words_percent(longer, share);
        words_duration((int64_t)duration.median, usual);
        words_append(out, WORDS_SENTENCE, "%s%s of them last longer than %s, as half of the known ones do%s.", out[0] != '\0' ? " " : "", share, usual,
               odd[0] != '\0'   ? ""
               : longer >= 0.6 ? ": a busier machine would do that, and runs differ"
               : longer <= 0.4 ? ": an idler machine would do that, and runs differ"
                               : "");
    }
}
