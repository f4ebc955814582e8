// The dry run of the full model answers "does it fit?" with the numbers that can be worked out by hand.
#include "app/dry_run.hpp"

#include <algorithm>
#include <tuple>

#include <boost/test/unit_test.hpp>

#include "app/remedies.hpp"
#include "spec/catalogue.hpp"
#include "spec/state_bytes.hpp"
#include "workloads/registry.hpp"

using namespace scalebench;

namespace {

DryRun full(const std::string& workload, int ranks, bool tied = false, DType dtype = DType::bf16) {
  const Workload w = find_workload(workload);
  PointPlan point{.ranks = ranks, .assignment = {.model = find_model(std::string(w.model)), .plan = w.plan(ranks, 8)}};
  point.assignment.model.tied_embeddings = tied;
  point.assignment.plan.global_batch = ranks;
  point.assignment.plan.dtype = dtype;
  return dry_run(w, point);
}

double of(const DryRun& run, Use use) { return static_cast<double>(run.memory.at_peak[static_cast<std::size_t>(use)]); }

constexpr double kLayer =
    855654400;  // parameters of a layer of Llama-3-70B: 2 x 8192^2 + 2 x 8192 x 1024 + 3 x 8192 x 28672 + 2 x 8192
constexpr double kEmbedding = 128256.0 * 8192;

}  // namespace

BOOST_AUTO_TEST_CASE(llama3_70b_on_16_ranks_takes_16_bytes_a_parameter_over_16_ranks) {
  const DryRun run = full("fsdp70b", 16);
  BOOST_CHECK_CLOSE(of(run, Use::states), 70553706496.0 * 16 / 16, 1e-3);
}

BOOST_AUTO_TEST_CASE(two_gathered_blocks_the_embedding_and_the_head_are_whole_in_bf16) {
  const DryRun run = full("fsdp70b", 16);
  BOOST_CHECK_CLOSE(of(run, Use::gathered), 2 * (2 * kLayer + 2 * kEmbedding + 8192), 1e-3);
  BOOST_CHECK_EQUAL(of(run, Use::logits), 2.0 * 4096 * 128256);
  BOOST_CHECK_CLOSE(of(run, Use::gradients), 4 * (2 * kLayer + 2 * kEmbedding + 8192), 1e-3);
}

BOOST_AUTO_TEST_CASE(ddp_takes_18_bytes_a_parameter_whatever_the_ranks) {
  for (const int ranks : {1, 8}) BOOST_CHECK_EQUAL(of(full("ddp8b", ranks), Use::states), 18.0 * 8030261248.0);
}

// Whole bf16 parameters 2 and fp32 gradients 4; of the rest, 12, each rank has its part. In fp32 the masters are the
// rank's part of the parameters.
BOOST_AUTO_TEST_CASE(zero1_takes_6_bytes_a_parameter_and_12_over_the_ranks) {
  const double parameters = 8030261248.0;
  BOOST_CHECK_EQUAL(of(full("zero1_8b", 1), Use::states), 18 * parameters);
  BOOST_CHECK_CLOSE(of(full("zero1_8b", 16), Use::states), (6 + 12.0 / 16) * parameters, 1e-6);
  const DryRun fp32 = full("zero1_8b", 16, false, DType::f32);
  BOOST_CHECK_CLOSE(of(fp32, Use::states), (8 + 8.0 / 16) * parameters, 1e-6);
}

DryRun sharded(Shard shard, int group = 0, DType dtype = DType::bf16) {
  const Workload w = find_workload("fsdp70b");
  PointPlan point{.ranks = 16, .assignment = {.model = find_model(std::string(w.model)), .plan = w.plan(16, 8)}};
  point.assignment.plan.shard = shard;
  point.assignment.plan.shard_group = group;
  point.assignment.plan.dtype = dtype;
  point.assignment.plan.global_batch = 16;
  point.assignment.plan.bucket_bytes = std::int64_t{1} << 30;  // 280 GB in 25 MiB would be 11,000
  return dry_run(w, point);
}
// Of cuBLASLt, and of attention's backward pass by cuDNN where that is less than its share, 2 %.
BOOST_AUTO_TEST_CASE(a_gpu_takes_workspaces_beside_the_step) {
  const Workload w = find_workload("fsdp70b");
  PointPlan point{.ranks = 16, .assignment = {.model = find_model(std::string(w.model)), .plan = w.plan(16, 8)}};
  point.assignment.plan.global_batch = 16;
  const DryRun here = dry_run(w, point);
  BOOST_CHECK_EQUAL(of(here, Use::workspaces), 0);
  const double rows = 64.0 * 4096, statistics = 4 * rows, products = 32 << 20;
  const auto taken = [&](double bytes) { return rows * 128 * bytes + 4 * rows + (1 << 20); };
  for (const auto& [capability, memory, attention] :
       {std::tuple{100, 141e9, taken(8)}, {80, 141e9, taken(12)}, {90, 10e9, 0.02 * 10e9}}) {  // else by our own
    point.gpu = {.capability = capability, .memory = memory};
    const DryRun there = dry_run(w, point);
    BOOST_CHECK_EQUAL(of(there, Use::workspaces), products + statistics + attention);
    BOOST_CHECK_EQUAL(there.memory.peak, here.memory.peak + static_cast<std::size_t>(of(there, Use::workspaces)));
  }
  point.assignment.plan.dtype = DType::f32;
  BOOST_CHECK_EQUAL(of(dry_run(w, point), Use::workspaces), products);
}

constexpr double kAll = 80 * kLayer + 2 * kEmbedding + 8192;

// Moments are AdamW's alone: 8 bytes a parameter, shared out where the masters are.
BOOST_AUTO_TEST_CASE(sgd_has_no_state) {
  const DryRun adamw = sharded(Shard::parameters);
  Workload w = find_workload("fsdp70b");
  PointPlan point{.ranks = 16, .assignment = {.model = find_model(std::string(w.model)), .plan = w.plan(16, 8)}};
  point.assignment.plan.global_batch = 16;
  point.assignment.plan.optimizer = kSgd;
  const DryRun sgd = dry_run(w, point);
  BOOST_CHECK_CLOSE(of(adamw, Use::states) - of(sgd, Use::states), kAll * 8 / 16, 1e-3);
  BOOST_CHECK_EQUAL(whole_state(point.assignment.plan).moments, 0);
  BOOST_CHECK_EQUAL(sgd.wire_bytes, adamw.wire_bytes);
}

DryRun with_optimizer(Shard shard, DType dtype, DType state_dtype, bool offload) {
  const Workload w = find_workload("fsdp70b");
  PointPlan point{.ranks = 16, .assignment = {.model = find_model(std::string(w.model)), .plan = w.plan(16, 8)}};
  ParallelPlan& plan = point.assignment.plan;
  plan.shard = shard, plan.dtype = dtype, plan.optimizer.state_dtype = state_dtype, plan.offload = offload;
  plan.global_batch = 16;
  plan.bucket_bytes = std::int64_t{1} << 30;
  const double whole = state_of_rank(plan).total() * kAll, host = state_on_host(plan).total() * kAll;
  const DryRun run = dry_run(w, point);
  const double of_whole = shard == Shard::parameters || shard == Shard::hybrid ? 0 : of(run, Use::gathered);
  BOOST_CHECK_CLOSE(of(run, Use::states) + of_whole, whole, 1e-2);
  BOOST_CHECK_CLOSE(static_cast<double>(run.host_memory.peak) + 1, host + 1, 1e-2);
  return run;
}

// The states of FSDP in bf16: gradient and master 4 bytes each, moments 8, 4, or 2 and their scales.
BOOST_AUTO_TEST_CASE(moments_take_8_bytes_or_4_or_2) {
  for (const auto& [dtype, bytes] :
       {std::pair{DType::f32, 16.0}, std::pair{DType::bf16, 12.0}, std::pair{DType::e4m3, 10 + 8.0 / 256}})
    BOOST_CHECK_CLOSE(of(with_optimizer(Shard::parameters, DType::bf16, dtype, false), Use::states), kAll * bytes / 16,
                      1e-3);
}

// What leaves the device is in the host's memory to the byte, but for a copy of its parameters that a rank of FSDP
// gathers from; and three pieces are on their way.
BOOST_AUTO_TEST_CASE(offloaded_states_are_on_the_host) {
  for (const Shard shard : {Shard::none, Shard::optimizer, Shard::parameters})
    for (const DType dtype : {DType::f32, DType::bf16})
      for (const DType state_dtype : {DType::f32, DType::e4m3}) {
        const DryRun here = with_optimizer(shard, dtype, state_dtype, false),
                     there = with_optimizer(shard, dtype, state_dtype, true);
        const double copy = shard == Shard::parameters && dtype == DType::bf16 ? 2 * kAll / 16 : 0;
        const auto host = static_cast<double>(there.host_memory.peak);
        BOOST_CHECK_CLOSE(of(here, Use::states), of(there, Use::states) + host - copy, 1e-6);
        BOOST_CHECK_EQUAL(here.host_memory.peak, 0U);
        double fetched = 0, stored = 0;
        for (const Span& span : there.spans) {
          if (span.name == Fetch::name) fetched += span.bytes;
          if (span.name == Store::name) stored += span.bytes;
        }
        BOOST_CHECK_EQUAL(fetched, host);
        BOOST_CHECK_EQUAL(stored, host);
        const double element = (dtype == DType::bf16 ? 4 : 0) + (state_dtype == DType::f32 ? 8 : 2 + 8.0 / 256);
        BOOST_CHECK_EQUAL(of(there, Use::buffers) - of(here, Use::buffers), 3 * element * (1 << 22));
      }
}

// Of 4 bytes a gradient that are sent to be summed, 2 are left; in a pair of ranks' all-reduce both ways.
BOOST_AUTO_TEST_CASE(gradients_reduced_in_bf16_move_half_the_bytes) {
  for (const Shard shard : {Shard::none, Shard::optimizer, Shard::gradients, Shard::parameters}) {
    const Workload w = find_workload("fsdp70b");
    PointPlan point{.ranks = 16, .assignment = {.model = find_model(std::string(w.model)), .plan = w.plan(16, 8)}};
    point.assignment.plan.shard = shard;
    point.assignment.plan.global_batch = 16;
    point.assignment.plan.bucket_bytes = std::int64_t{1} << 30;
    const double fp32 = dry_run(w, point).wire_bytes;
    point.assignment.plan.reduce_dtype = DType::bf16;
    const double ways = shard == Shard::none ? 2 : 1;
    BOOST_CHECK_CLOSE(fp32 - dry_run(w, point).wire_bytes, ways * 2 * kAll * 15 / 16, 1e-3);
  }
}

BOOST_AUTO_TEST_CASE(zero2_keeps_its_parameters_whole_and_moves_them_once) {
  const DryRun run = sharded(Shard::gradients);
  BOOST_CHECK_CLOSE(of(run, Use::states), kAll * 16 / 16, 1e-3);
  BOOST_CHECK_CLOSE(of(run, Use::gathered), 2 * kAll, 1e-3);
  BOOST_CHECK_CLOSE(of(run, Use::gradients), of(sharded(Shard::parameters), Use::gradients), 1e-6);
  BOOST_CHECK_CLOSE(run.wire_bytes, (2 + 4) * kAll * 15 / 16, 1e-3);
}

// Within a group of 8 as FSDP; then each rank's shard, an eighth, is all-reduced between 2 copies.
BOOST_AUTO_TEST_CASE(hsdp_shares_the_state_in_a_group_and_adds_up_shards_over_the_copies) {
  const DryRun run = sharded(Shard::hybrid, 8);
  BOOST_CHECK_CLOSE(of(run, Use::states), kAll * 16 / 8, 1e-3);
  const double gathers = 2 * (80 * 2 * kLayer - 2 * kLayer + 2 * kEmbedding + 8192), reductions = 4 * kAll;
  BOOST_CHECK_CLOSE(run.wire_bytes, (gathers + reductions) * 7 / 8 + 4 * kAll / 8, 1e-3);
}

// What stays allocated from step to step is what the table of bytes says.
BOOST_AUTO_TEST_CASE(the_table_of_bytes_is_what_is_allocated) {
  for (const DType dtype : {DType::bf16, DType::f32})
    for (const Shard shard : {Shard::none, Shard::optimizer, Shard::gradients, Shard::parameters, Shard::hybrid}) {
      const DryRun run = sharded(shard, shard == Shard::hybrid ? 4 : 0, dtype);
      const ParallelPlan plan{.dp = 16, .shard_group = shard == Shard::hybrid ? 4 : 0, .shard = shard, .dtype = dtype};
      const double whole = shard == Shard::gradients ? of(run, Use::gathered) : 0;
      BOOST_TEST_CONTEXT(name_of(shard) << " " << name_of(dtype))
      BOOST_CHECK_CLOSE(of(run, Use::states) + whole, kAll * state_of_rank(plan).total(), 1e-3);
    }
}

// 70 G parameters: not on 8 devices of 80 GB, whatever is shared out among them; on more, or cut.
BOOST_AUTO_TEST_CASE(what_would_fit_fits_and_is_named) {
  const Workload w = find_workload("fsdp70b");
  PointPlan point{.ranks = 8, .assignment = {.model = find_model(std::string(w.model)), .plan = w.plan(8, 8)}};
  point.assignment.plan.global_batch = 8;
  Job job;
  job.workload = w;
  point.assignment.plan.bucket_bytes = std::int64_t{1} << 30;
  job.points = {point};
  BOOST_CHECK_GT(static_cast<double>(dry_run(w, point).memory.peak), 80e9);
  const std::vector<Remedy> found = remedies(job, 80e9);
  BOOST_REQUIRE(!found.empty());
  BOOST_CHECK_EQUAL(found.back().flags, "--ranks 32");
  for (const Remedy& remedy : found) BOOST_CHECK_LE(remedy.bytes, 80e9);
  BOOST_CHECK(remedies(job, 1e9).empty());
  point.assignment.plan.shard = Shard::none;
  job.points = {point};
  BOOST_CHECK_EQUAL(remedies(job, 200e9).front().flags, "--shard parameters");
}

BOOST_AUTO_TEST_CASE(zero1_reduces_gradients_once_and_gathers_parameters_once) {
  BOOST_CHECK_CLOSE(full("zero1_8b", 16).wire_bytes, (2 + 4) * 8030261248.0 * 15 / 16, 1e-3);
  BOOST_CHECK_EQUAL(full("zero1_8b", 1).wire_bytes, 0);
}

// One table in the states, the gathered blocks, the gradients and on the wire; the same products.
BOOST_AUTO_TEST_CASE(tied_embeddings_are_kept_and_moved_once) {
  const DryRun untied = full("fsdp70b", 16), tied = full("fsdp70b", 16, true);
  BOOST_CHECK_CLOSE(of(untied, Use::states) - of(tied, Use::states), kEmbedding * 16 / 16, 1e-3);
  BOOST_CHECK_CLOSE(of(untied, Use::gathered) - of(tied, Use::gathered), 2 * kEmbedding, 1e-3);
  BOOST_CHECK_CLOSE(of(untied, Use::gradients) - of(tied, Use::gradients), 4 * kEmbedding, 1e-3);
  BOOST_CHECK_CLOSE(untied.wire_bytes - tied.wire_bytes, (2 + 4) * kEmbedding * 15 / 16, 1e-3);
  BOOST_CHECK_EQUAL(untied.flops, tied.flops);
  BOOST_CHECK_CLOSE(of(full("ddp8b", 1), Use::states) - of(full("ddp8b", 1, true), Use::states), 18.0 * 128256 * 4096,
                    1e-3);
}

// Forward 1, recomputed forward 1 (but for the down projection), backward 2; against the published convention.
BOOST_AUTO_TEST_CASE(the_operations_of_a_step_add_up_to_the_megatron_convention) {
  const DryRun run = full("fsdp70b", 16);
  const ModelSpec model = find_model("llama3-70b");
  const double tokens = 4096, megatron = training_flops_per_token(model, 4096).megatron * tokens;
  const double layers = 80 * (2 * tokens * (kLayer - 2 * 8192 - 8192.0 * 28672) + 2.0 * tokens * 4096 * 8192);
  BOOST_CHECK_CLOSE(run.flops, megatron + layers, 1e-6);
}

BOOST_AUTO_TEST_CASE(a_hundred_thousand_ranks_cost_no_more_than_eight) {
  BOOST_CHECK_EQUAL(full("fsdp70b", 100000).spans.size(), full("fsdp70b", 8).spans.size());
}

// Each rank sends (n - 1) / n of what it gathers, in bf16, twice but for embedding, head and what is still there; and
// of the fp32 gradients once.
BOOST_AUTO_TEST_CASE(fsdp_moves_the_bytes_of_two_gathers_and_one_reduction) {
  const DryRun run = full("fsdp70b", 16);
  const double gathers = 2 * (80 * 2 * kLayer - 2 * kLayer + 2 * kEmbedding + 8192);  // two slots still hold theirs
  const double reductions = 4 * (80 * kLayer + 2 * kEmbedding + 8192);
  BOOST_CHECK_CLOSE(run.wire_bytes, (gathers + reductions) * 15 / 16, 1e-3);
}

BOOST_AUTO_TEST_CASE(one_rank_sends_nothing_and_keeps_no_second_copy_of_its_gradients) {
  const DryRun run = full("fsdp70b", 1);
  BOOST_CHECK_EQUAL(run.wire_bytes, 0);
  BOOST_CHECK_EQUAL(of(run, Use::gradients), 0);
  for (const Span& span : run.spans) BOOST_CHECK(span.part != Part::communication || span.name == AllReduce::name);
}

// Llama-3-70B cut over 8 ranks, a key-value head on each; 8 sequences of 256 tokens. Bytes by hand: bf16 weights, norms
// whole on every rank; keys and values of 80 layers; sums of two branches a layer and of the embedding, the logits
// gathered, the drawn ids sent on.
BOOST_AUTO_TEST_CASE(decode_holds_its_weights_and_its_cache_and_moves_two_sums_a_layer) {
  const Workload w = find_workload("decode_llama3_70b");
  PointPlan point{.ranks = 8,
                  .assignment = {.model = find_model("llama3-70b"), .plan = w.plan(8, 8), .serving = w.serving}};
  BOOST_REQUIRE_EQUAL(point.assignment.plan.tp, 8);
  const DryRun run = dry_run(w, point);
  const double norms = 161 * 8192.0, matrices = 80 * (kLayer - 2 * 8192) + 2 * kEmbedding;
  BOOST_CHECK_EQUAL(of(run, Use::states), 2 * (matrices / 8 + norms));
  BOOST_CHECK_EQUAL(of(run, Use::cache), 8 * 256.0 * 80 * 2 * 128 * 2);
  const double rows = 8, all_reduce = 2.0 * 7 / 8, gather = 7.0 / 8;
  BOOST_CHECK_CLOSE(run.wire_bytes, 161 * rows * 8192 * 2 * all_reduce + rows * 128256 * 2 * gather + rows * 4, 1e-6);
  const auto sums = [](const Span& span) { return span.name == AllReduce::name; };
  BOOST_CHECK_EQUAL(std::ranges::count_if(run.spans, sums), 161);
}
