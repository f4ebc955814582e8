#include "tests/kernels/lab.hpp"

namespace scalebench::test {

BOOST_AUTO_TEST_SUITE(decode_inputs)

BOOST_AUTO_TEST_CASE(upload_brings_what_the_host_has) {
  for_each_backend([](Lab& lab) {
    const auto values = std::make_shared<const std::vector<std::int32_t>>(std::vector<std::int32_t>{3, -1, 1 << 30});
    const Tensor to = lab.empty(DType::i32, {3});
    lab.device().run(Upload{.values = values, .to = to});
    BOOST_TEST((lab.read(to) == Values{3, -1, 1 << 30}));
    BOOST_CHECK_THROW(lab.device().run(Upload{.values = values, .to = lab.empty(DType::i32, {4})}), BrokenContract);
  });
}

BOOST_AUTO_TEST_CASE(next_tokens_are_given_or_drawn) {
  for_each_backend([](Lab& lab) {
    const Tensor given = lab.of(DType::i32, {5}, {10, 11, 12, 13, 14}), sampled = lab.of(DType::i32, {3}, {7, 8, 9});
    const Tensor origins = lab.of(DType::i32, {5}, {-1, 2, 0, -1, 2}), tokens = lab.empty(DType::i32, {5});
    const NextTokens op{.given = given, .origins = origins, .sampled = sampled, .tokens = tokens};
    lab.device().run(op);
    BOOST_TEST((lab.read(tokens) == Values{10, 9, 7, 13, 9}));
    lab.device().write(sampled, Values{7, 8, -1});  // nothing could be drawn
    lab.device().run(op);
    BOOST_TEST((lab.read(tokens) == Values{10, 0, 7, 13, 0}));
    lab.device().write(origins, Values{-1, 3, 0, -1, 2});
    if (!lab.refuses<BrokenContract>(op)) BOOST_TEST(lab.read(tokens)[1] == -1);
  });
}

BOOST_AUTO_TEST_CASE(gather_rows_copies_them_in_the_order_asked_for) {
  for_each_backend([](Lab& lab) {
    for (const std::int64_t width : {1, 17, 260})
      for (const DType dtype : kFloats) {
        const Tensor from = lab.random(dtype, {37, width}, 1, 3), to = lab.empty(dtype, {129, width}, 5);
        const Tensor rows = lab.ids({129}, 37);
        lab.device().run(GatherRows{.from = from, .rows = rows, .to = to});
        const Values values = lab.read(from);
        Values wanted;
        for (const double row : lab.read(rows))
          for (std::int64_t h = 0; h < width; ++h)
            wanted.push_back(values[static_cast<std::size_t>(static_cast<std::int64_t>(row) * width + h)]);
        BOOST_TEST((lab.read(to) == wanted), "width " << width << " " << name_of(dtype));
        BOOST_CHECK_THROW(lab.device().run(GatherRows{.from = to, .rows = rows, .to = from}), BrokenContract);
      }
  });
}

BOOST_AUTO_TEST_CASE(gather_rows_refuses_rows_that_are_not_there) {
  for_each_backend([](Lab& lab) {
    const Tensor from = lab.random(DType::f32, {3, 2}), to = lab.empty(DType::f32, {1, 2});
    for (const double wrong : {-1.0, 3.0})
      if (!lab.refuses<BrokenContract>(GatherRows{.from = from, .rows = lab.of(DType::i32, {1}, {wrong}), .to = to}))
        BOOST_TEST(all_nan(lab.read(to)));
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
