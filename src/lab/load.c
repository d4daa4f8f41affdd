#include "lab/load.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/rng.h"
#include "lab/reply.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_PENDING 16 /* due requests that wait for one connection */
#define LATE_NS     UINT64_C(1000000)
#define DRAIN_NS    UINT64_C(2000000000) /* at the end, answers are waited for so long */
#define SECOND_NS   UINT64_C(1000000000)

enum connection_state { CLOSED, CONNECTING, HANDSHAKE, IDLE, SENDING, READING };

struct connection {
    enum connection_state state;
    int fd;
    SSL *ssl;
    bool reused;                   /* it has answered before */
    bool retried;                  /* the request under way was sent before */
    uint64_t pending[MAX_PENDING]; /* ns at which the waiting requests were due, a ring; the first is under way */
    uint32_t first, n_pending;
    char request[256];
    size_t request_len, sent;
    struct stg_reply reply;
};

struct load {
    const struct stg_load_settings *s;
    struct connection *connections; /* (s->connections) */
    SSL_CTX *tls;
    struct stg_rng rng;
    int epoll, signals;
    uint64_t start_ns, window_ns; /* of the schedule, of the counts */
    uint64_t i_next, due_ns;      /* the next request */
    uint64_t in_flight;
    bool stopping, frozen;
    uint64_t stop_ns;
    struct stg_load_counts counts;
    struct stg_load_counts *out;
};

/* When request i is due, from the start: the first `burst` of a second together, the rest in even slots with a
 * jitter. */
static uint64_t due_after(struct load *l, uint64_t i)
{
    const uint64_t second = i / l->s->rate, k = i % l->s->rate;
    if (k < l->s->burst) {
        return second * SECOND_NS;
    }
    const double slot = 1e9 / (double)(l->s->rate - l->s->burst);
    return second * SECOND_NS + (uint64_t)(((double)(k - l->s->burst) + stg_rng_unit(&l->rng)) * slot);
}

static void watch(struct load *l, struct connection *c, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = c};
    (void)epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd,
                    &e); /* the descriptor is in the set: it was added when it was opened */
}

static void shut(struct connection *c)
{
    if (c->ssl != NULL) {
        if (c->state >= IDLE) {
            (void)SSL_shutdown(c->ssl); /* says good-bye; the answer is not waited for */
        }
        SSL_free(c->ssl);
        ERR_clear_error();
        c->ssl = NULL;
    }
    if (c->fd >= 0) {
        close(c->fd);
        c->fd = -1;
    }
    c->state = CLOSED;
    c->reused = false;
}

static uint64_t pop(struct load *l, struct connection *c)
{
    const uint64_t due = c->pending[c->first];
    c->first = (c->first + 1) % MAX_PENDING;
    c->n_pending--;
    c->retried = false;
    l->in_flight--;
    return due;
}

static void open_connection(struct load *l, struct connection *c);
static void send_more(struct load *l, struct connection *c);

/* Works on the next due request, if there is one. */
static void go_on(struct load *l, struct connection *c)
{
    if (c->n_pending == 0) {
        return;
    }
    if (c->state == CLOSED) {
        open_connection(l, c);
        return;
    }
    const uint32_t id = l->s->n_ids == 0 ? 0 : 1 + (uint32_t)stg_rng_below(&l->rng, l->s->n_ids);
    char number[16] = "";
    if (id > 0) {
        snprintf(number, sizeof number, "%u", id);
    }
    c->request_len = (size_t)snprintf(
        c->request, sizeof c->request,
        "GET %s%s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: strange-lab\r\nAccept: */*\r\n\r\n", l->s->path, number);
    c->sent = 0;
    c->state = SENDING;
    stg_reply_begin(&c->reply);
    send_more(l, c);
}

/* The request under way has no answer; the connection is closed. */
static void give_up(struct load *l, struct connection *c)
{
    shut(c);
    if (c->n_pending > 0) {
        pop(l, c);
        l->counts.failed++;
    }
    if (l->s->total > 0) {
        l->stopping = true; /* a single question: no use in going on */
        l->stop_ns = 0;
    } else if (c->n_pending > 0) {
        go_on(l, c);
    }
}

/* The server has closed, or the connection broke. */
static void lost_connection(struct load *l, struct connection *c)
{
    const bool under_way = c->state == SENDING || c->state == READING;
    if (c->state == IDLE) {
        l->counts.closed_idle++;
        shut(c);
        go_on(l, c);
    } else if (under_way && c->reused && c->reply.received == 0 && !c->retried) {
        /* It was closing while the request was on its way, as clients of kept connections must expect. */
        l->counts.retried++;
        c->retried = true;
        shut(c);
        go_on(l, c);
    } else {
        give_up(l, c);
    }
}

static void answered(struct load *l, struct connection *c)
{
    const uint64_t now = stg_clock_ns(), due = pop(l, c);
    if (c->reply.code == (int)l->s->status) {
        l->counts.answered++;
    } else {
        l->counts.other_status++;
    }
    stg_histogram_put(&l->counts.latency, now > due ? now - due : 0);
    c->reused = true;
    if (c->reply.close) {
        l->counts.closed_announced++;
        shut(c);
    } else {
        c->state = IDLE;
    }
    go_on(l, c);
}

/* Bytes read; 0: the server closed; −1: nothing now; −2: broken. */
static int receive(struct connection *c, char *data, int cap)
{
    if (c->ssl == NULL) {
        const ssize_t n = recv(c->fd, data, (size_t)cap, 0);
        return n >= 0 ? (int)n : errno == EAGAIN || errno == EINTR ? -1 : -2;
    }
    ERR_clear_error();
    const int n = SSL_read(c->ssl, data, cap);
    if (n > 0) {
        return n;
    }
    const int error = SSL_get_error(c->ssl, n);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? -1 : error == SSL_ERROR_ZERO_RETURN ? 0 : -2;
}

static void read_more(struct load *l, struct connection *c)
{
    char data[16384];
    while (c->state == READING || c->state == IDLE) {
        const int n = receive(c, data, (int)sizeof data);
        if (n == -1) {
            return;
        }
        if (n <= 0 && c->state == READING && stg_reply_end(&c->reply)) {
            answered(l, c);
            return;
        }
        if (n <= 0 || c->state == IDLE) { /* closed; or it talks without being asked */
            lost_connection(l, c);
            return;
        }
        size_t used;
        if (stg_reply_put(&c->reply, data, (size_t)n, &used) != STG_OK) {
            give_up(l, c);
            return;
        }
        if (c->reply.state == STG_REPLY_DONE) {
            answered(l, c);
            return; /* whatever state it is in now, epoll tells of more */
        }
    }
}

static void send_more(struct load *l, struct connection *c)
{
    while (c->sent < c->request_len) {
        ssize_t n;
        bool again;
        if (c->ssl == NULL) {
            n = send(c->fd, c->request + c->sent, c->request_len - c->sent, MSG_NOSIGNAL);
            again = n < 0 && (errno == EAGAIN || errno == EINTR);
        } else {
            ERR_clear_error();
            n = SSL_write(c->ssl, c->request + c->sent, (int)(c->request_len - c->sent));
            const int error = n > 0 ? SSL_ERROR_NONE : SSL_get_error(c->ssl, (int)n);
            again = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
        }
        if (again) {
            watch(l, c, EPOLLIN | EPOLLOUT);
            return;
        }
        if (n <= 0) {
            lost_connection(l, c);
            return;
        }
        c->sent += (size_t)n;
    }
    c->state = READING;
    watch(l, c, EPOLLIN);
}

static void shake_hands(struct load *l, struct connection *c)
{
    ERR_clear_error();
    const int done = SSL_connect(c->ssl);
    if (done == 1) {
        l->counts.handshakes++;
        c->state = IDLE;
        watch(l, c, EPOLLIN);
        go_on(l, c);
        return;
    }
    const int error = SSL_get_error(c->ssl, done);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        watch(l, c, error == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT);
        return;
    }
    give_up(l, c);
}

static void connected(struct load *l, struct connection *c)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
        give_up(l, c);
        return;
    }
    l->counts.connections++;
    if (l->tls == NULL) {
        c->state = IDLE;
        watch(l, c, EPOLLIN);
        go_on(l, c);
        return;
    }
    c->ssl = SSL_new(l->tls);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1) {
        give_up(l, c);
        return;
    }
    c->state = HANDSHAKE;
    shake_hands(l, c);
}

static void open_connection(struct load *l, struct connection *c)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(l->s->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event e = {.events = EPOLLOUT, .data.ptr = c};
    const int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    c->state = CONNECTING;
    if (c->fd < 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &e) != 0) {
        give_up(l, c);
        return;
    }
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS) {
        give_up(l, c);
    }
}

/* The requests whose time has come go to their connections. */
static void start_due(struct load *l, uint64_t now)
{
    while (!l->stopping && l->due_ns <= now) {
        struct connection *c = &l->connections[l->i_next % l->s->connections];
        l->counts.due++;
        l->counts.late += now - l->due_ns > LATE_NS;
        if (c->n_pending == MAX_PENDING) {
            l->counts.dropped++;
        } else {
            c->pending[(c->first + c->n_pending) % MAX_PENDING] = l->due_ns;
            c->n_pending++;
            l->in_flight++;
            l->counts.in_flight_max = l->in_flight > l->counts.in_flight_max ? l->in_flight : l->counts.in_flight_max;
            if (c->n_pending == 1 && (c->state == CLOSED || c->state == IDLE)) {
                go_on(l, c);
            }
        }
        l->i_next++;
        l->due_ns = l->start_ns + due_after(l, l->i_next);
        if (l->s->total > 0 && l->i_next >= l->s->total) {
            l->stopping = true;
            l->stop_ns = now + 10 * SECOND_NS;
        }
    }
}

static void freeze(struct load *l, uint64_t now)
{
    if (!l->frozen) {
        *l->out = l->counts;
        l->out->ns = now - l->window_ns;
        l->frozen = true;
    }
}

static void take_signals(struct load *l, uint64_t now)
{
    struct signalfd_siginfo info;
    while (read(l->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGUSR1) {
            l->counts = (struct stg_load_counts){0};
            l->window_ns = now;
            l->frozen = false;
        } else if (info.ssi_signo == SIGUSR2) {
            freeze(l, now);
        } else {
            freeze(l, now);
            l->stopping = true;
            l->stop_ns = now + DRAIN_NS;
        }
    }
}

static void take_event(struct load *l, const struct epoll_event *e)
{
    struct connection *c = e->data.ptr;
    switch (c->state) {
    case CLOSED:
        return; /* closed by what came before in this batch */
    case CONNECTING:
        connected(l, c);
        return;
    case HANDSHAKE:
        shake_hands(l, c);
        return;
    case SENDING:
        send_more(l, c);
        return;
    case IDLE:
    case READING:
        read_more(l, c);
        return;
    }
}

static enum stg_status turn(struct load *l)
{
    struct epoll_event events[128];
    uint64_t now = stg_clock_ns();
    start_due(l, now);
    const uint64_t until = l->stopping ? l->stop_ns : l->due_ns;
    now = stg_clock_ns();
    const uint64_t wait = until > now ? until - now : 0;
    const struct timespec timeout = {.tv_sec = (time_t)(wait / SECOND_NS), .tv_nsec = (long)(wait % SECOND_NS)};
    const int n = epoll_pwait2(l->epoll, events, 128, &timeout, NULL);
    if (n < 0 && errno != EINTR) {
        return stg_fail_errno("load: epoll");
    }
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr == NULL) {
            take_signals(l, stg_clock_ns());
        } else {
            take_event(l, &events[i]);
        }
    }
    return STG_OK;
}

static enum stg_status set_up(struct load *l)
{
    sigset_t set;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&l->connections, l->s->connections, sizeof *l->connections));
    for (uint32_t i = 0; i < l->s->connections; i++) {
        l->connections[i].fd = -1;
        l->connections[i].reply.body = l->s->body;
        l->connections[i].reply.context = l->s->context;
    }
    if (l->s->tls) {
        l->tls = SSL_CTX_new(TLS_client_method());
        if (l->tls == NULL) {
            return stg_fail(STG_ERR_IO, "load: OpenSSL cannot be set up");
        }
        SSL_CTX_set_verify(l->tls, SSL_VERIFY_NONE, NULL); /* the certificate was made a moment ago on this machine */
        SSL_CTX_set_mode(l->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    l->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
    if (l->signals < 0 || l->epoll < 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->signals, &e) != 0) {
        return stg_fail_errno("load: cannot be set up");
    }
    return STG_OK;
}

static void tear_down(struct load *l)
{
    for (uint32_t i = 0; l->connections != NULL && i < l->s->connections; i++) {
        shut(&l->connections[i]);
    }
    stg_mem_free(l->connections);
    SSL_CTX_free(l->tls);
    if (l->epoll >= 0) {
        close(l->epoll);
    }
    if (l->signals >= 0) {
        close(l->signals);
    }
}

enum stg_status stg_load_run(const struct stg_load_settings *s, struct stg_load_counts *out)
{
    enum stg_status status;
    struct load *l = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&l, 1, sizeof *l));
    l->s = s;
    l->out = out;
    l->epoll = l->signals = -1;
    stg_rng_seed(&l->rng, s->seed);
    STG_TRY(set_up(l));
    l->start_ns = l->window_ns = stg_clock_ns();
    l->due_ns = l->start_ns + due_after(l, 0);
    while (!l->stopping || (l->in_flight > 0 && stg_clock_ns() < l->stop_ns)) {
        STG_TRY(turn(l));
    }
    freeze(l, stg_clock_ns());
out:
    tear_down(l);
    stg_mem_free(l);
    return status;
}
