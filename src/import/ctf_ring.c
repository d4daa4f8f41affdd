/* CTF import: batches in shared memory. A socket pair carries one byte per batch, filled ones to the parent and empty
 * ones back; because each side has only its own end, the death of one is the end of the other's stream. */
#include "import/ctf_internal.h"

#include "base/interrupt.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum stg_status ctf_ring_init(struct ctf_ring *r, int *other)
{
    int pair[2];
    *r = (struct ctf_ring){.socket = -1, .n_free = CTF_BATCHES};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return stg_fail_errno("cannot make a socket pair");
    }
    void *shared =
        mmap(NULL, CTF_BATCHES * sizeof(struct ctf_batch), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        const enum stg_status status = stg_fail_errno("cannot map shared memory");
        close(pair[0]);
        close(pair[1]);
        return status;
    }
    r->batches = shared;
    r->socket = pair[0];
    *other = pair[1];
    return STG_OK;
}

void ctf_ring_fini(struct ctf_ring *r)
{
    if (r->batches != NULL) {
        munmap(r->batches, CTF_BATCHES * sizeof(struct ctf_batch));
    }
    if (r->socket >= 0) {
        close(r->socket);
    }
    *r = (struct ctf_ring){.socket = -1};
}

static bool send_byte(int socket)
{
    const char byte = 1;
    ssize_t n = 0;
    do {
        n = send(socket, &byte, 1, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n == 1;
}

enum ctf_take ctf_ring_take(struct ctf_ring *r, const struct ctf_batch **out)
{
    if (r->held) {
        r->held = false;
        r->at = (r->at + 1) % CTF_BATCHES;
        /* A child that is gone may still have left full batches, so that a failure to send does not matter here. */
        (void)send_byte(r->socket);
    }
    char byte = 0;
    ssize_t n = 0;
    for (;;) {
        n = recv(r->socket, &byte, 1, 0);
        if (n >= 0 || errno != EINTR) {
            break;
        }
        if (stg_interrupt_asked()) {
            return CTF_INTERRUPTED;
        }
    }
    if (n != 1) {
        return CTF_DIED;
    }
    r->held = true;
    *out = &r->batches[r->at];
    return CTF_TAKEN;
}

struct ctf_batch *ctf_ring_current(const struct ctf_ring *r)
{
    return &r->batches[r->at];
}

bool ctf_ring_publish(struct ctf_ring *r)
{
    if (!send_byte(r->socket)) {
        return false;
    }
    r->at = (r->at + 1) % CTF_BATCHES;
    r->n_free--;
    while (r->n_free == 0) {
        char bytes[CTF_BATCHES];
        const ssize_t n = recv(r->socket, bytes, sizeof bytes, 0);
        if (n > 0) {
            r->n_free += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            return false;
        }
    }
    struct ctf_batch *b = ctf_ring_current(r);
    b->n_events = 0;
    b->text_size = 0;
    return true;
}

void ctf_ring_finish(struct ctf_ring *r, enum stg_status status, const char *message)
{
    struct ctf_batch *b = ctf_ring_current(r);
    b->last = 1;
    b->status = (uint32_t)status;
    (void)snprintf(b->message, sizeof b->message, "%s", message);
    (void)ctf_ring_publish(r);
}
