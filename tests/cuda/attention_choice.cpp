// Which attention is chosen: cuDNN's (here what stands in for it: shim/attention_cudnn.cpp) where it is faster, but
// never where it computes something else.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "kernels/cuda/choices.hpp"
#include "tests/kernels/lab.hpp"

namespace scalebench::test {

namespace {

std::string_view asked() {
  const char* const value = std::getenv("SCALEBENCH_SHIM_CUDNN");
  return value == nullptr ? "" : value;
}

// Of the line that tells of it, what comes after its name.
std::string choice_of(std::string_view name) {
  for (const std::string& line : cuda::choices())
    if (line.starts_with(name)) return line.substr(name.size());
  return "never measured";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(attention_choice)

BOOST_AUTO_TEST_CASE(is_the_faster_one_that_is_right) {
  Lab lab(backends().front());
  const Tensor query = lab.random(DType::bf16, {140, 4, 64}), key = lab.random(DType::bf16, {140, 2, 64});
  const Tensor value = lab.random(DType::bf16, {140, 2, 64}), output = lab.empty(DType::bf16, {140, 4, 64});
  const Tensor log_sum_exp = lab.empty(DType::f32, {140, 4}), d_query = lab.empty(DType::bf16, {140, 4, 64});
  const Tensor d_key = lab.empty(DType::bf16, {140, 2, 64}), d_value = lab.empty(DType::bf16, {140, 2, 64});
  const Attention forward{.query = query,
                          .key = key,
                          .value = value,
                          .output = output,
                          .log_sum_exp = log_sum_exp,
                          .sequence = 70,
                          .scale = 0.125,
                          .window = 33};
  const AttentionBackward backward{.query = query,
                                   .key = key,
                                   .value = value,
                                   .output = output,
                                   .log_sum_exp = log_sum_exp,
                                   .d_output = lab.random(DType::bf16, {140, 4, 64}),
                                   .d_query = d_query,
                                   .d_key = d_key,
                                   .d_value = d_value,
                                   .sequence = 70,
                                   .scale = 0.125,
                                   .window = 33};
  lab.device().run(forward);
  lab.device().run(backward);
  const std::string chosen = asked() == "right"   ? " cuDNN (own "
                             : asked() == "wrong" ? " own (own "
                                                  : " own, without cuDNN";
  for (const std::string pass : {"forward", "backward"}) {
    const std::string choice = choice_of("attention " + pass + " 2 x 70, heads 4 / 2 of 64, window 33, bf16:");
    BOOST_TEST(choice.starts_with(chosen), pass << ":" << choice);
  }
  const std::size_t lines = cuda::choices().size();
  lab.device().run(forward);
  BOOST_TEST(cuda::choices().size() == lines, "what was measured is measured again");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
