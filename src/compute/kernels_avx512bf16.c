#define VL           16
#define ROWS         8
#define HAS_BF16     1
#define VARIANT      stg_kernels_avx512bf16
#define VARIANT_NAME "avx512bf16"
#include "compute/kernels_body.h"
