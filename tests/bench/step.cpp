// The training step on one rank: MFU against the best product, and its operations against the machine's limits.
#include <fmt/format.h>

#include "tests/bench/bandwidth.hpp"
#include "tests/bench/bare_gemm.hpp"
#include "tests/bench/operations.hpp"
#include "tests/bench/parts.hpp"
#include "tests/bench/row.hpp"
#include "tests/bench/timing.hpp"

namespace scalebench::bench {

namespace {

constexpr double kWindow = 0.15;  // s of products in each round

struct Case {
  DType dtype;
  int threads, rounds;
  double bar;
  const char* torch;
};
constexpr Case kCases[] = {{DType::f32, 1, 5, 0.90, "73 %"},
                           {DType::bf16, 1, 9, 0.80, "63 %"},
                           {DType::f32, 2, 5, 0.88, "64 %"},
                           {DType::bf16, 2, 9, 0.78, "56 %"}};

void measure(MpiSession& session, const Case& c) {
  const std::string what = fmt::format("{}, {} thread{}", name_of(c.dtype), c.threads, c.threads > 1 ? "s" : "");
  Training training(session, c.threads, step_assignment(step_model(), {.dtype = c.dtype}));
  Operations operations(training.assignment());
  BareGemm gemm = best_gemm(c.dtype, c.threads);
  Bandwidth memory(c.threads);
  training.run();
  const auto v = alternate(c.rounds, {[&] { return gemm.flops() / median_time([&] { gemm.run(); }, kWindow); },
                                      [&] { return time_of([&] { training.run(); }); }, [&] { return memory.copy(); },
                                      [&] { return operations.mark(training); }});
  training.check_loss();
  const double peak = median(v[0]), step = median(v[1]), copy = median(v[2]), marked = median(v[3]);
  put({.name = "training step, " + what,
       .value = training.flops() / step / peak,
       .unit = "%",
       .bar = c.bar,
       .torch = c.torch,
       .remark = fmt::format("MFU: {:.1f} ms, {:.1f} of {:.1f} GFLOP/s, n={}; with spans {:.1f} ms", 1e3 * step,
                             training.flops() / step * 1e-9, peak * 1e-9, c.rounds, 1e3 * marked)});
  const Cost rest = operations.memory_bound();
  put({.name = "neither GEMM nor attention, " + what,
       .value = rest.bytes / rest.seconds / copy,
       .unit = "%",
       .bar = 0.70,
       .remark = fmt::format("{:.2f} GB in {:.1f} ms = {:.1f} of {:.1f} GB/s copied", rest.bytes * 1e-9,
                             1e3 * rest.seconds, rest.bytes / rest.seconds * 1e-9, copy * 1e-9)});
  operations.print(peak, copy);
}

}  // namespace

void measure_step() {
  MpiSession session(nullptr, nullptr);
  for (const Case& c : kCases) measure(session, c);
}

}  // namespace scalebench::bench
