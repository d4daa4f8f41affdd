/* USDT: the text in which a static probe says where it has its arguments, as <sys/sdt.h> leaves it to the assembler:
 * "-4@%edi 8@-16(%rbp) 4@$7". Its grammar: https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation */
#ifndef STG_RECORD_USDT_H
#define STG_RECORD_USDT_H

#include "record/record_abi.h"

/* The arguments in front of the first one that is neither a constant, a general register, nor memory that such a
 * register points to, at most STG_ABI_SITE_ARGS: to->n_args of them. Those of another form (floating-point numbers,
 * symbols, two registers) and all behind them are not read. */
void stg_usdt_args(struct stg_abi_site *to, const char *text);

#endif
