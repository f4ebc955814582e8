// The scale of the loss of fp16 training: lowered where gradients overflow, raised after some steps without.
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/numbers.cuh"

namespace scalebench::cuda {

namespace {

__global__ void update_loss_scale(float* squared_norm, float* scale, std::int32_t* steps, float growth, float backoff,
                                  std::int32_t interval) {
  if (threadIdx.x != 0) return;
  const bool finite = is_finite(*squared_norm);
  const float now = scale[0];
  scale[1] = 1 / now;
  *squared_norm = *squared_norm * scale[1] * scale[1];
  steps[0] = finite ? steps[0] + 1 : 0, steps[1] += finite ? 1 : 0;
  const bool grows = steps[0] == interval;
  const float next = now * (!finite ? backoff : grows ? growth : 1.0F);
  if (grows) steps[0] = 0;
  if (is_finite(next)) scale[0] = next;
}

}  // namespace

void compute(const UpdateLossScale& op, CudaContext& context) {
  launch(context, update_loss_scale, 1, kWarp, data_of<float>(op.squared_norm), data_of<float>(op.scale),
         data_of<std::int32_t>(op.steps), static_cast<float>(op.growth), static_cast<float>(op.backoff), op.interval);
}

}  // namespace scalebench::cuda
