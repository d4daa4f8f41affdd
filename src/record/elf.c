#include "record/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

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
    return i < im->head.e_shnum && im->head.e_shoff <= im->size && get(im, im->head.e_shoff + i * sizeof *out, out, sizeof *out);
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
        if ((type == STT_FUNC || type == STT_GNU_IFUNC) && s.st_shndx != SHN_UNDEF && is_named(im, &strings, s.st_name, symbol) &&
            place_of(im, s.st_value, offset)) {
            return true;
        }
    }
    return false;
}

enum stg_elf_found stg_elf_find(const uint8_t *data, size_t size, const char *symbol, uint64_t *offset)
{
    struct image im = {.data = data, .size = size};
    if (!get(&im, 0, &im.head, sizeof im.head) || memcmp(im.head.e_ident, ELFMAG, SELFMAG) != 0 ||
        im.head.e_ident[EI_CLASS] != ELFCLASS64 || im.head.e_machine != EM_X86_64 ||
        im.head.e_shentsize != sizeof(Elf64_Shdr) || im.head.e_phentsize != sizeof(Elf64_Phdr)) {
        return STG_ELF_NO_PROGRAM;
    }
    for (uint64_t i = 0; i < im.head.e_shnum; i++) {
        Elf64_Shdr section;
        if (!get_section(&im, i, &section)) {
            return STG_ELF_NO_PROGRAM;
        }
        if ((section.sh_type == SHT_SYMTAB || section.sh_type == SHT_DYNSYM) && find_in_table(&im, &section, symbol, offset)) {
            return STG_ELF_FOUND;
        }
    }
    return STG_ELF_NO_SYMBOL;
}

struct answer {
    enum stg_elf_found found;
    uint64_t offset;
};

/* What reads the file is nobody, holds no capability and gets ten seconds. */
_Noreturn static void run_reader(int file, int out, size_t size, const char *symbol)
{
    const struct rlimit seconds = {10, 10};
    struct answer a = {.found = STG_ELF_NO_PROGRAM};
    const bool root = geteuid() == 0;
    if (setrlimit(RLIMIT_CPU, &seconds) != 0 ||
        (root && (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0)) ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        _exit(1);
    }
    const void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
    if (data != MAP_FAILED) {
        a.found = stg_elf_find(data, size, symbol, &a.offset);
    }
    _exit(write(out, &a, sizeof a) == sizeof a ? 0 : 1);
}

static enum stg_status ask_reader(int file, size_t size, const char *symbol, struct answer *a)
{
    int ends[2], status;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return stg_fail_errno("cannot make a pipe");
    }
    const pid_t reader = fork();
    if (reader == 0) {
        run_reader(file, ends[1], size, symbol);
    }
    close(ends[1]);
    ssize_t n;
    do {
        n = reader > 0 ? read(ends[0], a, sizeof *a) : -1;
    } while (n < 0 && reader > 0 && errno == EINTR);
    close(ends[0]);
    while (reader > 0 && waitpid(reader, &status, 0) < 0 && errno == EINTR) {
    }
    return n == sizeof *a ? STG_OK : stg_fail(STG_ERR_IO, "the process that reads it for symbols failed");
}

enum stg_status stg_elf_find_in_file(const char *path, const char *symbol, uint64_t *offset)
{
    struct stat info;
    struct answer a = {.found = STG_ELF_NO_PROGRAM};
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return stg_fail_errno("%s: cannot open it", path);
    }
    enum stg_status status = STG_OK;
    if (fstat(file, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
        status = ask_reader(file, (size_t)info.st_size, symbol, &a);
    }
    close(file);
    if (status != STG_OK) {
        return stg_context(status, "%s", path);
    }
    *offset = a.offset;
    switch (a.found) {
    case STG_ELF_FOUND:
        return STG_OK;
    case STG_ELF_NO_SYMBOL:
        return stg_fail(STG_ERR_USAGE, "%s: it has no function '%s': look with nm -D or nm", path, symbol);
    default:
        return stg_fail(STG_ERR_INPUT, "%s: not a 64-bit program or library", path);
    }
}
