#include "trace/ctf_writer.h"

void stg_ctf_settings_default(struct stg_ctf_settings *s)
{
    *s = (struct stg_ctf_settings){.packet_size = 128 << 10, .max_age_ns = 1000000000, .has_time = true};
}

static enum stg_status not_yet(void)
{
    return stg_fail(STG_ERR_UNSUPPORTED, "the CTF writer is not there yet");
}

enum stg_status stg_ctf_writer_open(struct stg_ctf_writer **out, const struct stg_ctf_settings *settings)
{
    (void)settings;
    *out = NULL;
    return not_yet();
}

struct stg_sink *stg_ctf_writer_sink(struct stg_ctf_writer *w)
{
    return (struct stg_sink *)w;
}

enum stg_status stg_ctf_writer_set(struct stg_ctf_writer *w, const char *key, const char *value)
{
    (void)w, (void)key, (void)value;
    return not_yet();
}

enum stg_status stg_ctf_writer_set_host(struct stg_ctf_writer *w)
{
    (void)w;
    return not_yet();
}

enum stg_status stg_ctf_writer_tick(struct stg_ctf_writer *w, uint64_t now_ns)
{
    (void)w, (void)now_ns;
    return not_yet();
}

enum stg_status stg_ctf_writer_snapshot(struct stg_ctf_writer *w, const char *path)
{
    (void)w, (void)path;
    return not_yet();
}

void stg_ctf_writer_stats(const struct stg_ctf_writer *w, struct stg_ctf_stats *out)
{
    (void)w;
    *out = (struct stg_ctf_stats){0};
}
