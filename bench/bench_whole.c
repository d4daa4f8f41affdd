/* bench_whole OUT COMMAND …: runs a command, its standard output into the file OUT, and prints wall seconds, processor
 * seconds and peak KiB on standard output: /usr/bin/time knows hundredths of a second only. Fails as the command does.
 */
#include "base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: bench_whole OUT COMMAND …\n");
        return 2;
    }
    const int out = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    const uint64_t begin = stg_clock_ns();
    const pid_t child = out < 0 ? -1 : fork();
    struct rusage used;
    int status;
    if (child == 0) {
        if (dup2(out, STDOUT_FILENO) >= 0) {
            execvp(argv[2], argv + 2);
        }
        perror(argv[2]);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &used) != child) {
        perror(out < 0 ? argv[1] : argv[2]);
        return 2;
    }
    printf("%.4f %.4f %ld\n", 1e-9 * (double)(stg_clock_ns() - begin), seconds(used.ru_utime) + seconds(used.ru_stime),
           used.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
