/* Small CTF 1.8 traces made for a test: plain-text metadata, one or more streams, event header {u16 id, u64 time}. */
#ifndef TEST_IMPORT_CTF_SUPPORT_H
#define TEST_IMPORT_CTF_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

struct ctf_maker {
    char path[256];
    uint8_t *data; /* of the stream under way */
    size_t n, cap;
    size_t packet; /* first byte of the packet under way */
    uint64_t begin, end;
};

/* path/metadata with a stream class 0 (common context as TSDL members, or "") and the events as TSDL text. */
void ctf_make(struct ctf_maker *m, const char *path, const char *domain, const char *context, const char *events);
void ctf_make_packet(struct ctf_maker *m, uint32_t cpu, uint64_t discarded);
void ctf_make_bytes(struct ctf_maker *m, const void *bytes, size_t n);
void ctf_make_event(struct ctf_maker *m, uint16_t id, uint64_t ts_ns);
void ctf_make_i32(struct ctf_maker *m, int32_t value);
void ctf_make_i64(struct ctf_maker *m, int64_t value);
void ctf_make_comm(struct ctf_maker *m, const char *text); /* 16 bytes */
/* Closes the packet under way and writes the stream as path/name. */
void ctf_make_stream(struct ctf_maker *m, const char *name);

/* TSDL of an event with id and payload members. */
#define CTF_EVENT(id, name, fields) \
    "event { name = \"" name "\"; id = " #id "; stream_id = 0; fields := struct { " fields " }; };\n"
#define CTF_I32(name)  "integer { size = 32; align = 8; signed = true; } " name "; "
#define CTF_I64(name)  "integer { size = 64; align = 8; signed = true; } " name "; "
#define CTF_U32(name)  "integer { size = 32; align = 8; signed = false; } " name "; "
#define CTF_COMM(name) "integer { size = 8; align = 8; signed = true; encoding = UTF8; } " name "[16]; "

/* mkdtemp below the working directory, and its removal with all in it. */
void ctf_make_directory(char *out, size_t size);
void ctf_remove_directory(const char *path);
void ctf_write_file(const char *directory, const char *name, const void *data, size_t n);
uint8_t *ctf_read_file(const char *directory, const char *name, size_t *n); /* malloc'ed */

#endif
