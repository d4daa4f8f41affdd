#define VL           8
#define ROWS         4
#define HAS_BF16     0
#define VARIANT      stg_kernels_avx2
#define VARIANT_NAME "avx2"
#include "compute/kernels_body.h"
