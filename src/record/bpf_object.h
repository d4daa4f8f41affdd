/* The skeleton that bpftool makes of record.bpf.c, with warnings off that generated code earns. */
#ifndef STG_RECORD_BPF_OBJECT_H
#define STG_RECORD_BPF_OBJECT_H

#include "record/record_abi.h"

#include <bpf/libbpf.h>

/* Frees it. Declared again, as clang's analyzer takes a function of a system header for one that does not, and the
 * skeleton for a leak. */
void bpf_object__destroy_skeleton(struct bpf_object_skeleton *skeleton);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include "record.skel.h"
#pragma GCC diagnostic pop

#endif
