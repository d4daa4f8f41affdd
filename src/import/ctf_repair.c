/* CTF import: traces of this project's own writer whose last packet is torn: a copy was cut short, or the machine went
 * down. babeltrace2 refuses such a file as a whole. Here the packets before it are read: from a directory in $TMPDIR
 * with links to the good files and a corrected copy of the torn one. What is left out is said, and counts as a gap at
 * the end.
 *
 * The frame of these packets is fixed (docs/formats/trace.md), so no metadata are needed to walk over them. */
#include "import/ctf_internal.h"

#include "base/file.h"
#include "base/log.h"
#include "base/temporary.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC           0xc1fc1fc1u
#define HEADER_SIZE     84
#define AT_CONTENT_SIZE 48
#define AT_PACKET_SIZE  56
#define HEAD_SIZE       32768 /* of the metadata: the environment stands near their begin */

/* How far a stream file is good. */
struct frame {
    uint64_t size;     /* of the file */
    uint64_t good;     /* bytes of whole packets */
    uint64_t i_claims; /* the packet whose content is whole but which claims to be longer than the file */
    bool claims;
    bool is_zero; /* what follows is zero: nothing was written there */
};

static uint64_t get_u64(const uint8_t *from)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) {
        value = value << 8 | from[i];
    }
    return value;
}

static bool read_at(int fd, void *to, size_t n, uint64_t offset)
{
    return pread(fd, to, n, (off_t)offset) == (ssize_t)n;
}

static bool is_zero(int fd, uint64_t from, uint64_t to)
{
    uint8_t block[4096];
    while (from < to) {
        const size_t n = to - from < sizeof block ? (size_t)(to - from) : sizeof block;
        if (!read_at(fd, block, n, from)) {
            return false;
        }
        for (size_t i = 0; i < n; i++) {
            if (block[i] != 0) {
                return false;
            }
        }
        from += n;
    }
    return true;
}

static void look(int fd, uint64_t size, struct frame *out)
{
    uint8_t header[HEADER_SIZE];
    *out = (struct frame){.size = size};
    while (out->good < size) {
        const uint64_t left = size - out->good;
        if (left < HEADER_SIZE || !read_at(fd, header, sizeof header, out->good) ||
            (uint32_t)get_u64(header) != MAGIC) {
            break;
        }
        const uint64_t content = get_u64(header + AT_CONTENT_SIZE) / 8, packet = get_u64(header + AT_PACKET_SIZE) / 8;
        if (content < HEADER_SIZE || content > packet || content > left) {
            break;
        }
        if (packet > left) {
            out->claims = true;
            out->i_claims = out->good;
            out->good = size;
            return;
        }
        out->good += packet;
    }
    out->is_zero = out->good < size && is_zero(fd, out->good, size);
}

/* --- The corrected copy --- */

struct copying {
    struct stg_file_writer *to;
    enum stg_status status;
};

static void copy_block(void *context, const void *bytes, size_t n)
{
    struct copying *c = context;
    if (c->status == STG_OK) {
        c->status = stg_file_writer_put(c->to, bytes, n);
    }
}

static enum stg_status copy_part(struct copying *c, const struct stg_file_map *map, uint64_t from, uint64_t to)
{
    struct stg_file_map part = *map;
    part.size = (size_t)to;
    STG_RETURN_IF_FAILED(stg_file_map_visit(&part, (size_t)from, copy_block, c));
    return c->status;
}

/* What the last packet claims instead: all up to the end. */
static void put_claim(uint8_t bits[8], const struct frame *f)
{
    for (int i = 0; i < 8; i++) {
        bits[i] = (uint8_t)(((f->size - f->i_claims) * 8) >> (8 * i));
    }
}

static enum stg_status copy_good(const char *from, const char *to, const struct frame *f)
{
    enum stg_status status = STG_OK;
    struct copying c = {.status = STG_OK};
    struct stg_file_map map = {.fd = -1};
    uint8_t bits[8];
    STG_TRY(stg_file_map_open(&map, from));
    STG_TRY(map.size >= f->good ? STG_OK : stg_fail(STG_ERR_INPUT, "%s: became shorter while it was read", from));
    STG_TRY(stg_file_writer_open(&c.to, to));
    if (f->claims) {
        put_claim(bits, f);
        STG_TRY(copy_part(&c, &map, 0, f->i_claims + AT_PACKET_SIZE));
        STG_TRY(stg_file_writer_put(c.to, bits, sizeof bits));
        STG_TRY(copy_part(&c, &map, f->i_claims + AT_PACKET_SIZE + sizeof bits, f->good));
    } else {
        STG_TRY(copy_part(&c, &map, 0, f->good));
    }
    STG_TRY(stg_file_writer_commit(c.to));
out:
    stg_file_writer_free(c.to);
    stg_file_map_close(&map);
    return status;
}

/* Where the file system lets files share their blocks, the copy takes neither time nor room. False: it does not, and
 * nothing is left. */
static bool clone_good(const char *from, const char *to, const struct frame *f)
{
    uint8_t bits[8];
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    const int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool good = out >= 0 && ioctl(out, FICLONE, in) == 0 && ftruncate(out, (off_t)f->good) == 0;
    if (good && f->claims) {
        put_claim(bits, f);
        good = pwrite(out, bits, sizeof bits, (off_t)(f->i_claims + AT_PACKET_SIZE)) == (ssize_t)sizeof bits;
    }
    if (in >= 0) {
        close(in);
    }
    if (out >= 0) {
        close(out);
        if (!good) {
            (void)unlink(to);
        }
    }
    return good;
}

/* --- The directory that stands in --- */

static enum stg_status join(char out[PATH_MAX], const char *directory, const char *name)
{
    const int n = snprintf(out, PATH_MAX, "%s/%s", directory, name);
    return n > 0 && n < PATH_MAX
               ? STG_OK
               : stg_fail(STG_ERR_INPUT, "%s: the path of a file in it is too long: move it up", directory);
}

static enum stg_status link_file(const char *from, const char *to)
{
    char full[PATH_MAX];
    if (realpath(from, full) == NULL || symlink(full, to) != 0) {
        return stg_fail_errno("%s: cannot make a link to it", from);
    }
    return STG_OK;
}

static void say(struct ctf_trace *trace, const char *path, const struct frame *f)
{
    if (f->good < f->size && !f->is_zero) {
        stg_log(STG_LOG_WARN, "%s: the last packet is torn: its %llu bytes are left out", path,
                (unsigned long long)(f->size - f->good));
        trace->n_torn++;
    } else {
        stg_log(STG_LOG_WARN, "%s: the end of the file is not as its last packet says; no packet is missing", path);
    }
}

enum { LOOK, MAKE };

/* LOOK: is there a torn file? MAKE: fills the directory. */
static enum stg_status visit_file(struct ctf_trace *trace, const char *name, int step, bool *torn)
{
    char path[PATH_MAX], to[PATH_MAX];
    struct stat info;
    struct frame f = {0};
    STG_RETURN_IF_FAILED(join(path, trace->path, name));
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return stg_fail_errno("%s", path);
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return STG_OK; /* babeltrace2 leaves it alone too */
    }
    const bool is_stream = strncmp(name, "channel0_", 9) == 0;
    if (is_stream) {
        look(fd, (uint64_t)info.st_size, &f);
    }
    close(fd);
    const bool bad = is_stream && (f.claims || f.good < f.size);
    *torn = *torn || bad;
    if (step == LOOK) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(join(to, trace->repaired.path, name));
    if (!bad) {
        return link_file(path, to);
    }
    say(trace, path, &f);
    return f.good == 0 || clone_good(path, to, &f) ? STG_OK : copy_good(path, to, &f);
}

static enum stg_status visit_files(struct ctf_trace *trace, int step, bool *torn)
{
    enum stg_status status = STG_OK;
    const struct dirent *entry = NULL;
    DIR *directory = opendir(trace->path);
    if (directory == NULL) {
        return stg_fail_errno("%s", trace->path);
    }
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] != '.') {
            STG_TRY(visit_file(trace, entry->d_name, step, torn));
        }
    }
out:
    closedir(directory);
    return status;
}

/* False: not a trace of ours. */
static bool look_at_environment(struct ctf_trace *trace)
{
    char path[PATH_MAX], head[HEAD_SIZE + 1];
    if (snprintf(path, sizeof path, "%s/metadata", trace->path) >= (int)sizeof path) {
        return false;
    }
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return false;
    }
    const size_t n = fread(head, 1, HEAD_SIZE, file);
    fclose(file);
    head[n] = '\0';
    const char *name = strrchr(trace->path, '/');
    trace->is_chunk = name != NULL && strlen(name + 1) >= 6 && strspn(name + 1, "0123456789") == strlen(name + 1);
    trace->is_snapshot = trace->is_chunk && strstr(head, "\n\tflight_ns = ") != NULL;
    return strstr(head, "tracer_name = \"strange\";") != NULL;
}

enum stg_status ctf_repair(struct ctf_trace *trace)
{
    bool torn = false;
    if (!look_at_environment(trace)) {
        trace->is_chunk = trace->is_snapshot = false;
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(visit_files(trace, LOOK, &torn));
    if (!torn) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_temporary_dir_make(&trace->repaired));
    return visit_files(trace, MAKE, &torn);
}

void ctf_repair_fini(struct ctf_trace *trace)
{
    stg_temporary_dir_remove(&trace->repaired);
}
