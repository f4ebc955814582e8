// What cross-entropy of whole rows and of parts of rows share: exponentials, targets, losses added in one order.
#pragma once

#include <limits>

#include "kernels/cuda/ids.cuh"
#include "kernels/cuda/rows.cuh"

namespace scalebench::cuda {

inline constexpr float kLog2E = 1.44269504F, kNotANumber = std::numeric_limits<float>::quiet_NaN();
inline constexpr int kLossThreads = 1024;

// e^(x - highest). The difference comes first: at large logits a product would cost its digits. What is smaller than a
// normal number is 0.
__device__ inline float weight_of(float x, float highest) {
  const float power = (x - highest) * kLog2E;
#ifdef __CUDA_ARCH__
  float weight;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(weight) : "f"(power));
  return weight;
#else
  return exp2f(power);
#endif
}

// Of each row of the logits.
inline Ids targets_of(const Tensor& tensor, const Tensor& logits) {
  need(tensor.count() == logits.rows(), tensor, "where a token id for each row is needed");
  need(tensor.rank() != 2 || tensor.dim(1) <= 1 || tensor.stride(1) == 1, tensor,
       "with a gap between the elements of a row");
  return ids_of(tensor);
}

// A row whose logits become their gradients; its target, -1 where it is none of them. The thread that has the target's
// logit reads it before, and writes its gradient after the others', so that those are all alike.
template <class T>
struct TargetOfRow {
  T* place;  // null: another thread's, or there is none
  float logit = 0;
  template <class TeamType>
  __device__ TargetOfRow(const TeamType& team, const HeadRows<T>& logits, std::int64_t n, std::int64_t target)
      : place(n < logits.count && target >= 0 && target < logits.width && team.holds(static_cast<int>(target))
                  ? logits[n] + target
                  : nullptr) {
    if (place != nullptr) logit = to_float(*place);
  }
  __device__ void become_gradient(float scale, float highest, float sum) const {
    if (place != nullptr) *place = from_float<T>(scale * (weight_of(logit, highest) / sum - 1.0F));
  }
};

// *to += scale * (loss(0) + loss(1) + ..), by one block, in one order of additions.
template <class Loss>
__device__ void add_losses(std::int64_t rows, double scale, float* to, const Loss& loss) {
  double sum = 0;
  for (std::int64_t n = threadIdx.x; n < rows; n += blockDim.x) sum += loss(n);
  sum = over_block(sum);
  if (threadIdx.x == 0) *to += static_cast<float>(scale * sum);
}

// Calls body(Team<..>*, rows, shape, blocks) for rows of logits of which each team has one.
template <class Body>
void for_logits(const Tensor& tensor, CudaContext& context, const Body& body) {
  for_dtype(tensor, [&](auto type) {
    using T = decltype(type);
    const auto logits = head_rows_of<T>(tensor);
    for_team<T, 2, 2>(packs(logits), logits.width, [&]<class TeamType>(TeamType* team) {
      const TeamShape shape = team_shape<TeamType>(context, logits.count, logits.width);
      body(team, logits, shape, blocks_for(logits.count, shape.teams()));
    });
  });
}

// Of the gradients of a loss: `host` times what is in device memory, if anything.
struct GradientScale {
  float host;
  const float* device;
  explicit GradientScale(const auto& op)
      : host(static_cast<float>(op.scale)),
        device(op.gradient_scale.defined() ? data_of<float>(op.gradient_scale) : nullptr) {}
  __device__ float value() const { return device == nullptr ? host : host * *device; }
};

}  // namespace scalebench::cuda
