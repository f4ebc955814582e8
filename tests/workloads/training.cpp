// N ranks under every plan give the losses, gradient norms and gradients of one rank.
#include <cstdlib>
#include <map>

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include "collectives/control/mpi_control.hpp"
#include "tests/workloads/cells.hpp"

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

// All cells (`./run_tests --matrix`), or in bf16 and of workloads beside the first two one variant of three.
bool whole_matrix() { return std::getenv("SCALEBENCH_MATRIX") != nullptr; }
bool chosen(const Workload& workload, const Variant& variant, DType dtype) {
  const auto number = &variant - variants().data();
  const bool always = dtype == DType::f32 && (workload.name == "ddp8b" || workload.name == "fsdp70b");
  return whole_matrix() || always || number % 3 == 0;
}

// What must be moved along which axis, if anything.
std::optional<Axis> axis_of(const ParallelPlan& p, Purpose purpose) {
  if (p.tp > 1) return Axis::tp;
  if (purpose == Purpose::gather && (p.shard == Shard::none || p.shard_group == 1)) return std::nullopt;
  if (p.shard == Shard::hybrid) return p.shard_group == 1 ? Axis::replicate : Axis::shard;
  return Axis::dp;
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
