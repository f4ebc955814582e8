// Sequences of one row, cut into parts that blocks of their own attend to (flash-decoding: Dao et al. 2023); the block
// that ends last puts them together. How many parts depends on nothing but the sequence's own length and the number of
// heads, so that a row's bits do not depend on what else is in the call.
#include "kernels/cuda/paged_attention.cuh"
#include "kernels/cuda/paged_attention.hpp"
#include "kernels/workspace.hpp"

namespace scalebench::cuda::paged {

namespace {

constexpr int kShortPart = 64, kLongPart = 128;  // keys
constexpr int kShortParts = 8;                   // as many parts of a sequence may be short
constexpr int kMostParts = 128;                  // see workspace.hpp

// Of a row that sees `seen` positions: a function of nothing else. Where there are few keys, what counts is how long a
// block takes; where there are many, what the parts cost to be put together.
__host__ __device__ inline int parts_of(std::int64_t seen, int most) {
  const std::int64_t of_short = (seen + kShortPart - 1) / kShortPart, of_long = (seen + kLongPart - 1) / kLongPart;
  const std::int64_t wanted = of_short <= kShortParts ? of_short : of_long < kShortParts ? kShortParts : of_long;
  return static_cast<int>(wanted < 1 ? 1 : wanted < most ? wanted : most);
}

struct Parts {
  float *sums, *weights;  // [S, A, most, D], [S, A, most, 2]: maximum and sum
  unsigned* ended;        // [S, K, tiles of heads]: parts so far, 0 before and after
  int most;
};
struct Part {
  Work work;
  int number, count;
};

template <class T, class C>
__device__ Part part_of(const Call<T, C>& call, int s, int number, int most) {
  const int row = call.starts[s], end = call.starts[s + 1];
  if (end - row != 1 || row < 0 || end > call.rows) return {};
  const Range seen = seen_by(call, call.lengths[s] - 1);
  const int keys = seen.end - seen.begin, count = parts_of(keys, most);
  if (number >= count) return {};
  const int each = (keys + count - 1) / count, begin = seen.begin + number * each;
  return {{s, row, 1, call.lengths[s] - 1, {begin, min(begin + each, seen.end)}}, number, count};
}

template <class T, class C>
__device__ std::int64_t place_of_parts(const Call<T, C>& call, const Parts& parts, int s, int head) {
  return (static_cast<std::int64_t>(s) * call.heads + head) * parts.most;
}

// Whether this block is the last of the `count` that come here; then it sees what the others wrote before.
__device__ inline bool is_last(unsigned* ended, int count) {
  __shared__ bool last;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    last = atomicInc(ended, static_cast<unsigned>(count) - 1) == static_cast<unsigned>(count) - 1;
    __threadfence();
  }
  __syncthreads();
  return last;
}

// What each part of a head counts for, by one warp a head: its share of the whole.
template <int V, class T, class C>
__device__ void find_shares(const Call<T, C>& call, const Parts& parts, const Part& part, int kv_head, int first,
                            float (*shares)[kMostParts]) {
  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
  for (int v = warp; v < V; v += kWarps) {
    const int head = head_of(call, part.work, kv_head, first, v);
    if (head < 0) continue;
    const float* const weights = parts.weights + 2 * place_of_parts(call, parts, part.work.sequence, head);
    float most = -INFINITY, sum = 0;
    for (int p = lane; p < part.count; p += kWarp) {
      shares[v][p] = __ldcg(weights + 2 * p);
      most = Maximum{}(shares[v][p], most);
    }
    most = over_warp(most, Maximum{});
    for (int p = lane; p < part.count; p += kWarp) {
      shares[v][p] = exponential(shares[v][p], most);
      sum = fmaf(shares[v][p], __ldcg(weights + 2 * p + 1), sum);
    }
    sum = over_warp(sum);
    for (int p = lane; p < part.count; p += kWarp) shares[v][p] /= sum;
  }
}

// All parts of the V heads of one tile.
template <int V, class T, class C>
__device__ void combine(const Call<T, C>& call, const Parts& parts, const Part& part, int kv_head, int first) {
  __shared__ float shares[V][kMostParts];
  find_shares<V>(call, parts, part, kv_head, first, shares);
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < V * call.size; i += kThreads) {
    const int v = i / call.size, d = i % call.size, head = head_of(call, part.work, kv_head, first, v);
    if (head < 0) continue;
    const float* const sums = parts.sums + place_of_parts(call, parts, part.work.sequence, head) * call.size + d;
    float value = 0;
#pragma unroll 8
    for (int p = 0; p < part.count; ++p) value = fmaf(shares[v][p], __ldcg(sums + p * call.size), value);
    call.output[part.work.row * call.output_pitch + head * call.output_head_pitch + d] = from_float<T>(value);
  }
}

// Of a multiprocessor: as many as its registers hold without spilling.
constexpr int blocks_at_once(int heads) { return heads <= 2 ? 4 : heads <= 4 ? 3 : 2; }

// V heads a tile, N elements of a key a lane. blockIdx: part, key-value head and tile of heads, sequence.
template <int V, int N, class T, class C>
__global__ void __launch_bounds__(kThreads, blocks_at_once(V)) attend_part(Call<T, C> call, Parts parts) {
  const int s = static_cast<int>(blockIdx.z), y = static_cast<int>(blockIdx.y);
  const Part part = part_of(call, s, static_cast<int>(blockIdx.x), parts.most);
  if (part.work.rows == 0) return;
  const int head_tiles = (call.shared + call.vector_heads - 1) / call.vector_heads;
  const int kv_head = y / head_tiles, first = y % head_tiles * call.vector_heads;
  attend<V, N>(call, part.work, kv_head, first, [&](int, int head, int d, float value, float sum, float most) {
    if (part.count == 1) {
      call.output[part.work.row * call.output_pitch + head * call.output_head_pitch + d] = from_float<T>(value / sum);
    } else {
      const std::int64_t place = place_of_parts(call, parts, s, head) + part.number;
      parts.sums[place * call.size + d] = value;
      if (d == 0) parts.weights[2 * place] = most, parts.weights[2 * place + 1] = sum;
    }
  });
  if (part.count == 1 || !is_last(parts.ended + static_cast<std::int64_t>(s) * gridDim.y + y, part.count)) return;
  combine<V>(call, parts, part, kv_head, first);
}

int widest_parts_of(const PagedAttention& op) {
  return parts_of(op.blocks.columns() * op.key_cache.dim(2), static_cast<int>(most_parts_of(op)));
}

template <int V, int N, class T, class C>
void attend_to_parts(Call<T, C> call, const PagedAttention& op, CudaContext& context) {
  call.vector_heads = std::min(call.shared, V), call.tile_rows = 1;
  const int head_tiles = (call.shared + call.vector_heads - 1) / call.vector_heads;
  Parts parts{};
  parts.most = widest_parts_of(op);
  const std::int64_t tiles = op.key_cache.dim(1) * head_tiles;
  const std::int64_t places = op.lengths.count() * op.query.dim(1) * parts.most;
  if (parts.most > 1) {
    parts.sums = reinterpret_cast<float*>(
        context.scratch(static_cast<std::size_t>(places) * (static_cast<std::size_t>(call.size) + 2) * sizeof(float)));
    parts.weights = parts.sums + places * call.size;
    parts.ended = context.counters(op.lengths.count() * tiles);
  }
  const dim3 blocks(static_cast<unsigned>(parts.most), static_cast<unsigned>(tiles),
                    static_cast<unsigned>(call.sequences));
  launch(context, attend_part<V, N, T, C>, blocks, kThreads, call, parts);
}

}  // namespace

void attend_to_ones(const PagedAttention& op, CudaContext& context) {
  for_call(op, [&](const auto& call, auto n) {
    constexpr int kCount = decltype(n)::value;
    if (call.shared == 1) return attend_to_parts<1, kCount>(call, op, context);
    if (call.shared == 2) return attend_to_parts<2, kCount>(call, op, context);
    if (call.shared <= 4) return attend_to_parts<4, kCount>(call, op, context);
    attend_to_parts<kMostVectors, kCount>(call, op, context);
  });
}

}  // namespace scalebench::cuda::paged
