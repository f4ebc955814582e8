// Steps of decode on one rank, through the workload that every run goes through: against what the weights and keys take
// to be read, and what the products take; and the scheduler alone.
#include "workloads/blocks/decode_step.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "app/backend.hpp"
#include "tests/bench/bandwidth.hpp"
#include "tests/bench/bare_gemm.hpp"
#include "tests/bench/parts.hpp"
#include "tests/bench/row.hpp"
#include "tests/bench/timing.hpp"
#include "workloads/blocks/scheduler.hpp"

namespace scalebench::bench {

namespace {

constexpr int kThreads = 2, kRounds = 9;
constexpr double kGemmWindow = 0.1;  // s of products in each round
constexpr std::int64_t kPrompt = 128, kAnswer = 512, kPrefill = 512;

ModelSpec decode_model() {
  return {.name = "bench",
          .layers = 8,
          .hidden = 2048,
          .feed_forward = 5632,
          .heads = 16,
          .kv_heads = 4,
          .head_dim = 128,
          .vocabulary = 32000,
          .max_sequence = 4096,
          .rope_theta = 5e5,
          .norm_epsilon = 1e-5};
}

Assignment assignment_of(DType dtype, int batch, std::int64_t input, std::int64_t output) {
  return {.model = decode_model(),
          .plan = {.global_batch = 1, .dtype = dtype},
          .serving = {.input = {.first = static_cast<double>(input)},
                      .output = {.first = static_cast<double>(output)},
                      .requests = batch,
                      .batch = batch,
                      .concurrency = batch,
                      .prefill_chunk = kPrefill,
                      .kv_dtype = dtype,
                      .ignore_eos = true}};
}

class Decoding {
 public:
  Decoding(MpiSession& session, const Assignment& assignment)
      : backend_(make_cpu_backend(session, kThreads, Waiting::eager, assignment.plan)) {
    World world = backend_.world();
    step_ = make_decode_step(world, assignment);
    step_->service()->begin_steady();
    step_->run(0);
    backend_.witness->check_waits(false);
  }
  double run() {
    return time_of([this] { step_->run(0); });
  }
  // The first step of the plan's requests: their prompts.
  double prefill() {
    Service& service = *step_->service();
    service.prepare_serving();
    service.begin_serving(0, {.now = [] { return 0.0; }});
    return time_of([&service] { service.step(); });
  }
  const ServedStep& last() const { return step_->service()->steps().back(); }

 private:
  Backend backend_;
  std::unique_ptr<Step> step_;
};

// Of `rows` rows, the logits of `drawn` of them: every product, and attention over `keys` keys on the mean.
double flops_of(const ModelSpec& m, std::int64_t rows, std::int64_t drawn, double keys) {
  const double products = static_cast<double>(layer_parameter_count(m) - 2 * m.hidden);
  const double attention = 2 * keys * static_cast<double>(m.heads * m.head_dim);
  return 2 * static_cast<double>(rows * m.layers) * (products + attention) +
         2 * static_cast<double>(drawn * m.vocabulary * m.hidden);
}

void measure_int8(MpiSession& session, Decoding& plain) {
  Assignment assignment = assignment_of(DType::bf16, 1, kPrompt, kAnswer);
  assignment.serving.weight_dtype = DType::i8;
  Decoding quantised(session, assignment);
  const auto v = alternate(kRounds, {[&] { return plain.run(); }, [&] { return quantised.run(); }});
  const double step = median(v[1]);
  put({.name = "decode step, int8 weights, batch 1",
       .value = median(v[0]) / step,
       .unit = "x",
       .bar = 1.5,
       .remark = fmt::format("the speed of bf16; {:.2f} ms for {:.0f} MB", 1e3 * step, quantised.last().bytes * 1e-6)});
}

void measure(MpiSession& session, DType dtype) {
  const ModelSpec model = decode_model();
  const std::string_view name = name_of(dtype);
  Decoding one(session, assignment_of(dtype, 1, kPrompt, kAnswer));
  Decoding eight(session, assignment_of(dtype, 8, kPrompt, kAnswer));
  Decoding prefill(session, assignment_of(dtype, 1, kPrefill, 1));
  Bandwidth memory(kThreads);
  BareGemm gemm = best_gemm(dtype, kThreads);
  const auto v = alternate(kRounds, {[&] { return memory.read(); }, [&] { return one.run(); },
                                     [&] { return eight.run(); }, [&] { return prefill.prefill(); },
                                     [&] { return gemm.flops() / median_time([&] { gemm.run(); }, kGemmWindow); }});
  const double read = median(v[0]), step = median(v[1]), step8 = median(v[2]), whole = median(v[3]),
               peak = median(v[4]);
  const double least = one.last().bytes / read;
  put({.name = fmt::format("decode step, {}, batch 1", name),
       .value = least / step,
       .unit = "%",
       .bar = 0.93,
       .torch = "63 %",
       .remark = fmt::format("{:.2f} ms for {:.0f} MB of weights and keys; {:.1f} GB/s are read; llama.cpp 96 %",
                             1e3 * step, one.last().bytes * 1e-6, read * 1e-9)});
  const double compute = flops_of(model, 8, 8, static_cast<double>(kPrompt)) / peak, bound = std::max(step, compute);
  put({.name = fmt::format("decode step, {}, batch 8", name),
       .value = step8 / bound,
       .unit = "x",
       .bar = 1.25,
       .sense = Bar::at_most,
       .torch = dtype == DType::f32 ? "2.9" : "1.6",
       .remark = fmt::format("{:.2f} ms; of batch 1 {:.2f}, of its FLOPs {:.2f}; llama.cpp {}", 1e3 * step8, 1e3 * step,
                             1e3 * compute, dtype == DType::f32 ? "1.5" : "1.7")});
  if (dtype == DType::bf16) measure_int8(session, one);
  put({.name = fmt::format("prefill of {} tokens, {}", kPrefill, name),
       .value = flops_of(model, kPrefill, 1, kPrefill / 2.0) / whole / peak,
       .unit = "%",
       .bar = 0.75,
       .remark = fmt::format("{:.1f} ms, {:.1f} GFLOP/s in the best product", 1e3 * whole, peak * 1e-9)});
}

// 256 sequences that decode at 2048 positions each: what the host does between two steps.
void measure_scheduler() {
  constexpr std::int64_t kSequences = 256, kLength = 2048;
  constexpr double kStep = 0.01;  // s
  constexpr int kSteps = 2000;    // fewer than the answers have tokens
  ServingPlan plan{.input = {.first = kLength}, .output = {.first = 4096}, .requests = kSequences};
  Scheduler scheduler({.sequences = kSequences,
                       .chunk = kSequences * kLength,
                       .blocks = kSequences * (kLength + 4096) / kBlockPositions,
                       .concurrency = kSequences},
                      requests_of(plan, {}, {}, 0, 32000));
  const std::vector<std::int32_t> ids(kSequences, 1);
  Batch before = scheduler.next(0);
  const auto once = [&] {
    Batch batch = scheduler.next(0);
    scheduler.learn(before, ids, 0);
    before = std::move(batch);
  };
  std::vector<double> times;
  for (int step = 0; step < kSteps; ++step) times.push_back(time_of(once));
  const double seconds = median(times);
  put({.name = "scheduler, 256 sequences of 2048 tokens",
       .value = seconds / kStep,
       .unit = "%",
       .bar = 0.01,
       .sense = Bar::at_most,
       .remark = fmt::format("{:.0f} us of a step of 10 ms", 1e6 * seconds)});
}

}  // namespace

void measure_decode_step() {
  MpiSession session(nullptr, nullptr);
  for (const DType dtype : {DType::f32, DType::bf16}) measure(session, dtype);
  measure_scheduler();
}

}  // namespace scalebench::bench
