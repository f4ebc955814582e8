// The sizes of one micro-batch on one rank, by the shape letters of kernels/ops.hpp: A, K, F and V of this rank's part.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/dtype.hpp"
#include "spec/model.hpp"
#include "spec/plan.hpp"
#include "workloads/blocks/layout.hpp"

namespace scalebench {

struct Shape {
  std::int64_t B, T, H, F, A, K, D, V;
  std::int64_t stream_parts;  // ranks that share the rows of the residual stream
  DType dtype;
  double epsilon;
  bool layer_norm, query_key_value_bias, query_key_norm;  // as ModelSpec
  std::int64_t window;

  Shape(const ModelSpec& model, const ParallelPlan& plan)
      : B(plan.micro_batch),
        T(plan.sequence),
        H(model.hidden),
        F(model.feed_forward / plan.tp),
        A(model.heads / plan.tp),
        K(kv_heads_of_part(model, plan.tp)),
        D(model.head_dim),
        V(vocabulary_of_part(model, plan.tp)),
        stream_parts(plan.sequence_parallel ? plan.tp : 1),
        dtype(plan.dtype),
        epsilon(model.norm_epsilon),
        layer_norm(model.layer_norm),
        query_key_value_bias(model.query_key_value_bias),
        query_key_norm(model.query_key_norm),
        window(model.window) {}

  std::int64_t N() const { return B * T; }
  std::int64_t R() const { return N() / stream_parts; }  // rows of the stream on this rank
  double attention_scale() const { return 1.0 / std::sqrt(static_cast<double>(D)); }
};

}  // namespace scalebench
