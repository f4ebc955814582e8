#include "tests/kernels/lab.hpp"

namespace scalebench::test {

namespace {

// One operation of each kind whose sums could depend on who does what.
Values run_all(const Backend& backend) {
  Lab lab(backend);
  Device& device = lab.device();
  const Tensor qkv = lab.random(DType::bf16, {130, 5 * 32});
  const Tensor query = qkv.slice(1, 0, 96).split(1, 32), key = qkv.slice(1, 96, 32).split(1, 32);
  const Tensor value = qkv.slice(1, 128, 32).split(1, 32);
  const Tensor output = lab.empty(DType::bf16, {130, 3, 32}), lse = lab.empty(DType::f32, {130, 3});
  const Tensor d_query = lab.empty(DType::bf16, {130, 3, 32});
  const Tensor d_key = lab.empty(DType::bf16, {130, 1, 32}), d_value = lab.empty(DType::bf16, {130, 1, 32});
  device.run(Attention{
      .query = query, .key = key, .value = value, .output = output, .log_sum_exp = lse, .sequence = 65, .scale = 0.2});
  device.run(AttentionBackward{.query = query,
                               .key = key,
                               .value = value,
                               .output = output,
                               .log_sum_exp = lse,
                               .d_output = lab.random(DType::bf16, {130, 3, 32}),
                               .d_query = d_query,
                               .d_key = d_key,
                               .d_value = d_value,
                               .sequence = 65,
                               .scale = 0.2});
  const Tensor rows = lab.random(DType::f32, {200, 300}), weight = lab.random(DType::f32, {300});
  const Tensor normed = lab.empty(DType::f32, {200, 300}), reciprocal = lab.empty(DType::f32, {200});
  const Tensor d_weight = lab.random(DType::f32, {300}), total = lab.of(DType::f32, {1}, {0});
  device.run(RmsNorm{.input = rows, .weight = weight, .output = normed, .reciprocal = reciprocal});
  device.run(RmsNormBackward{.input = rows,
                             .weight = weight,
                             .reciprocal = reciprocal,
                             .d_output = normed,
                             .d_input = normed,
                             .d_weight = d_weight});
  device.run(SumOfSquares{.values = rows, .total = total});
  device.run(CrossEntropy{.logits = rows, .targets = lab.ids({2, 100}, 300), .loss = total, .scale = 1});
  Values all;
  for (const Tensor& tensor : {output, lse, d_query, d_key, d_value, normed, d_weight, total, rows})
    for (const double x : lab.read(tensor)) all.push_back(x);
  return all;
}

}  // namespace

constexpr double kTellsTime = 1e-4;  // s, to which a GPU's times are known on the host's clock

BOOST_AUTO_TEST_SUITE(device)

BOOST_AUTO_TEST_CASE(computes_the_same_bits_twice) {
  for (const Backend& backend : backends()) BOOST_TEST((run_all(backend) == run_all(backend)), backend.name);
}

BOOST_AUTO_TEST_CASE(reads_what_was_written_through_any_view) {
  for_each_backend([](Lab& lab) {
    const Tensor whole = lab.of(DType::i32, {2, 3}, {1, 2, 3, 4, 5, 6});
    BOOST_TEST(lab.read(whole.transposed()) == (Values{1, 4, 2, 5, 3, 6}), boost::test_tools::per_element());
    lab.device().write(whole.slice(1, 1, 1), Values{7, 8});
    BOOST_TEST(lab.read(whole) == (Values{1, 7, 3, 4, 8, 6}), boost::test_tools::per_element());
    BOOST_CHECK_THROW(lab.device().write(whole, Values{1}), BrokenContract);
  });
}

BOOST_AUTO_TEST_CASE(an_outcome_is_of_its_moment) {
  for_each_backend([](Lab& lab) {
    const Tensor values = lab.of(DType::f32, {2}, {1, 2});
    const Outcome outcome = lab.device().outcome(values);
    lab.device().run(Fill{.to = values, .value = 9});
    BOOST_TEST(outcome.look().value() == (Values{1, 2}), boost::test_tools::per_element());
  });
}

BOOST_AUTO_TEST_CASE(refuses_views_of_freed_memory) {
  for_each_backend([](Lab& lab) {
    Buffer buffer = lab.device().allocate(DType::f32, {4}, Use::buffers, "gone");
    const Tensor view = buffer;
    buffer = Buffer();
    BOOST_CHECK_THROW(lab.device().run(Fill{.to = view, .value = 1}), BrokenContract);
    BOOST_CHECK_THROW(lab.read(view), BrokenContract);
    // The same slot, another generation.
    const Buffer again = lab.device().allocate(DType::f32, {4}, Use::buffers, "new");
    BOOST_TEST(&again.tensor().storage() == &view.storage());
    BOOST_CHECK_THROW(lab.device().run(Fill{.to = view, .value = 1}), BrokenContract);
    lab.device().run(Fill{.to = again, .value = 1});
  });
}

// A lane of somebody else, such as a communicator's.
class OtherLane final : public Lane {
 public:
  using Lane::Lane;
  void reach(const Event&) override { ++reached; }
  int reached = 0;

 private:
  void hold(const Event& event) override { event.lane->reach(event); }
};

BOOST_AUTO_TEST_CASE(refuses_to_write_what_another_lane_may_still_read) {
  for_each_backend([](Lab& lab) {
    OtherLane other(lab.witness(), LaneKind::communication, "other");
    const Tensor data = lab.random(DType::f32, {4});
    const Tensor copy = lab.random(DType::f32, {4});
    other.wait(lab.device().record());
    lab.witness().see(other, Convert{.from = data, .to = copy});
    BOOST_CHECK_THROW(lab.device().run(Fill{.to = data, .value = 1}), BrokenContract);
    lab.device().wait(other.record());
    BOOST_TEST(other.reached == 1);
    lab.device().run(Fill{.to = data, .value = 1});
  });
}

BOOST_AUTO_TEST_CASE(tells_of_memory_freed_while_another_lane_may_use_it) {
  for_each_backend([](Lab& lab) {
    OtherLane other(lab.witness(), LaneKind::communication, "other");
    const Tensor alive = lab.random(DType::f32, {4});
    {
      const Buffer buffer = lab.device().allocate(DType::f32, {4}, Use::buffers, "freed too early");
      lab.witness().see(other, Fill{.to = buffer, .value = 0});
    }
    BOOST_CHECK_THROW(lab.device().run(Fill{.to = alive, .value = 1}), BrokenContract);
    lab.device().run(Fill{.to = alive, .value = 1});
  });
}

BOOST_AUTO_TEST_CASE(repeats_a_step_on_the_memory_as_it_is) {
  for_each_backend([](Lab& lab) {
    const Tensor counter = lab.of(DType::i32, {1}, {0});
    int calls = 0;
    for (int i = 0; i < 3; ++i)
      lab.device().repeat("step", [&] {
        ++calls;
        lab.device().run(Advance{.counter = counter});
      });
    BOOST_TEST(calls == 1);
    BOOST_TEST(lab.scalar(counter) == 3);
    BOOST_CHECK_THROW(lab.device().repeat("asks", [&] { lab.device().outcome(counter); }), BrokenContract);
  });
}

// What a graph keeps of memory that operations share must not be what was given back since.
BOOST_AUTO_TEST_CASE(repeats_a_step_after_an_operation_that_needs_more_memory) {
  for_each_backend([](Lab& lab) {
    lab.witness().check_waits(false);
    const Tensor a = lab.random(DType::f32, {40, 64}), weights = lab.random(DType::f32, {500, 64});
    const Tensor payload = lab.empty(DType::i8, {500, 64}), scales = lab.empty(DType::f32, {500});
    lab.device().run(Quantize{.from = weights, .payload = payload, .scales = scales});
    const auto multiply = [&](std::int64_t n, const Tensor& c) {
      lab.device().run(
          GemmQuantized{.a = a, .payload = payload.slice(0, 0, n), .scales = scales.slice(0, 0, n), .c = c});
    };
    const Tensor c = lab.empty(DType::f32, {40, 7}), large = lab.empty(DType::f32, {40, 500});
    Values first;
    for (int i = 0; i < 4; ++i) {
      lab.device().run(Fill{.to = c, .value = 9});
      lab.device().repeat("step", [&] { multiply(7, c); });
      if (first.empty()) first = lab.read(c);
      BOOST_TEST((lab.read(c) == first), "run " << i);
      if (i == 1) multiply(500, large);
    }
  });
}

BOOST_AUTO_TEST_CASE(stamps_spans_in_order) {
  for_each_backend([](Lab& lab) {
    const Tensor a = lab.random(DType::f32, {64, 64}), c = lab.empty(DType::f32, {64, 64});
    lab.witness().timeline().record(true);
    lab.device().run(Gemm{.a = a, .b = a, .c = c});
    lab.device().run(Fill{.to = c, .value = 0});
    lab.device().lane().settle();
    const auto& spans = lab.witness().timeline().spans();
    BOOST_TEST_REQUIRE(spans.size() == 2U);
    for (const Span& span : spans) {
      BOOST_TEST(span.issued <= span.launched);
      BOOST_TEST(span.start > span.issued - kTellsTime);
      BOOST_TEST(span.start < span.end);
    }
    BOOST_TEST(spans[0].end <= spans[1].start + kTellsTime);
    BOOST_TEST(spans[0].flops == 2.0 * 64 * 64 * 64);
  });
}

BOOST_AUTO_TEST_CASE(memory_is_aligned_counted_and_refused_with_the_need) {
  for_each_backend([](Lab& lab) {
    const std::size_t before = lab.device().memory().total;
    for (const std::int64_t count : {1, 17, 3'000'000}) {
      const Buffer buffer = lab.device().allocate(DType::bf16, {count}, Use::states, "aligned");
      BOOST_TEST(reinterpret_cast<std::uintptr_t>(buffer.tensor().address()) % 64 == 0U);
      BOOST_TEST(lab.device().memory().total == before + 2 * static_cast<std::size_t>(count));
    }
    BOOST_TEST(lab.device().memory().total == before);
    const auto too_much = [&] {
      (void)lab.device().allocate(DType::f32, {std::int64_t{1} << 48}, Use::states, "huge");
    };
    BOOST_CHECK_EXCEPTION(too_much(), Error, [](const Error& error) {
      return error.code() == Exit::unfit && std::string(error.what()).find("1125899.91 GB") != std::string::npos;
    });
    BOOST_TEST(lab.device().memory().total == before);
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
