#include "base/progress.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void stg_progress_start(struct stg_progress *p, const char *what, const char *unit, uint64_t total)
{
    if (p == NULL) {
        return;
    }
    const int enabled = p->enabled;
    *p = (struct stg_progress){
        .what = what, .unit = unit, .total = total, .enabled = enabled && stg_log_is_screen(STDERR_FILENO)};
    p->start_ns = p->drawn_ns = stg_clock_ns();
}

static void human(char *out, size_t cap, double value)
{
    const char *const units[] = {"", " k", " M", " G"};
    int i = 0;
    while (value >= 9999.5 && i < 3) {
        value /= 1000;
        i++;
    }
    snprintf(out, cap, value < 10 && i > 0 ? "%.1f%s" : "%.0f%s", value, units[i]);
}

/* Writes text over the line, cut to the width of the terminal: a longer one would leave a part of itself behind. */
static void write_line(char *text)
{
    struct winsize size;
    size_t left = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1U : 79;
    stg_status_one_line(text);
    char *at = text;
    for (; *at != '\0'; at++) {
        const bool begins = ((unsigned char)*at & 0xC0) != 0x80; /* a character */
        if (begins && left-- == 0) {
            break;
        }
    }
    *at = '\0';
    fprintf(stderr, "\r\033[K%s", text);
    fflush(stderr);
}

static void draw(const struct stg_progress *p, uint64_t now)
{
    char line[512];
    char bar[21] = "....................";
    char left[32] = "";
    char rate[32];
    char done[32];
    const double seconds = (double)(now - p->start_ns) * 1e-9;
    const double per_second = seconds > 0 ? (double)p->done / seconds : 0;
    if (p->total > 0) {
        const double part = p->done < p->total ? (double)p->done / (double)p->total : 1;
        memset(bar, '#', (size_t)(part * 20));
        if (per_second > 0) {
            const unsigned long s = p->done < p->total ? (unsigned long)((double)(p->total - p->done) / per_second) : 0;
            snprintf(left, sizeof left, ", %lu:%02lu left", s / 60, s % 60);
        }
    }
    if (p->unit[0] == '\0') { /* what is counted means nothing to people */
        const double part = p->total > 0 ? (double)p->done / (double)p->total : 0;
        snprintf(line, sizeof line, "%s [%s] %.0f %%%s", p->what, bar, part < 1 ? 100 * part : 100.0, left);
        write_line(line);
        return;
    }
    human(rate, sizeof rate, per_second);
    human(done, sizeof done, (double)p->done);
    snprintf(line, sizeof line, "%s [%s] %s %s, %s/s%s%s%s", p->what, bar, done, p->unit, rate, left,
             p->note[0] ? "  " : "", p->note);
    write_line(line);
}

void stg_progress_update(struct stg_progress *p, uint64_t done)
{
    if (p == NULL) {
        return;
    }
    p->done = done;
    if (!p->enabled) {
        return;
    }
    const uint64_t now = stg_clock_ns();
    if (now - p->drawn_ns >= 100000000u) {
        p->drawn_ns = now;
        draw(p, now);
    }
}

void stg_progress_finish(struct stg_progress *p)
{
    if (p != NULL && p->enabled) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
}
