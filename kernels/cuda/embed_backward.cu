// d_table[id, :] += the rows of the tokens with this id, in their order.
//
// Tokens are sorted by id; pieces of kPiece of them are summed side by side, a run of equal ids at a time. A run within
// one piece goes to the table at once; what a piece has of a longer run goes to `parts`, and a second kernel adds the
// parts in their order. So d_output is read once, whatever the ids are: 64 of them (base/synthetic_language.hpp) or a
// vocabulary of 128k.
#include "kernels/cuda/cells.cuh"
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/sorted_ids.cuh"

namespace scalebench::cuda {

namespace {

constexpr int kPiece = 64;

struct Sorted {
  const SortKey* keys;
  std::int64_t count;
  __device__ std::int64_t row(std::int64_t at) const { return row_of(keys[at]); }
  // Whether the token at `at` has the id of the one before.
  __device__ bool continues(std::int64_t at) const { return at > 0 && at < count && row(at) == row(at - 1); }
};

// Of one piece: the sum of a run that began before (0), and of one that begins here and goes on behind (1).
struct Parts {
  float* data;
  std::int64_t width;
  __device__ float* at(std::int64_t piece, int which) const { return data + (2 * piece + which) * width; }
};

template <int N>
__device__ void add_to(float* place, const Pack<float, N>& sum) {
  auto all = load<N>(place);
  for (int i = 0; i < N; ++i) all.at[i] += sum.at[i];
  store(place, all);
}

// Blocks along x: pieces, along y: columns.
template <class T, int N>
__global__ void sum_pieces(Sorted sorted, Rows<T> d_output, Rows<float> d_table, Parts parts) {
  constexpr int kAhead = 4;  // rows whose reading is under way
  __shared__ SortKey keys[kPiece];
  const std::int64_t piece = blockIdx.x, begin = piece * kPiece;
  const int count = static_cast<int>(min(std::int64_t{kPiece}, sorted.count - begin));
  for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x))
    keys[i] = sorted.keys[begin + i];
  __syncthreads();
  const std::int64_t column = (static_cast<std::int64_t>(blockIdx.y) * blockDim.x + threadIdx.x) * N;
  if (column >= d_output.width) return;
  bool before = sorted.continues(begin);
  Pack<float, N> sum{};
  for (int i = 0; i < count; i += kAhead) {
    Pack<T, N> read[kAhead];
    for (int k = 0; k < kAhead; ++k)
      if (i + k < count && row_of(keys[i + k]) < d_table.count)
        read[k] = load<N>(d_output[token_of(keys[i + k])] + column);
    for (int k = 0; k < kAhead && i + k < count; ++k) {
      const std::int64_t row = row_of(keys[i + k]);
      if (row == d_table.count) return;  // what follows is not in the table either
      for (int j = 0; j < N; ++j) sum.at[j] += to_float(read[k].at[j]);
      const bool last = i + k + 1 == count;
      if (!last && row_of(keys[i + k + 1]) == row) continue;
      if (before)
        store(parts.at(piece, 0) + column, sum);
      else if (last && sorted.continues(begin + count))
        store(parts.at(piece, 1) + column, sum);
      else
        add_to(d_table[row] + column, sum);
      sum = {}, before = false;
    }
  }
}

// For the piece where a run of several pieces begins.
template <int N>
__global__ void sum_parts(Sorted sorted, Rows<float> d_table, Parts parts) {
  const std::int64_t piece = blockIdx.x, behind = (piece + 1) * kPiece;
  if (!sorted.continues(behind)) return;
  const std::int64_t row = sorted.row(behind), begin = piece * kPiece;
  if (row == d_table.count || (sorted.row(begin) == row && sorted.continues(begin))) return;
  std::int64_t end = piece + 1;  // the first piece that has nothing of the run
  while (sorted.continues(end * kPiece) && sorted.row(end * kPiece) == row) ++end;
  const std::int64_t column = (static_cast<std::int64_t>(blockIdx.y) * blockDim.x + threadIdx.x) * N;
  if (column >= d_table.width) return;
  auto sum = load<N>(parts.at(piece, 1) + column);
#pragma unroll 4
  for (std::int64_t next = piece + 1; next < end; ++next) {
    const auto part = load<N>(parts.at(next, 0) + column);
    for (int i = 0; i < N; ++i) sum.at[i] += part.at[i];
  }
  add_to(d_table[row] + column, sum);
}

template <class T, int N>
void add_rows(CudaContext& context, const Sorted& sorted, const Rows<T>& d_output, const Rows<float>& d_table,
              const Parts& parts) {
  const dim3 blocks(blocks_for(sorted.count, kPiece), blocks_for(d_output.width, std::int64_t{kCellThreads} * N));
  launch(context, sum_pieces<T, N>, blocks, kCellThreads, sorted, d_output, d_table, parts);
  launch(context, sum_parts<N>, blocks, kCellThreads, sorted, d_table, parts);
}

}  // namespace

void compute(const EmbedBackward& op, CudaContext& context) {
  need(op.d_table.dtype() == DType::f32 && op.d_output.columns() == op.d_table.columns() &&
           op.d_output.rows() == op.tokens.count(),
       op.d_output, "has not the rows and columns of its tokens and table");
  const Ids ids = ids_of(op.tokens);
  const std::int64_t count = op.tokens.count(), width = op.d_table.columns();
  const auto d_table = rows_of<float>(op.d_table);
  const std::size_t keys_bytes = (static_cast<std::size_t>(count) * sizeof(SortKey) + 255) / 256 * 256;
  const std::size_t parts_bytes =
      2 * static_cast<std::size_t>(blocks_for(count, kPiece)) * static_cast<std::size_t>(width) * sizeof(float);
  std::byte* const memory = context.scratch(2 * keys_bytes + parts_bytes);
  auto* const keys = reinterpret_cast<SortKey*>(memory);
  auto* const spare = reinterpret_cast<SortKey*>(memory + keys_bytes);
  const Sorted sorted{sort_ids(context, ids, count, op.first, d_table.count, keys, spare), count};
  const Parts parts{reinterpret_cast<float*>(memory + 2 * keys_bytes), width};
  for_dtype(op.d_output, [&](auto type) {
    using T = decltype(type);
    const auto d_output = rows_of<T>(op.d_output);
    constexpr int kCount = Pack<T>::kCount;
    if (packs_by<kCount>(d_output) && packs_by<kCount>(d_table))
      add_rows<T, kCount>(context, sorted, d_output, d_table, parts);
    else
      add_rows<T, 1>(context, sorted, d_output, d_table, parts);
  });
}

}  // namespace scalebench::cuda
