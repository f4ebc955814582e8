#include "tests/bench/cuda/gpu.hpp"

#include <algorithm>
#include <functional>
#include <vector>

#include "app/measure/statistics.hpp"
#include "base/cuda/check.hpp"
#include "tests/bench/cuda/read.hpp"

namespace scalebench::bench {

namespace {

constexpr int kRows = 5;
constexpr double kRow = 0.02;  // s
constexpr std::int64_t kElementsPerToken = 1 << 16;

}  // namespace

Gpu::Gpu(Witness& witness, CudaTimes& times, std::int64_t tokens)
    : device_(make_cuda_device(witness, times, Graphs::no)), tokens_(tokens) {
  // 1 GiB, far more than the caches hold.
  const Tensor from = operand(DType::f32, {tokens * kElementsPerToken}), to = operand(DType::f32, {from.count()});
  const auto bytes = static_cast<double>(from.bytes());
  copied_ = 2 * bytes / time([&] { device_->run(Convert{.from = from, .to = to}); });
  // Its own kernels wait for the device's and the other way round: a row is timed as a whole.
  copied_ = std::max(copied_, 2 * bytes / time([&] {
                                check_cuda(cudaMemcpyAsync(to.address(), from.address(), from.bytes(),
                                                           cudaMemcpyDeviceToDevice, cudaStreamLegacy),
                                           "cudaMemcpyAsync");
                                check_cuda(cudaStreamSynchronize(cudaStreamLegacy), "cudaStreamSynchronize");
                              }));
  read_ = read_bandwidth(from);
  forget_operands();
}

Tensor Gpu::operand(DType dtype, std::initializer_list<std::int64_t> shape) {
  const Tensor whole = operands_.emplace_back(device_->allocate(dtype, shape, Use::buffers, "operand"));
  if (dtype == DType::f32 || dtype == DType::bf16)
    device_->run(Normal{.to = whole, .deviation = 1, .seed = 1, .stream = ++drawn_});
  else
    device_->run(Fill{.to = whole});
  return whole;
}

int Gpu::count_for(double once) { return std::clamp(static_cast<int>(kRow / std::max(once, 1e-7)), 1, 1000); }

double Gpu::median_of_rows(const std::function<double()>& row, int count) {
  std::vector<double> times;
  for (int i = 0; i < kRows; ++i) times.push_back(row() / count);
  return median(times);
}

}  // namespace scalebench::bench
