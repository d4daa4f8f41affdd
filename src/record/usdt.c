#include "record/usdt.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The registers by the width in which they are named, and their places in the kernel's struct pt_regs, in words. */
static const struct {
    const char *names[4];
    __u8 word;
} registers[] = {
    {{"rax", "eax", "ax", "al"}, 10},     {{"rbx", "ebx", "bx", "bl"}, 5},      {{"rcx", "ecx", "cx", "cl"}, 11},
    {{"rdx", "edx", "dx", "dl"}, 12},     {{"rsi", "esi", "si", "sil"}, 13},    {{"rdi", "edi", "di", "dil"}, 14},
    {{"rbp", "ebp", "bp", "bpl"}, 4},     {{"rsp", "esp", "sp", "spl"}, 19},    {{"r8", "r8d", "r8w", "r8b"}, 9},
    {{"r9", "r9d", "r9w", "r9b"}, 8},     {{"r10", "r10d", "r10w", "r10b"}, 7}, {{"r11", "r11d", "r11w", "r11b"}, 6},
    {{"r12", "r12d", "r12w", "r12b"}, 3}, {{"r13", "r13d", "r13w", "r13b"}, 2}, {{"r14", "r14d", "r14w", "r14b"}, 1},
    {{"r15", "r15d", "r15w", "r15b"}, 0},
};

/* "%rdi" at *at, which is behind it then. */
static bool read_register(const char **at, __u8 *word)
{
    if (**at != '%') {
        return false;
    }
    const char *name = *at + 1;
    const size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");
    for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++) {
        for (size_t k = 0; k < 4; k++) {
            if (strlen(registers[i].names[k]) == len && memcmp(registers[i].names[k], name, len) == 0) {
                *word = registers[i].word;
                *at = name + len;
                return true;
            }
        }
    }
    return false;
}

/* "$7", "%edi", "(%rbp)" or "-16(%rbp)". */
static bool read_place(const char **at, struct stg_abi_arg *out)
{
    char *end;
    if (**at == '$') {
        out->where = STG_ABI_ARG_CONSTANT;
        out->value = strtoull(*at + 1, &end, 0);
        const bool read = end != *at + 1;
        *at = end;
        return read;
    }
    if (**at == '%') {
        out->where = STG_ABI_ARG_REGISTER;
        return read_register(at, &out->word);
    }
    out->where = STG_ABI_ARG_MEMORY;
    out->value = strtoull(*at, &end, 0); /* of nothing: 0 */
    if (*end != '(') {
        return false;
    }
    *at = end + 1;
    if (!read_register(at, &out->word) || **at != ')') {
        return false;
    }
    (*at)++;
    return true;
}

/* "-4@" and a place: the width in bytes, negative when the value has a sign. */
static bool read_arg(const char **at, struct stg_abi_arg *out)
{
    char *end;
    const long width = strtol(*at, &end, 10);
    if (end == *at || *end != '@' || width < -8 || width > 8) {
        return false;
    }
    const long bytes = width < 0 ? -width : width;
    if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) {
        return false;
    }
    *out = (struct stg_abi_arg){.shift = (__u8)(64 - 8 * bytes), .is_signed = width < 0};
    *at = end + 1;
    return read_place(at, out) && (**at == ' ' || **at == '\0');
}

void stg_usdt_args(struct stg_abi_site *to, const char *text)
{
    to->n_args = 0;
    while (to->n_args < STG_ABI_SITE_ARGS) {
        struct stg_abi_arg arg;
        text += strspn(text, " ");
        if (!read_arg(&text, &arg)) {
            return;
        }
        to->args[to->n_args++] = arg;
    }
}
