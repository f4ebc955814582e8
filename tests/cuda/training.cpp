// Training on CUDA's device: N ranks, and the step as a graph, give the numbers of one rank of the CPU.
#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "collectives/control/mpi_control.hpp"
#include "tests/collectives/networks.hpp"
#include "tests/workloads/cells.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

constexpr int kSteps = 3;  // of which the first is kept, the second becomes a graph, the third is that graph again

// Schedules that differ in what waits for what, families that differ in their operations: few, since a GPU's threads
// come one after another here.
struct Cell {
  const char *workload, *variant;
  DType dtype;
};
constexpr Cell kCells[] = {{"ddp8b", "accumulation", DType::f32},
                           {"fsdp70b", "qwen3, accumulation", DType::f32},
                           {"fsdp70b", "gpt2, tied", DType::bf16},
                           {"zero1_8b", "prefetch 3, one bucket", DType::f32},
                           {"tp70b", "tp 2, sequence parallel, no overlap", DType::bf16},
                           {"hsdp70b", "mistral, tp 2", DType::f32},
                           {"pp70b", "SGD, accumulation", DType::f32}};

// Of few heads and layers, for the same reason.
Assignment small(Assignment a, int ranks) {
  a.model.layers = std::max(2, ranks);
  a.model.heads = 4;
  a.model.kv_heads = a.model.layer_norm ? 4 : 2;
  return a;
}

// Nothing checks or records: so steps are replayed as graphs where the network can.
Trained train_unseen(Backend& backend, const Workload& workload, const Assignment& assignment) {
  Trained trained;
  World world = backend.world();
  const auto step = workload.prepare(world, assignment);
  backend.witness->check_waits(false);
  for (int i = 0; i < kSteps; ++i) step->run(i);
  for (const StepValues& value : step->values(true)) {
    trained.losses.push_back(value.loss);
    trained.norms.push_back(value.gradient_norm);
  }
  trained.gradients = step->gradients();
  return trained;
}

struct Crowd {
  MpiSession& session = test_session();
  MpiControl control{session};
  int ranks = control.size();

  Trained reference(const Variant& v, DType dtype) const {
    const Workload w = find_workload("ddp8b");
    Variant plain = variants()[4];
    plain.tied = v.tied, plain.family = v.family, plain.optimizer = v.optimizer;
    const Assignment a = small(assignment_of(w, plain, 1, dtype), ranks);
    Backend alone = make_cpu_backend(session, 1, Waiting::patient, a.plan);
    return train_unseen(alone, w, a);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(cuda_training, Crowd)

BOOST_AUTO_TEST_CASE(every_plan_gives_the_numbers_of_one_rank_of_the_cpu) {
  for (const Cell& cell : kCells) {
    const Workload workload = find_workload(cell.workload);
    const Variant& variant = *std::ranges::find(variants(), cell.variant, &Variant::name);
    if (!possible(workload, variant, ranks)) continue;
    const Assignment a = small(assignment_of(workload, variant, ranks, cell.dtype), ranks);
    if (a.plan.pp > 1 && !kReceivesAhead) continue;
    Backend all = make_tested_backend(session, a.plan);
    const Trained trained = train_unseen(all, workload, a);
    if (control.rank() != 0) continue;
    const Trained wanted = reference(variant, cell.dtype);
    BOOST_TEST_CONTEXT(cell.workload << " " << name_of(cell.dtype) << " " << variant.name << " on " << ranks) {
      BOOST_REQUIRE_EQUAL(trained.losses.size(), static_cast<std::size_t>(kSteps));
      const Distance d = distance(trained, wanted);
      BOOST_CHECK_LE(d.loss, cell.dtype == DType::f32 ? 1e-5 : 1e-2);
      BOOST_CHECK_LE(d.norm, cell.dtype == DType::f32 ? 1e-5 : 5e-2);
      BOOST_CHECK_LE(d.gradient, cell.dtype == DType::f32 ? 2e-5 : 5e-2);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
