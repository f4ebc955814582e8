// Attention forward and backward at a long sequence, against the best product of its precision.
#include <fmt/format.h>

#include "kernels/cpu/device.hpp"
#include "tests/bench/bare_gemm.hpp"
#include "tests/bench/parts.hpp"
#include "tests/bench/row.hpp"
#include "tests/bench/timing.hpp"

namespace scalebench::bench {

namespace {

constexpr std::int64_t kTokens = 4096, kHeads = 8, kKvHeads = 2, kHeadSize = 128;
constexpr int kRounds = 3;
constexpr double kBar = 0.6, kWindow = 0.2;  // of the GEMM rate; s of products in each round

// Operands of one layer's attention, and their gradients.
class Layer {
 public:
  Layer(Device& device, DType dtype) : device_(device), dtype_(dtype) {
    for (const Buffer* operand : {&query_, &key_, &value_, &d_output_})
      device_.run(Normal{.to = *operand, .deviation = 1, .seed = 1, .stream = ++drawn_});
  }

  Attention forward() const {
    return {.query = query_,
            .key = key_,
            .value = value_,
            .output = output_,
            .log_sum_exp = log_sum_exp_,
            .sequence = kTokens,
            .scale = kScale};
  }
  AttentionBackward backward() const {
    return {.query = query_,
            .key = key_,
            .value = value_,
            .output = output_,
            .log_sum_exp = log_sum_exp_,
            .d_output = d_output_,
            .d_query = d_query_,
            .d_key = d_key_,
            .d_value = d_value_,
            .sequence = kTokens,
            .scale = kScale};
  }

 private:
  static constexpr double kScale = 0.08838834764831845;  // 1 / sqrt(128)
  Buffer heads(std::int64_t count) {
    return device_.allocate(dtype_, {kTokens, count, kHeadSize}, Use::buffers, "attention");
  }

  Device& device_;
  DType dtype_;
  std::uint64_t drawn_ = 0;
  Buffer query_ = heads(kHeads), key_ = heads(kKvHeads), value_ = heads(kKvHeads), output_ = heads(kHeads),
         d_output_ = heads(kHeads), d_query_ = heads(kHeads), d_key_ = heads(kKvHeads), d_value_ = heads(kKvHeads),
         log_sum_exp_ = device_.allocate(DType::f32, {kTokens, kHeads}, Use::buffers, "log_sum_exp");
};

void measure(DType dtype, int threads) {
  Witness witness;
  CpuDevice device(witness, threads);
  const Layer layer(device, dtype);
  const Attention forward = layer.forward();
  const AttentionBackward backward = layer.backward();
  BareGemm gemm = best_gemm(dtype, threads);
  device.run(forward);
  device.run(backward);
  const auto v = alternate(kRounds, {[&] { return gemm.flops() / median_time([&] { gemm.run(); }, kWindow); },
                                     [&] { return time_of([&] { device.run(forward); }); },
                                     [&] { return time_of([&] { device.run(backward); }); }});
  const double peak = median(v[0]), ahead = median(v[1]), back = median(v[2]);
  const double rate = (forward.flops() + backward.flops()) / (ahead + back);
  put({.name =
           fmt::format("attention, sequence 4096, {}, {} thread{}", name_of(dtype), threads, threads > 1 ? "s" : ""),
       .value = rate / peak,
       .unit = "%",
       .bar = kBar,
       .remark = fmt::format("{:.1f} of {:.1f} GFLOP/s; forward {:.1f}, backward {:.1f} ({:.0f} %, {:.0f} %), n={}",
                             rate * 1e-9, peak * 1e-9, forward.flops() / ahead * 1e-9, backward.flops() / back * 1e-9,
                             100 * forward.flops() / ahead / peak, 100 * backward.flops() / back / peak, kRounds)});
}

}  // namespace

void measure_attention() {
  for (const DType dtype : {DType::f32, DType::bf16})
    for (const int threads : {1, 2}) measure(dtype, threads);
}

}  // namespace scalebench::bench
