// What rows that decode and rows of prompts share: a block reads keys and values once for a tile of vectors (the query
// heads that share them, of one row or of some).
#pragma once

#include <type_traits>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/numbers.cuh"
#include "kernels/cuda/paged_cache.cuh"
#include "kernels/ops.hpp"

namespace scalebench::cuda::paged {

inline constexpr int kThreads = 128, kWarps = kThreads / kWarp;
inline constexpr int kMostSize = 256;   // of a head
inline constexpr int kMostVectors = 8;  // of a tile
inline constexpr int kBeside = 4;       // keys that a lane has under way
inline constexpr float kLog2E = 1.44269504088896F;

// What all kernels know.
template <class T, class C>
struct Call {
  const T* query;
  T* output;
  PagedCache<const C> keys, values;
  const std::int32_t *starts{}, *lengths{}, *blocks{};
  std::int64_t query_pitch{}, query_head_pitch{}, output_pitch{}, output_head_pitch{}, table_pitch{};
  int rows{}, sequences{}, columns{};  // N, S, M
  int heads{}, shared{}, size{};       // A, A / K, D
  int vector_heads{}, tile_rows{};     // of a tile: heads of each row, rows
  int lanes{};                         // that share a key: a power of two
  int shift{};                         // log2 P; -1: no power of two
  bool packed{};                       // keys and values lie in packs
  float scale{};                       // times log2 e
  std::int64_t window{};
};

struct Range {
  int begin, end;
};

// Rows that a block attends to, of one sequence, and the positions that it reads for them.
struct Work {
  int sequence, row, rows;  // row: of all rows
  int position;             // of its first row
  Range keys;
};

template <class T, class C>
__device__ Range seen_by(const Call<T, C>& call, int position) {
  const std::int64_t begin = call.window == 0 ? 0 : position + 1 - call.window;
  return {static_cast<int>(max(begin, std::int64_t{0})), position + 1};
}

// Of a tile's vector; -1: it is none.
template <class T, class C>
__device__ int head_of(const Call<T, C>& call, const Work& work, int kv_head, int first, int v) {
  const int head = first + v % call.vector_heads;
  return head < call.shared && v / call.vector_heads < work.rows ? kv_head * call.shared + head : -1;
}

// Where position `key` lies; null where the table does not know.
template <class T, class C>
__device__ const C* place_of(const Call<T, C>& call, const PagedCache<const C>& cache, int block, int kv_head,
                             int key) {
  if (block < 0 || block >= cache.blocks) return nullptr;
  const int place = call.shift >= 0 ? key & (cache.positions - 1) : key % cache.positions;
  return cache.at(block, kv_head, place);
}
template <class T, class C>
__device__ int block_of(const Call<T, C>& call, int sequence, int key) {
  const int column = call.shift >= 0 ? key >> call.shift : key / call.keys.positions;
  return column < call.columns ? call.blocks[sequence * call.table_pitch + column] : -1;
}

// Maximum, sum and weighted values of V vectors over the keys that a lane's group has seen; a lane holds N elements.
template <int V, int N>
struct Sums {
  float most[V], sum[V], at[V][N];
  __device__ Sums() {
    for (int v = 0; v < V; ++v) {
      most[v] = -INFINITY, sum[v] = 0;
      for (int i = 0; i < N; ++i) at[v][i] = 0;
    }
  }
};

__device__ inline float exponential(float x, float most) { return x == most ? 1.0F : exp2f(x - most); }

// The blocks of kBeside keys from `key` on, `step` apart; -1 where there is none.
template <class T, class C>
__device__ void find_blocks(const Call<T, C>& call, const Work& work, int key, int step, int (&blocks)[kBeside]) {
#pragma unroll
  for (int u = 0; u < kBeside; ++u)
    blocks[u] = key + u * step < work.keys.end ? block_of(call, work.sequence, key + u * step) : -1;
}

// The elements from `at` on of kBeside keys and values. Where the table knows no place they are NaN: only who sees them
// takes them.
template <int N, class T, class C>
__device__ void read_plainly(const Call<T, C>& call, int kv_head, int key, int step, int at,
                             const int (&blocks)[kBeside], float (&keys)[kBeside][N], float (&values)[kBeside][N]) {
#pragma unroll
  for (int u = 0; u < kBeside; ++u) {
    const int mine = key + u * step;
    const C* const k = place_of(call, call.keys, blocks[u], kv_head, mine);
    const C* const v = place_of(call, call.values, blocks[u], kv_head, mine);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const bool inside = at + i < call.size;
      keys[u][i] = k == nullptr ? NAN : inside ? to_float(k[at + i]) : 0.0F;
      values[u][i] = v == nullptr ? NAN : inside ? to_float(v[at + i]) : 0.0F;
    }
  }
}

// The same from packs: all are asked for before any is looked at. Who has none reads another's.
template <int N, class T, class C>
__device__ void read_packs(const Call<T, C>& call, int kv_head, int key, int step, int at, const int (&blocks)[kBeside],
                           float (&keys)[kBeside][N], float (&values)[kBeside][N]) {
  Pack<C, N> of_keys[kBeside], of_values[kBeside];
  const bool inside = at < call.size;
  const int from = inside ? at : 0;
#pragma unroll
  for (int u = 0; u < kBeside; ++u) {
    const int mine = key + u * step, block = min(max(blocks[u], 0), call.keys.blocks - 1);
    of_keys[u] = *reinterpret_cast<const Pack<C, N>*>(place_of(call, call.keys, block, kv_head, mine) + from);
    of_values[u] = *reinterpret_cast<const Pack<C, N>*>(place_of(call, call.values, block, kv_head, mine) + from);
  }
#pragma unroll
  for (int u = 0; u < kBeside; ++u) {
    const bool known = blocks[u] >= 0 && blocks[u] < call.keys.blocks;
#pragma unroll
    for (int i = 0; i < N; ++i) {
      keys[u][i] = known ? inside ? to_float(of_keys[u].at[i]) : 0.0F : NAN;
      values[u][i] = known ? inside ? to_float(of_values[u].at[i]) : 0.0F : NAN;
    }
  }
}

// Adds these keys, and finds the blocks of those that come next, so that nobody waits for the table.
template <int V, int N, class T, class C>
__device__ void add_keys(const Call<T, C>& call, const Work& work, int kv_head, int key, int step, int at,
                         const float (*query)[kMostSize], int (&blocks)[kBeside], Sums<V, N>& sums) {
  float keys[kBeside][N], values[kBeside][N];
  int next[kBeside];
  find_blocks(call, work, key + kBeside * step, step, next);
  if (call.packed)
    read_packs(call, kv_head, key, step, at, blocks, keys, values);
  else
    read_plainly(call, kv_head, key, step, at, blocks, keys, values);
#pragma unroll
  for (int u = 0; u < kBeside; ++u) blocks[u] = next[u];
#pragma unroll
  for (int v = 0; v < V; ++v) {
    float scores[kBeside] = {}, ones[N];
#pragma unroll
    for (int i = 0; i < N; ++i) ones[i] = query[v][at + i];
#pragma unroll
    for (int u = 0; u < kBeside; ++u) {
#pragma unroll
      for (int i = 0; i < N; ++i) scores[u] = fmaf(ones[i], keys[u][i], scores[u]);
      for (int offset = call.lanes / 2; offset > 0; offset /= 2)
        scores[u] += __shfl_xor_sync(kAllLanes, scores[u], offset);
    }
    const Range seen = seen_by(call, work.position + v / call.vector_heads);
    bool sees[kBeside];
    float most = sums.most[v];
#pragma unroll
    for (int u = 0; u < kBeside; ++u) {
      const int mine = key + u * step;
      sees[u] = mine >= seen.begin && mine < min(seen.end, work.keys.end);
      if (sees[u]) most = Maximum{}(scores[u], most);
    }
    const float less = exponential(sums.most[v], most);
    sums.most[v] = most, sums.sum[v] *= less;
#pragma unroll
    for (int i = 0; i < N; ++i) sums.at[v][i] *= less;
#pragma unroll
    for (int u = 0; u < kBeside; ++u)
      if (sees[u]) {
        const float weight = exp2f(scores[u] - most);
        sums.sum[v] += weight;
#pragma unroll
        for (int i = 0; i < N; ++i) sums.at[v][i] = fmaf(weight, values[u][i], sums.at[v][i]);
      }
  }
}

// Of the groups of lanes of each warp, then of the warps: all in one order.
template <int V, int N>
struct Shared {
  float query[V][kMostSize];
  float at[kWarps][V][kMostSize];
  float most[kWarps][V], sum[kWarps][V];
};

template <int V, int N>
__device__ void join_lanes(int lanes, Sums<V, N>& sums) {
#pragma unroll
  for (int v = 0; v < V; ++v)
    for (int offset = lanes; offset < kWarp; offset *= 2) {
      const float other = __shfl_xor_sync(kAllLanes, sums.most[v], offset), most = Maximum{}(sums.most[v], other);
      const float mine = exponential(sums.most[v], most), theirs = exponential(other, most);
      sums.most[v] = most;
      sums.sum[v] = mine * sums.sum[v] + theirs * __shfl_xor_sync(kAllLanes, sums.sum[v], offset);
#pragma unroll
      for (int i = 0; i < N; ++i)
        sums.at[v][i] = mine * sums.at[v][i] + theirs * __shfl_xor_sync(kAllLanes, sums.at[v][i], offset);
    }
}

// What V vectors of a tile come to: calls finish(v, head, d, value, sum, most) for each element that is one. kv_head
// and the first of the heads that share its keys; all threads of the block must come here.
template <int V, int N, class T, class C, class Finish>
__device__ void attend(const Call<T, C>& call, const Work& work, int kv_head, int first, const Finish& finish) {
  __shared__ Shared<V, N> shared;
  const int thread = static_cast<int>(threadIdx.x), warp = thread / kWarp, lane = thread % kWarp;
  for (int i = thread; i < V * kMostSize; i += kThreads) {
    const int v = i / kMostSize, d = i % kMostSize, head = head_of(call, work, kv_head, first, v);
    const T* const from = call.query + (work.row + v / call.vector_heads) * call.query_pitch;
    shared.query[v][d] =
        head >= 0 && d < call.size ? to_float(from[head * call.query_head_pitch + d]) * call.scale : 0.0F;
  }
  __syncthreads();
  Sums<V, N> sums;
  const int groups = kWarps * kWarp / call.lanes, group = thread / call.lanes, at = lane % call.lanes * N;
  int blocks[kBeside];
  find_blocks(call, work, work.keys.begin + group, groups, blocks);
  for (int key = work.keys.begin; key < work.keys.end; key += kBeside * groups)
    add_keys(call, work, kv_head, key + group, groups, at, shared.query, blocks, sums);
  join_lanes(call.lanes, sums);
#pragma unroll
  for (int v = 0; v < V; ++v) {
    if (lane < call.lanes)
#pragma unroll
      for (int i = 0; i < N; ++i)
        if (at + i < kMostSize) shared.at[warp][v][at + i] = sums.at[v][i];
    if (lane == 0) shared.most[warp][v] = sums.most[v], shared.sum[warp][v] = sums.sum[v];
  }
  __syncthreads();
  for (int i = thread; i < V * call.size; i += kThreads) {
    const int v = i / call.size, d = i % call.size, head = head_of(call, work, kv_head, first, v);
    if (head < 0) continue;
    float most = shared.most[0][v], sum = 0, value = 0;
    for (int w = 1; w < kWarps; ++w) most = Maximum{}(shared.most[w][v], most);
    for (int w = 0; w < kWarps; ++w) {
      const float weight = exponential(shared.most[w][v], most);
      sum += weight * shared.sum[w][v], value += weight * shared.at[w][v][d];
    }
    finish(v, head, d, value, sum, most);
  }
}

inline int power_from(int x) {
  int power = 1;
  while (power < x) power *= 2;
  return power;
}

// Whether heads of queries, keys and values lie in packs.
template <int N, class C>
bool in_packs(const PagedAttention& op) {
  constexpr std::int64_t kCount = N;
  const auto lies = [](const Tensor& cache) {
    bool packs = reinterpret_cast<std::uintptr_t>(cache.address()) % sizeof(Pack<C, N>) == 0;
    for (const int axis : {0, 1, 2}) packs = packs && cache.stride(axis) % kCount == 0;
    return packs;
  };
  return op.query.dim(2) % kCount == 0 && lies(op.key_cache) && lies(op.value_cache);
}

template <int N, class T, class C>
Call<T, C> call_of(const PagedAttention& op) {
  Call<T, C> call{data_of<T>(op.query), data_of<T>(op.output), PagedCache<const C>(op.key_cache),
                  PagedCache<const C>(op.value_cache)};
  call.starts = data_of<std::int32_t>(op.starts), call.lengths = data_of<std::int32_t>(op.lengths);
  call.blocks = data_of<std::int32_t>(op.blocks), call.table_pitch = op.blocks.stride(0);
  call.query_pitch = op.query.stride(0), call.query_head_pitch = op.query.stride(1);
  call.output_pitch = op.output.stride(0), call.output_head_pitch = op.output.stride(1);
  call.rows = static_cast<int>(op.query.dim(0)), call.sequences = static_cast<int>(op.lengths.count());
  call.columns = static_cast<int>(op.blocks.columns());
  call.heads = static_cast<int>(op.query.dim(1)), call.size = static_cast<int>(op.query.dim(2));
  call.shared = static_cast<int>(op.query.dim(1) / op.key_cache.dim(1));
  const int power = power_from(call.keys.positions);
  call.shift = power == call.keys.positions ? __builtin_ctz(static_cast<unsigned>(power)) : -1;
  call.packed = in_packs<N, C>(op), call.window = op.window;
  call.scale = static_cast<float>(op.scale) * kLog2E;
  call.lanes = power_from((call.size + N - 1) / N);
  return call;
}

// Calls body(call, N): N elements of a head are a lane's.
template <class Body>
void for_call(const PagedAttention& op, const Body& body) {
  for_dtype(op.query, [&](auto type) {
    for_dtype(op.key_cache, [&](auto cache_type) {
      using T = decltype(type);
      using C = decltype(cache_type);
      constexpr int kCount = Pack<C>::kCount;
      if (op.query.dim(2) <= kWarp * kCount)
        body(call_of<kCount, T, C>(op), std::integral_constant<int, kCount>{});
      else
        body(call_of<8, T, C>(op), std::integral_constant<int, 8>{});
    });
  });
}

}  // namespace scalebench::cuda::paged
