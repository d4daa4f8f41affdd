#include "lab/account.h"

#include "base/buffer.h"
#include "lab/text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_FIELDS 8 /* user nice system idle iowait irq softirq steal; guest times are part of user and nice */

static uint64_t tick_ns(void)
{
    const long hz = sysconf(_SC_CLK_TCK);
    return UINT64_C(1000000000) / (uint64_t)(hz > 0 ? hz : 100);
}

/* Reads n numbers separated by blanks; false when there are fewer. */
static bool read_numbers(const char *at, uint64_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *end;
        at += strspn(at, " ");
        if (*at < '0' || *at > '9') {
            return false;
        }
        out[i] = strtoull(at, &end, 10);
        at = end;
    }
    return true;
}

enum stg_status stg_cpu_parse(struct stg_cpu_times *out, const char *text, size_t n)
{
    uint64_t f[N_FIELDS];
    const uint64_t ns = tick_ns();
    *out = (struct stg_cpu_times){0};
    if (n < 5 || strncmp(text, "cpu ", 4) != 0 || !read_numbers(text + 4, f, N_FIELDS)) {
        return stg_fail(STG_ERR_INPUT, "/proc/stat: its first line is not the sum over processors");
    }
    out->busy = (f[0] + f[1] + f[2] + f[5] + f[6]) * ns;
    out->idle = (f[3] + f[4]) * ns;
    out->steal = f[7] * ns;
    for (const char *at = strchr(text, '\n'); at != NULL && strncmp(at + 1, "cpu", 3) == 0; at = strchr(at + 1, '\n')) {
        out->n_cpus++;
    }
    return out->n_cpus > 0 ? STG_OK : stg_fail(STG_ERR_INPUT, "/proc/stat: no line of a processor");
}

enum stg_status stg_cpu_read(struct stg_cpu_times *out)
{
    struct stg_buffer text = STG_BUFFER_INIT;
    enum stg_status status;
    STG_TRY(stg_text_read(&text, "/proc/stat"));
    STG_TRY(stg_cpu_parse(out, text.data, text.len));
out:
    stg_buffer_fini(&text);
    return status;
}

bool stg_cpu_of_stat(const char *line, uint64_t *ns)
{
    uint64_t f[4];
    const char *at = strrchr(line, ')'); /* the name may hold blanks and brackets */
    if (at == NULL) {
        return false;
    }
    at++;
    for (int skip = 0; skip < 11; skip++) { /* state … cmajflt: fields 3 to 13 */
        at += strspn(at, " ");
        at += strcspn(at, " ");
    }
    if (!read_numbers(at, f, 4)) {
        return false;
    }
    *ns = (f[0] + f[1] + f[2] + f[3]) * tick_ns();
    return true;
}

static uint64_t difference(uint64_t after, uint64_t before)
{
    return after > before ? after - before : 0;
}

struct stg_cpu_shares stg_cpu_share(const struct stg_cpu_times *before, const struct stg_cpu_times *after,
                                    uint64_t lab_ns)
{
    struct stg_cpu_shares s = {0};
    const uint64_t busy = difference(after->busy, before->busy);
    const uint64_t steal = difference(after->steal, before->steal);
    const double all = (double)(busy + steal + difference(after->idle, before->idle));
    if (all > 0) {
        s.lab = (double)lab_ns / all;
        s.foreign = (double)difference(busy, lab_ns) / all;
        s.steal = (double)steal / all;
    }
    return s;
}
