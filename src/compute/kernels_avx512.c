#define VL           16
#define ROWS         8
#define HAS_BF16     0
#define VARIANT      stg_kernels_avx512
#define VARIANT_NAME "avx512"
#include "compute/kernels_body.h"
