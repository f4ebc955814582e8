// PagedAttention: a block reads keys and values once for a tile of vectors (the query heads that share them, of one row
// or of some). Sequences of one row are cut into parts that blocks of their own attend to, combined afterwards
// (flash-decoding: Dao et al. 2023). How many parts depends on nothing but the sequence's own length and the number of
// heads, so that a row's bits do not depend on what else is in the call.
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/numbers.cuh"
#include "kernels/cuda/paged_cache.cuh"

namespace scalebench::cuda {

namespace {

constexpr int kThreads = 128, kWarps = kThreads / kWarp;
constexpr int kMostSize = 256;   // of a head
constexpr int kMostVectors = 8;  // of a tile
constexpr int kBeside = 4;       // keys that a lane has under way
constexpr int kLeastPart = 256;  // keys
constexpr float kLog2E = 1.44269504088896F;

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
  int most_parts{};
  bool packed{};  // keys and values lie in packs
  float scale{};  // times log2 e
  std::int64_t window{};
  float *sums{}, *weights{};  // [S, A, most_parts, D], [S, A, most_parts, 2]: maximum and sum
};

struct Range {
  int begin, end;
};

// Of a row that sees `seen` positions: a function of nothing else.
__device__ int parts_of(int seen, int most) {
  return max(1, min(most, static_cast<int>((seen + std::int64_t{kLeastPart} - 1) / kLeastPart)));
}

// Rows that a block attends to, of one sequence, and the positions that it reads for them.
struct Work {
  int sequence, row, rows;  // row: of all rows
  int position;             // of its first row
  int part, parts;
  Range keys;
};

template <class T, class C>
__device__ Range seen_by(const Call<T, C>& call, int position) {
  const std::int64_t begin = call.window == 0 ? 0 : position + 1 - call.window;
  return {static_cast<int>(max(begin, std::int64_t{0})), position + 1};
}

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
  return {s, start + skip, rows, position, 0, 1, {seen_by(call, position).begin, position + rows}};
}

template <class T, class C>
__device__ Work part_of_one(const Call<T, C>& call, int s, int part) {
  const int row = call.starts[s], end = call.starts[s + 1];
  if (end - row != 1 || row < 0 || end > call.rows) return {};
  const Range seen = seen_by(call, call.lengths[s] - 1);
  const int count = seen.end - seen.begin, parts = parts_of(count, call.most_parts);
  if (part >= parts) return {};
  const int each = (count + parts - 1) / parts, begin = seen.begin + part * each;
  return {s, row, 1, call.lengths[s] - 1, part, parts, {begin, min(begin + each, seen.end)}};
}

// N elements of a head from element `at` on; what lies behind its end is 0.
template <int N, class T>
__device__ void read(const T* head, int at, int size, bool packed, float (&to)[N]) {
  if (packed && at + N <= size) {
    const auto pack = *reinterpret_cast<const Pack<T, N>*>(head + at);
#pragma unroll
    for (int i = 0; i < N; ++i) to[i] = to_float(pack.at[i]);
  } else {
#pragma unroll
    for (int i = 0; i < N; ++i) to[i] = at + i < size ? to_float(head[at + i]) : 0.0F;
  }
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

// Adds kBeside keys from `key` on, `step` apart.
template <int V, int N, class T, class C>
__device__ void add_keys(const Call<T, C>& call, const Work& work, int kv_head, int key, int step, int at,
                         const float (*query)[kMostSize], Sums<V, N>& sums) {
  float keys[kBeside][N], values[kBeside][N];
#pragma unroll
  for (int u = 0; u < kBeside; ++u) {
    const int mine = key + u * step;
    const int block = mine < work.keys.end ? block_of(call, work.sequence, mine) : -1;
    const C* const k = place_of(call, call.keys, block, kv_head, mine);
    const C* const v = place_of(call, call.values, block, kv_head, mine);
    if (k != nullptr) {
      read(k, at, call.size, call.packed, keys[u]);
      read(v, at, call.size, call.packed, values[u]);
    } else {
#pragma unroll
      for (int i = 0; i < N; ++i) keys[u][i] = values[u][i] = NAN;  // only who sees it takes it
    }
  }
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

// V vectors a tile, N elements of a key a lane. blockIdx: tile or part, key-value head and tile of heads, sequence.
template <int V, int N, bool One, class T, class C>
__global__ void __launch_bounds__(kThreads) attend(Call<T, C> call) {
  __shared__ Shared<V, N> shared;
  const int thread = static_cast<int>(threadIdx.x), warp = thread / kWarp, lane = thread % kWarp;
  const int x = static_cast<int>(blockIdx.x);
  const Work work = One ? part_of_one(call, static_cast<int>(blockIdx.z), x) : tile_of_many(call, x);
  if (work.rows == 0) return;
  const int head_tiles = (call.shared + call.vector_heads - 1) / call.vector_heads;
  const int kv_head = static_cast<int>(blockIdx.y) / head_tiles;
  const int first = static_cast<int>(blockIdx.y) % head_tiles * call.vector_heads;  // of the heads that share keys
  // Of a vector that is none: -1.
  const auto head_of = [&](int v) {
    const int head = first + v % call.vector_heads;
    return head < call.shared && v / call.vector_heads < work.rows ? kv_head * call.shared + head : -1;
  };
  for (int i = thread; i < V * kMostSize; i += kThreads) {
    const int v = i / kMostSize, d = i % kMostSize, head = head_of(v);
    const T* const from = call.query + (work.row + v / call.vector_heads) * call.query_pitch;
    shared.query[v][d] =
        head >= 0 && d < call.size ? to_float(from[head * call.query_head_pitch + d]) * call.scale : 0.0F;
  }
  __syncthreads();
  Sums<V, N> sums;
  const int groups = kWarps * kWarp / call.lanes, group = thread / call.lanes, at = lane % call.lanes * N;
  for (int key = work.keys.begin; key < work.keys.end; key += kBeside * groups)
    add_keys(call, work, kv_head, key + group, groups, at, shared.query, sums);
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
    const int v = i / call.size, d = i % call.size, head = head_of(v);
    if (head < 0) continue;
    float most = shared.most[0][v], sum = 0, value = 0;
    for (int w = 1; w < kWarps; ++w) most = Maximum{}(shared.most[w][v], most);
    for (int w = 0; w < kWarps; ++w) {
      const float weight = exponential(shared.most[w][v], most);
      sum += weight * shared.sum[w][v], value += weight * shared.at[w][v][d];
    }
    if (work.parts == 1) {
      const std::int64_t row = work.row + v / call.vector_heads;
      call.output[row * call.output_pitch + head * call.output_head_pitch + d] = from_float<T>(value / sum);
    } else {
      const std::int64_t place =
          (static_cast<std::int64_t>(work.sequence) * call.heads + head) * call.most_parts + work.part;
      call.sums[place * call.size + d] = value;
      if (d == 0) call.weights[2 * place] = most, call.weights[2 * place + 1] = sum;
    }
  }
}

// Parts of the sequences of one row. blockIdx: head, sequence.
template <class T, class C>
__global__ void combine(Call<T, C> call) {
  const int s = static_cast<int>(blockIdx.y), head = static_cast<int>(blockIdx.x);
  const Work work = part_of_one(call, s, 0);
  if (work.rows == 0 || work.parts == 1) return;
  const std::int64_t place = (static_cast<std::int64_t>(s) * call.heads + head) * call.most_parts;
  const float* const weights = call.weights + 2 * place;
  float most = weights[0], sum = 0;
  for (int part = 1; part < work.parts; ++part) most = Maximum{}(weights[2 * part], most);
  for (int part = 0; part < work.parts; ++part) sum += exponential(weights[2 * part], most) * weights[2 * part + 1];
  for (int d = static_cast<int>(threadIdx.x); d < call.size; d += kThreads) {
    float value = 0;
    for (int part = 0; part < work.parts; ++part)
      value += exponential(weights[2 * part], most) * call.sums[(place + part) * call.size + d];
    call.output[work.row * call.output_pitch + head * call.output_head_pitch + d] = from_float<T>(value / sum);
  }
}

int power_from(int x) {
  int power = 1;
  while (power < x) power *= 2;
  return power;
}

template <int V, int N, class T, class C>
void attend_to_ones(Call<T, C> call, int kv_heads, CudaContext& context) {
  call.vector_heads = std::min(call.shared, V), call.tile_rows = 1;
  const int head_tiles = (call.shared + call.vector_heads - 1) / call.vector_heads;
  const dim3 blocks(static_cast<unsigned>(call.most_parts), static_cast<unsigned>(kv_heads * head_tiles),
                    static_cast<unsigned>(call.sequences));
  launch(context, attend<V, N, true, T, C>, blocks, kThreads, call);
  if (call.most_parts == 1) return;
  const dim3 heads(static_cast<unsigned>(call.heads), static_cast<unsigned>(call.sequences));
  launch(context, combine<T, C>, heads, kThreads, call);
}

template <int N, class T, class C>
void attend_to_many(Call<T, C> call, int kv_heads, CudaContext& context) {
  call.vector_heads = std::min(call.shared, kMostVectors), call.tile_rows = kMostVectors / call.vector_heads;
  const int head_tiles = (call.shared + call.vector_heads - 1) / call.vector_heads;
  const dim3 blocks(static_cast<unsigned>(call.rows / call.tile_rows + call.sequences),
                    static_cast<unsigned>(kv_heads * head_tiles));
  launch(context, attend<kMostVectors, N, false, T, C>, blocks, kThreads, call);
}

// At most as many parts a sequence as blocks of all its key-value heads fill a GPU with.
int most_parts_of(const PagedAttention& op) {
  const std::int64_t widest = op.blocks.columns() * op.key_cache.dim(2);
  const std::int64_t most = std::clamp<std::int64_t>(256 / op.key_cache.dim(1), 8, 128);
  return static_cast<int>(std::clamp<std::int64_t>((widest + kLeastPart - 1) / kLeastPart, 1, most));
}

// Whether heads of queries, keys and values lie in packs.
template <class C>
bool in_packs(const PagedAttention& op) {
  constexpr std::int64_t kCount = Pack<C>::kCount;
  const auto lies = [](const Tensor& cache) {
    bool packs = reinterpret_cast<std::uintptr_t>(cache.address()) % sizeof(Pack<C>) == 0;
    for (const int axis : {0, 1, 2}) packs = packs && cache.stride(axis) % kCount == 0;
    return packs;
  };
  return op.query.dim(2) % kCount == 0 && lies(op.key_cache) && lies(op.value_cache);
}

template <class T, class C>
Call<T, C> call_of(const PagedAttention& op, CudaContext& context) {
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
  call.packed = in_packs<C>(op), call.window = op.window;
  call.scale = static_cast<float>(op.scale) * kLog2E;
  call.most_parts = most_parts_of(op);
  const std::size_t places = static_cast<std::size_t>(call.sequences) * static_cast<std::size_t>(call.heads) *
                             static_cast<std::size_t>(call.most_parts);
  if (call.most_parts > 1)
    call.sums =
        reinterpret_cast<float*>(context.scratch(places * (static_cast<std::size_t>(call.size) + 2) * sizeof(float)));
  call.weights = call.sums + places * static_cast<std::size_t>(call.size);
  return call;
}

template <int N, class T, class C>
void attend_all(Call<T, C> call, int kv_heads, CudaContext& context) {
  call.lanes = power_from((call.size + N - 1) / N);
  if (call.rows > 1) attend_to_many<N>(call, kv_heads, context);
  if (call.shared == 1) return attend_to_ones<1, N>(call, kv_heads, context);
  if (call.shared == 2) return attend_to_ones<2, N>(call, kv_heads, context);
  if (call.shared <= 4) return attend_to_ones<4, N>(call, kv_heads, context);
  attend_to_ones<kMostVectors, N>(call, kv_heads, context);
}

void check(const PagedAttention& op) {
  const Tensor &query = op.query, &keys = op.key_cache, &values = op.value_cache;
  need(query.rank() == 3 && keys.rank() == 4 && keys.dim(1) > 0 && query.dim(1) % keys.dim(1) == 0 &&
           query.dim(2) == keys.dim(3) && query.stride(2) == 1 && keys.stride(3) == 1 && op.window >= 0 &&
           query.dim(2) <= kMostSize,
       query, "attends to no cache of such keys");
  need(values.rank() == 4 && values.dtype() == keys.dtype() && values.dim(0) == keys.dim(0) &&
           values.dim(1) == keys.dim(1) && values.dim(2) == keys.dim(2) && values.dim(3) == keys.dim(3) &&
           values.stride(3) == 1,
       values, "is no cache of values beside that of the keys");
  need(op.output.dtype() == query.dtype() && op.output.dim(0) == query.dim(0) && op.output.dim(1) == query.dim(1) &&
           op.output.dim(2) == query.dim(2) && op.output.stride(2) == 1,
       op.output, "is not like the query");
  need(op.starts.count() == op.lengths.count() + 1 && op.blocks.rows() == op.lengths.count(), op.blocks,
       "is not the table of as many sequences");
}

}  // namespace

void compute(const PagedAttention& op, CudaContext& context) {
  check(op);
  if (op.query.dim(0) == 0) return;
  for_dtype(op.query, [&](auto type) {
    for_dtype(op.key_cache, [&](auto cache_type) {
      using T = decltype(type);
      using C = decltype(cache_type);
      const Call<T, C> call = call_of<T, C>(op, context);
      const auto kv_heads = static_cast<int>(op.key_cache.dim(1));
      if (call.size <= kWarp * Pack<C>::kCount)
        attend_all<Pack<C>::kCount>(call, kv_heads, context);
      else
        attend_all<8>(call, kv_heads, context);
    });
  });
}

}  // namespace scalebench::cuda
