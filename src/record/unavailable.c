/* The recorder of a build without libbpf: says what is missing. */
#include "record/record.h"

#include <string.h>

static enum stg_status missing(void)
{
    return stg_fail(STG_ERR_UNSUPPORTED, "record: this build has no recorder: install libbpf-dev, clang, bpftool, "
                                         "libcap-ng-dev and libseccomp-dev and build again "
                                         "(meson setup -Drecord=enabled); everything else works");
}

size_t stg_record_ring_size(size_t n_cpus)
{
    (void)n_cpus;
    return 0; /* there are none */
}

const char *stg_record_filter_name(size_t i)
{
    (void)i;
    return "unknown";
}

bool stg_record_is_built(void)
{
    return false;
}

enum stg_status stg_record_open(struct stg_record **out, const struct stg_record_options *options)
{
    (void)options;
    *out = NULL;
    return missing();
}

void stg_record_close(struct stg_record *r)
{
    (void)r;
}

struct stg_source *stg_record_source(struct stg_record *r)
{
    (void)r;
    return NULL;
}

enum stg_status stg_record_drop_privileges(struct stg_record *r)
{
    (void)r;
    return missing();
}

enum stg_status stg_record_start(struct stg_record *r)
{
    (void)r;
    return missing();
}

enum stg_status stg_record_poll(struct stg_record *r, uint64_t wait_ns, const struct stg_event **events, size_t *n,
                                enum stg_record_end *end)
{
    (void)r;
    (void)wait_ns;
    (void)events;
    *n = 0;
    *end = STG_RECORD_STOPPED;
    return missing();
}

void stg_record_stop(struct stg_record *r)
{
    (void)r;
}

int stg_record_command_status(const struct stg_record *r)
{
    (void)r;
    return -1;
}

bool stg_record_passes_call(const struct stg_record *r, const char *name)
{
    (void)r, (void)name;
    return false;
}

bool stg_record_command_refused(const struct stg_record *r)
{
    (void)r;
    return false;
}

void stg_record_stats(const struct stg_record *r, struct stg_record_stats *out)
{
    (void)r;
    memset(out, 0, sizeof *out);
}
