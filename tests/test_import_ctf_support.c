#include "test_import_ctf_support.h"

#include "scratch.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_SIZE 48 /* magic, stream_id, begin, end, content_size, packet_size, discarded; cpu_id follows */

static void *must(void *pointer)
{
    if (pointer == NULL) {
        perror("test support");
        abort();
    }
    return pointer;
}

void ctf_write_file(const char *directory, const char *name, const void *data, size_t n)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = must(fopen(path, "wb"));
    if (fwrite(data, 1, n, file) != n || fclose(file) != 0) {
        must(NULL);
    }
}

uint8_t *ctf_read_file(const char *directory, const char *name, size_t *n)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = must(fopen(path, "rb"));
    uint8_t *data = must(malloc(1 << 20));
    *n = fread(data, 1, 1 << 20, file);
    fclose(file);
    return data;
}

void ctf_make_directory(char *out, size_t size)
{
    (void)snprintf(out, size, "%s/strange-ctf-XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : scratch_root());
    must(mkdtemp(out));
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

void ctf_remove_directory(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void ctf_make(struct ctf_maker *m, const char *path, const char *domain, const char *context, const char *events)
{
    static const char preamble[] =
        "/* CTF 1.8 */\n"
        "typealias integer { size = 16; align = 8; signed = false; } := uint16_t;\n"
        "typealias integer { size = 32; align = 8; signed = false; } := uint32_t;\n"
        "typealias integer { size = 64; align = 8; signed = false; } := uint64_t;\n"
        "trace { major = 1; minor = 8; byte_order = le; packet.header := struct { uint32_t magic; uint32_t stream_id; "
        "}; };\n"
        "clock { name = \"monotonic\"; uuid = \"08ecbbaf-7e6b-5238-8a4f-edbd6c83d4f5\"; freq = 1000000000; offset = 0; "
        "};\n"
        "typealias integer { size = 64; align = 8; signed = false; map = clock.monotonic.value; } := ts_t;\n";
    static const char stream[] =
        "stream { id = 0; event.header := struct { uint16_t id; ts_t timestamp; };\n"
        "packet.context := struct { ts_t timestamp_begin; ts_t timestamp_end; uint64_t content_size;\n"
        " uint64_t packet_size; uint64_t events_discarded; uint32_t cpu_id; };\n";
    char *text = must(malloc(65536));
    *m = (struct ctf_maker){0};
    (void)snprintf(m->path, sizeof m->path, "%s", path);
    if (mkdir(path, 0755) != 0 && errno != EEXIST) {
        must(NULL);
    }
    int n = snprintf(text, 65536, "%s%s%s%s", preamble, domain[0] == '\0' ? "" : "env { domain = \"", domain,
                     domain[0] == '\0' ? "" : "\"; };\n");
    n += snprintf(text + n, 65536 - (size_t)n, "%s%s%s%s};\n%s", stream,
                  context[0] == '\0' ? "" : "event.context := struct { ", context, context[0] == '\0' ? "" : "};\n",
                  events);
    ctf_write_file(path, "metadata", text, (size_t)n);
    free(text);
}

void ctf_make_bytes(struct ctf_maker *m, const void *bytes, size_t n)
{
    if (m->n + n > m->cap) {
        m->cap = 2 * (m->n + n);
        m->data = must(realloc(m->data, m->cap));
    }
    memcpy(m->data + m->n, bytes, n);
    m->n += n;
}

static void close_packet(struct ctf_maker *m)
{
    if (m->n == 0) {
        return;
    }
    const uint64_t bits = 8 * (uint64_t)(m->n - m->packet);
    const uint64_t values[] = {m->begin, m->end, bits, bits};
    memcpy(m->data + m->packet + 8, values, sizeof values);
}

void ctf_make_packet(struct ctf_maker *m, uint32_t cpu, uint64_t discarded)
{
    static const uint8_t zeros[HEADER_SIZE];
    const uint32_t magic = 0xc1fc1fc1u;
    close_packet(m);
    m->packet = m->n;
    m->begin = m->end = 0;
    ctf_make_bytes(m, zeros, sizeof zeros);
    ctf_make_bytes(m, &cpu, sizeof cpu);
    memcpy(m->data + m->packet, &magic, sizeof magic);
    memcpy(m->data + m->packet + 40, &discarded, sizeof discarded);
}

void ctf_make_event(struct ctf_maker *m, uint16_t id, uint64_t ts_ns)
{
    m->begin = m->begin == 0 ? ts_ns : m->begin;
    m->end = ts_ns;
    ctf_make_bytes(m, &id, sizeof id);
    ctf_make_bytes(m, &ts_ns, sizeof ts_ns);
}

void ctf_make_i32(struct ctf_maker *m, int32_t value)
{
    ctf_make_bytes(m, &value, sizeof value);
}

void ctf_make_i64(struct ctf_maker *m, int64_t value)
{
    ctf_make_bytes(m, &value, sizeof value);
}

void ctf_make_comm(struct ctf_maker *m, const char *text)
{
    char comm[16] = "";
    (void)snprintf(comm, sizeof comm, "%s", text);
    ctf_make_bytes(m, comm, sizeof comm);
}

void ctf_make_stream(struct ctf_maker *m, const char *name)
{
    close_packet(m);
    ctf_write_file(m->path, name, m->data, m->n);
    free(m->data);
    m->data = NULL;
    m->n = m->cap = m->packet = 0;
}
