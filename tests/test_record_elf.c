/* record/elf, record/usdt: functions and static probes are found in real programs, and damaged ones do no harm. */
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/rng.h"
#include "record/elf.h"
#include "record/usdt.h"

#include <elf.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

static enum stg_status find_function(const char *path, const char *symbol, uint64_t *offset)
{
    int file;
    STG_RETURN_IF_FAILED(stg_elf_open(&file, path));
    const enum stg_status status = stg_elf_find_in_file(file, path, symbol, offset);
    close(file);
    return status;
}

static enum stg_status find_probe(const char *path, const char *provider, const char *name, struct stg_elf_site *sites,
                                  size_t *n)
{
    int file;
    STG_RETURN_IF_FAILED(stg_elf_open(&file, path));
    const enum stg_status status = stg_elf_find_probe_in_file(file, path, provider, name, sites, n);
    close(file);
    return status;
}

/* The first bytes of this function are looked for at the place that the look-up gives. */
__attribute__((noinline, used)) int stg_test_elf_function(int x);
int stg_test_elf_function(int x)
{
    return x * 12345 + 678;
}

static void test_own_program(void **state)
{
    struct stg_file_map map;
    uint64_t offset = 0;
    (void)state;
    assert_int_equal(find_function("/proc/self/exe", "stg_test_elf_function", &offset), STG_OK);
    assert_int_equal(stg_file_map_open(&map, "/proc/self/exe"), STG_OK);
    assert_true(offset + 16 <= map.size);
    const uint8_t *code;
    int (*function)(int) = stg_test_elf_function;
    memcpy(&code, &function, sizeof code);
    assert_memory_equal(map.data + offset, code, 16);
    stg_file_map_close(&map);
}

static void test_refused(void **state)
{
    uint64_t offset;
    (void)state;
    assert_int_equal(find_function("/proc/self/exe", "no_such_function", &offset), STG_ERR_USAGE);
    assert_non_null(strstr(stg_status_message(), "no_such_function"));
    assert_int_equal(find_function("/proc/self/exe", "stdout", &offset), STG_ERR_USAGE); /* an object, not a function */
    assert_int_equal(find_function("/proc/self/exe", "", &offset), STG_ERR_USAGE);
    assert_int_equal(find_function("/etc/passwd", "main", &offset), STG_ERR_INPUT);
    assert_int_equal(find_function("/", "main", &offset), STG_ERR_INPUT);
    assert_int_equal(find_function("/dev/zero", "main", &offset), STG_ERR_INPUT);
    assert_int_equal(find_function("/no/such/file", "main", &offset), STG_ERR_IO);
}

/* Of the file itself: in memory that maps it, the kernel puts a breakpoint there while a recorder has a marker on the
 * probe, as one of another test may have. */
static int byte_at(const char *path, uint64_t offset)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)offset, SEEK_SET), 0);
    const int byte = fgetc(file);
    fclose(file);
    return byte;
}

/* What is at the place of a static probe is an instruction that does nothing. */
static void test_probes(void **state)
{
    static struct stg_elf_site sites[STG_ELF_MAX_SITES];
    const char *workload = getenv("STRANGE_WORKLOAD"), *has_usdt = getenv("STRANGE_WORKLOAD_USDT");
    struct stat about;
    size_t n = 77;
    (void)state;
    assert_non_null(workload);
    assert_int_equal(find_probe(workload, "strange_test", "nothing", sites, &n), STG_ERR_USAGE);
    assert_non_null(strstr(stg_status_message(), "no static probe strange_test:nothing"));
    assert_int_equal(n, 0);
    assert_int_equal(find_probe("/etc/passwd", "strange_test", "tick", sites, &n), STG_ERR_INPUT);
    if (has_usdt == NULL || has_usdt[0] == '\0') {
        print_message("sys/sdt.h (systemtap-sdt-dev) was not there when the workload was built\n");
        skip();
    }
    assert_int_equal(stat(workload, &about), 0);
    for (uint32_t k = 0; k < 2; k++) {
        assert_int_equal(find_probe(workload, "strange_test", k == 0 ? "tick" : "kinds", sites, &n), STG_OK);
        assert_in_range(n, 1, 4);
        for (size_t i = 0; i < n; i++) {
            assert_true(sites[i].offset < (uint64_t)about.st_size && sites[i].semaphore > 0 &&
                        sites[i].semaphore + 2 <= (uint64_t)about.st_size);
            assert_int_equal(byte_at(workload, sites[i].offset), 0x90);
            assert_int_equal(sites[i].site.n_args, k == 0 ? 1 : 4);
            assert_int_equal(sites[i].site.args[0].shift, k == 0 ? 0 : 56);
        }
    }
}

/* A library with three notes, made by hand: its probes were moved by 0x10 after they were noted, one is another's, one
 * names a place outside. */
static size_t make_probes(uint8_t *out, size_t n_sites)
{
    static const char names[] = "\0.note.stapsdt\0.stapsdt.base\0.shstrtab";
    const Elf64_Phdr load = {.p_type = PT_LOAD, .p_vaddr = 0x1000, .p_filesz = 0x100000, .p_memsz = 0x100000};
    Elf64_Ehdr head = {.e_ident = ELFMAG,
                       .e_type = ET_DYN,
                       .e_machine = EM_X86_64,
                       .e_phoff = sizeof head,
                       .e_phentsize = sizeof load,
                       .e_phnum = 1,
                       .e_shentsize = sizeof(Elf64_Shdr),
                       .e_shnum = 4,
                       .e_shstrndx = 3};
    size_t at = sizeof head + sizeof load;
    const size_t notes = at;
    head.e_ident[EI_CLASS] = ELFCLASS64;
    for (size_t i = 0; i < n_sites + 2; i++) {
        static const char text[2][16] = {"mine\0probe\0"
                                         "4@$7",
                                         "mine\0other\0"
                                         "4@$7"};
        const uint64_t place[3] = {i == 0 ? 0x900000 : 0x1200 + i, 0x2000, 0};
        const Elf64_Nhdr note = {.n_namesz = 8, .n_descsz = sizeof place + sizeof text[0], .n_type = 3};
        memcpy(out + at, &note, sizeof note);
        memcpy(out + at + sizeof note, "stapsdt", 8);
        memcpy(out + at + sizeof note + 8, place, sizeof place);
        memcpy(out + at + sizeof note + 8 + sizeof place, text[i == 1], sizeof text[0]);
        at += sizeof note + 8 + note.n_descsz;
    }
    const Elf64_Shdr sections[4] = {
        {0},
        {.sh_name = 1, .sh_type = SHT_NOTE, .sh_offset = notes, .sh_size = at - notes},
        {.sh_name = 15, .sh_type = SHT_PROGBITS, .sh_addr = 0x2010},
        {.sh_name = 29, .sh_type = SHT_STRTAB, .sh_offset = at, .sh_size = sizeof names},
    };
    memcpy(out + at, names, sizeof names);
    at += sizeof names;
    head.e_shoff = at;
    memcpy(out + at, sections, sizeof sections);
    memcpy(out, &head, sizeof head);
    memcpy(out + sizeof head, &load, sizeof load);
    return at + sizeof sections;
}

static void test_notes(void **state)
{
    static uint8_t image[65536];
    static struct stg_elf_site sites[STG_ELF_MAX_SITES];
    size_t n;
    (void)state;
    const size_t size = make_probes(image, 3);
    assert_int_equal(stg_elf_find_probe(image, sizeof image, "mine", "probe", sites, &n), STG_ELF_FOUND);
    assert_int_equal(n, 3);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(sites[i].offset, 0x1202 + i + 0x10 - 0x1000);
        assert_int_equal(sites[i].semaphore, 0);
        assert_int_equal(sites[i].site.n_args, 1);
        assert_int_equal(sites[i].site.args[0].value, 7);
    }
    assert_int_equal(stg_elf_find_probe(image, sizeof image, "mine", "other", sites, &n), STG_ELF_FOUND);
    assert_int_equal(n, 1);
    assert_int_equal(stg_elf_find_probe(image, sizeof image, "min", "eprobe", sites, &n), STG_ELF_NO_SYMBOL);
    assert_int_equal(stg_elf_find_probe(image, size - 1, "mine", "probe", sites, &n),
                     STG_ELF_NO_PROGRAM); /* without its last section */
    (void)make_probes(image, STG_ELF_MAX_SITES);
    assert_int_equal(stg_elf_find_probe(image, sizeof image, "mine", "probe", sites, &n), STG_ELF_FOUND);
    assert_int_equal(n, STG_ELF_MAX_SITES);
    (void)make_probes(image, STG_ELF_MAX_SITES + 1);
    assert_int_equal(stg_elf_find_probe(image, sizeof image, "mine", "probe", sites, &n), STG_ELF_TOO_MANY);
}

static void test_arguments(void **state)
{
    enum { C = STG_ABI_ARG_CONSTANT, R = STG_ABI_ARG_REGISTER, M = STG_ABI_ARG_MEMORY };
    static const struct {
        const char *text;
        uint32_t n;
        struct stg_abi_arg last;
    } all[] = {
        {"", 0, {0}},
        {"-4@$-9", 1, {.where = C, .value = (uint64_t)-9, .shift = 32, .is_signed = 1}},
        {"8@$18446744073709551615", 1, {.where = C, .value = UINT64_MAX}},
        {"8@%rdi", 1, {.where = R, .word = 14}},
        {"1@%r15b", 1, {.where = R, .word = 0, .shift = 56}},
        {"-2@%sp", 1, {.where = R, .word = 19, .shift = 48, .is_signed = 1}},
        {"-4@-1204(%rbp)", 1, {.where = M, .word = 4, .value = (uint64_t)-1204, .shift = 32, .is_signed = 1}},
        {"8@(%rax)", 1, {.where = M, .word = 10}},
        {"8@%rdi  -4@24(%rsp) 4@$3", 3, {.where = C, .value = 3, .shift = 32}},
        {"8@%rdi 8@%rsi 8@%rdx 8@%rcx 8@%r8 8@%r9 8@%r10", 6, {.where = R, .word = 8}}, /* no more are kept */
        /* What none of these is ends the list. */
        {"8@%rdi 8f@%xmm0 8@%rsi", 1, {.where = R, .word = 14}},
        {"8@%rdi 8@%xmm0 8@%rsi", 1, {.where = R, .word = 14}},
        {"8@%rdi 8@counter(%rip) 8@%rsi", 1, {.where = R, .word = 14}},
        {"8@%rdi 8@(%rax,%rbx,8) 8@%rsi", 1, {.where = R, .word = 14}},
        {"8@%rdi 8@8(%rax 8@%rsi", 1, {.where = R, .word = 14}},
        {"8@%rdi 8@8(%rax] 8@%rsi", 1, {.where = R, .word = 14}},
        {"3@%rdi", 0, {0}},
        {"-9223372036854775808@%rdi", 0, {0}},
        {"8%rdi", 0, {0}},
        {"@%rdi", 0, {0}},
        {"8@", 0, {0}},
        {"8@$", 0, {0}},
        {"8@%", 0, {0}},
        {"8@%rdix", 0, {0}},
        {"8@%rdi,", 0, {0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct stg_abi_site site = {0};
        stg_usdt_args(&site, all[i].text);
        if (site.n_args != all[i].n ||
            (all[i].n > 0 && memcmp(&site.args[all[i].n - 1], &all[i].last, sizeof all[i].last) != 0)) {
            fail_msg("'%s': %u arguments", all[i].text, site.n_args);
        }
    }
}

/* By the place that the C library knows, which has the kernel's order. */
static void test_registers(void **state)
{
#define PLACE(name) (offsetof(struct user_regs_struct, name) / 8)
    static const struct {
        const char *names[4];
        size_t word;
    } all[] = {
        {{"rax", "eax", "ax", "al"}, PLACE(rax)},      {{"rbx", "ebx", "bx", "bl"}, PLACE(rbx)},
        {{"rcx", "ecx", "cx", "cl"}, PLACE(rcx)},      {{"rdx", "edx", "dx", "dl"}, PLACE(rdx)},
        {{"rsi", "esi", "si", "sil"}, PLACE(rsi)},     {{"rdi", "edi", "di", "dil"}, PLACE(rdi)},
        {{"rbp", "ebp", "bp", "bpl"}, PLACE(rbp)},     {{"rsp", "esp", "sp", "spl"}, PLACE(rsp)},
        {{"r8", "r8d", "r8w", "r8b"}, PLACE(r8)},      {{"r9", "r9d", "r9w", "r9b"}, PLACE(r9)},
        {{"r10", "r10d", "r10w", "r10b"}, PLACE(r10)}, {{"r11", "r11d", "r11w", "r11b"}, PLACE(r11)},
        {{"r12", "r12d", "r12w", "r12b"}, PLACE(r12)}, {{"r13", "r13d", "r13w", "r13b"}, PLACE(r13)},
        {{"r14", "r14d", "r14w", "r14b"}, PLACE(r14)}, {{"r15", "r15d", "r15w", "r15b"}, PLACE(r15)},
    };
#undef PLACE
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        for (size_t k = 0; k < 4; k++) {
            struct stg_abi_site site = {0};
            char text[16];
            snprintf(text, sizeof text, "8@%%%s", all[i].names[k]);
            stg_usdt_args(&site, text);
            assert_int_equal(site.n_args, 1);
            assert_int_equal(site.args[0].word, all[i].word);
        }
    }
}

/* A program with bytes changed at random, most of them in its headers and tables, in memory of exactly its length. */
static void test_damaged(void **state)
{
    struct stg_file_map map;
    struct stg_rng rng;
    const char *workload = getenv("STRANGE_WORKLOAD");
    uint8_t *copy = NULL;
    (void)state;
    assert_non_null(workload);
    static struct stg_elf_site sites[STG_ELF_MAX_SITES];
    stg_rng_seed(&rng, 1);
    assert_int_equal(stg_file_map_open(&map, workload), STG_OK);
    for (int i = 0; i < 2000; i++) {
        const size_t size = i % 2 == 0 ? map.size : stg_rng_below(&rng, map.size + 1);
        uint64_t offset = 0;
        assert_int_equal(stg_mem_dup(&copy, map.data, size), STG_OK);
        for (int k = 0; k < 1 + i % 40 && size > 0; k++) {
            const size_t where = k % 2 == 0 ? stg_rng_below(&rng, size < 1024 ? size : 1024)
                                            : size - 1 - stg_rng_below(&rng, size < 4096 ? size : 4096);
            copy[where] = (uint8_t)stg_rng_below(&rng, 256);
        }
        if (stg_elf_find(copy, size, "workload_mark", &offset) == STG_ELF_FOUND) {
            assert_true(offset < size);
        }
        size_t n = 0;
        if (stg_elf_find_probe(copy, size, "strange_test", "kinds", sites, &n) == STG_ELF_FOUND) {
            assert_true(n > 0 && sites[n - 1].offset < size && sites[n - 1].site.n_args <= STG_ABI_SITE_ARGS);
        }
        stg_mem_free(copy);
    }
    stg_file_map_close(&map);
}

/* A program with 200 tables of symbols that are one: what is not in it is looked for a while. */
static void write_long_search(char path[])
{
    enum { TABLES = 200, SYMBOLS = 200000 };
    const Elf64_Ehdr head = {.e_ident = ELFMAG "\2\1\1",
                             .e_machine = EM_X86_64,
                             .e_shoff = sizeof head,
                             .e_phentsize = sizeof(Elf64_Phdr),
                             .e_shentsize = sizeof(Elf64_Shdr),
                             .e_shnum = TABLES};
    const Elf64_Shdr table = {.sh_type = SHT_SYMTAB,
                              .sh_offset = sizeof head + TABLES * sizeof table,
                              .sh_size = SYMBOLS * sizeof(Elf64_Sym)};
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, &head, sizeof head), sizeof head);
    for (int i = 0; i < TABLES; i++) {
        assert_int_equal(write(fd, &table, sizeof table), sizeof table);
    }
    assert_int_equal(ftruncate(fd, (off_t)(table.sh_offset + table.sh_size)), 0);
    assert_int_equal(fchmod(fd, 0644), 0);
    close(fd);
}

/* The first child of a process, 0 when it has none. */
static int child_of(pid_t pid)
{
    char path[64];
    int child = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *file = fopen(path, "r");
    const bool found = file != NULL && fscanf(file, "%d", &child) == 1;
    if (file != NULL) {
        fclose(file);
    }
    return found ? child : 0;
}

static size_t n_open(int pid)
{
    char pattern[64];
    glob_t found;
    snprintf(pattern, sizeof pattern, "/proc/%d/fd/*", pid);
    const size_t n = glob(pattern, 0, NULL, &found) == 0 ? found.gl_pathc : 0;
    globfree(&found);
    return n;
}

/* Whether the sets of capabilities that the process has are empty; *ended when it has gone meanwhile. */
static bool is_powerless(int pid, bool *ended)
{
    char path[64], line[256];
    unsigned long long set, all = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    int n = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const bool is_set = sscanf(line, "CapPrm: %llx", &set) == 1 || sscanf(line, "CapEff: %llx", &set) == 1;
        all |= is_set ? set : 0;
        n += is_set;
    }
    if (file != NULL) {
        fclose(file);
    }
    *ended = n != 2;
    return all == 0;
}

/* As with file capabilities: a user who is not root, and capabilities. Returns how often what reads the file was seen
 * at work without any. */
static int watch_reader(const char *path, size_t *most_open)
{
    int ended = 0, n_powerless = 0;
    const pid_t caller = fork();
    assert_true(caller >= 0);
    if (caller == 0) {
        uint64_t offset;
        (void)dup2(0, 100);
        const bool kept =
            prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 && setresgid(33, 33, 33) == 0 && setresuid(33, 33, 33) == 0;
        _exit(kept && find_function(path, "missing", &offset) == STG_ERR_USAGE ? 0 : 1);
    }
    while (waitpid(caller, &ended, WNOHANG) == 0) {
        bool gone = false;
        const int reader = child_of(caller);
        const bool powerless = reader > 0 && is_powerless(reader, &gone);
        const size_t n = powerless && !gone ? n_open(reader) : 0;
        *most_open = n > *most_open ? n : *most_open;
        n_powerless += n > 0; /* at its very beginning it has capabilities still, at its end no files */
        usleep(1000);
    }
    assert_true(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
    return n_powerless;
}

static void test_reader_has_nothing(void **state)
{
    char path[] = "/tmp/strange-elf-XXXXXX";
    size_t most_open = 0;
    bool seen = false;
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    write_long_search(path);
    for (int i = 0; i < 10 && !seen; i++) { /* a busy machine may not let us look in time */
        seen = watch_reader(path, &most_open) > 0;
    }
    unlink(path);
    assert_true(seen);
    assert_true(most_open <= 5); /* the standard ones, the file, the pipe */
}

/* Who presses Ctrl-C does not wait for the reader. */
static void test_interrupted(void **state)
{
    char path[] = "/tmp/strange-elf-XXXXXX";
    int ended = 0;
    (void)state;
    write_long_search(path);
    const pid_t asker = fork();
    assert_true(asker >= 0);
    if (asker == 0) {
        uint64_t offset;
        stg_interrupt_ask();
        const bool interrupted = find_function(path, "missing", &offset) == STG_ERR_INTERRUPTED;
        _exit(interrupted && waitpid(-1, NULL, 0) < 0 ? 0 : 1); /* and nothing of it is left */
    }
    assert_int_equal(waitpid(asker, &ended, 0), asker);
    unlink(path);
    assert_true(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_program), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_probes),      cmocka_unit_test(test_notes),
        cmocka_unit_test(test_arguments),   cmocka_unit_test(test_registers),
        cmocka_unit_test(test_damaged),     cmocka_unit_test(test_reader_has_nothing),
        cmocka_unit_test(test_interrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
