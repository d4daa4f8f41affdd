#include "record/elf.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "record/usdt.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY  65534
#define LOOK_MS 100 /* how soon an interrupt is seen while the reader is at work */

struct image {
    const uint8_t *data;
    size_t size;
    Elf64_Ehdr head;
};

/* Copies n bytes from offset at; false when they are not in the file. */
static bool get(const struct image *im, uint64_t at, void *out, size_t n)
{
    if (at > im->size || n > im->size - at) {
        return false;
    }
    memcpy(out, im->data + at, n);
    return true;
}

static bool get_section(const struct image *im, uint64_t i, Elf64_Shdr *out)
{
    return i < im->head.e_shnum && im->head.e_shoff <= im->size &&
           get(im, im->head.e_shoff + i * sizeof *out, out, sizeof *out);
}

/* Whether the string at offset `at` of the string section is symbol. */
static bool is_named(const struct image *im, const Elf64_Shdr *strings, uint64_t at, const char *symbol)
{
    const size_t n = strlen(symbol) + 1;
    return at < strings->sh_size && n <= strings->sh_size - at && strings->sh_offset <= im->size &&
           strings->sh_offset + at <= im->size && n <= im->size - (strings->sh_offset + at) &&
           memcmp(im->data + strings->sh_offset + at, symbol, n) == 0;
}

/* From an address of the program to a place in its file, by the segment that is loaded from there. */
static bool place_of(const struct image *im, uint64_t address, uint64_t *offset)
{
    for (uint64_t i = 0; i < im->head.e_phnum; i++) {
        Elf64_Phdr p;
        if (im->head.e_phoff > im->size || !get(im, im->head.e_phoff + i * sizeof p, &p, sizeof p)) {
            return false;
        }
        if (p.p_type == PT_LOAD && address >= p.p_vaddr && address - p.p_vaddr < p.p_filesz) {
            *offset = address - p.p_vaddr + p.p_offset;
            return *offset < im->size;
        }
    }
    return false;
}

static bool find_in_table(const struct image *im, const Elf64_Shdr *table, const char *symbol, uint64_t *offset)
{
    Elf64_Shdr strings;
    if (!get_section(im, table->sh_link, &strings) || table->sh_offset > im->size ||
        table->sh_size > im->size - table->sh_offset) {
        return false;
    }
    for (uint64_t i = 0; i < table->sh_size / sizeof(Elf64_Sym); i++) {
        Elf64_Sym s;
        if (!get(im, table->sh_offset + i * sizeof s, &s, sizeof s)) {
            return false;
        }
        const unsigned type = ELF64_ST_TYPE(s.st_info);
        if ((type == STT_FUNC || type == STT_GNU_IFUNC) && s.st_shndx != SHN_UNDEF &&
            is_named(im, &strings, s.st_name, symbol) && place_of(im, s.st_value, offset)) {
            return true;
        }
    }
    return false;
}

static bool image_init(struct image *im, const uint8_t *data, size_t size)
{
    *im = (struct image){.data = data, .size = size};
    return get(im, 0, &im->head, sizeof im->head) && memcmp(im->head.e_ident, ELFMAG, SELFMAG) == 0 &&
           im->head.e_ident[EI_CLASS] == ELFCLASS64 && im->head.e_machine == EM_X86_64 &&
           im->head.e_shentsize == sizeof(Elf64_Shdr) && im->head.e_phentsize == sizeof(Elf64_Phdr);
}

enum stg_elf_found stg_elf_find(const uint8_t *data, size_t size, const char *symbol, uint64_t *offset)
{
    struct image im;
    if (!image_init(&im, data, size)) {
        return STG_ELF_NO_PROGRAM;
    }
    for (uint64_t i = 0; i < im.head.e_shnum; i++) {
        Elf64_Shdr section;
        if (!get_section(&im, i, &section)) {
            return STG_ELF_NO_PROGRAM;
        }
        if ((section.sh_type == SHT_SYMTAB || section.sh_type == SHT_DYNSYM) &&
            find_in_table(&im, &section, symbol, offset)) {
            return STG_ELF_FOUND;
        }
    }
    return STG_ELF_NO_SYMBOL;
}

/* --- Static probes --- */

#define PROBE_OWNER "stapsdt"
#define PROBE_TYPE  3

struct search {
    const char *provider, *name;
    uint64_t base; /* address of .stapsdt.base, 0 = there is none: by how much it moved, all of the notes did */
    struct stg_elf_site *out;
    size_t n;
    bool too_many;
};

struct probe_note { /* as it begins; provider, name and arguments follow, each with its NUL */
    uint64_t place, base, semaphore;
};

/* Takes a text with its NUL from between *at and end. */
static const char *take_text(const uint8_t **at, const uint8_t *end)
{
    const char *text = (const char *)*at;
    const uint8_t *nul = memchr(*at, '\0', (size_t)(end - *at));
    if (nul == NULL) {
        return NULL;
    }
    *at = nul + 1;
    return text;
}

static void take_note(const struct image *im, const uint8_t *note, size_t size, struct search *s)
{
    struct probe_note head;
    struct stg_elf_site site = {0};
    if (size < sizeof head) {
        return;
    }
    memcpy(&head, note, sizeof head);
    const uint8_t *at = note + sizeof head;
    const char *provider = take_text(&at, note + size);
    const char *name = provider == NULL ? NULL : take_text(&at, note + size);
    const char *args = name == NULL ? NULL : take_text(&at, note + size);
    if (args == NULL || strcmp(provider, s->provider) != 0 || strcmp(name, s->name) != 0) {
        return;
    }
    const uint64_t moved = s->base != 0 && head.base != 0 ? s->base - head.base : 0;
    if (!place_of(im, head.place + moved, &site.offset) ||
        (head.semaphore != 0 && !place_of(im, head.semaphore + moved, &site.semaphore))) {
        return;
    }
    stg_usdt_args(&site.site, args);
    if (s->n == STG_ELF_MAX_SITES) {
        s->too_many = true;
        return;
    }
    s->out[s->n++] = site;
}

/* Name and descriptor of a note are each followed by what makes them multiples of 4 bytes. */
static void find_in_notes(const struct image *im, const Elf64_Shdr *section, struct search *s)
{
    if (section->sh_offset > im->size || section->sh_size > im->size - section->sh_offset) {
        return;
    }
    const uint64_t end = section->sh_offset + section->sh_size;
    Elf64_Nhdr head;
    for (uint64_t at = section->sh_offset; at <= end && end - at >= sizeof head;) {
        memcpy(&head, im->data + at, sizeof head);
        const uint64_t owner = at + sizeof head;
        const uint64_t note = owner + (((uint64_t)head.n_namesz + 3) & ~UINT64_C(3));
        if (note > end || head.n_descsz > end - note) {
            return;
        }
        if (head.n_type == PROBE_TYPE && head.n_namesz == sizeof PROBE_OWNER &&
            memcmp(im->data + owner, PROBE_OWNER, sizeof PROBE_OWNER) == 0) {
            take_note(im, im->data + note, head.n_descsz, s);
        }
        at = note + (((uint64_t)head.n_descsz + 3) & ~UINT64_C(3));
    }
}

static uint64_t base_of_probes(const struct image *im)
{
    Elf64_Shdr names, section;
    if (!get_section(im, im->head.e_shstrndx, &names)) {
        return 0;
    }
    for (uint64_t i = 0; i < im->head.e_shnum && get_section(im, i, &section); i++) {
        if (is_named(im, &names, section.sh_name, ".stapsdt.base")) {
            return section.sh_addr;
        }
    }
    return 0;
}

enum stg_elf_found stg_elf_find_probe(const uint8_t *data, size_t size, const char *provider, const char *name,
                                      struct stg_elf_site out[STG_ELF_MAX_SITES], size_t *n)
{
    struct image im;
    struct search s = {.provider = provider, .name = name, .out = out};
    *n = 0;
    if (!image_init(&im, data, size)) {
        return STG_ELF_NO_PROGRAM;
    }
    s.base = base_of_probes(&im);
    for (uint64_t i = 0; i < im.head.e_shnum; i++) {
        Elf64_Shdr section;
        if (!get_section(&im, i, &section)) {
            return STG_ELF_NO_PROGRAM;
        }
        if (section.sh_type == SHT_NOTE) {
            find_in_notes(&im, &section, &s);
        }
    }
    *n = s.n;
    return s.too_many ? STG_ELF_TOO_MANY : s.n > 0 ? STG_ELF_FOUND : STG_ELF_NO_SYMBOL;
}

/* --- Files, which a process without privileges reads --- */

struct question {
    const char *provider; /* NULL: a function is looked for */
    const char *name;
};

struct answer {
    enum stg_elf_found found;
    uint64_t offset; /* of a function */
    uint64_t n;      /* places of a probe */
    struct stg_elf_site sites[STG_ELF_MAX_SITES];
};

static void find(struct answer *a, const void *data, size_t size, const struct question *q)
{
    size_t n = 0;
    if (q->provider == NULL) {
        a->found = stg_elf_find(data, size, q->name, &a->offset);
    } else {
        a->found = stg_elf_find_probe(data, size, q->provider, q->name, a->sites, &n);
        a->n = n;
    }
}

enum { READER_FAILED = 1, READER_NOT_NOBODY };

/* By the system calls, as a build without a recorder has no libcap-ng. Ambient capabilities go with the permitted. */
static bool drop_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capset, &head, sets) != 0 || syscall(SYS_capget, &head, sets) != 0) {
        return false;
    }
    uint32_t left = 0;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        left |= sets[i].effective | sets[i].permitted | sets[i].inheritable;
    }
    return left == 0;
}

/* All but the standard ones, the file and the pipe: the maps and programs of the recorder are open, too. */
static bool close_others(int file, int out)
{
    const unsigned kept[] = {(unsigned)(file < out ? file : out), (unsigned)(file < out ? out : file)};
    unsigned from = 3;
    for (size_t i = 0; i < 2; i++) {
        if (kept[i] > from && close_range(from, kept[i] - 1, 0) != 0) {
            return false;
        }
        from = kept[i] >= from ? kept[i] + 1 : from;
    }
    return close_range(from, ~0U, 0) == 0;
}

/* What reads the file holds no capability, gets ten seconds, and is nobody where it was root: another user's program
 * with file capabilities may not become nobody, and stays that user. */
_Noreturn static void run_reader(int file, int out, size_t size, const struct question *q, struct answer *a)
{
    const struct rlimit seconds = {10, 10};
    const bool root = geteuid() == 0;
    if (root &&
        (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0)) {
        _exit(READER_NOT_NOBODY);
    }
    if (!close_others(file, out) || !drop_capabilities() || setrlimit(RLIMIT_CPU, &seconds) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        _exit(READER_FAILED);
    }
    const void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
    if (data != MAP_FAILED) {
        find(a, data, size, q);
    }
    /* A pipe has room for all of it. */
    _exit(write(out, a, sizeof *a) == sizeof *a ? 0 : READER_FAILED);
}

/* The reader has seen hostile bytes: what it says is believed no more than they are. */
static bool is_sound(const struct answer *a)
{
    bool sound = a->n <= STG_ELF_MAX_SITES;
    for (size_t i = 0; sound && i < a->n; i++) {
        sound = a->sites[i].site.n_args <= STG_ABI_SITE_ARGS;
    }
    return sound;
}

/* False when the reader ends without one, or nobody wants to know any more: a file of a network may take for ever. */
static bool read_answer(int from, struct answer *a)
{
    size_t got = 0;
    while (got < sizeof *a) {
        struct pollfd p = {.fd = from, .events = POLLIN};
        if (stg_interrupt_asked()) {
            return false;
        }
        if (poll(&p, 1, LOOK_MS) <= 0) {
            continue;
        }
        const ssize_t n = read(from, (uint8_t *)a + got, sizeof *a - got);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            return false;
        }
        got += n > 0 ? (size_t)n : 0;
    }
    return is_sound(a);
}

static enum stg_status ask_reader(int file, size_t size, const struct question *q, struct answer *a)
{
    int ends[2], ended = 0;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return stg_fail_errno("cannot make a pipe");
    }
    const pid_t reader = fork();
    if (reader == 0) {
        run_reader(file, ends[1], size, q, a);
    }
    close(ends[1]);
    const bool answered = reader > 0 && read_answer(ends[0], a);
    close(ends[0]);
    if (reader > 0 && !answered && stg_interrupt_asked()) {
        kill(reader, SIGKILL);
    }
    while (reader > 0 && waitpid(reader, &ended, 0) < 0 && errno == EINTR) {
    }
    if (answered) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_interrupt_check());
    return WIFEXITED(ended) && WEXITSTATUS(ended) == READER_NOT_NOBODY
               ? stg_fail(
                     STG_ERR_UNSUPPORTED,
                     "the process that reads it for symbols may not become nobody: it takes CAP_SETUID and CAP_SETGID")
               : stg_fail(STG_ERR_IO, "the process that reads it for symbols failed");
}

enum stg_status stg_elf_open(int *file, const char *path)
{
    *file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is not waited for */
    return *file >= 0 ? STG_OK : stg_fail_errno("%s: cannot open it", path);
}

static enum stg_status ask(int file, const char *path, const struct question *q, struct answer *a)
{
    struct stat info;
    enum stg_status status = STG_OK;
    a->found = STG_ELF_NO_PROGRAM;
    if (fstat(file, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
        status = ask_reader(file, (size_t)info.st_size, q, a);
    }
    if (status != STG_OK) {
        return stg_context(status, "%s", path);
    }
    switch (a->found) {
    case STG_ELF_FOUND:
        return STG_OK;
    case STG_ELF_NO_SYMBOL:
        return q->provider == NULL
                   ? stg_fail(STG_ERR_USAGE, "%s: it has no function '%s': look with nm -D or nm", path, q->name)
                   : stg_fail(STG_ERR_USAGE, "%s: it has no static probe %s:%s: look with readelf -n", path,
                              q->provider, q->name);
    case STG_ELF_TOO_MANY:
        return stg_fail(STG_ERR_UNSUPPORTED, "%s: the static probe %s:%s is in more than %d places", path, q->provider,
                        q->name, STG_ELF_MAX_SITES);
    default:
        return stg_fail(STG_ERR_INPUT, "%s: not a 64-bit program or library", path);
    }
}

enum stg_status stg_elf_find_in_file(int file, const char *path, const char *symbol, uint64_t *offset)
{
    const struct question q = {.name = symbol};
    struct answer *a = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&a, 1, sizeof *a));
    const enum stg_status status = ask(file, path, &q, a);
    *offset = a->offset;
    stg_mem_free(a);
    return status;
}

enum stg_status stg_elf_find_probe_in_file(int file, const char *path, const char *provider, const char *name,
                                           struct stg_elf_site out[STG_ELF_MAX_SITES], size_t *n)
{
    const struct question q = {.provider = provider, .name = name};
    struct answer *a = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&a, 1, sizeof *a));
    const enum stg_status status = ask(file, path, &q, a);
    *n = status == STG_OK ? (size_t)a->n : 0;
    memcpy(out, a->sites, *n * sizeof *out);
    stg_mem_free(a);
    return status;
}
