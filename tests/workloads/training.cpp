// N ranks under every plan give the losses, gradient norms and gradients of one rank.
#include <cstdlib>
#include <map>

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include "tests/workloads/crowd.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

// All cells (`./run_tests --matrix`), or in 16 bits and of workloads beside the first two one variant of three; of six
// in fp16, which is bf16 but for the rounding and a scale.
bool whole_matrix() { return std::getenv("SCALEBENCH_MATRIX") != nullptr; }
bool chosen(const Workload& workload, const Variant& variant, DType dtype) {
  const auto number = &variant - variants().data();
  const bool always = dtype == DType::f32 && (workload.name == "ddp8b" || workload.name == "fsdp70b");
  return whole_matrix() || always || number % (dtype == DType::f16 ? 6 : 3) == 0;
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
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16}) {
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
          const Distance rounded = tolerated(dtype, variant.optimizer);
          BOOST_CHECK_LE(d.loss, exact ? 1e-5 : rounded.loss);
          BOOST_CHECK_LE(d.norm, exact ? 1e-5 : rounded.norm);
          BOOST_CHECK_LE(d.gradient,
                         exact ? (ranks < 8 ? 1e-5 : 2e-5) : rounded.gradient);  // of twice as many sums on 8
        }
      }
  }
  if (first) fmt::print("{} cells on {} ranks\n", cells, ranks);
  const std::map<int, int> whole = {{1, 306}, {2, 495}, {3, 348}, {4, 495}, {6, 537}, {8, 495}};
  const std::map<int, int> subset = {{1, 145}, {2, 194}, {3, 149}, {4, 194}};
  const std::map<int, int>& wanted = whole_matrix() ? whole : subset;
  if (wanted.contains(ranks)) BOOST_CHECK_EQUAL(cells, wanted.at(ranks));
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
