#include "kernels/cuda/attention_choice.hpp"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/check.hpp"
#include "base/cuda/check.hpp"
#include "base/cuda/stream_memory.hpp"
#include "kernels/cuda/attention.hpp"
#include "kernels/cuda/attention_agreement.hpp"
#include "kernels/cuda/choices.hpp"
#include "kernels/cuda/context.hpp"
#include "kernels/cuda/stopwatch.hpp"
#include "kernels/workspace.hpp"

namespace scalebench::cuda {

namespace {

// Of the norm of our own result: both round weights and results to bf16 or fp16.
constexpr float kMostDifference = 0.02F;

std::vector<Tensor> results(const Attention& op) { return {op.output, op.log_sum_exp.split(1, 1)}; }
std::vector<Tensor> results(const AttentionBackward& op) { return {op.d_query, op.d_key, op.d_value}; }

CudnnShape::Strides strides_of(const Tensor& heads) { return {heads.stride(0), heads.stride(1)}; }

CudnnShape shape_of(const auto& op) {
  CudnnShape shape;
  shape.dtype = op.query.dtype();
  shape.sequences = op.query.dim(0) / op.sequence, shape.length = op.sequence;
  shape.heads = op.query.dim(1), shape.kv_heads = op.key.dim(1), shape.size = op.query.dim(2);
  shape.window = op.window < op.sequence ? op.window : 0, shape.scale = op.scale;
  shape.query = strides_of(op.query), shape.key = strides_of(op.key), shape.value = strides_of(op.value);
  shape.output = strides_of(op.output);
  if constexpr (requires { op.d_output; }) {
    shape.backward = true, shape.d_output = strides_of(op.d_output);
    shape.d_query = strides_of(op.d_query), shape.d_key = strides_of(op.d_key), shape.d_value = strides_of(op.d_value);
  }
  return shape;
}

CudnnOperands operands_of(const auto& op, void* statistics) {
  CudnnOperands operands;
  operands.query = op.query.address(), operands.key = op.key.address(), operands.value = op.value.address();
  operands.output = op.output.address(), operands.statistics = statistics;
  if constexpr (requires { op.d_output; }) {
    operands.d_output = op.d_output.address(), operands.d_query = op.d_query.address();
    operands.d_key = op.d_key.address(), operands.d_value = op.d_value.address();
  }
  return operands;
}

// With what is loaded and connected later left free.
bool fits(std::size_t workspace) {
  constexpr std::size_t kLeft = std::size_t{512} << 20;
  std::size_t free = 0, total = 0;
  check_cuda(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return workspace + kLeft < free && static_cast<double>(workspace) <= kShareForAttention * static_cast<double>(total);
}

float* numbers_of(const Tensor& tensor) { return reinterpret_cast<float*>(tensor.address()); }

// Scratch memory of a run by cuDNN: log_sum_exp as it lays it, [B, A, T], and its workspace.
struct Scratch {
  float* statistics;
  std::byte* workspace;
  Scratch(const CudnnShape& shape, std::size_t workspace_bytes, CudaContext& context) {
    const auto numbers = static_cast<std::size_t>(shape.sequences * shape.heads * shape.length);
    const std::size_t bytes = (numbers * sizeof(float) + 255) / 256 * 256;
    std::byte* const memory = context.scratch(bytes + workspace_bytes);
    statistics = reinterpret_cast<float*>(memory), workspace = memory + bytes;
  }
};

// What our own attention computed, to hold against cuDNN's. Where memory is refused, nothing is compared.
class Copy {
 public:
  Copy(std::vector<Tensor> tensors, CudaContext& context)
      : tensors_(std::move(tensors)), context_(context), memory_(context.stream()) {
    std::size_t bytes = 2 * sizeof(float);
    for (const Tensor& tensor : tensors_) bytes += static_cast<std::size_t>(tensor.count()) * size_of(tensor.dtype());
    memory_.take(bytes);
    each([&](const Tensor& tensor, std::byte* copy) { copy_rows(tensor, copy, context_); });
  }

  // The norm of the difference, of the largest tensor's norm if there are several.
  float difference() {
    float most = 0;
    each([&](const Tensor& tensor, std::byte* copy) {
      float sums[2] = {};
      auto* const place = static_cast<float*>(memory_.data());
      check_cuda(cudaMemsetAsync(place, 0, sizeof(sums), context_.stream()), "cudaMemsetAsync");
      add_squares(tensor, copy, place, context_);
      check_cuda(cudaStreamSynchronize(context_.stream()), "cudaStreamSynchronize");
      check_cuda(cudaMemcpy(sums, place, sizeof(sums), cudaMemcpyDeviceToHost), "cudaMemcpy");
      const float part = sums[0] == 0 ? 0 : std::sqrt(sums[0] / sums[1]);
      most = std::isnan(most) || part <= most ? most : part;  // a NaN stays
    });
    return most;
  }

 private:
  void each(const auto& visit) {
    if (memory_.data() == nullptr) return;
    std::byte* copy = static_cast<std::byte*>(memory_.data()) + 2 * sizeof(float);
    for (const Tensor& tensor : tensors_) {
      visit(tensor, copy);
      copy += static_cast<std::size_t>(tensor.count()) * size_of(tensor.dtype());
    }
  }

  std::vector<Tensor> tensors_;
  CudaContext& context_;
  StreamMemory memory_;
};

std::string name_of(const CudnnShape& shape) {
  return fmt::format("attention {} {} x {}, heads {} / {} of {}{}, {}", shape.backward ? "backward" : "forward",
                     shape.sequences, shape.length, shape.heads, shape.kv_heads, shape.size,
                     shape.window > 0 ? fmt::format(", window {}", shape.window) : "", name_of(shape.dtype));
}

}  // namespace

template <class Op>
void AttentionChoice::compute_faster(const Op& op, CudaContext& context) {
  if (op.query.count() == 0) return;
  const CudnnShape shape = shape_of(op);
  auto known = by_cudnn_.find(shape);
  if (known == by_cudnn_.end() && !capturing(stream_))
    known = by_cudnn_.emplace(shape, cudnn_is_faster(op, shape, context)).first;
  if (known == by_cudnn_.end() || !known->second) return tensor_core::compute(op, context);
  if (!run_cudnn(op, shape, context))
    fail(Exit::unfit, "cuDNN refuses an {} that it did before (its libraries say no more) report this", name_of(shape));
}

// Results are written anew by every run, and nothing that is read: both can be measured in place.
template <class Op>
bool AttentionChoice::cudnn_is_faster(const Op& op, const CudnnShape& shape, CudaContext& context) {
  if (!cudnn_) cudnn_ = std::make_unique<CudnnAttention>(stream_);
  std::string refusal = cudnn_->refusal(shape);
  if (refusal.empty() && !fits(cudnn_->workspace(shape)))
    refusal = fmt::format("its workspace would be {} MiB", cudnn_->workspace(shape) >> 20);
  if (!refusal.empty()) return note_choice(fmt::format("{}: own, without cuDNN ({})", name_of(shape), refusal)), false;
  const Stopwatch watch(stream_, context.await());
  const float own = watch.time([&] { return tensor_core::compute(op, context), true; });
  Copy copy(results(op), context);
  const float theirs = watch.time([&] { return run_cudnn(op, shape, context); });
  const float difference = std::isinf(theirs) ? 0 : copy.difference();
  const bool faster = theirs < own && difference <= kMostDifference;
  note_choice(fmt::format("{}: {} (own {:.3f} ms, cuDNN {:.3f} ms, difference {:.4f})", name_of(shape),
                          faster ? "cuDNN" : "own", own, theirs, difference));
  return faster;
}

bool AttentionChoice::run_cudnn(const Attention& op, const CudnnShape& shape, CudaContext& context) {
  const Scratch scratch(shape, cudnn_->workspace(shape), context);
  if (!cudnn_->run(shape, operands_of(op, scratch.statistics), scratch.workspace)) return false;
  transpose(scratch.statistics, numbers_of(op.log_sum_exp), shape.sequences, shape.heads, shape.length, context);
  return true;
}

bool AttentionChoice::run_cudnn(const AttentionBackward& op, const CudnnShape& shape, CudaContext& context) {
  const Scratch scratch(shape, cudnn_->workspace(shape), context);
  transpose(numbers_of(op.log_sum_exp), scratch.statistics, shape.sequences, shape.length, shape.heads, context);
  return cudnn_->run(shape, operands_of(op, scratch.statistics), scratch.workspace);
}

template void AttentionChoice::compute_faster(const Attention&, CudaContext&);
template void AttentionChoice::compute_faster(const AttentionBackward&, CudaContext&);

}  // namespace scalebench::cuda
