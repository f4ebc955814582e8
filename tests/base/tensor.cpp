// Views, and the boxes of bytes that they touch.
#include "base/tensor.hpp"

#include <set>

#include <boost/test/unit_test.hpp>

#include "base/check.hpp"

using namespace scalebench;

namespace {

struct Memory {
  Storage storage{.data = nullptr, .bytes = 4096, .generation = 1, .label = "x"};
  Tensor matrix(std::int64_t rows, std::int64_t columns) {
    const std::int64_t shape[] = {rows, columns};
    return Tensor(storage, DType::f32, shape);
  }
};

// The bytes of a view, one by one.
std::set<std::int64_t> bytes_of(const Tensor& t) {
  std::set<std::int64_t> bytes;
  const auto size = [&](int axis) { return axis < t.rank() ? t.dim(axis) : 1; };
  const auto stride = [&](int axis) { return axis < t.rank() ? t.stride(axis) : 0; };
  for (std::int64_t i = 0; i < size(0); ++i)
    for (std::int64_t j = 0; j < size(1); ++j)
      for (std::int64_t k = 0; k < size(2); ++k)
        for (std::int64_t b = 0; b < 4; ++b)
          bytes.insert((t.offset() + i * stride(0) + j * stride(1) + k * stride(2)) * 4 + b);
  return bytes;
}

bool really_overlap(const Tensor& a, const Tensor& b) {
  const auto of_a = bytes_of(a), of_b = bytes_of(b);
  return std::any_of(of_a.begin(), of_a.end(), [&](std::int64_t byte) { return of_b.contains(byte); });
}

}  // namespace

BOOST_AUTO_TEST_CASE(boxes_of_two_dimensional_slices_overlap_exactly_when_their_bytes_do) {
  Memory memory;
  const Tensor whole = memory.matrix(6, 10);
  std::vector<Tensor> views;
  for (std::int64_t row : {0, 2, 3})
    for (std::int64_t rows : {1, 2, 3})
      for (std::int64_t column : {0, 3, 7})
        for (std::int64_t columns : {1, 3}) views.push_back(whole.slice(0, row, rows).slice(1, column, columns));
  views.push_back(whole);
  views.push_back(whole.transposed());
  for (const Tensor& a : views)
    for (const Tensor& b : views)
      BOOST_CHECK_MESSAGE(a.box().overlaps(b.box()) == really_overlap(a, b),
                          to_string(a) << " at " << a.offset() << " and " << to_string(b) << " at " << b.offset());
}

BOOST_AUTO_TEST_CASE(a_box_contains_only_what_its_bytes_contain) {
  Memory memory;
  const Tensor whole = memory.matrix(6, 10);
  for (std::int64_t column : {0, 3})
    for (std::int64_t columns : {2, 5, 7})
      for (std::int64_t other : {0, 3, 5}) {
        const Tensor a = whole.slice(1, column, columns), b = whole.slice(0, 1, 3).slice(1, other, 3);
        const bool contained = other >= column && other + 3 <= column + columns;
        BOOST_CHECK_EQUAL(a.box().contains(b.box()), contained);
      }
  BOOST_CHECK(whole.box().contains(whole.slice(0, 2, 2).box()));
  BOOST_CHECK(!whole.slice(0, 2, 2).box().contains(whole.box()));
}

BOOST_AUTO_TEST_CASE(heads_of_a_packed_row_are_apart_as_three_dimensional_views) {
  Memory memory;
  const Tensor qkv = memory.matrix(5, 12);
  const Tensor q = qkv.slice(1, 0, 6).split(1, 3), k = qkv.slice(1, 6, 3).split(1, 3);
  BOOST_CHECK_EQUAL(q.dim(1), 2);
  BOOST_CHECK_EQUAL(q.stride(0), 12);
  BOOST_CHECK(!q.box().overlaps(k.box()));
  BOOST_CHECK(q.box().overlaps(qkv.box()));
}

BOOST_AUTO_TEST_CASE(a_view_that_leaves_its_tensor_is_refused) {
  Memory memory;
  const Tensor whole = memory.matrix(6, 10);
  BOOST_CHECK_THROW(whole.slice(0, 4, 3), BrokenContract);
  BOOST_CHECK_THROW(whole.slice(1, -1, 3), BrokenContract);
  BOOST_CHECK_THROW(whole.slice(1, 0, 5).reshaped({30}), BrokenContract);
  BOOST_CHECK_THROW(whole.reshaped({61}), BrokenContract);
  BOOST_CHECK_THROW(whole.split(1, 3), BrokenContract);
  BOOST_CHECK_EQUAL(whole.reshaped({4, 15}).dim(1), 15);
}
