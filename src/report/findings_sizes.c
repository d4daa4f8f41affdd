/* Findings: the same calls return other amounts. Told are the amounts of which there are more or fewer than usual,
 * those whose number has changed most first, then the surprising ones; what is usual instead is said only where amounts
 * of about that size have become fewer, or are of the same size class, and on the same kind of descriptor: else an
 * amount that is likely at a place is no measure of the one that came. */
#include "report/findings_internal.h"

#include "event/syscalls.h"
#include "report/words.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* LEAST_SHARE: an amount that is expected with less is not what is usual; LEAST_WEIGHT: a surprise of less is one of
 * many. */
#define LEAST_SHARE  0.5f
#define LEAST_WEIGHT 0.1f

/* Encryption adds a header and a tag to each record, 17 to 40 bytes in TLS; NARROW: sizes that are known to within so
 * many bytes can be told to differ by what the ciphers of today add. */
enum { MOST_SIZES = 3, LEAST_RECORD = 16, MOST_RECORD = 64, NARROW = 16 };

/* What another amount is a sign of. Of about the same size it is the same message in another form, else another one. */
enum amount {
    AMOUNT_END = 1,
    AMOUNT_SHORTER = 2,
    AMOUNT_LONGER = 4,
    AMOUNT_OTHER = 8,
    AMOUNT_READY = 16,     /* no message: how many descriptors are ready */
    AMOUNT_ELSEWHERE = 32, /* on another kind of descriptor */
    AMOUNT_NO_RECORD = 64, /* the difference is not that of encryption */
    AMOUNT_CONTENT = 256,  /* of a file: no message */
    AMOUNT_INSTEAD = 128,  /* smaller or larger ones take the place of others */
    AMOUNT_PIECES = 512,   /* much smaller ones, and more of them */
    AMOUNT_TLS = 1024,     /* the difference is about that of TLS */
};

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

static bool is_wait(const char *call)
{
    return strncmp(call, "epoll", 5) == 0 || strstr(call, "poll") != NULL || strstr(call, "select") != NULL ||
           strncmp(call, "io_", 3) == 0;
}

/* Whether the call sends or receives messages, for all that is known of it. */
static bool is_message(const char *call, const struct stg_behaviour_object *o)
{
    static const char calls[] = " read readv recvfrom recvmsg recv write writev sendto sendmsg send ";
    char word[72];
    snprintf(word, sizeof word, " %.64s ", call);
    return strstr(calls, word) != NULL && (o->fd_kind == STG_FD_OTHER || finding_is_message(o));
}

/* Whether an amount differs from the usual ones by what a record of TLS has beside its content: 22 bytes in TLS 1.3, 29
 * (AES-GCM) or 21 (ChaCha20) in TLS 1.2. Over a socket of this machine alone it would be a surprise itself. */
static bool is_tls(const struct stg_behaviour_object *o, uint64_t now, uint64_t least, uint64_t most)
{
    static const uint64_t added[] = {21, 22, 29};
    const uint64_t low = now < least ? least - now : now - most, high = now < least ? most - now : now - least;
    if (most - least >= NARROW || (o->fd_kind != STG_FD_INET && o->fd_kind != STG_FD_OTHER)) {
        return false;
    }
    for (size_t i = 0; i < sizeof added / sizeof added[0]; i++) {
        if (low <= added[i] && added[i] <= high) {
            return true;
        }
    }
    return false;
}

/* Of what surprised in call, where least to most is usual. many: it is so in several sequences, as what goes over the
 * wire would be. */
static unsigned amount_of(const struct stg_behaviour_surprise *s, const char *call, uint64_t least, uint64_t most,
                          bool many)
{
    const uint64_t now = (uint64_t)s->ret, middle = least / 2 + most / 2;
    const uint64_t difference = now > middle ? now - middle : middle - now;
    if (is_wait(call)) {
        return AMOUNT_READY;
    }
    if (now == 0 || now * 2 < least || now / 2 > most) {
        return now == 0 ? AMOUNT_END : AMOUNT_OTHER;
    }
    if (!is_message(call, &s->object)) {
        return AMOUNT_CONTENT;
    }
    const bool record = many && difference >= LEAST_RECORD && difference <= MOST_RECORD;
    const unsigned tls = is_tls(&s->object, now, least, most) ? (unsigned)AMOUNT_TLS : 0U;
    return (now < least ? (unsigned)AMOUNT_SHORTER : (unsigned)AMOUNT_LONGER) |
           (record ? tls : (unsigned)AMOUNT_NO_RECORD);
}

static void put_amounts(struct finding *f, unsigned found)
{
    static const struct {
        unsigned mask, is; /* of enum amount; is 0: any of mask */
        const char *means;
    } meanings[] = {
        {AMOUNT_SHORTER | AMOUNT_LONGER | AMOUNT_NO_RECORD | AMOUNT_TLS, AMOUNT_SHORTER | AMOUNT_TLS,
         "messages are shorter by about what TLS adds to each: no encryption, or other headers or compression"},
        {AMOUNT_SHORTER | AMOUNT_LONGER | AMOUNT_NO_RECORD | AMOUNT_TLS, AMOUNT_LONGER | AMOUNT_TLS,
         "messages are longer by about what TLS adds to each: encryption, or other headers or no compression"},
        {AMOUNT_SHORTER | AMOUNT_LONGER | AMOUNT_NO_RECORD | AMOUNT_TLS, AMOUNT_SHORTER,
         "messages are shorter: other headers, less framing, no encryption, or compression"},
        {AMOUNT_SHORTER | AMOUNT_LONGER | AMOUNT_NO_RECORD | AMOUNT_TLS, AMOUNT_LONGER,
         "messages are longer: other headers, more framing, encryption, or no compression"},
        {AMOUNT_SHORTER | AMOUNT_LONGER | AMOUNT_NO_RECORD, AMOUNT_SHORTER | AMOUNT_NO_RECORD,
         "messages are shorter: other contents or headers, or compression"},
        {AMOUNT_SHORTER | AMOUNT_LONGER | AMOUNT_NO_RECORD, AMOUNT_LONGER | AMOUNT_NO_RECORD,
         "messages are longer: other contents or headers, or no compression"},
        {AMOUNT_SHORTER | AMOUNT_LONGER, AMOUNT_SHORTER | AMOUNT_LONGER,
         "messages have other lengths: other contents, headers or encoding"},
        {AMOUNT_INSTEAD, 0, "other messages take the place of the usual ones: other answers, or another request"},
        {AMOUNT_ELSEWHERE, 0, "it goes to another kind of descriptor than usual"},
        {AMOUNT_CONTENT, 0, "the contents have other lengths"},
        {AMOUNT_PIECES, 0, "it goes in smaller pieces, as with a small buffer or none"},
        {AMOUNT_OTHER, 0, "something else is read or written there"},
        {AMOUNT_READY, 0, "more or fewer descriptors are ready at a time: work comes together, or is fetched later"},
        {AMOUNT_END, 0, "a return of 0 is the end of a file or of a connection that the other side closed"},
    };
    found &= (found & (unsigned)AMOUNT_NO_RECORD) != 0 ? ~(unsigned)AMOUNT_TLS : ~0U; /* not of all of them */
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        const unsigned of = found & meanings[i].mask;
        if (meanings[i].is != 0 ? of == meanings[i].is : of != 0) {
            words_append(f->means, sizeof f->means, "%s%s", f->means[0] != '\0' ? "; " : "", meanings[i].means);
        }
    }
}

/* --- Numbers that have changed --- */

/* What is made, and of what. */
struct sizes {
    struct finding *f;
    const struct stg_model *m;
    const struct stg_behaviours *b;
    const struct stg_behaviour *x;
    struct shift {
        const struct stg_behaviour_change *change;
        float by; /* how many more or fewer there are in each */
    } shifts[2 * STG_BEHAVIOUR_CHANGES];
    size_t n_shifts;
    unsigned n, found; /* amounts that were told; enum amount */
};

static void begin(struct sizes *z, const struct stg_kind_of_call *kind)
{
    const char *process = behaviour_process(&z->b->names, kind->proc);
    words_append(z->f->what, sizeof z->f->what, "%s%.64s%s",
                 z->n++ == 0 ? "the same calls return other amounts: " : ", ", process, process[0] != '\0' ? " " : "");
}

static float shift_of(const struct stg_behaviour_change *c)
{
    return fabsf(fmaxf(c->now, c->share) - c->usual.median);
}

static bool same_call(const struct stg_kind_of_call *a, const struct stg_kind_of_call *b)
{
    return a->call == b->call && a->proc == b->proc;
}

/* The call itself, where there are more of it than usual; NULL: there are not. */
static const struct stg_behaviour_change *whole_of(const struct sizes *z, const struct stg_kind_of_call *kind)
{
    for (size_t i = 0; i < z->x->n_more; i++) {
        if (same_call(&z->x->more[i].kind, kind) && z->x->more[i].kind.phase == 0) {
            return &z->x->more[i];
        }
    }
    return NULL;
}

/* A call that known sequences do not make is none of the same calls. */
static bool is_new_call(const struct sizes *z, const struct stg_kind_of_call *kind)
{
    const struct stg_behaviour_change *c = whole_of(z, kind);
    return c != NULL && !(c->usual.share > 0);
}

static void find_shifts(struct sizes *z)
{
    const struct stg_behaviour *x = z->x;
    for (size_t i = 0; i < x->n_more + x->n_fewer; i++) {
        const struct stg_behaviour_change *c = i < x->n_more ? &x->more[i] : &x->fewer[i - x->n_more];
        if (c->kind.size == 0 || c->kind.errno_class > 1 || is_new_call(z, &c->kind)) {
            continue;
        }
        size_t at = z->n_shifts++;
        for (; at > 0 && z->shifts[at - 1].by < shift_of(c); at--) {
            z->shifts[at] = z->shifts[at - 1];
        }
        z->shifts[at] = (struct shift){c, shift_of(c)};
    }
}

/* Whether another amount of the call has changed the other way. */
static bool is_instead(const struct sizes *z, const struct stg_behaviour_change *c)
{
    for (size_t i = 0; i < z->n_shifts; i++) {
        const struct stg_behaviour_change *o = z->shifts[i].change;
        if (same_call(&o->kind, &c->kind) && (o->now > o->usual.median) != (c->now > c->usual.median)) {
            return true;
        }
    }
    return false;
}

/* "write returning 4-7 (15 in each, usually 4)" */
static void put_shift(struct sizes *z, const struct stg_behaviour_change *c)
{
    char kind[160];
    begin(z, &c->kind);
    behaviour_kind(&z->b->names, &c->kind, kind, sizeof kind);
    words_append(z->f->what, sizeof z->f->what, "%s", kind);
    finding_count(z->f, c);
    z->f->weight = fmaxf(z->f->weight, c->weight);
    if (is_wait(behaviour_call(&z->b->names, c->kind.call))) {
        z->found |= AMOUNT_READY;
    } else if (c->kind.size == 1) {
        z->found |= AMOUNT_END;
    } else if (is_instead(z, c)) {
        z->found |= AMOUNT_INSTEAD;
    }
}

/* --- Surprising amounts --- */

static uint8_t class_of(uint64_t amount)
{
    return amount == 0 ? 1 : (uint8_t)(65 - __builtin_clzll(amount));
}

/* Whether the call returns amounts of that class more or less often than usual. */
static bool has_shifted(const struct sizes *z, const struct stg_kind_of_call *kind, uint8_t class)
{
    for (size_t i = 0; i < z->n_shifts; i++) {
        if (same_call(&z->shifts[i].change->kind, kind) && z->shifts[i].change->kind.size == class) {
            return true;
        }
    }
    for (size_t i = 0; i < z->x->n_more; i++) { /* what most of the additional calls return */
        if (same_call(&z->x->more[i].kind, kind) && z->x->more[i].kind.phase == 0 && z->x->more[i].size == class) {
            return true;
        }
    }
    return false;
}

/* Whether more files are opened, or the like: what is read then may be another one. */
static bool opens_more(const struct sizes *z, uint16_t proc)
{
    for (size_t i = 0; i < z->x->n_more; i++) {
        const struct stg_kind_of_call *kind = &z->x->more[i].kind;
        if (kind->proc == proc && kind->phase == 0 && stg_syscall_opens(behaviour_call(&z->b->names, kind->call)) > 0) {
            return true;
        }
    }
    return false;
}

/* Both kinds of descriptor are known, and differ. */
static bool is_elsewhere(const struct stg_behaviour_surprise *s)
{
    return finding_kind(s->object.fd_kind) != NULL && finding_kind(s->expected_object.fd_kind) != NULL &&
           s->object.fd_kind != s->expected_object.fd_kind;
}

/* Whether least to most is what is usual instead, as far as the counts bear it out. */
static bool has_usual(const struct sizes *z, const struct stg_behaviour_surprise *s, uint64_t *least, uint64_t *most)
{
    if (s->expected < STG_TOKEN_SPECIALS || s->expected_share < LEAST_SHARE ||
        stg_symbols_parts(z->m->symbols, s->expected).call != s->kind.call ||
        !range_of(z->m, s->expected, least, most)) {
        return false;
    }
    const uint8_t usual = class_of(*least);
    return is_elsewhere(s) || usual == s->kind.size || has_shifted(z, &s->kind, s->kind.size) ||
           has_shifted(z, &s->kind, usual);
}

/* "apache2 read 88 on a TCP socket (usually 104-111)", "redis-server write 412 on a file (usually 5, on a TCP
 * socket)" */
static void put_surprise(struct sizes *z, const struct stg_behaviour_surprise *s)
{
    const char *call = behaviour_call(&z->b->names, s->kind.call);
    uint64_t least, most;
    begin(z, &s->kind);
    words_append(z->f->what, sizeof z->f->what, "%.64s %" PRId64, call, s->ret);
    finding_object(z->f, &s->object, "", 0);
    z->f->weight += s->weight;
    if (!has_usual(z, s, &least, &most)) {
        return;
    }
    words_append(z->f->what, sizeof z->f->what, least == most ? " (usually %" PRIu64 : " (usually %" PRIu64 "-%" PRIu64,
                 least, most);
    if (is_elsewhere(s)) {
        finding_object(z->f, &s->expected_object, ",", 0);
        z->found |= AMOUNT_ELSEWHERE;
    } else {
        const unsigned amount = amount_of(s, call, least, most, z->x->n > 1);
        const bool pieces = amount == AMOUNT_OTHER && (uint64_t)s->ret < least && whole_of(z, &s->kind) != NULL &&
                            !opens_more(z, s->kind.proc);
        z->found |= pieces ? (unsigned)AMOUNT_PIECES : amount;
    }
    words_append(z->f->what, sizeof z->f->what, ")");
}

void finding_sizes(struct finding *f, const struct stg_model *m, const struct stg_behaviours *b,
                   const struct stg_behaviour *x)
{
    struct sizes z = {.f = f, .m = m, .b = b, .x = x};
    find_shifts(&z);
    for (size_t i = 0; i < z.n_shifts && z.n < MOST_SIZES; i++) {
        put_shift(&z, z.shifts[i].change);
    }
    for (size_t i = 0; i < x->n_surprises && z.n < MOST_SIZES; i++) {
        const struct stg_behaviour_surprise *s = &x->surprises[i];
        bool told = false;
        for (size_t k = 0; k < z.n_shifts; k++) {
            told |= stg_usual_key(&z.shifts[k].change->kind) == stg_usual_key(&s->kind);
        }
        if (s->kind.size > 0 && s->ret >= 0 && s->weight >= LEAST_WEIGHT && !told && !is_new_call(&z, &s->kind)) {
            put_surprise(&z, s);
        }
    }
    put_amounts(f, z.found);
}
