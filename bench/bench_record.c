/* A closed loop of requests that are little but system calls: what bench record slows down by tracing it.
 *
 *   bench_record SECONDS     a client and a server process over a Unix socket; prints requests/s, processor time and
 * calls per request */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALLS_PER_REQUEST 10 /* 8 of the server, 2 of the client */

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* epoll_wait, read, openat, fstat, read, close, write, and fcntl: about what a web server does for a small file. */
static int serve(int fd)
{
    char page[4096], request[64];
    struct epoll_event event = {.events = EPOLLIN};
    struct stat info;
    const int epoll = epoll_create1(0);
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        return 1;
    }
    for (;;) {
        if (epoll_wait(epoll, &event, 1, -1) < 0 && errno != EINTR) {
            return 1;
        }
        if (read(fd, request, sizeof request) <= 0) {
            return 0;
        }
        const int file = open("/etc/hostname", O_RDONLY);
        ssize_t n = file < 0 || fstat(file, &info) != 0 ? -1 : read(file, page, sizeof page);
        if (n < 0 || close(file) != 0 || fcntl(fd, F_GETFL) < 0 || write(fd, page, (size_t)n) != n) {
            return 1;
        }
    }
}

int main(int argc, char **argv)
{
    const double length = argc > 1 ? strtod(argv[1], NULL) : 5;
    int ends[2], status;
    char reply[4096];
    unsigned long n = 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0) {
        perror("socketpair");
        return 2;
    }
    const pid_t server = fork();
    if (server == 0) {
        close(ends[0]);
        _exit(serve(ends[1]));
    }
    close(ends[1]);
    const double start = seconds_now();
    double now = start;
    while (now - start < length) {
        if (write(ends[0], "GET / HTTP/1.1\r\n\r\n", 18) != 18 || read(ends[0], reply, sizeof reply) < 0) {
            perror("request");
            return 2;
        }
        n++;
        now = seconds_now();
    }
    close(ends[0]);
    if (waitpid(server, &status, 0) != server || status != 0) {
        fprintf(stderr, "the server failed\n");
        return 2;
    }
    struct rusage own, other;
    getrusage(RUSAGE_SELF, &own);
    getrusage(RUSAGE_CHILDREN, &other);
    const double cpu =
        (double)(own.ru_utime.tv_sec + own.ru_stime.tv_sec + other.ru_utime.tv_sec + other.ru_stime.tv_sec) +
        (double)(own.ru_utime.tv_usec + own.ru_stime.tv_usec + other.ru_utime.tv_usec + other.ru_stime.tv_usec) / 1e6;
    printf("%.0f requests/s %.2f us/request %d calls/request %lu requests\n", (double)n / (now - start),
           cpu / (double)n * 1e6, CALLS_PER_REQUEST, n);
    return 0;
}
