#include "tests/kernels/lab.hpp"

namespace scalebench::test {

namespace {

struct Case {
  std::int64_t sequences, length, vocabulary, width, gap;
};
// Of few ids each has many tokens; of a vocabulary of 1, all.
constexpr Case kCases[] = {{1, 1, 1, 1, 0},       {2, 3, 5, 17, 1},   {3, 5, 7, 33, 1},  {2, 64, 11, 80, 1},
                           {2, 129, 300, 260, 0}, {3, 200, 3, 40, 0}, {5, 300, 2, 8, 0}, {1, 1030, 1, 3, 0}};

std::string describe(const Case& c, DType dtype) {
  return fmt::format("B {} T {} V {} H {} gap {} {}", c.sequences, c.length, c.vocabulary, c.width, c.gap,
                     name_of(dtype));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(embed)

BOOST_AUTO_TEST_CASE(copies_the_rows_of_the_table) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats) {
        const Tensor tokens = lab.ids({c.sequences, c.length}, c.vocabulary, c.gap);
        const Tensor table = lab.random(dtype, {c.vocabulary, c.width}, 1, c.gap);
        const Tensor output = lab.empty(dtype, {c.sequences * c.length, c.width}, c.gap);
        lab.device().run(Embed{.tokens = tokens, .table = table, .output = output});
        const Values rows = lab.read(table);
        Values wanted;
        for (const double id : lab.read(tokens))
          for (std::int64_t h = 0; h < c.width; ++h)
            wanted.push_back(rows[static_cast<std::size_t>(static_cast<std::int64_t>(id) * c.width + h)]);
        BOOST_TEST((lab.read(output) == wanted), describe(c, dtype));
      }
  });
}

BOOST_AUTO_TEST_CASE(backward_adds_the_gradients_of_equal_tokens) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType dtype : kFloats) {
        const Tensor tokens = lab.ids({c.sequences, c.length}, c.vocabulary, c.gap);
        const Tensor d_output = lab.random(dtype, {c.sequences * c.length, c.width}, 1, c.gap);
        const Tensor d_table = lab.random(DType::f32, {c.vocabulary, c.width}, 1, c.gap);
        Values wanted = lab.read(d_table);
        const Values gradients = lab.read(d_output), ids = lab.read(tokens);
        for (std::size_t i = 0; i < gradients.size(); ++i) {
          const auto width = static_cast<std::size_t>(c.width);
          wanted[static_cast<std::size_t>(ids[i / width]) * width + i % width] += gradients[i];
        }
        lab.device().run(EmbedBackward{.tokens = tokens, .d_output = d_output, .d_table = d_table});
        check_close(lab.read(d_table), wanted, 1e-6, "embed_backward " + describe(c, dtype));
      }
  });
}

BOOST_AUTO_TEST_CASE(refuses_ids_outside_of_the_vocabulary) {
  for_each_backend([](Lab& lab) {
    const Tensor table = lab.random(DType::f32, {5, 3}), output = lab.empty(DType::f32, {2, 3});
    for (const double wrong : {-1.0, 5.0}) {
      const Tensor tokens = lab.of(DType::i32, {1, 2}, {0, wrong});
      if (!lab.refuses<Error>(Embed{.tokens = tokens, .table = table, .output = output}))
        BOOST_TEST(all_nan(lab.read(output.slice(0, 1, 1))));
    }
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
