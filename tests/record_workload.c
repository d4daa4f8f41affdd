/* A program whose system calls are known: what the tests of the recorder run.
 *
 *   record_workload calls N       N × (getppid, close(−1), write to /dev/null)
 *   record_workload family N      three children, one of them by a second fork, each N × getppid; a thread with N ×
 * getppid record_workload marks N       N × (workload_mark(i), in it getppid; static probes strange_test:tick with i,
 * and kinds while watched) record_workload hold          tells "ready" and does N × getppid for each byte it reads
 *   record_workload files         fcntl(fd, F_GETFD) on a descriptor of each kind, and access() of a path
 *   record_workload late          a child opens a file by a name that is not in its memory, and more of the kind
 *   record_workload compat N      N × getpid by the 32-bit door
 *   record_workload bursts N      five times N × getppid, and a pause of 100 ms
 *   record_workload ends N        N × a child whose two threads end at the same time
 *   record_workload exec N        execveat() that fails, then of itself by a thread for calls N
 *   record_workload numbers N     N × calls 600 and 700, which there are not, and getppid
 *   record_workload flood SECONDS getppid as fast as it can; prints how
 * many */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438 /* the same on all machines */
#endif

/* The counters by which the kernel tells that a static probe is watched. */
volatile unsigned short strange_test_tick_semaphore __attribute__((section(".probes")));
volatile unsigned short strange_test_kinds_semaphore __attribute__((section(".probes")));

#if defined(STG_TEST_USDT)
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>
#else
#define DTRACE_PROBE1(provider, name, a)          ((void)(a))
#define DTRACE_PROBE4(provider, name, a, b, c, d) ((void)(a), (void)(b), (void)(c), (void)(d))
#endif

int workload_mark(long i); /* found by its name from outside */

static void ask(long n)
{
    for (long i = 0; i < n; i++) {
        syscall(SYS_getppid);
    }
}

static int calls(long n)
{
    const int fd = open("/dev/null", O_WRONLY);
    for (long i = 0; i < n; i++) {
        syscall(SYS_getppid);
        syscall(SYS_close, -1);
        if (syscall(SYS_write, fd, "x", 1L) != 1) {
            return 1;
        }
    }
    return close(fd);
}

static void *run_thread(void *n)
{
    ask(*(long *)n);
    return NULL;
}

/* As _exit(), which a build that counts its lines redirects to what this program does not have. */
static void leave(void)
{
    syscall(SYS_exit_group, 0);
}

static int family(long n)
{
    pthread_t thread;
    for (int i = 0; i < 2; i++) {
        const pid_t child = fork();
        if (child == 0) {
            if (i == 0 && fork() == 0) {
                ask(n);
                leave();
            }
            ask(n);
            while (wait(NULL) > 0) {
            }
            leave();
        }
    }
    if (pthread_create(&thread, NULL, run_thread, &n) != 0 || pthread_join(thread, NULL) != 0) {
        return 1;
    }
    while (wait(NULL) > 0) {
    }
    return 0;
}

__attribute__((noinline)) int workload_mark(long i)
{
    DTRACE_PROBE1(strange_test, tick, i);
    return (int)(syscall(SYS_getppid) + i);
}

/* A probe whose arguments are of several widths and in several places: registers, the code, memory. */
static void mark_kinds(long i)
{
    volatile long in_memory = i * 1000003;
    if (strange_test_kinds_semaphore > 0) {
        DTRACE_PROBE4(strange_test, kinds, (signed char)-i, 42, (unsigned short)(i * 257), in_memory);
    }
}

static int marks(long n)
{
    for (long i = 0; i < n; i++) {
        (void)workload_mark(i);
        mark_kinds(i);
    }
    return 0;
}

static int hold(long n)
{
    char byte;
    if (write(STDOUT_FILENO, "ready\n", 6) != 6) {
        return 1;
    }
    while (read(STDIN_FILENO, &byte, 1) == 1) {
        ask(n);
        if (write(STDOUT_FILENO, "done\n", 5) != 5) {
            return 1;
        }
    }
    return 0;
}

static int files(long n)
{
    int pair[2], ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || pipe(ends) != 0) {
        return 1;
    }
    const int fds[] = {
        open("/etc/passwd", O_RDONLY),
        open("/etc", O_RDONLY | O_DIRECTORY),
        open("/dev/null", O_RDONLY),
        ends[0],
        socket(AF_INET, SOCK_STREAM, 0),
        socket(AF_INET, SOCK_DGRAM, 0),
        pair[0],
        socket(AF_NETLINK, SOCK_RAW, 0),
        epoll_create1(0),
        eventfd(0, 0),
        timerfd_create(CLOCK_MONOTONIC, 0),
        inotify_init(),
        memfd_create("workload", 0),
        open("/proc/self/status", O_RDONLY),
        500,
    };
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        syscall(SYS_fcntl, fds[i], F_GETFD);
    }
    syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, getpid(), 0), fds[0], 0);
    syscall(SYS_access, "/no/such/file", (int)(n & 1));
    return 0;
}

/* The text on a page of its own, which is not in memory of this process until it is read. */
static const char *not_in_memory(const char *text)
{
    const int fd = memfd_create("late", 0);
    if (fd < 0 || ftruncate(fd, 4096) != 0 || pwrite(fd, text, strlen(text), 0) != (ssize_t)strlen(text)) {
        return NULL;
    }
    const void *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    return page == MAP_FAILED ? NULL : page;
}

/* A forked child has none of the pages of files that its parent has, until it touches them. */
static int late(long n)
{
    char longer[200] = "/no/such/";
    char *const args[] = {(char *)"record_workload", (char *)"calls", (char *)"1", NULL};
    memset(longer + strlen(longer), 'x', sizeof longer - 1 - strlen(longer));
    const char *of_child = not_in_memory("/no/such/late"), *of_long = not_in_memory(longer),
               *no_program = not_in_memory("/no/such/program"), *program = not_in_memory("/proc/self/exe"),
               *empty = not_in_memory("");
    if (of_child == NULL || of_long == NULL || no_program == NULL || program == NULL || empty == NULL ||
        strlen(of_child) == 0) {
        return 1;
    }
    if (fork() == 0) {
        syscall(SYS_openat, AT_FDCWD, of_child, O_RDONLY);
        syscall(SYS_openat, AT_FDCWD, of_child, O_RDONLY);
        syscall(SYS_access, of_long, (int)(n & 1));
        syscall(SYS_access, NULL, F_OK);
        syscall(SYS_access, empty, F_OK);
        syscall(SYS_execve, no_program, args, environ);
        syscall(SYS_execve, program, args, environ);
        leave();
    }
    wait(NULL);
    return 0;
}

static int compat(long n)
{
    for (long i = 0; i < n; i++) {
#if defined(__x86_64__)
        long ret = 20;
        __asm__ volatile("int $0x80" : "+a"(ret) : : "memory", "r8", "r9", "r10", "r11");
#endif
    }
    return 0;
}

static int bursts(long n)
{
    const struct timespec pause = {.tv_nsec = 100000000};
    for (int i = 0; i < 5; i++) {
        ask(n);
        nanosleep(&pause, NULL);
    }
    return 0;
}

static atomic_int n_at_end;

/* Waits for the other thread, turning, so that neither has to be woken up. */
static void *end_together(void *unused)
{
    (void)unused;
    atomic_fetch_add(&n_at_end, 1);
    while (atomic_load(&n_at_end) < 2) {
    }
    syscall(SYS_exit, 0);
    return NULL;
}

static int ends(long n)
{
    for (long i = 0; i < n; i++) {
        if (fork() == 0) {
            pthread_t thread;
            if (pthread_create(&thread, NULL, end_together, NULL) != 0) {
                leave();
            }
            end_together(NULL);
        }
        wait(NULL);
    }
    return 0;
}

static void *run_exec(void *n)
{
    char text[24];
    char *const args[] = {(char *)"record_workload", (char *)"calls", text, NULL};
    const int fd = open("/proc/self/exe", O_RDONLY);
    snprintf(text, sizeof text, "%ld", *(long *)n);
    syscall(SYS_execveat, -1, "", args, environ, AT_EMPTY_PATH);
    syscall(SYS_execveat, fd, "", args, environ, AT_EMPTY_PATH);
    return NULL;
}

static int exec_by_thread(long n)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, run_exec, &n) != 0 || pthread_join(thread, NULL) != 0;
}

static int numbers(long n)
{
    for (long i = 0; i < n; i++) {
        syscall(600);
        syscall(700);
        syscall(SYS_getppid);
    }
    return 0;
}

static int flood(long seconds)
{
    struct timespec start, now;
    unsigned long n = 0;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        ask(1000);
        n += 1000;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < seconds);
    printf("%lu\n", n);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(long);
    } modes[] = {{"calls", calls}, {"family", family},       {"marks", marks},     {"hold", hold},
                 {"files", files}, {"compat", compat},       {"flood", flood},     {"bursts", bursts},
                 {"ends", ends},   {"exec", exec_by_thread}, {"numbers", numbers}, {"late", late}};
    const long n = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
    for (size_t i = 0; argc > 1 && i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(argv[1], modes[i].name) == 0) {
            return modes[i].run(n);
        }
    }
    return 2;
}
