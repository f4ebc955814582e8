// Training on CUDA's device: N ranks, and the step as a graph, give the numbers of one rank of the CPU.
#include <algorithm>
#include <cstdlib>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "collectives/control/mpi_control.hpp"
#include "tests/collectives/tested_backend.hpp"
#include "tests/workloads/cells.hpp"
#include "workloads/blocks/linear.hpp"

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
std::ostream& operator<<(std::ostream& out, const Cell& cell) {
  return out << cell.workload << " " << name_of(cell.dtype) << " " << cell.variant;
}
const std::vector<Cell> kCells = {{"ddp8b", "accumulation", DType::f32},
                                  {"fsdp70b", "qwen3, accumulation", DType::f32},
                                  {"fsdp70b", "gpt2, tied", DType::bf16},
                                  {"fsdp70b", "accumulation", DType::f16},
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

bool multiplies(const Device& device, const ParallelPlan& plan) {
  try {
    check_products(device, plan);
  } catch (const Error&) {
    return false;
  }
  return true;
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

BOOST_DATA_TEST_CASE_F(Crowd, every_plan_gives_the_numbers_of_one_rank_of_the_cpu, boost::unit_test::data::make(kCells),
                       cell) {
  const Workload workload = find_workload(cell.workload);
  const Variant& variant = *std::ranges::find(variants(), cell.variant, &Variant::name);
  if (!possible(workload, variant, ranks)) return;
  const Assignment a = small(assignment_of(workload, variant, ranks, cell.dtype), ranks);
  Backend all = make_tested_backend(session, a.plan);
  const Trained trained = train_unseen(all, workload, a);
  if (control.rank() != 0) return;
  const Trained wanted = reference(variant, cell.dtype);
  BOOST_REQUIRE_EQUAL(trained.losses.size(), static_cast<std::size_t>(kSteps));
  const Distance d = distance(trained, wanted);
  BOOST_CHECK_LE(d.loss, cell.dtype == DType::f32 ? 1e-5 : 1e-2);
  BOOST_CHECK_LE(d.norm, cell.dtype == DType::f32 ? 1e-5 : 5e-2);
  BOOST_CHECK_LE(d.gradient, cell.dtype == DType::f32 ? 2e-5 : 5e-2);
}

// Which products a GPU has follows from what it is; of the stand-in's it is known.
BOOST_AUTO_TEST_CASE(products_of_fewer_bits_give_about_the_numbers_of_one_rank_of_the_cpu) {
  std::string tested;
  for (const Coarse& coarse : coarse_products()) {
    const int tp = ranks % 2 == 0 ? 2 : 1;
    const Workload workload = find_workload("tp70b");
    const Assignment a = coarse_assignment(workload, ranks, tp, coarse.products);
    Backend all = make_tested_backend(session, a.plan);
    if (!multiplies(*all.device, a.plan)) continue;
    tested += (tested.empty() ? "" : ",") + std::string(precision_name(a.plan));
    if (is_fp8(coarse.products)) tested += "-" + std::string(fp8_scaling_name(coarse.products));
    const Trained trained = train_unseen(all, workload, a);
    if (control.rank() != 0) continue;
    const Assignment one = coarse_assignment(workload, 1, 1, coarse.products);
    Backend alone = make_cpu_backend(session, 1, Waiting::patient, one.plan);
    const Distance d = distance(trained, train_unseen(alone, workload, one));
    BOOST_TEST_CONTEXT(precision_name(a.plan) << " " << fp8_scaling_name(coarse.products)) {
      BOOST_CHECK_LE(d.loss, coarse.of_ranks.loss);
      BOOST_CHECK_LE(d.norm, coarse.of_ranks.norm);
      BOOST_CHECK_LE(d.gradient, coarse.of_ranks.gradient);
    }
  }
  if (const char* const wanted = std::getenv("SCALEBENCH_PRODUCTS")) BOOST_CHECK_EQUAL(tested, wanted);
}

// The arithmetic is the same; the states are elsewhere.
BOOST_AUTO_TEST_CASE(an_offloaded_optimizer_trains_the_same) {
  struct Case {
    const char* workload;
    DType dtype, state_dtype;
    bool overlap;
  };
  for (const Case& c :
       {Case{"ddp8b", DType::bf16, DType::f32, true}, Case{"zero1_8b", DType::bf16, DType::e4m3, true},
        Case{"fsdp70b", DType::bf16, DType::bf16, true}, Case{"fsdp70b", DType::f32, DType::f32, false}}) {
    const Workload workload = find_workload(c.workload);
    Assignment a = small(assignment_of(workload, variants()[0], ranks, c.dtype), ranks);
    a.plan.optimizer.state_dtype = c.state_dtype, a.plan.overlap = c.overlap;
    a.plan.bucket_bytes = 40'000;
    Backend here = make_tested_backend(session, a.plan);
    const Trained wanted = train_unseen(here, workload, a);
    a.plan.offload = true;
    Backend there = make_tested_backend(session, a.plan), seen = make_tested_backend(session, a.plan);
    const Trained got = train_unseen(there, workload, a), recorded = train(seen, workload, a, kSteps);
    BOOST_TEST_CONTEXT(c.workload << " " << name_of(c.dtype) << " " << name_of(c.state_dtype) << " on " << ranks) {
      BOOST_REQUIRE_EQUAL(got.losses.size(), static_cast<std::size_t>(kSteps));
      BOOST_TEST((got.losses == wanted.losses));
      BOOST_TEST((got.norms == wanted.norms));
      BOOST_TEST((recorded.losses == wanted.losses));
      const auto states = static_cast<std::size_t>(Use::states);
      const MemoryUse &before = here.device->memory(), &after = there.device->memory();
      const std::size_t host = there.device->host_memory().peak;
      BOOST_TEST(before.at_peak[states] - after.at_peak[states] <= host);
      BOOST_TEST(here.device->host_memory().peak == 0U);
      double fetched = 0, stored = 0;
      for (const Span& span : recorded.spans) {
        if (span.name == Fetch::name) fetched += span.bytes;
        if (span.name == Store::name) stored += span.bytes;
        if (span.name == Fetch::name) BOOST_TEST(recorded.lanes[span.lane] == "to_device");
        if (span.name == Store::name) BOOST_TEST(recorded.lanes[span.lane] == "to_host");
      }
      BOOST_TEST(fetched == static_cast<double>(host));
      BOOST_TEST(stored == static_cast<double>(host));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
