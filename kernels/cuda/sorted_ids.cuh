// The places of token ids in the order of the ids, equal ones in the order of their places.
#pragma once

#include <cstdint>

#include "kernels/cuda/ids.cuh"

namespace scalebench::cuda {

// The row of a table above, the token's place below: row `rows` for tokens of rows that the table does not hold.
using SortKey = std::uint64_t;
__device__ inline std::int64_t row_of(SortKey key) { return static_cast<std::int64_t>(key >> 32); }
__device__ inline std::int64_t token_of(SortKey key) { return static_cast<std::int64_t>(key & 0xFFFFFFFFU); }

// The keys of `count` ids, sorted, in the one or the other of two arrays of `count`; table row = id - first.
const SortKey* sort_ids(CudaContext& context, const Ids& ids, std::int64_t count, std::int64_t first, std::int64_t rows,
                        SortKey* keys, SortKey* spare);

}  // namespace scalebench::cuda
