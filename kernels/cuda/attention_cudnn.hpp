// cuDNN's attention: a plan for each shape, kept. Built without cuDNN's frontend it has a plan for none.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <cuda_runtime.h>

#include "base/dtype.hpp"

namespace scalebench::cuda {

// bf16 or fp16, causal. Of each operand the numbers from a row to the next and from a head to the next; d_... of
// backward alone.
struct CudnnShape {
  struct Strides {
    std::int64_t row{}, head{};
    auto operator<=>(const Strides&) const = default;
  };
  bool backward{};
  DType dtype = DType::bf16;
  std::int64_t sequences{}, length{}, heads{}, kv_heads{}, size{};
  std::int64_t window{};  // 0: none
  double scale{};
  Strides query{}, key{}, value{}, output{}, d_output{}, d_query{}, d_key{}, d_value{};
  auto operator<=>(const CudnnShape&) const = default;
};

struct CudnnOperands {
  void *query{}, *key{}, *value{}, *output{};
  void* statistics{};  // fp32 [B, A, T]: log_sum_exp
  void *d_output{}, *d_query{}, *d_key{}, *d_value{};
};

// A GPU that is not there, for which plans are made all the same.
struct PaperGpu {
  int version;             // 900 for 9.0
  std::string properties;  // as cuDNN's DeviceProperties writes them, JSON
};

class CudnnAttention {
 public:
  explicit CudnnAttention(cudaStream_t stream);  // of the current GPU
  explicit CudnnAttention(const PaperGpu& gpu);
  ~CudnnAttention();
  CudnnAttention(const CudnnAttention&) = delete;
  CudnnAttention& operator=(const CudnnAttention&) = delete;

  // Why there is no plan for this shape; empty where there is one.
  std::string refusal(const CudnnShape& shape);
  std::size_t workspace(const CudnnShape& shape);  // bytes
  bool run(const CudnnShape& shape, const CudnnOperands& operands, void* workspace);

 private:
  struct Plan;
  struct Library;
  Plan& plan(const CudnnShape& shape);

  std::unique_ptr<Library> library_{};
};

}  // namespace scalebench::cuda
