// N ranks under every plan give the losses, gradient norms and gradients of one rank.
#include <cstdlib>
#include <map>

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include "collectives/control/mpi_control.hpp"
#include "tests/main_mpi.hpp"
#include "tests/workloads/trained.hpp"
#include "workloads/registry.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

constexpr int kSteps = 3;
constexpr int kThreads = 1;

struct Crowd {
  MpiSession& session = test_session();
  MpiControl control{session};
  int ranks = control.size();
  bool first = control.rank() == 0;

  Backend backend(const Assignment& a) const { return make_cpu_backend(session, kThreads, Waiting::patient, a.plan); }
};

// Of one step: 24 divide over 8 ranks, too.
std::int64_t sequences() { return test_session().size() == 8 ? 24 : 12; }

struct Variant {
  std::string name;
  std::int64_t micro_batch;  // 0: as large as it can be, without accumulation
  bool overlap = true;
  int prefetch = 1;
  bool reshard = true;
  Recompute recompute = Recompute::full;
  std::int64_t bucket = 1000;  // bytes: several, and none of them a unit
  bool tied = false;
  int tp = 0;  // 0: the workload's
  bool sequence_parallel = false;
  std::optional<Shard> shard{};  // of fsdp70b alone
  Family family = Family::llama;
  Optimizer optimizer = Optimizer::adamw;
  DType reduce_dtype = DType::f32;
};

// What trains to the same numbers whatever the plan.
struct Form {
  bool tied;
  Family family;
  Optimizer optimizer;
  auto operator<=>(const Form&) const = default;
};
Form form_of(const Variant& v) { return {v.tied, v.family, v.optimizer}; }

// Each family's own, and a window that cuts off most of a sequence.
ModelSpec model_of(const Form& form) {
  ModelSpec m = tiny_model();
  m.tied_embeddings = form.tied, m.family = form.family;
  m.query_key_norm = m.family == Family::qwen3;
  m.layer_norm = m.family == Family::gpt2;
  m.query_key_value_bias = m.family == Family::qwen2 || m.layer_norm;
  if (m.family == Family::mistral) m.window = 7;
  if (m.layer_norm) m.kv_heads = m.heads;
  return m;
}

const std::vector<Variant>& variants() {
  static const std::vector<Variant> all = {
      {.name = "plain", .micro_batch = 0},
      {.name = "no overlap", .micro_batch = 0, .overlap = false},
      {.name = "accumulation", .micro_batch = 1},
      {.name = "accumulation, no reshard", .micro_batch = 1, .reshard = false},
      {.name = "no recomputation", .micro_batch = 0, .recompute = Recompute::none},
      {.name = "attention recomputed", .micro_batch = 0, .recompute = Recompute::attention},
      {.name = "no prefetch", .micro_batch = 0, .prefetch = 0},
      {.name = "prefetch 3, one bucket",
       .micro_batch = 0,
       .prefetch = 3,
       .recompute = Recompute::none,
       .bucket = 1 << 20},
      {.name = "tied", .micro_batch = 0, .tied = true},
      {.name = "tied, accumulation, no reshard, no recomputation",
       .micro_batch = 1,
       .reshard = false,
       .recompute = Recompute::none,
       .tied = true},
      {.name = "tp 2", .micro_batch = 0, .tp = 2},
      {.name = "tp 2, sequence parallel, no overlap",
       .micro_batch = 0,
       .overlap = false,
       .recompute = Recompute::none,
       .tp = 2,
       .sequence_parallel = true},
      {.name = "tp 2, sequence parallel, tied, accumulation",
       .micro_batch = 1,
       .tied = true,
       .tp = 2,
       .sequence_parallel = true},
      {.name = "tp 3, accumulation, no recomputation", .micro_batch = 2, .recompute = Recompute::none, .tp = 3},
      {.name = "tp 3, sequence parallel, no prefetch",
       .micro_batch = 0,
       .prefetch = 0,
       .tp = 3,
       .sequence_parallel = true},
      {.name = "ZeRO-2", .micro_batch = 0, .shard = Shard::gradients},
      {.name = "ZeRO-2, accumulation, tied", .micro_batch = 1, .tied = true, .shard = Shard::gradients},
      {.name = "qwen3, accumulation", .micro_batch = 1, .family = Family::qwen3},
      {.name = "gpt2, tied", .micro_batch = 0, .tied = true, .family = Family::gpt2},
      {.name = "qwen2, tp 2", .micro_batch = 0, .tp = 2, .family = Family::qwen2},
      {.name = "qwen3, tp 2, sequence parallel",
       .micro_batch = 0,
       .tp = 2,
       .sequence_parallel = true,
       .family = Family::qwen3},
      {.name = "qwen3, tp 2, accumulation, no recomputation",
       .micro_batch = 1,
       .recompute = Recompute::none,
       .tp = 2,
       .family = Family::qwen3},
      {.name = "mistral, tp 2", .micro_batch = 0, .tp = 2, .family = Family::mistral},
      {.name = "gpt2, tp 2, sequence parallel, tied, accumulation",
       .micro_batch = 1,
       .tied = true,
       .tp = 2,
       .sequence_parallel = true,
       .family = Family::gpt2},
      {.name = "reduced in bf16", .micro_batch = 0, .reduce_dtype = DType::bf16},
      {.name = "reduced in bf16, accumulation, tp 2", .micro_batch = 1, .tp = 2, .reduce_dtype = DType::bf16},
      {.name = "reduced in bf16, ZeRO-2, tied",
       .micro_batch = 1,
       .tied = true,
       .shard = Shard::gradients,
       .reduce_dtype = DType::bf16},
      {.name = "SGD, accumulation", .micro_batch = 1, .optimizer = Optimizer::sgd},
      {.name = "SGD, ZeRO-2", .micro_batch = 0, .shard = Shard::gradients, .optimizer = Optimizer::sgd},
  };
  return all;
}

// Of gpt175b as on two nodes, over which it has a pipeline.
Assignment assignment_of(const Workload& workload, const Variant& v, int ranks, DType dtype) {
  const int on_node = workload.name == "gpt175b" && ranks % 2 == 0 ? ranks / 2 : ranks;
  Assignment a{.model = model_of(form_of(v)), .plan = workload.plan(ranks, on_node), .seed = 7};
  a.model.layers = std::max(3, ranks);  // one for each stage
  a.plan.sequence = 24;
  if (v.shard) a.plan.shard = *v.shard;
  if (v.tp > 0) {
    if (ranks % (v.tp * a.plan.pp) != 0) a.plan.pp = 1;
    a.plan.tp = v.tp, a.plan.dp = ranks / v.tp / a.plan.pp, a.plan.sequence_parallel = v.sequence_parallel;
  }
  while (a.model.kv_heads % a.plan.tp != 0 || a.model.feed_forward % a.plan.tp != 0) a.plan.tp /= 2, a.plan.dp *= 2;
  if (a.plan.shard_group > 0 && a.plan.dp % a.plan.shard_group != 0)
    a.plan.shard_group = default_shard_group(a.plan.dp, a.plan.dp);
  a.plan.global_batch = sequences();
  a.plan.micro_batch = v.micro_batch > 0 ? v.micro_batch : sequences() / (a.plan.dp * a.plan.pp);
  a.plan.overlap = v.overlap;
  a.plan.prefetch = v.prefetch;
  a.plan.reshard_after_forward = v.reshard;
  a.plan.recompute = v.recompute;
  a.plan.bucket_bytes = v.bucket;
  a.plan.dtype = dtype;
  a.plan.optimizer = settings_of(v.optimizer);
  a.plan.reduce_dtype = v.reduce_dtype;
  return a;
}

// All cells (`./run_tests --matrix`), or in bf16 and of workloads beside the first two one variant of three.
bool whole_matrix() { return std::getenv("SCALEBENCH_MATRIX") != nullptr; }
bool chosen(const Workload& workload, const Variant& variant, DType dtype) {
  const auto number = &variant - variants().data();
  const bool always = dtype == DType::f32 && (workload.name == "ddp8b" || workload.name == "fsdp70b");
  return whole_matrix() || always || number % 3 == 0;
}

bool possible(const Workload& workload, const Variant& v, int ranks) {
  return (v.tp == 0 || ranks % v.tp == 0) && (!v.shard || workload.name == "fsdp70b");
}

// What must be moved along which axis, if anything.
std::optional<Axis> axis_of(const ParallelPlan& p, Purpose purpose) {
  if (p.tp > 1) return Axis::tp;
  if (purpose == Purpose::gather && (p.shard == Shard::none || p.shard_group == 1)) return std::nullopt;
  if (p.shard == Shard::hybrid) return p.shard_group == 1 ? Axis::replicate : Axis::shard;
  return Axis::dp;
}

std::vector<Workload> training_workloads() {
  std::vector<Workload> all;
  for (const Workload& w : workloads())
    if (w.kind == WorkloadKind::training) all.push_back(w);
  return all;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(training, Crowd)

BOOST_AUTO_TEST_CASE(every_plan_gives_the_numbers_of_one_rank) {
  int cells = 0;
  for (const DType dtype : {DType::f32, DType::bf16}) {
    std::map<Form, Trained> references;
    for (const Variant& v : variants()) {
      if (!first || references.contains(form_of(v))) continue;
      const Workload w = find_workload("ddp8b");
      Variant variant = variants()[4];
      variant.tied = v.tied, variant.family = v.family, variant.optimizer = v.optimizer;
      Assignment a = assignment_of(w, variant, 1, dtype);
      a.model.layers = std::max(3, ranks);
      Backend alone = backend(a);
      references[form_of(v)] = train(alone, w, a, kSteps);
    }
    control.barrier(control.world());
    for (const Workload& workload : training_workloads())
      for (const Variant& variant : variants()) {
        if (!possible(workload, variant, ranks) || !chosen(workload, variant, dtype)) continue;
        const Assignment a = assignment_of(workload, variant, ranks, dtype);
        Backend all = backend(a);
        const Trained trained = train(all, workload, a, kSteps);
        ++cells;
        BOOST_TEST_CONTEXT(workload.name << " " << name_of(dtype) << " " << variant.name << " on " << ranks) {
          BOOST_REQUIRE_EQUAL(trained.losses.size(), static_cast<std::size_t>(kSteps));
          control.agree("the loss", fmt::format("{:a}", trained.losses.back()), Exit::wrong, control.world());
          if (!first) continue;
          const Distance d = distance(trained, references[form_of(variant)]);
          const bool exact = dtype == DType::f32 && variant.reduce_dtype == DType::f32;
          BOOST_CHECK_LE(d.loss, exact ? 1e-5 : 1e-2);
          BOOST_CHECK_LE(d.norm, exact ? 1e-5 : 5e-2);
          BOOST_CHECK_LE(d.gradient, exact ? (ranks < 8 ? 1e-5 : 2e-5) : 5e-2);  // of twice as many sums on 8
        }
      }
  }
  if (first) fmt::print("{} cells on {} ranks\n", cells, ranks);
  const std::map<int, int> whole = {{1, 204}, {2, 330}, {3, 232}, {4, 330}, {6, 358}, {8, 330}};
  const std::map<int, int> subset = {{1, 117}, {2, 159}, {3, 121}, {4, 159}, {6, 163}, {8, 159}};
  BOOST_CHECK_EQUAL(cells, (whole_matrix() ? whole : subset).at(ranks));
}

struct Pipelined {
  int pp, virtual_stages;
  std::int64_t layers;
  int tp = 1;
  Shard shard = Shard::none;
  bool tied = false, overlap = true;
  Recompute recompute = Recompute::none;
  std::int64_t micro_batch = 1;
};

const std::vector<Pipelined> kPipelined = {
    {.pp = 2, .virtual_stages = 1, .layers = 4},
    {.pp = 2, .virtual_stages = 1, .layers = 3, .tied = true},
    {.pp = 2, .virtual_stages = 1, .layers = 3, .shard = Shard::parameters, .micro_batch = 3},
    {.pp = 2, .virtual_stages = 1, .layers = 3, .shard = Shard::parameters, .tied = true, .recompute = Recompute::full},
    {.pp = 2, .virtual_stages = 2, .layers = 4, .recompute = Recompute::full},
    {.pp = 2, .virtual_stages = 2, .layers = 5, .shard = Shard::parameters, .tied = true},
    {.pp = 2, .virtual_stages = 2, .layers = 5, .shard = Shard::parameters, .overlap = false},
    {.pp = 2, .virtual_stages = 1, .layers = 5, .shard = Shard::optimizer, .tied = true},
    {.pp = 2, .virtual_stages = 2, .layers = 4, .shard = Shard::optimizer, .tied = true, .overlap = false},
    {.pp = 2, .virtual_stages = 1, .layers = 3, .shard = Shard::gradients, .tied = true},
    {.pp = 2, .virtual_stages = 2, .layers = 4, .shard = Shard::gradients, .micro_batch = 3},
    {.pp = 2, .virtual_stages = 1, .layers = 3, .shard = Shard::hybrid, .tied = true},
    {.pp = 2, .virtual_stages = 2, .layers = 5, .shard = Shard::hybrid, .overlap = false},
    {.pp = 2, .virtual_stages = 1, .layers = 4, .tp = 2, .shard = Shard::parameters},
    {.pp = 2, .virtual_stages = 2, .layers = 4, .tp = 2, .shard = Shard::optimizer, .tied = true},
    {.pp = 2, .virtual_stages = 2, .layers = 4, .tp = 2, .shard = Shard::none, .tied = true},
    {.pp = 2, .virtual_stages = 1, .layers = 3, .tp = 2, .overlap = false},
    {.pp = 3, .virtual_stages = 1, .layers = 4, .recompute = Recompute::full},
    {.pp = 3, .virtual_stages = 1, .layers = 3, .tied = true, .overlap = false},
    {.pp = 3, .virtual_stages = 2, .layers = 7, .tied = true},
    {.pp = 3, .virtual_stages = 1, .layers = 3, .micro_batch = 12},  // fewer micro-batches than stages
    {.pp = 4, .virtual_stages = 1, .layers = 4, .recompute = Recompute::full},
    {.pp = 4, .virtual_stages = 1, .layers = 6, .tied = true},
    {.pp = 4, .virtual_stages = 2, .layers = 9, .recompute = Recompute::attention},
    {.pp = 4, .virtual_stages = 2, .layers = 8, .tied = true, .overlap = false},
};

std::string name_of(const Pipelined& p, const ParallelPlan& plan) {
  return fmt::format("dp {} tp {} pp {} x {}, {} layers, shard {}, {}{}, micro-batch {}", plan.dp, p.tp, p.pp,
                     p.virtual_stages, p.layers, scalebench::name_of(p.shard), p.tied ? "tied" : "untied",
                     p.overlap ? "" : ", no overlap", p.micro_batch);
}

Assignment assignment_of(const Pipelined& p, int ranks, DType dtype) {
  Assignment a{.model = tiny_model(), .seed = 7};
  a.model.layers = p.layers;
  a.model.tied_embeddings = p.tied;
  a.plan = {.dp = ranks / p.pp / p.tp,
            .tp = p.tp,
            .pp = p.pp,
            .virtual_stages = p.virtual_stages,
            .sequence_parallel = p.tp > 1 && p.overlap,
            .shard_group = p.shard == Shard::hybrid ? std::max(1, ranks / p.pp / p.tp / 2) : 0,
            .shard = p.shard,
            .overlap = p.overlap,
            .bucket_bytes = 1000,
            .micro_batch = p.micro_batch,
            .global_batch = sequences(),
            .sequence = 20,
            .dtype = dtype,
            .recompute = p.recompute};
  return a;
}

BOOST_AUTO_TEST_CASE(every_pipeline_gives_the_numbers_of_one_rank) {
  int cells = 0;
  const Workload workload = find_workload("pp70b");
  for (const DType dtype : {DType::f32, DType::bf16})
    for (const Pipelined& p : kPipelined) {
      if (ranks % (p.pp * p.tp) != 0 || sequences() % (ranks / p.pp / p.tp * p.micro_batch) != 0) continue;
      const Assignment a = assignment_of(p, ranks, dtype);
      Trained reference;
      if (first) {
        Assignment one = a;
        one.plan.sequence_parallel = false;
        one.plan.dp = one.plan.tp = one.plan.pp = one.plan.virtual_stages = 1;
        one.plan.shard = Shard::none, one.plan.shard_group = 0;
        Backend alone = backend(one);
        reference = train(alone, workload, one, kSteps);
      }
      control.barrier(control.world());
      validate(a.plan, a.model, ranks);
      Backend all = backend(a), sim = make_sim_backend(control.rank(), a.plan);
      const Trained trained = train(all, workload, a, kSteps), simulated = train(sim, workload, a, kSteps);
      ++cells;
      BOOST_TEST_CONTEXT(name_of(p, a.plan) << " " << scalebench::name_of(dtype)) {
        BOOST_CHECK_EQUAL(trained.allocated, simulated.allocated);
        BOOST_CHECK_EQUAL(all.witness->order().value(), sim.witness->order().value());
        BOOST_REQUIRE_EQUAL(trained.losses.size(), static_cast<std::size_t>(kSteps));
        control.agree("the loss", fmt::format("{:a}", trained.losses.back()), Exit::wrong, control.world());
        for (Communicator* link : all.mesh->all())
          control.agree("the order", fmt::format("{:x}", all.witness->order_on(link->lane()).value()), Exit::wrong,
                        link->group());
        if (!first) continue;
        const Distance d = distance(trained, reference);
        BOOST_CHECK_LE(d.loss, dtype == DType::f32 ? 1e-5 : 1e-2);
        BOOST_CHECK_LE(d.norm, dtype == DType::f32 ? 1e-5 : 5e-2);
        BOOST_CHECK_LE(d.gradient, dtype == DType::f32 ? 1e-5 : 5e-2);
      }
    }
  if (first) fmt::print("{} pipelines on {} ranks\n", cells, ranks);
  const std::map<int, int> wanted = {{1, 0}, {2, 13}, {3, 4}, {4, 21}, {6, 14}, {8, 21}};
  BOOST_CHECK_EQUAL(cells, 2 * wanted.at(ranks));
}

BOOST_AUTO_TEST_CASE(what_is_not_reduced_not_gathered_or_not_sent_shows) {
  if (ranks == 1) return;
  for (const Workload& workload : training_workloads())
    for (const Purpose purpose : {Purpose::reduce, Purpose::gather}) {
      Assignment a = assignment_of(workload, variants()[0], ranks, DType::f32);
      const std::optional<Axis> axis = axis_of(a.plan, purpose);
      if (a.plan.pp > 1 ? purpose == Purpose::gather : !axis) continue;
      a.seed = 99;  // of no other test: right gradients must not lie, unwritten, where the wrong ones go
      Backend good = backend(a), bad = backend(a);
      (a.plan.pp > 1 ? bad.mesh->link(0, Purpose::backward) : bad.mesh->along(*axis, purpose)).mute(true);
      const Trained wrong = train(bad, workload, a, kSteps), right = train(good, workload, a, kSteps);
      const Distance d = distance(wrong, right);
      BOOST_CHECK(!(d.norm <= 1e-2));  // what never came may be NaN
      BOOST_CHECK(!(d.gradient <= 1e-1));
    }
}

BOOST_AUTO_TEST_CASE(the_cpu_emits_the_sequence_of_the_dry_run_and_allocates_its_bytes) {
  for (const Workload& workload : training_workloads())
    for (const Variant& variant : variants()) {
      if (!possible(workload, variant, ranks) || !chosen(workload, variant, DType::f32)) continue;
      const Assignment a = assignment_of(workload, variant, ranks, DType::bf16);
      Backend cpu = backend(a), sim = make_sim_backend(control.rank(), a.plan);
      const Trained real = train(cpu, workload, a, 2), simulated = train(sim, workload, a, 2);
      BOOST_TEST_CONTEXT(workload.name << " " << variant.name) {
        BOOST_CHECK_EQUAL(real.allocated, simulated.allocated);
        BOOST_CHECK_EQUAL(cpu.witness->order().value(), sim.witness->order().value());
        BOOST_CHECK(simulated.losses.empty());  // no loss at all, never zero
        BOOST_REQUIRE_EQUAL(real.spans.size(), simulated.spans.size());
        BOOST_REQUIRE_GT(real.spans.size(), 50U);
        for (std::size_t i = 0; i < real.spans.size(); ++i) {
          const Span &r = real.spans[i], &s = simulated.spans[i];
          BOOST_REQUIRE_EQUAL(r.name, s.name);
          BOOST_REQUIRE_EQUAL(real.lanes[r.lane], simulated.lanes[s.lane]);
          BOOST_REQUIRE_EQUAL(r.flops, s.flops);
          BOOST_REQUIRE_EQUAL(r.bytes, s.bytes);
        }
      }
    }
}

BOOST_AUTO_TEST_CASE(a_replayed_step_gives_the_results_of_a_fresh_one) {
  for (const Workload& workload : training_workloads()) {
    const Assignment a = assignment_of(workload, variants()[2], ranks, DType::f32);
    Backend taped = backend(a), fresh = backend(a);
    fresh.device->replay(false);
    const Trained x = train(taped, workload, a, kSteps), y = train(fresh, workload, a, kSteps);
    BOOST_CHECK_EQUAL_COLLECTIONS(x.losses.begin(), x.losses.end(), y.losses.begin(), y.losses.end());
    BOOST_CHECK_EQUAL_COLLECTIONS(x.norms.begin(), x.norms.end(), y.norms.begin(), y.norms.end());
    BOOST_CHECK(x.gradients == y.gradients);
  }
}

BOOST_AUTO_TEST_CASE(muted_communication_moves_nothing) {
  const Workload workload = find_workload("fsdp70b");
  const Assignment a = assignment_of(workload, variants()[0], ranks, DType::f32);
  Backend muted = backend(a);
  World world = muted.world();
  const auto step = workload.prepare(world, a);
  muted.mesh->mute(true);
  muted.witness->timeline().record(true);
  step->run(0);
  for (const Span& span : muted.witness->timeline().spans())
    if (span.part == Part::communication) BOOST_CHECK_EQUAL(span.start, span.end);
}

BOOST_AUTO_TEST_CASE(the_loss_falls) {
  const Workload workload = find_workload("fsdp70b");
  const Assignment a = assignment_of(workload, variants()[0], ranks, DType::f32);
  Backend all = backend(a);
  const Trained trained = train(all, workload, a, 40);
  BOOST_CHECK_CLOSE(trained.losses.front(), std::log(67.0), 3.0);
  BOOST_CHECK_LT(trained.losses.back(), trained.losses.front() - 0.3);
}

BOOST_AUTO_TEST_SUITE_END()
