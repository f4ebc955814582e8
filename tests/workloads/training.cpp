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

// All cells (`./run_tests --matrix`), or in 16 bits and of workloads beside the first two one variant of three.
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
          const double finer = dtype == DType::f16 ? 0.125 : 1;  // three more bits than bf16
          BOOST_CHECK_LE(d.loss, exact ? 1e-5 : 1e-2 * finer);
          BOOST_CHECK_LE(d.norm, exact ? 1e-5 : 5e-2 * finer);
          BOOST_CHECK_LE(d.gradient, exact ? (ranks < 8 ? 1e-5 : 2e-5) : 5e-2 * finer);  // of twice as many sums on 8
        }
      }
  }
  if (first) fmt::print("{} cells on {} ranks\n", cells, ranks);
  const std::map<int, int> whole = {{1, 306}, {2, 495}, {3, 348}, {4, 495}, {6, 537}, {8, 495}};
  const std::map<int, int> subset = {{1, 167}, {2, 223}, {3, 171}, {4, 223}, {6, 227}, {8, 223}};
  BOOST_CHECK_EQUAL(cells, (whole_matrix() ? whole : subset).at(ranks));
}

BOOST_AUTO_TEST_CASE(products_of_fewer_bits_give_about_the_numbers_of_plain_ones) {
  for (const Coarse& coarse : coarse_products()) {
    Trained reference;
    if (first) {
      Assignment one = coarse_assignment(find_workload("ddp8b"), 1, 1, coarse.products), plain = one;
      plain.plan.products = Products::plain;
      validate(one.plan, one.model, 1);
      Backend alone = backend(one), exact = backend(plain);
      reference = train(alone, find_workload("ddp8b"), one, 2 * kSteps);
      const Distance d = distance(reference, train(exact, find_workload("ddp8b"), plain, 2 * kSteps));
      BOOST_TEST_CONTEXT(precision_name(one.plan) << " " << fp8_scaling_name(coarse.products)) {
        BOOST_CHECK_LE(d.loss, coarse.from_plain);
        BOOST_CHECK_GT(d.gradient, 1e-5);  // which shows that they are of fewer bits
      }
    }
    control.barrier(control.world());
    for (const char* name : {"ddp8b", "fsdp70b", "tp70b"}) {
      const int tp = std::string_view(name) == "tp70b" && ranks % 2 == 0 ? 2 : 1;
      const Assignment a = coarse_assignment(find_workload(name), ranks, tp, coarse.products);
      validate(a.plan, a.model, ranks);
      Backend all = backend(a), sim = make_sim_backend(control.rank(), a.plan);
      const Trained trained = train(all, find_workload(name), a, 2 * kSteps);
      BOOST_TEST_CONTEXT(name << " " << precision_name(a.plan) << " " << fp8_scaling_name(coarse.products)) {
        BOOST_CHECK_EQUAL(trained.allocated, train(sim, find_workload(name), a, 1).allocated);
        if (!first) continue;
        const Distance d = distance(trained, reference);
        BOOST_CHECK_LE(d.loss, coarse.of_ranks.loss);
        BOOST_CHECK_LE(d.norm, coarse.of_ranks.norm);
        BOOST_CHECK_LE(d.gradient, coarse.of_ranks.gradient);
      }
    }
  }
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
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16})
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
        const double finer = dtype == DType::f16 ? 0.125 : 1;
        BOOST_CHECK_LE(d.loss, dtype == DType::f32 ? 1e-5 : 1e-2 * finer);
        BOOST_CHECK_LE(d.norm, dtype == DType::f32 ? 1e-5 : 5e-2 * finer);
        BOOST_CHECK_LE(d.gradient, dtype == DType::f32 ? 1e-5 : 5e-2 * finer);
      }
    }
  if (first) fmt::print("{} pipelines on {} ranks\n", cells, ranks);
  const std::map<int, int> wanted = {{1, 0}, {2, 13}, {3, 4}, {4, 21}, {6, 14}, {8, 21}};
  BOOST_CHECK_EQUAL(cells, 3 * wanted.at(ranks));
}

// The scale of the loss shows nowhere but in what it keeps: losses and norms are those of fp32, memory is bf16's.
BOOST_AUTO_TEST_CASE(fp16_gives_the_numbers_of_fp32_in_the_memory_of_bf16) {
  for (const Workload& workload : training_workloads()) {
    const auto trained = [&](DType dtype) {
      const Assignment a = assignment_of(workload, variants()[0], ranks, dtype);
      Backend all = backend(a);
      return train(all, workload, a, kSteps);
    };
    const Trained fp16 = trained(DType::f16), fp32 = trained(DType::f32), bf16 = trained(DType::bf16);
    BOOST_TEST_CONTEXT(workload.name) {
      const Distance d = distance(fp16, fp32);
      BOOST_CHECK_LE(d.loss, 1e-3);
      BOOST_CHECK_LE(d.norm, 6e-3);
      constexpr std::size_t kScaleAndSteps = 256;  // at most, with their alignment
      BOOST_CHECK_GE(fp16.allocated, bf16.allocated);
      BOOST_CHECK_LE(fp16.allocated, bf16.allocated + kScaleAndSteps);
    }
  }
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

// Moments that are rounded alike whoever holds them; other roundings near a tie are all that differs.
BOOST_AUTO_TEST_CASE(moments_of_fewer_bits_train_alike_on_any_number_of_ranks) {
  for (const DType state_dtype : {DType::bf16, DType::e4m3}) {
    const auto with = [&](const Workload& workload, int on) {
      Assignment a = assignment_of(workload, variants()[4], on, DType::f32);
      a.model.layers = std::max(3, ranks);
      a.plan.optimizer.state_dtype = state_dtype;
      return a;
    };
    Trained reference, exact;
    if (first) {
      const Workload w = find_workload("ddp8b");
      Assignment a = with(w, 1);
      Backend alone = backend(a);
      reference = train(alone, w, a, kSteps);
      a.plan.optimizer.state_dtype = DType::f32;
      Backend again = backend(a);
      exact = train(again, w, a, kSteps);
      BOOST_CHECK_LE(distance(reference, exact).loss, 1e-3);
      BOOST_CHECK_GT(distance(reference, exact).loss, 0);
    }
    control.barrier(control.world());
    for (const char* const name : {"ddp8b", "zero1_8b", "fsdp70b", "hsdp70b", "tp70b"}) {
      const Workload workload = find_workload(name);
      const Assignment a = with(workload, ranks);
      Backend all = backend(a), sim = make_sim_backend(control.rank(), a.plan);
      const Trained trained = train(all, workload, a, kSteps), simulated = train(sim, workload, a, kSteps);
      BOOST_TEST_CONTEXT(name << " " << name_of(state_dtype) << " on " << ranks) {
        BOOST_CHECK_EQUAL(trained.allocated, simulated.allocated);
        control.agree("the loss", fmt::format("{:a}", trained.losses.back()), Exit::wrong, control.world());
        if (!first) continue;
        // A tensor-parallel rank's blocks in FP8 are of its own part.
        const double bound = a.plan.tp > 1 && state_dtype == DType::e4m3 ? 1e-3 : 1e-5;
        const Distance d = distance(trained, reference);
        BOOST_CHECK_LE(d.loss, bound);
        BOOST_CHECK_LE(d.norm, 10 * bound);
      }
    }
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
