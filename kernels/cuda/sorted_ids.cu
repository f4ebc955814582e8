// A merge sort of keys that are all different, so that nothing but the ids decides on the result: tiles in shared
// memory, then log2(N / kTile) passes in which every key looks by bisection for its place among those of the other run.
// 32k ids take 7 launches of a few microseconds each, little beside reading the gradients' rows.
#include <utility>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/sorted_ids.cuh"

namespace scalebench::cuda {

namespace {

constexpr int kTile = 512;

// Ids of rows that the table does not hold come last, as row `rows`. A key's place in its tile is the count of smaller
// ones.
__global__ void sort_tiles(Ids ids, std::int64_t count, std::int64_t first, std::int64_t rows, SortKey* to) {
  __shared__ SortKey tile[kTile];
  const std::int64_t n = global_thread();
  SortKey mine = ~SortKey{};
  if (n < count) {
    const std::int64_t row = ids[n] - first;
    mine = static_cast<SortKey>(row < 0 || row >= rows ? rows : row) << 32 | static_cast<SortKey>(n);
  }
  tile[threadIdx.x] = mine;
  __syncthreads();
  int place = 0;
  for (int i = 0; i < kTile; ++i) place += tile[i] < mine ? 1 : 0;
  if (n < count) to[static_cast<std::int64_t>(blockIdx.x) * kTile + place] = mine;
}

__global__ void merge_runs(const SortKey* from, std::int64_t count, std::int64_t run, SortKey* to) {
  const std::int64_t n = global_thread();
  if (n >= count) return;
  const std::int64_t own = n / run, pair = own / 2 * 2 * run;
  const std::int64_t other = min((own ^ 1) * run, count), end = min(other + run, count);
  const SortKey mine = from[n];
  std::int64_t low = other, high = end;  // of the first that is not smaller
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    if (from[middle] < mine)
      low = middle + 1;
    else
      high = middle;
  }
  to[pair + (n - own * run) + (low - other)] = mine;
}

}  // namespace

const SortKey* sort_ids(CudaContext& context, const Ids& ids, std::int64_t count, std::int64_t first, std::int64_t rows,
                        SortKey* keys, SortKey* spare) {
  launch(context, sort_tiles, blocks_for(count, kTile), kTile, ids, count, first, rows, keys);
  for (std::int64_t run = kTile; run < count; run *= 2) {
    launch(context, merge_runs, blocks_for(count, kTile), kTile, keys, count, run, spare);
    std::swap(keys, spare);
  }
  return keys;
}

}  // namespace scalebench::cuda
