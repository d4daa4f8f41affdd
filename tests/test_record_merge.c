/* record/merge and record/decode on rings made up here: what the kernel may put into a ring, and what it never does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/rng.h"
#include "record/merge.h"

#define SIZE 4096u /* of a ring here */
#define KEY  0x1234567890abcdefull

/* A ring as the programs write it, without a kernel. */
struct fake {
    struct stg_abi_block blocks[2];
    struct stg_abi_cpu cpu;
};

static struct fake fakes[4];
static struct stg_merge merge;
static struct stg_decoder decoder;
static const char *const marker_names[] = {"a:begin", "a:end"};

static void point(struct stg_ring *ring, struct fake *f, uint64_t size)
{
    *ring = (struct stg_ring){.data = f->blocks[0].data,
                              .size = size,
                              .key = KEY,
                              .reserved = (const uint64_t *)&f->cpu.far.reserved,
                              .consumer = (uint64_t *)&f->cpu.far.consumed};
}

static int set_up(void **state)
{
    (void)state;
    memset(fakes, 0, sizeof fakes);
    if (stg_merge_init(&merge, 4) != STG_OK || stg_decoder_init(&decoder, marker_names, 2) != STG_OK) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        merge.lanes[i].cpu = i;
        point(&merge.lanes[i].ring, &fakes[i], SIZE);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stg_merge_fini(&merge);
    stg_decoder_fini(&decoder);
    return 0;
}

static uint64_t place_of(uint64_t len)
{
    return (len + 8 + 7) / 8 * 8;
}

/* Puts len bytes behind the word of a record of word bytes as the programs do: in one piece, whatever ends there. False
 * when there is no room. */
static bool write_record(struct fake *f, uint64_t size, const void *bytes, uint64_t len, uint64_t word)
{
    if (f->cpu.far.reserved - f->cpu.far.consumed + place_of(len) > size) {
        return false;
    }
    const uint64_t in_ring = f->cpu.far.reserved & (size - 1);
    uint8_t *at = f->blocks[in_ring / STG_ABI_BLOCK_SIZE].data + in_ring % STG_ABI_BLOCK_SIZE;
    word = STG_ABI_WORD(KEY, f->cpu.far.reserved, word);
    memcpy(at, &word, sizeof word);
    memcpy(at + 8, bytes, len);
    f->cpu.far.reserved += place_of(len);
    return true;
}

static bool put_raw(struct fake *f, const void *bytes, uint64_t len, uint64_t word)
{
    return write_record(f, SIZE, bytes, len, word);
}

static bool put_exit(struct fake *f, uint64_t ts_ns, uint64_t ret)
{
    struct {
        struct stg_abi_head head;
        uint64_t ret;
    } r = {.head = {.ts_ns = ts_ns, .pid = 7, .tid = 8, .comm = "test", .id = 0, .kind = STG_ABI_EXIT, .n_args = 1},
           .ret = ret};
    return put_raw(f, &r, sizeof r, sizeof r);
}

/* All that is older than limit, appended to events; returns how many. */
static size_t take(struct stg_event *events, size_t cap, uint64_t limit_ns)
{
    size_t n = 0, more = 1;
    double used;
    stg_merge_scan(&merge, &used);
    assert_true(used >= 0 && used <= 1);
    while (more > 0) {
        assert_int_equal(stg_merge_take(&merge, &decoder, limit_ns, events + n, cap - n < 7 ? cap - n : 7, &more),
                         STG_OK);
        n += more;
    }
    return n;
}

static void test_order(void **state)
{
    enum { N = 20000 };
    (void)state;
    struct stg_rng rng;
    stg_rng_seed(&rng, 5);
    struct stg_event *events = NULL;
    assert_int_equal(stg_mem_zeroed(&events, N, sizeof *events), STG_OK);
    uint64_t now = 1000, next = 0, taken = 0;
    while (taken < N) {
        /* Each event is at most 50 ns late for its place, so that what is 100 ns old is complete. */
        for (int i = 0; i < 20 && next < N; i++, now += stg_rng_below(&rng, 4)) {
            next += put_exit(&fakes[stg_rng_below(&rng, 4)], now - stg_rng_below(&rng, 50), next);
        }
        taken += take(events + taken, N - taken, next == N ? UINT64_MAX : now - 100);
    }
    assert_int_equal(take(events, 1, UINT64_MAX), 0);
    static bool seen[N];
    for (size_t i = 0; i < N; i++) {
        assert_false(seen[events[i].ret]);
        seen[events[i].ret] = true;
        assert_true(i == 0 || events[i].ts_ns >= events[i - 1].ts_ns);
    }
    assert_true(merge.n_inverted > N / 10);
    assert_int_equal(merge.n_late, 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(fakes[i].cpu.far.consumed, fakes[i].cpu.far.reserved);
        assert_true(fakes[i].cpu.far.reserved > 10 * SIZE);
    }
    stg_mem_free(events);
}

static void test_late(void **state)
{
    struct stg_event events[8];
    (void)state;
    assert_true(put_exit(&fakes[0], 500, 1));
    assert_int_equal(take(events, 8, UINT64_MAX), 1);
    assert_true(put_exit(&fakes[0], 400, 2));
    assert_int_equal(take(events, 8, UINT64_MAX), 1);
    assert_int_equal(events[0].ts_ns, 500); /* the CPU's time does not go back */
    assert_int_equal(merge.n_late, 1);
}

/* More records than are noted at a time, some of them up to 999 places too early. None is given back before it is
 * handed out. */
static void test_windows(void **state)
{
    enum { N = 8000, EARLY = 999 };
    const uint64_t size = 2 * (uint64_t)STG_ABI_BLOCK_SIZE;
    struct stg_abi_head head = {.pid = 1, .tid = 1, .kind = STG_ABI_MARKER};
    struct fake *f = &fakes[1];
    static struct stg_event events[N];
    (void)state;
    point(&merge.lanes[1].ring, f, size);
    for (uint64_t i = 0; i < N; i++) {
        head.ts_ns = 10 + (i % 1500 == 700 ? i + EARLY : i);
        assert_true(write_record(f, size, &head, sizeof head, sizeof head));
    }
    const uint64_t place = place_of(sizeof head),
                   early = 700 + 3 * 1500; /* of the records that come too early, the one before the limit */
    const size_t n = take(events, N, 10 + early + 100);
    assert_int_equal(n, early + 100); /* all up to the limit but this one */
    assert_int_equal(f->cpu.far.consumed, early * place);
    assert_int_equal(take(events + n, N - n, UINT64_MAX), N - n);
    assert_int_equal(f->cpu.far.consumed, N * place);
    for (uint64_t i = 1; i < N; i++) {
        assert_true(events[i].ts_ns >= events[i - 1].ts_ns);
    }
    assert_int_equal(merge.n_inverted,
                     5 * (EARLY - 1)); /* those in between but for the last, which has the same time */
    assert_int_equal(merge.n_late, 0);
    assert_false(merge.lanes[1].shifted);
}

/* Two rings of a CPU: what one has no room for is in the other. The CPU's time goes forward whichever they come
 * from. */
static void test_two_rings(void **state)
{
    struct stg_event events[8];
    double used;
    (void)state;
    merge.lanes[1].i_first = 0;
    merge.lanes[1].cpu = 0;
    merge.lanes[2].ring = (struct stg_ring){0}; /* another CPU has one only */
    merge.lanes[3].i_first = 2;
    merge.lanes[3].cpu = 2;
    for (uint64_t i = 0; i < 8; i++) {
        assert_true(put_exit(&fakes[i % 3 == 0], 10 + i, i));
    }
    stg_merge_scan(&merge, &used);
    assert_true(used == 8 * 64.0 / (2 * SIZE));
    assert_int_equal(take(events, 8, UINT64_MAX), 8);
    for (uint64_t i = 0; i < 8; i++) {
        assert_int_equal(events[i].ret, i);
        assert_int_equal(events[i].cpu, 0);
    }
    assert_int_equal(merge.n_late, 0);
    assert_true(put_exit(&fakes[1], 12, 1));
    assert_true(put_exit(&fakes[3], 5, 2));
    assert_int_equal(take(events, 8, UINT64_MAX), 2);
    assert_int_equal(events[1].ts_ns, 17); /* the last of the other ring */
    assert_int_equal(events[0].ts_ns, 5);
    assert_int_equal(merge.n_late, 1);
}

/* Two programs of a CPU, the second of which interrupts the first in the middle of its record. */
static void test_unfinished(void **state)
{
    struct stg_event events[8];
    struct stg_abi_head head = {.ts_ns = 20, .pid = 1, .tid = 1, .kind = STG_ABI_MARKER, .id = 1};
    struct fake *f = &fakes[1];
    (void)state;
    assert_true(put_exit(f, 10, 1));
    assert_int_equal(take(events, 8, UINT64_MAX), 1);
    const uint64_t at = f->cpu.far.reserved;
    assert_true(write_record(f, SIZE, "", 0, 0xffff)); /* not written yet: another word was there before */
    f->cpu.far.reserved += sizeof head;
    assert_true(write_record(f, SIZE, &head, sizeof head, sizeof head));
    assert_int_equal(take(events, 8, UINT64_MAX), 0);
    assert_false(stg_ring_is_written(&merge.lanes[1].ring, at));
    assert_int_equal(f->cpu.far.consumed, at); /* nothing is given back that is still being written */
    const uint64_t word = STG_ABI_WORD(KEY, at, sizeof head);
    memcpy(f->blocks[0].data + at + 8, &head, sizeof head);
    memcpy(f->blocks[0].data + at, &word, sizeof word);
    assert_true(stg_ring_is_written(&merge.lanes[1].ring, at));
    assert_int_equal(take(events, 8, UINT64_MAX), 2);
    assert_int_equal(events[0].kind, STG_EVENT_MARKER);
    assert_string_equal(stg_strings_get(decoder.names, events[0].name), "a:end");
    assert_int_equal(f->cpu.far.consumed, f->cpu.far.reserved);
    assert_true(stg_ring_is_written(&merge.lanes[1].ring, f->cpu.far.consumed));
}

/* What the end does not wait for any longer: a record that is not written, and what is behind it. */
static void test_rest(void **state)
{
    const struct {
        struct stg_abi_head head;
        uint64_t args[2];
    } gap = {.head = {.ts_ns = 25, .pid = 1, .tid = 1, .kind = STG_ABI_LOST, .n_args = 2}, .args = {40, 26}};
    struct fake *f = &fakes[1];
    struct stg_event events[8];
    struct stg_merge_rest rest;
    (void)state;
    merge.lanes[1].i_first = 0; /* two rings of one CPU */
    assert_true(put_raw(f, &gap, sizeof gap, sizeof gap) && put_exit(f, 30, 1) && put_exit(&fakes[0], 31, 2));
    f->cpu.n_put = 2;
    f->cpu.n_lost = 40;
    assert_int_equal(take(events, 8, UINT64_MAX), 3);
    stg_merge_rest(&merge, 0, &f->cpu, &rest);
    assert_true(rest.n_hidden == 0 && rest.n_untold == 0);
    assert_true(put_raw(f, &gap, sizeof gap, 0xffff)); /* not written */
    assert_true(put_raw(f, &gap, sizeof gap, sizeof gap) && put_exit(f, 50, 3) && put_exit(&fakes[0], 51, 4));
    f->cpu.n_put = 5;
    f->cpu.n_lost = 80;
    assert_int_equal(take(events, 8, UINT64_MAX), 1); /* of the other ring */
    stg_merge_rest(&merge, 0, &f->cpu, &rest);
    assert_int_equal(rest.n_hidden, 2);
    assert_int_equal(rest.n_untold, 40);
    f->cpu.n_put = 2; /* some counts got lost */
    stg_merge_rest(&merge, 0, &f->cpu, &rest);
    assert_int_equal(rest.n_hidden, 1);
}

/* A ring of more than one block, round several times: records of all lengths run on behind each block's end. */
static void test_blocks(void **state)
{
    const uint64_t size = 2 * (uint64_t)STG_ABI_BLOCK_SIZE;
    struct stg_abi_record r = {
        .head = {.pid = 1, .tid = 1, .kind = STG_ABI_ENTRY, .n_args = 6, .flags = STG_ABI_HAS_PATH}};
    struct stg_event events[8];
    struct fake *f = &fakes[2];
    uint64_t n_over = 0;
    (void)state;
    assert_int_equal(stg_ring_blocks(size), 2);
    assert_int_equal(stg_ring_blocks(SIZE), 1);
    point(&merge.lanes[2].ring, f, size);
    for (uint64_t i = 0; f->cpu.far.reserved < 5 * size; i++) {
        const size_t len_path = 1 + i % (STG_ABI_MAX_PATH - 1), in_block = f->cpu.far.reserved % STG_ABI_BLOCK_SIZE;
        const size_t len = offsetof(struct stg_abi_record, path) + len_path + 1;
        memset(r.path, 'a' + (int)(i % 26), len_path);
        r.path[len_path] = '\0';
        r.head.ts_ns = r.args[5] = i;
        n_over += in_block + place_of(len) > STG_ABI_BLOCK_SIZE;
        assert_true(write_record(f, size, &r, len, len));
        assert_int_equal(take(events, 8, UINT64_MAX), 1);
        assert_int_equal(events[0].args[5], i);
        assert_string_equal(stg_strings_get(decoder.paths, events[0].path), r.path);
    }
    assert_in_range(n_over, 5, 10);
}

static void test_damaged_length(void **state)
{
    struct stg_abi_head head = {.ts_ns = 20, .pid = 1, .tid = 1, .kind = STG_ABI_MARKER};
    static const uint64_t damaged[] = {sizeof(struct stg_abi_record) + 1, UINT8_MAX, UINT8_MAX - 7, sizeof head + 1};
    static const uint64_t others[] = {UINT8_MAX + 1, UINT64_MAX,
                                      (uint64_t)SIZE << 5 ^ sizeof head}; /* the last: of the next time round */
    struct stg_event events[8];
    double used;
    size_t n;
    (void)state;
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        assert_true(put_raw(&fakes[0], &head, sizeof head, damaged[i]));
        stg_merge_scan(&merge, &used);
        assert_int_equal(stg_merge_take(&merge, &decoder, UINT64_MAX, events, 8, &n), STG_ERR_INTERNAL);
        assert_non_null(strstr(stg_status_message(), "impossible length"));
        fakes[0].cpu.far.reserved = 0;
    }
    /* The words of other places are none. */
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_true(put_raw(&fakes[0], &head, sizeof head, others[i]));
        assert_int_equal(take(events, 8, UINT64_MAX), 0);
        fakes[0].cpu.far.reserved = 0;
    }
    assert_true(put_raw(&fakes[0], &head, sizeof head, sizeof head));
    assert_int_equal(take(events, 8, UINT64_MAX), 1);
}

/* One record through the decoder. */
static bool decode(const void *record, size_t len, struct stg_event *e)
{
    bool good = false;
    uint64_t aligned[64];
    memset(e, 0xee, sizeof *e);
    memcpy(aligned, record, len);
    assert_int_equal(stg_decode(&decoder, (const uint8_t *)aligned, len, 3, e, &good), STG_OK);
    return good;
}

static void test_entry(void **state)
{
    struct stg_event e;
    struct stg_abi_record r = {.head = {.ts_ns = 5,
                                        .cgroup_id = 9,
                                        .pid = 10,
                                        .tid = 11,
                                        .comm = "exactly16bytes!!",
                                        .id = 257,
                                        .kind = STG_ABI_ENTRY,
                                        .n_args = 4,
                                        .flags = STG_ABI_HAS_PATH | 9 << STG_ABI_RUNNABLE_SHIFT,
                                        .fd_kind = 1 + STG_FD_DIRECTORY},
                               .args = {1, 2, 3, 4, 5, 6},
                               .path = "/etc/passwd"};
    (void)state;
    assert_true(decode(&r, offsetof(struct stg_abi_record, path) + 12, &e));
    assert_int_equal(e.kind, STG_EVENT_ENTRY);
    assert_string_equal(stg_strings_get(decoder.names, e.name), "openat");
    assert_string_equal(stg_strings_get(decoder.comms, e.comm), "exactly16bytes!!");
    assert_string_equal(stg_strings_get(decoder.paths, e.path), "/etc/passwd");
    assert_int_equal(e.n_args, 4);
    assert_int_equal(e.args[3], 4);
    assert_int_equal(e.fd_kind, STG_FD_DIRECTORY);
    assert_int_equal(e.runnable, 9);
    assert_int_equal(e.has, STG_HAS_TIME | STG_HAS_CPU | STG_HAS_PID | STG_HAS_TID | STG_HAS_COMM | STG_HAS_CGROUP |
                                STG_HAS_FD | STG_HAS_PATH | STG_HAS_RUNNABLE);
    assert_int_equal(e.cpu, 3);
    assert_int_equal(e.cgroup_id, 9);
    r.head.flags = STG_ABI_COMPAT; /* the same number is another call there */
    assert_true(decode(&r, sizeof r.head + 32, &e));
    assert_string_equal(stg_strings_get(decoder.names, e.name), "remap_file_pages");
    assert_int_equal(e.runnable, 0);
    assert_int_equal(e.has & STG_HAS_RUNNABLE, 0);
}

/* An exit that has a file name has it where an entry does, behind room for six registers, and one of them itself. */
static void test_exit_with_name(void **state)
{
    struct stg_event e;
    struct stg_abi_record r = {.head = {.pid = 1,
                                        .tid = 1,
                                        .id = 257,
                                        .kind = STG_ABI_EXIT,
                                        .n_args = 1,
                                        .flags = STG_ABI_HAS_PATH,
                                        .fd_kind = 1 + STG_FD_FILE},
                               .args = {3},
                               .path = "/etc/shadow"};
    (void)state;
    assert_true(decode(&r, offsetof(struct stg_abi_record, path) + 12, &e));
    assert_int_equal(e.kind, STG_EVENT_EXIT);
    assert_int_equal(e.ret, 3);
    assert_int_equal(e.fd_kind, STG_FD_FILE);
    assert_true((e.has & STG_HAS_PATH) != 0);
    assert_string_equal(stg_strings_get(decoder.paths, e.path), "/etc/shadow");
    r.head.flags = 0;
    assert_true(decode(&r, sizeof r.head + 8, &e));
    assert_int_equal(e.has & STG_HAS_PATH, 0);
    r.head.flags = STG_ABI_HAS_PATH; /* which it is too short for */
    assert_true(decode(&r, sizeof r.head + 8, &e));
    assert_int_equal(e.has & STG_HAS_PATH, 0);
}

static void test_numbers(void **state)
{
    static const struct {
        int32_t id;
        uint8_t flags;
        const char *name;
    } all[] = {{0, 0, "read"},
               {0, STG_ABI_COMPAT, "restart_syscall"},
               {3, STG_ABI_COMPAT, "read"},
               {471, 0, "syscall_471"},
               {-1, 0, "syscall_unknown"},
               {1000000, 0, "syscall_1000000"},
               {512, STG_ABI_COMPAT, "compat_syscall_512"},
               {500, STG_ABI_COMPAT, "compat_syscall_500"},
               {451, STG_ABI_COMPAT, "cachestat"},
               {INT32_MIN, 0, "syscall_unknown"}};
    struct stg_event e;
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct stg_abi_record r = {
            .head = {.pid = 1, .tid = 1, .id = all[i].id, .kind = STG_ABI_EXIT, .n_args = 1, .flags = all[i].flags},
            .args = {(uint64_t)-2}};
        assert_true(decode(&r, sizeof r.head + 8, &e));
        assert_string_equal(stg_strings_get(decoder.names, e.name), all[i].name);
        assert_int_equal(e.ret, -2);
        assert_int_equal(e.kind, STG_EVENT_EXIT);
    }
}

/* A program that tries all numbers does not fill the tables. */
static void test_all_numbers(void **state)
{
    struct stg_event e;
    struct stg_abi_record r = {.head = {.pid = 1, .tid = 1, .kind = STG_ABI_EXIT, .n_args = 1}};
    (void)state;
    const size_t before = stg_strings_count(decoder.names);
    for (int32_t i = 0; i < 3000; i++) {
        r.head.id = STG_ABI_MAX_CALLS + i % 1500;
        assert_true(decode(&r, sizeof r.head + 8, &e));
    }
    assert_string_equal(stg_strings_get(decoder.names, e.name), "syscall_beyond");
    assert_int_equal(stg_strings_count(decoder.names) - before, 1001);
    r.head.id = STG_ABI_MAX_CALLS + 7;
    assert_true(decode(&r, sizeof r.head + 8, &e));
    assert_string_equal(stg_strings_get(decoder.names, e.name), "syscall_519");
}

/* What the tables of names have no room for is counted; what is in them still gets its name. */
static void test_names_left_out(void **state)
{
    struct stg_event e;
    struct stg_abi_record r = {
        .head = {.pid = 1, .tid = 1, .comm = "first", .kind = STG_ABI_ENTRY, .n_args = 6, .flags = STG_ABI_HAS_PATH},
        .path = "/first"};
    const size_t len = offsetof(struct stg_abi_record, path) + 8;
    (void)state;
    decoder.max_strings = 1;
    assert_true(decode(&r, len, &e));
    r.path[1] = r.head.comm[0] = 'F';
    assert_true(decode(&r, len, &e));
    assert_int_equal(e.has & (STG_HAS_PATH | STG_HAS_COMM), 0);
    assert_true(e.path == STG_NAME_NONE && e.comm == STG_NAME_NONE);
    r.path[1] = r.head.comm[0] = 'f';
    assert_true(decode(&r, len, &e));
    assert_int_equal(e.has & (STG_HAS_PATH | STG_HAS_COMM), STG_HAS_PATH | STG_HAS_COMM);
    assert_true(decoder.n_no_path == 1 && decoder.n_no_comm == 1);
}

/* Names are compared up to their NUL, wherever it is and whatever stands behind it. */
static void test_comm_behind_nul(void **state)
{
    static const unsigned char other[] = {0, 1, 0x7f, 0x80, 0x81, 0xff, 'x'};
    (void)state;
    for (size_t len = 0; len < STG_ABI_COMM_SIZE; len++) {
        for (size_t k = 0; k < sizeof other; k++) {
            unsigned char name[STG_ABI_COMM_SIZE] = {0}, expected[STG_ABI_COMM_SIZE] = {0};
            uint64_t from[2], is[2];
            for (size_t i = 0; i < len; i++) {
                expected[i] = name[i] = other[1 + (i + k) % (sizeof other - 1)];
            }
            memset(name + len + 1, other[k], sizeof name - len - 1);
            memcpy(from, name, sizeof from);
            stg_abi_name((__u64 *)is, (const __u64 *)from);
            assert_memory_equal(is, expected, sizeof is);
        }
    }
}

static void test_gap(void **state)
{
    struct stg_event e;
    struct stg_abi_record r = {.head = {.ts_ns = 5, .pid = 1, .tid = 1, .comm = "x", .kind = STG_ABI_LOST, .n_args = 2},
                               .args = {12, 9}};
    (void)state;
    assert_true(decode(&r, sizeof r.head + 16, &e));
    assert_int_equal(e.kind, STG_EVENT_LOST);
    assert_int_equal(e.n_lost, 12);
    assert_int_equal(e.ts_ns, 5);
    assert_int_equal(stg_event_gap_end(&e), 9);
    assert_int_equal(e.has, STG_HAS_TIME | STG_HAS_CPU | STG_HAS_COUNT);
    assert_int_equal(e.comm, STG_NAME_NONE);
    assert_int_equal(e.tid, 0);
    r.args[0] = 0;
    assert_false(decode(&r, sizeof r.head + 16, &e));
}

/* Every length of every kind, with numbers of arguments that lie: refused or within what was given. */
static void test_lies(void **state)
{
    struct stg_event e;
    uint64_t n_bad = 0;
    (void)state;
    for (unsigned kind = 0; kind < 256; kind++) {
        for (unsigned n_args = 0; n_args < 256; n_args += n_args < 8 ? 1 : 31) {
            for (size_t len = 0; len <= sizeof(struct stg_abi_record); len++) {
                struct stg_abi_record r = {.head = {.pid = 1,
                                                    .tid = 1,
                                                    .id = 1,
                                                    .kind = (uint8_t)kind,
                                                    .n_args = (uint8_t)n_args,
                                                    .flags = 0xff,
                                                    .fd_kind = 255},
                                           .args = {1, 1, 1, 1, 1, 1}};
                memset(r.path, 'p', sizeof r.path);
                /* At the end of a page of its own, the sanitizer sees a byte too many. */
                uint8_t *exact = NULL;
                bool good;
                assert_int_equal(stg_mem_dup(&exact, &r, len), STG_OK);
                assert_int_equal(stg_decode(&decoder, exact, len, 0, &e, &good), STG_OK);
                stg_mem_free(exact);
                n_bad += !good;
                assert_true(!good || (e.n_args <= 6 && e.kind >= STG_EVENT_ENTRY && e.kind <= STG_EVENT_LOST));
                assert_true(!good || (e.has & STG_HAS_FD) == 0);
                assert_true(len >= sizeof r.head || !good);
            }
        }
    }
    assert_int_equal(decoder.n_damaged, n_bad);
}

static void test_marker_out_of_range(void **state)
{
    struct stg_event e;
    struct stg_abi_head head = {.pid = 1, .tid = 1, .id = 2, .kind = STG_ABI_MARKER};
    (void)state;
    assert_false(decode(&head, sizeof head, &e));
    head.id = -1;
    assert_false(decode(&head, sizeof head, &e));
    head.id = 1;
    assert_true(decode(&head, sizeof head, &e));
    head.tid = 0; /* the idle task makes no system calls */
    assert_false(decode(&head, sizeof head, &e));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_order),          TEST(test_late),        TEST(test_unfinished), TEST(test_blocks),
        TEST(test_rest),           TEST(test_two_rings),   TEST(test_windows),    TEST(test_damaged_length),
        TEST(test_entry),          TEST(test_numbers),     TEST(test_gap),        TEST(test_comm_behind_nul),
        TEST(test_names_left_out), TEST(test_all_numbers), TEST(test_lies),       TEST(test_marker_out_of_range),
        TEST(test_exit_with_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
