// --verify finds a plan that trains another model than one rank, and no other.
#include "app/verify.hpp"

#include <boost/test/unit_test.hpp>

#include "spec/catalogue.hpp"
#include "tests/app/measuring/ranks.hpp"

namespace scalebench::test {

namespace {

Job job_of(const Workload& workload, const ParallelPlan& plan, DType dtype) {
  Job job;
  job.workload = workload;
  Assignment a{.model = find_model("llama3-70b"), .plan = plan, .seed = 3};
  a.plan.sequence = 4096;
  a.plan.dtype = dtype;
  if (a.plan.global_batch == 0) a.plan.global_batch = a.plan.dp;
  job.points = {{.ranks = plan.ranks(), .assignment = a}};
  return job;
}

struct Fixture : Ranks {
  Injection injection{{}, control.rank()};
  Crew crew{session, control, watchdog, signals, injection, progress};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(verifying, Fixture)

BOOST_AUTO_TEST_CASE(the_plans_of_all_workloads_train_the_model_of_one_rank) {
  for (const Workload& workload : workloads()) {
    if (workload.kind != WorkloadKind::training) continue;
    for (const DType dtype : {DType::f32, DType::bf16}) {
      const Verification v = verify(job_of(workload, workload.plan(2, 2), dtype), crew, make_cpu_backend);
      BOOST_TEST(v.passed(), workload.name << ": " << text_of(v));
      BOOST_TEST(std::get<std::int64_t>(attributes_of(v).at("passed")) == 1);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_reduction_that_is_never_done_is_found) {
  const auto mute = [](MpiSession& s, int threads, Waiting waiting, const ParallelPlan& plan) {
    Backend backend = make_cpu_backend(s, threads, waiting, plan);
    if (plan.dp > 1) backend.mesh->along(Axis::dp, Purpose::reduce).mute(true);
    return backend;
  };
  const Verification v = verify(job_of(find_workload("ddp8b"), {.dp = 2}, DType::f32), crew, mute);
  BOOST_TEST(!v.passed());
  BOOST_CHECK_EXCEPTION(refuse(v), Error, [](const Error& e) {
    return e.code() == Exit::wrong && std::string(e.what()).starts_with("the plan on 2 ranks trains another model");
  });
}

BOOST_AUTO_TEST_CASE(what_is_verified_keeps_the_form_of_the_plan) {
  const Job job = job_of(find_workload("tp70b"), {.dp = 3, .tp = 8, .micro_batch = 4, .global_batch = 96}, DType::f32);
  const Assignment a = verifiable(job.points.front().assignment);
  BOOST_CHECK_NO_THROW(validate(a.plan, a.model, 24));
  BOOST_TEST(a.model.kv_heads == 8);
  BOOST_TEST(a.model.heads == 64);
  BOOST_TEST(a.plan.accumulation() == 2);
  BOOST_TEST(parameter_count(a.model) < 10'000'000);
}

// Two sequences of 33 tokens are rows for 2 ranks; one of them is not.
BOOST_AUTO_TEST_CASE(what_is_verified_has_rows_for_each_rank) {
  Job job = job_of(find_workload("tp70b"), {.tp = 2, .micro_batch = 2, .global_batch = 2}, DType::f32);
  Assignment& whole = job.points.front().assignment;
  whole.plan.sequence_parallel = true, whole.plan.sequence = 33;
  const Assignment a = verifiable(whole);
  BOOST_CHECK_NO_THROW(validate(a.plan, a.model, 2));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
