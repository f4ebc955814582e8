// Each part's rows: operands of Llama-3-8B's sizes.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/cuda/check.hpp"
#include "kernels/cuda/products.hpp"
#include "kernels/workspace.hpp"
#include "tests/bench/cuda/parts.hpp"

namespace scalebench::bench {

namespace {

constexpr std::int64_t kHidden = 4096, kFeedForward = 14336, kHeads = 32, kKvHeads = 8, kHeadSize = 128;
constexpr double kMemoryBar = 0.85, kProductBar = 0.98;

// One product by the heuristic's first choice, on a stream of its own: what a plain caller of cuBLASLt gets.
class BareProduct {
 public:
  explicit BareProduct(const cuda::Multiplication& what) : what_(what), product_(what_) {
    check_cuda(cudaStreamCreate(&stream_), "cudaStreamCreate");
    check_cuda(cudaMalloc(&workspace_, kProductWorkspace), "cudaMalloc");
    cuda::check_product(cublasLtCreate(&handle_), "cublasLtCreate", what_);
    algorithm_ = product_.candidates(handle_).at(0);
  }
  ~BareProduct() { cublasLtDestroy(handle_), cudaFree(workspace_), cudaStreamDestroy(stream_); }
  BareProduct(const BareProduct&) = delete;
  BareProduct& operator=(const BareProduct&) = delete;

  // s of one of many in a row.
  double time() {
    constexpr int kRow = 20, kRows = 5;
    cudaEvent_t begin{}, end{};
    check_cuda(cudaEventCreate(&begin), "cudaEventCreate");
    check_cuda(cudaEventCreate(&end), "cudaEventCreate");
    float best = std::numeric_limits<float>::infinity();
    for (int row = 0; row <= kRows; ++row) {
      check_cuda(cudaEventRecord(begin, stream_), "cudaEventRecord");
      for (int i = 0; i < kRow; ++i)
        cuda::check_product(product_.run(handle_, algorithm_, workspace_, stream_, what_.c.address()), "cublasLtMatmul",
                            what_);
      check_cuda(cudaEventRecord(end, stream_), "cudaEventRecord");
      check_cuda(cudaEventSynchronize(end), "cudaEventSynchronize");
      float taken = 0;
      check_cuda(cudaEventElapsedTime(&taken, begin, end), "cudaEventElapsedTime");
      if (row > 0) best = std::min(best, taken);
    }
    cudaEventDestroy(begin), cudaEventDestroy(end);
    return 1e-3 * static_cast<double>(best) / kRow;
  }

 private:
  cuda::Multiplication what_;
  cuda::Product product_;
  cudaStream_t stream_{};
  void* workspace_ = nullptr;
  cublasLtHandle_t handle_{};
  cublasLtMatmulAlgo_t algorithm_{};
};

struct ProductCase {
  const char* name;
  std::int64_t n, k;
};
constexpr ProductCase kProducts[] = {{"q, k, v", (kHeads + 2 * kKvHeads) * kHeadSize, kHidden},
                                     {"attention's output", kHidden, kHeads* kHeadSize},
                                     {"gate, up", 2 * kFeedForward, kHidden},
                                     {"down", kHidden, kFeedForward}};

Row product_row(Gpu& gpu, const ProductCase& c, DType dtype) {
  const Tensor a = gpu.operand(dtype, {gpu.tokens(), c.k}), b = gpu.operand(dtype, {c.n, c.k}).transposed();
  const Tensor to = gpu.operand(dtype, {gpu.tokens(), c.n});
  const Gemm gemm{.a = a, .b = b, .c = to};
  const double ours = gpu.time_of(gemm);
  const double bare = BareProduct({.a = a, .b = b, .c = to}).time();
  gpu.forget_operands();
  return {.name = fmt::format("product {}, {}", c.name, name_of(dtype)),
          .value = bare / ours,
          .unit = "%",
          .bar = kProductBar,
          .remark = fmt::format("{:.3f} ms, {:.0f} TFLOP/s; bare {:.3f} ms", 1e3 * ours, gemm.flops() / ours * 1e-12,
                                1e3 * bare)};
}

template <class Op>
Row memory_row(Gpu& gpu, const std::string& name, const Op& op) {
  const double seconds = gpu.time_of(op), bytes = bytes_of(op);
  return {.name = name,
          .value = bytes / seconds / gpu.copied(),
          .unit = "%",
          .bar = kMemoryBar,
          .remark =
              fmt::format("{:.0f} MB in {:.3f} ms = {:.0f} GB/s", bytes * 1e-6, 1e3 * seconds, bytes / seconds * 1e-9)};
}

}  // namespace

void put_row(const Row& row) { put_text(formatted(row)); }

Row copy_row(Gpu& gpu) { return {.name = "copy bandwidth", .value = gpu.copied(), .unit = "B/s"}; }
Row read_row(Gpu& gpu) { return {.name = "read bandwidth", .value = gpu.read(), .unit = "B/s"}; }

std::vector<Row> product_rows(Gpu& gpu) {
  std::vector<Row> rows;
  for (const ProductCase& c : kProducts) rows.push_back(product_row(gpu, c, DType::bf16));
  return rows;
}

std::vector<Row> attention_rows(Gpu& gpu) {
  const std::int64_t n = gpu.tokens();
  const auto heads = [&](std::int64_t count) { return gpu.operand(DType::bf16, {n, count, kHeadSize}); };
  const double scale = 1 / std::sqrt(static_cast<double>(kHeadSize));
  const Tensor query = heads(kHeads), key = heads(kKvHeads), value = heads(kKvHeads), output = heads(kHeads);
  const Tensor sums = gpu.operand(DType::f32, {n, kHeads});
  const Attention forward{
      .query = query, .key = key, .value = value, .output = output, .log_sum_exp = sums, .sequence = n, .scale = scale};
  const AttentionBackward backward{.query = query,
                                   .key = key,
                                   .value = value,
                                   .output = output,
                                   .log_sum_exp = sums,
                                   .d_output = heads(kHeads),
                                   .d_query = heads(kHeads),
                                   .d_key = heads(kKvHeads),
                                   .d_value = heads(kKvHeads),
                                   .sequence = n,
                                   .scale = scale};
  const auto row = [&](const char* name, double seconds, double flops) {
    return Row{.name = fmt::format("attention {}, {} x {}", name, n, kHeadSize),
               .value = flops / seconds * 1e-12,
               .unit = " TFLOP/s",
               .remark = fmt::format("{:.3f} ms; beside cuDNN: below", 1e3 * seconds)};
  };
  const double ahead = gpu.time_of(forward), back = gpu.time_of(backward);
  gpu.forget_operands();
  return {row("forward", ahead, forward.flops()), row("backward", back, backward.flops())};
}

std::vector<Row> memory_bound_rows(Gpu& gpu) {
  const std::int64_t n = 4 * gpu.tokens(), parameters = n * kHidden;
  const auto rows_of = [&](std::int64_t width) { return gpu.operand(DType::bf16, {n, width}); };
  const auto numbers = [&](std::int64_t count) { return gpu.operand(DType::f32, {count}); };
  const Tensor weight = gpu.operand(DType::bf16, {kHidden}), one = numbers(1), counter = gpu.operand(DType::i32, {1});
  std::vector<Row> rows;
  const auto measure = [&](const std::string& name, const auto& op) { rows.push_back(memory_row(gpu, name, op)); };

  const Tensor x = rows_of(kHidden), y = rows_of(kHidden), z = rows_of(kHidden), w = rows_of(kHidden);
  const Tensor reciprocal = numbers(n), mean = numbers(n);
  measure("add", Add{.a = x, .b = y, .sum = z});
  measure(
      "rms_norm with its branch",
      RmsNorm{
          .input = x, .branch = y, .sum = z, .weight = weight, .output = w, .reciprocal = reciprocal, .epsilon = 1e-5});
  measure("rms_norm_backward", RmsNormBackward{.input = x,
                                               .weight = weight,
                                               .reciprocal = reciprocal,
                                               .d_output = y,
                                               .d_input = z,
                                               .d_weight = numbers(kHidden),
                                               .accumulate = true});
  measure("layer_norm", LayerNorm{.input = x,
                                  .weight = weight,
                                  .bias = weight,
                                  .output = y,
                                  .mean = mean,
                                  .reciprocal = reciprocal,
                                  .epsilon = 1e-5});
  measure("rope",
          Rope{.heads = x.split(1, kHeadSize), .frequencies = numbers(kHeadSize / 2), .sequence = gpu.tokens()});
  measure("gelu", Gelu{.input = x, .output = y});
  const Tensor gate_up = rows_of(2 * kFeedForward), gated = rows_of(kFeedForward);
  measure("swiglu", SwiGlu{.gate_up = gate_up, .output = gated});
  measure("swiglu_backward", SwiGluBackward{.gate_up = gate_up, .d_output = gated});
  const Tensor logits = gpu.operand(DType::bf16, {gpu.tokens(), 128256});
  measure("cross_entropy",
          CrossEntropy{
              .logits = logits, .targets = gpu.operand(DType::i32, {1, gpu.tokens()}), .loss = one, .scale = 1e-3});
  measure("sum_of_squares", SumOfSquares{.values = numbers(parameters), .total = one});
  measure("adamw", AdamW{.gradient = numbers(parameters),
                         .master = numbers(parameters),
                         .moment1 = numbers(parameters),
                         .moment2 = numbers(parameters),
                         .copy = gpu.operand(DType::bf16, {parameters}),
                         .squared_norm = one,
                         .counter = counter,
                         .learning_rate = 1e-4,
                         .beta1 = 0.9,
                         .beta2 = 0.95,
                         .epsilon = 1e-8,
                         .weight_decay = 0.1,
                         .clip = 1});
  gpu.forget_operands();
  return rows;
}

std::vector<Row> decode_rows(Gpu& gpu) {
  std::vector<Row> rows;
  for (const ProductCase& c : kProducts) {
    const Tensor a = gpu.operand(DType::bf16, {1, c.k}), b = gpu.operand(DType::bf16, {c.n, c.k});
    const Tensor to = gpu.operand(DType::bf16, {1, c.n});
    const double seconds = gpu.time_of(Gemm{.a = a, .b = b.transposed(), .c = to});
    rows.push_back(
        {.name = fmt::format("one row by {}, bf16", c.name),
         .value = static_cast<double>(b.bytes()) / seconds / gpu.read(),
         .unit = "%",
         .bar = kMemoryBar,
         .remark = fmt::format("{:.1f} us, of the read bandwidth (weights may lie in the cache)", 1e6 * seconds)});
    gpu.forget_operands();
  }
  return rows;
}

}  // namespace scalebench::bench
