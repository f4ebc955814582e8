// The order of ids by which gradients of an embedding are summed: where it is wrong, two blocks of a GPU add to one row
// at the same time, which a stand-in that runs blocks one after another cannot show.
#include "kernels/cuda/sorted_ids.cuh"

#include <algorithm>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/random.hpp"

namespace scalebench::test {

BOOST_AUTO_TEST_SUITE(sorted_ids)

BOOST_AUTO_TEST_CASE(are_in_the_order_of_ids_then_of_places) {
  for (const std::int64_t count : {1, 511, 512, 513, 1025, 2049, 3000})
    for (const std::int64_t vocabulary : {1, 3, 1000}) {
      std::vector<std::int32_t> ids;
      std::vector<cuda::SortKey> wanted, keys(static_cast<std::size_t>(count)), spare(keys);
      const std::int64_t first = vocabulary / 3, rows = vocabulary / 2;  // of a part
      for (std::int64_t n = 0; n < count; ++n) {
        ids.push_back(static_cast<std::int32_t>(random_bits(3, static_cast<std::uint64_t>(n)) %
                                                static_cast<std::uint64_t>(vocabulary)));
        const std::int64_t row = ids.back() - first;
        const bool held = row >= 0 && row < rows;
        wanted.push_back(static_cast<cuda::SortKey>(held ? row : rows) << 32 | static_cast<cuda::SortKey>(n));
      }
      std::ranges::sort(wanted);
      cuda::CudaContext context(nullptr, {});
      const cuda::SortKey* const sorted =
          cuda::sort_ids(context, cuda::Ids{ids.data(), count, static_cast<unsigned>(count)}, count, first, rows,
                         keys.data(), spare.data());
      BOOST_TEST((std::vector(sorted, sorted + count) == wanted), count << " ids of " << vocabulary);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench::test
