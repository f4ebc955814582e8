#include "base/small_float.hpp"
#include "tests/kernels/lab.hpp"

namespace scalebench::test {

namespace {

struct Case {
  std::int64_t rows, heads, size, blocks, positions, gap;
};
constexpr Case kCases[] = {{1, 1, 4, 1, 16, 0}, {3, 2, 33, 4, 5, 1}, {129, 4, 128, 20, 16, 8}, {17, 3, 80, 40, 1, 0}};

double rounded(double x, DType dtype) {
  if (dtype == DType::f32) return x;
  const SmallFloat& format = dtype == DType::f16 ? kFp16 : kBf16;
  return decode(format, encode(format, x));
}

// Every seventh row goes nowhere; the others from the last place on.
Values slots_of(const Case& c) {
  Values slots;
  for (std::int64_t n = 0; n < c.rows; ++n)
    slots.push_back(n % 7 == 6 ? -1 : static_cast<double>(c.blocks * c.positions - 1 - n));
  return slots;
}

Values wanted(const Case& c, Values cache, const Values& rows, DType dtype) {
  const Values slots = slots_of(c);
  for (std::int64_t i = 0; i < c.rows * c.heads * c.size; ++i) {
    const auto slot = static_cast<std::int64_t>(slots[static_cast<std::size_t>(i / (c.heads * c.size))]);
    const std::int64_t head = i / c.size % c.heads, block = slot / c.positions, place = slot % c.positions;
    if (slot >= 0)
      cache[static_cast<std::size_t>(((block * c.heads + head) * c.positions + place) * c.size + i % c.size)] =
          rounded(rows[static_cast<std::size_t>(i)], dtype);
  }
  return cache;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(store_key_value)

BOOST_AUTO_TEST_CASE(puts_each_row_into_its_slot_and_leaves_the_others) {
  for_each_backend([](Lab& lab) {
    for (const Case& c : kCases)
      for (const DType from : kFloats)
        for (const DType to : kFloats) {
          const auto rows = [&] { return lab.random(from, {c.rows, c.heads, c.size}, 1, c.gap); };
          const auto cache = [&] {
            return lab.random(to, {c.blocks, c.heads * c.positions * c.size}, 1, c.gap)
                .split(1, c.size)
                .split(1, c.positions);
          };
          const StoreKeyValue op{.key = rows(),
                                 .value = rows(),
                                 .slots = lab.of(DType::i32, {c.rows}, slots_of(c)),
                                 .key_cache = cache(),
                                 .value_cache = cache()};
          const Values keys = wanted(c, lab.read(op.key_cache), lab.read(op.key), to);
          const Values values = wanted(c, lab.read(op.value_cache), lab.read(op.value), to);
          lab.device().run(op);
          const std::string what = fmt::format("N {} K {} D {} P {} gap {} {} to {}", c.rows, c.heads, c.size,
                                               c.positions, c.gap, name_of(from), name_of(to));
          BOOST_TEST((lab.read(op.key_cache) == keys), what);
          BOOST_TEST((lab.read(op.value_cache) == values), what);
        }
  });
}

BOOST_AUTO_TEST_CASE(refuses_slots_behind_the_cache) {
  for_each_backend([](Lab& lab) {
    const Tensor rows = lab.random(DType::f32, {1, 2, 3});
    const Tensor cache = lab.random(DType::f32, {4, 2 * 5 * 3}).split(1, 3).split(1, 5);
    const StoreKeyValue op{
        .key = rows, .value = rows, .slots = lab.of(DType::i32, {1}, {20}), .key_cache = cache, .value_cache = cache};
    const Values before = lab.read(cache);
    lab.refuses<BrokenContract>(op);
    BOOST_TEST((lab.read(cache) == before));
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
