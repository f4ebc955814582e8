// The sizes of one micro-batch on one rank, by the shape letters of kernels/ops.hpp.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/dtype.hpp"
#include "spec/model.hpp"
#include "spec/plan.hpp"

namespace scalebench {

struct Shape {
  std::int64_t B, T, H, F, A, K, D, V;
  DType dtype;
  double epsilon;

  Shape(const ModelSpec& model, const ParallelPlan& plan)
      : B(plan.micro_batch),
        T(plan.sequence),
        H(model.hidden),
        F(model.feed_forward),
        A(model.heads),
        K(model.kv_heads),
        D(model.head_dim),
        V(model.vocabulary),
        dtype(plan.dtype),
        epsilon(model.norm_epsilon) {}

  std::int64_t N() const { return B * T; }
  double attention_scale() const { return 1.0 / std::sqrt(static_cast<double>(D)); }
};

}  // namespace scalebench
