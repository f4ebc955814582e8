// Sequences of several rows: tiles of some rows each, which read what the sequence has of keys up to their last.
#include "kernels/cuda/paged_attention.cuh"
#include "kernels/cuda/paged_attention.hpp"

namespace scalebench::cuda::paged {

namespace {

// Sequence s has at most start(s + 1) / R - start(s) / R + 1 tiles of R rows, so tiles are numbered from
// start(s) / R + s on, whatever the lengths.
template <class T, class C>
__device__ Work tile_of_many(const Call<T, C>& call, int tile) {
  int before = 0;
  for (int s = static_cast<int>(threadIdx.x); s < call.sequences; s += kThreads)
    before += call.starts[s] / call.tile_rows + s <= tile ? 1 : 0;
  const int s = over_block(before) - 1;
  if (s < 0) return {};
  const int start = call.starts[s], end = min(call.starts[s + 1], call.rows);
  const int skip = (tile - start / call.tile_rows - s) * call.tile_rows;
  if (start < 0 || end - start < 2 || start + skip >= end) return {};
  const int position = call.lengths[s] - (end - start) + skip, rows = min(call.tile_rows, end - start - skip);
  return {s, start + skip, rows, position, {seen_by(call, position).begin, position + rows}};
}

// N elements of a key a lane. blockIdx: tile, key-value head and tile of heads.
template <int N, class T, class C>
__global__ void __launch_bounds__(kThreads) attend_tile(Call<T, C> call) {
  const Work work = tile_of_many(call, static_cast<int>(blockIdx.x));
  if (work.rows == 0) return;
  const int head_tiles = (call.shared + call.vector_heads - 1) / call.vector_heads;
  const int y = static_cast<int>(blockIdx.y);
  attend<kMostVectors, N>(call, work, y / head_tiles, y % head_tiles * call.vector_heads,
                          [&](int v, int head, int d, float value, float sum, float) {
                            const std::int64_t row = work.row + v / call.vector_heads;
                            call.output[row * call.output_pitch + head * call.output_head_pitch + d] =
                                from_float<T>(value / sum);
                          });
}

template <int N, class T, class C>
void attend_to_tiles(Call<T, C> call, int kv_heads, CudaContext& context) {
  call.vector_heads = std::min(call.shared, kMostVectors), call.tile_rows = kMostVectors / call.vector_heads;
  const int head_tiles = (call.shared + call.vector_heads - 1) / call.vector_heads;
  const dim3 blocks(static_cast<unsigned>(call.rows / call.tile_rows + call.sequences),
                    static_cast<unsigned>(kv_heads * head_tiles));
  launch(context, attend_tile<N, T, C>, blocks, kThreads, call);
}

}  // namespace

void attend_to_many(const PagedAttention& op, CudaContext& context) {
  for_call(op, [&](const auto& call, auto n) {
    attend_to_tiles<decltype(n)::value>(call, static_cast<int>(op.key_cache.dim(1)), context);
  });
}

}  // namespace scalebench::cuda::paged
