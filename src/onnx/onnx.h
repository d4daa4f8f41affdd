/* ONNX: a neural model as a graph of operators that other runtimes take (docs/formats/onnx.md): what the net itself
 * reads of each event in, the natural logarithms of the probabilities of every next symbol out. Opset 17, in float;
 * what only training needs is left out. */
#ifndef STG_ONNX_ONNX_H
#define STG_ONNX_ONNX_H

#include "base/buffer.h"
#include "model/model.h"

/* Provenance for the file's metadata, beside what the model itself says. */
struct stg_onnx_fact {
    const char *key, *value;
};

/* Appends the whole file to *out. A model that is no net, and an ensemble, is STG_ERR_UNSUPPORTED in one line that says
 * what to do. Memory: up to four times that of the parameters, beside the model. */
enum stg_status stg_onnx_put(struct stg_buffer *out, const struct stg_model *m, const struct stg_onnx_fact *facts,
                             size_t n_facts) STG_MUST_USE;

#endif
