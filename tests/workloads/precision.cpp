// Training in numbers of fewer bits: products, parameters, moments.
#include <algorithm>
#include <cmath>

#include <boost/test/unit_test.hpp>

#include "tests/workloads/crowd.hpp"

using namespace scalebench;
using namespace scalebench::test;

BOOST_FIXTURE_TEST_SUITE(precision, Crowd)

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

// One token a step, the same in each, so that the first gradients overflow with the first scale: those steps
// change nothing, and the next trains as the first of fp32 does. A first step that is looked at takes a scale that
// fits.
BOOST_AUTO_TEST_CASE(fp16_leaves_out_steps_that_overflow) {
  const Workload workload = find_workload("ddp8b");
  constexpr std::int64_t kMost = 20;
  const auto trained = [&](DType dtype) {
    Assignment a = assignment_of(workload, variants()[0], ranks, dtype);
    a.plan.dp = 1, a.plan.tp = ranks;  // so that no mean over ranks makes them smaller
    a.plan.global_batch = a.plan.micro_batch = a.plan.sequence = 1;
    const TokenRows rows{.ids = {5, 9}, .length = 2};
    a.tokens = std::make_shared<const TokenRows>(rows);
    Backend all = backend(a);
    World world = all.world();
    const auto step = workload.prepare(world, a);
    const FirstStep looked_at = step->first_step();
    for (std::int64_t i = 0; i < kMost; ++i) step->run(i);
    return std::pair{looked_at.gradient_norm, step->values(true)};
  };
  const auto [norm16, fp16] = trained(DType::f16);
  const auto [norm32, fp32] = trained(DType::f32);
  BOOST_TEST(norm16 == norm32, boost::test_tools::tolerance(2e-2));
  const auto skipped = std::ranges::count_if(fp16, &StepValues::skipped);
  BOOST_TEST_REQUIRE(skipped > 0);
  BOOST_TEST_REQUIRE(skipped < kMost);
  for (std::size_t i = 0; i < fp16.size(); ++i) {
    const auto done = static_cast<std::ptrdiff_t>(i) - skipped;
    const StepValues& wanted = fp32[static_cast<std::size_t>(std::max<std::ptrdiff_t>(done, 0))];
    BOOST_TEST_CONTEXT("step " << i << " after " << skipped << " that overflow") {
      BOOST_TEST(fp16[i].skipped() == (done < 0));
      BOOST_TEST(fp16[i].loss_scale == std::ldexp(65536.0, -static_cast<int>(std::min<std::ptrdiff_t>(i, skipped))));
      BOOST_TEST(fp16[i].loss == wanted.loss, boost::test_tools::tolerance(1e-2));
      if (done >= 0) BOOST_TEST(fp16[i].gradient_norm == wanted.gradient_norm, boost::test_tools::tolerance(2e-2));
    }
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

BOOST_AUTO_TEST_SUITE_END()
