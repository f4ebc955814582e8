// Rows of a table by ids or by positions: Embed, AddPositions, PositionsBackward. An id or a position that is none
// gives rows of NaN: a kernel has no other way to say so.
#include "kernels/cuda/cells.cuh"
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/ids.cuh"

namespace scalebench::cuda {

namespace {

template <class T, int N>
__device__ Pack<T, N> all_of(float value) {
  Pack<T, N> pack;
  for (T& one : pack.at) one = from_float<T>(value);
  return pack;
}

__device__ inline float not_a_number() { return __uint_as_float(0x7FC00000U); }

template <class T, int N>
__global__ void embed(Ids ids, Rows<T> table, Rows<T> output, std::int64_t first, std::int64_t vocabulary) {
  for_cells<N>(output.count, output.width, [&](std::int64_t n, std::int64_t column) {
    const std::int64_t id = ids[n], row = id - first;
    T* const to = output[n] + column;
    if (id < 0 || id >= vocabulary)
      store(to, all_of<T, N>(not_a_number()));
    else if (row < 0 || row >= table.count)
      store(to, all_of<T, N>(0));
    else
      store(to, load<N>(table[row] + column));
  });
}

template <class T, int N>
__global__ void add_positions(Rows<T> table, Rows<T> output, const std::int32_t* positions, unsigned first,
                              unsigned sequence) {
  for_cells<N>(output.count, output.width, [&](std::int64_t n, std::int64_t column) {
    const std::int64_t position =
        positions != nullptr ? positions[n] : static_cast<std::int64_t>((first + static_cast<unsigned>(n)) % sequence);
    auto sum = load<N>(output[n] + column);
    const bool known = position >= 0 && position < table.count;
    const auto added = known ? load<N>(table[position] + column) : all_of<T, N>(not_a_number());
    for (int i = 0; i < N; ++i) sum.at[i] = from_float<T>(to_float(sum.at[i]) + to_float(added.at[i]));
    store(output[n] + column, sum);
  });
}

// A thread has a position's columns and adds the rows of all sequences in their order.
template <class T, int N>
__global__ void positions_backward(Rows<T> d_output, Rows<float> d_table, std::int64_t first, std::int64_t sequence) {
  for_cells<N>(sequence, d_output.width, [&](std::int64_t t, std::int64_t column) {
    std::int64_t row = t - first + (t < first ? sequence : 0);  // the first of this position
    if (row >= d_output.count) return;
    Pack<float, N> sum{};
#pragma unroll 4
    for (; row < d_output.count; row += sequence) {
      const auto read = load<N>(d_output[row] + column);
      for (int i = 0; i < N; ++i) sum.at[i] += to_float(read.at[i]);
    }
    auto to = load<N>(d_table[t] + column);
    for (int i = 0; i < N; ++i) to.at[i] += sum.at[i];
    store(d_table[t] + column, to);
  });
}

}  // namespace

void compute(const Embed& op, CudaContext& context) {
  need(op.output.dtype() == op.table.dtype() && op.output.columns() == op.table.columns() &&
           op.output.rows() == op.tokens.count(),
       op.output, "has not the rows and columns of its tokens and table");
  const Ids ids = ids_of(op.tokens);
  const std::int64_t vocabulary = op.vocabulary > 0 ? op.vocabulary : op.table.rows();
  for_dtype(op.output, [&](auto type) {
    using T = decltype(type);
    const auto table = rows_of<T>(op.table);
    const auto output = rows_of<T>(op.output);
    for_packs<T>(
        [&](auto each) {
          constexpr int kEach = decltype(each)::value;
          launch(context, embed<T, kEach>, cells(context, output.count, output.width, kEach), kCellThreads, ids, table,
                 output, op.first, vocabulary);
        },
        table, output);
  });
}

void compute(const AddPositions& op, CudaContext& context) {
  const bool listed = op.positions.defined();
  const std::int64_t sequence = listed ? op.table.rows() : op.sequence;
  need(sequence > 0 && op.table.rows() >= sequence && op.table.columns() == op.output.columns() &&
           op.output.rows() <= 0x7FFFFFFF,
       op.table, "is no table of the positions");
  if (listed)
    need(op.positions.count() == op.output.rows() && op.positions.contiguous(), op.positions,
         "is not one for each row");
  const auto* const positions = listed ? data_of<std::int32_t>(op.positions) : nullptr;
  for_dtype(op.output, [&](auto type) {
    using T = decltype(type);
    const auto table = rows_of<T>(op.table), output = rows_of<T>(op.output);
    for_packs<T>(
        [&](auto each) {
          constexpr int kEach = decltype(each)::value;
          launch(context, add_positions<T, kEach>, cells(context, output.count, output.width, kEach), kCellThreads,
                 table, output, positions, op.first % sequence, sequence);
        },
        table, output);
  });
}

void compute(const PositionsBackward& op, CudaContext& context) {
  const std::int64_t sequence = op.sequence;
  need(sequence > 0 && op.d_table.rows() >= sequence && op.d_table.columns() == op.d_output.columns() &&
           op.d_table.dtype() == DType::f32,
       op.d_table, "is no table of the positions");
  const auto d_table = rows_of<float>(op.d_table);
  for_dtype(op.d_output, [&](auto type) {
    using T = decltype(type);
    const auto d_output = rows_of<T>(op.d_output);
    const auto body = [&](auto each) {
      constexpr int kEach = decltype(each)::value;
      launch(context, positions_backward<T, kEach>, cells(context, sequence, d_output.width, kEach), kCellThreads,
             d_output, d_table, op.first % sequence, sequence);
    };
    constexpr int kCount = Pack<T>::kCount;  // of fp32, two accesses where T is bf16
    if (packs_by<kCount>(d_output) && packs_by<kCount>(d_table)) return body(std::integral_constant<int, kCount>{});
    body(std::integral_constant<int, 1>{});
  });
}

}  // namespace scalebench::cuda
