// What the machine can do.
#include <fmt/format.h>

#include "tests/bench/bandwidth.hpp"
#include "tests/bench/bare_gemm.hpp"
#include "tests/bench/parts.hpp"
#include "tests/bench/row.hpp"
#include "tests/bench/timing.hpp"

namespace scalebench::bench {

namespace {

constexpr int kPasses = 7;
constexpr double kWindow = 0.3;  // s

std::string threads_of(int threads) { return threads == 1 ? "1 thread" : fmt::format("{} threads", threads); }

void measure_gemm(int threads) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    BareGemm gemm = best_gemm(dtype, threads);
    const double rate = gemm.flops() / median_time([&] { gemm.run(); }, kWindow);
    put({.name = fmt::format("oneDNN GEMM, {}, {}", name_of(dtype), threads_of(threads)),
         .value = rate,
         .unit = "FLOP/s",
         .remark = gemm.name()});
  }
}

void measure_bandwidth(int threads) {
  Bandwidth memory(threads);
  memory.copy();
  const auto rates = alternate(kPasses, {[&] { return memory.copy(); }, [&] { return memory.read(); }});
  put({.name = "copy bandwidth, " + threads_of(threads),
       .value = median(rates[0]),
       .unit = "B/s",
       .remark = fmt::format("read + written, n={}", kPasses)});
  put({.name = "read bandwidth, " + threads_of(threads), .value = median(rates[1]), .unit = "B/s"});
}

}  // namespace

void measure_peak() {
  for (const int threads : {1, 2}) measure_gemm(threads);
  for (const int threads : {1, 2}) measure_bandwidth(threads);
}

}  // namespace scalebench::bench
