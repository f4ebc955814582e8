// Every pipeline gives the losses, gradient norms and gradients of one rank.
#include <map>

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include "tests/workloads/crowd.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

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

}  // namespace

BOOST_FIXTURE_TEST_SUITE(pipelines, Crowd)

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
        const Distance rounded = tolerated(dtype, Optimizer::adamw);
        BOOST_CHECK_LE(d.loss, dtype == DType::f32 ? 1e-5 : rounded.loss);
        BOOST_CHECK_LE(d.norm, dtype == DType::f32 ? 1e-5 : rounded.norm);
        BOOST_CHECK_LE(d.gradient, dtype == DType::f32 ? 1e-5 : rounded.gradient);
      }
    }
  if (first) fmt::print("{} pipelines on {} ranks\n", cells, ranks);
  const std::map<int, int> wanted = {{1, 0}, {2, 13}, {3, 4}, {4, 21}, {6, 14}, {8, 21}};
  BOOST_CHECK_EQUAL(cells, 3 * wanted.at(ranks));
}

BOOST_AUTO_TEST_SUITE_END()
