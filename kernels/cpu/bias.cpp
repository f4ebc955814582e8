// Rows that are added to all rows, and their gradients: AddBias, BiasGradient, AddPositions, PositionsBackward.
#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/rows.hpp"

namespace scalebench::cpu {

namespace {

template <class T, class U>
void add_row(const T* from, U* to, std::int64_t count) {
#pragma omp simd
  for (std::int64_t c = 0; c < count; ++c) to[c] = from_float<U>(to_float(to[c]) + to_float(from[c]));
}

// sum[c] += column c of `rows` rows.
template <class T>
void add_columns(const Rows<const T>& values, std::int64_t rows, std::int64_t count, float* sum) {
  std::int64_t n = 0;
  for (; n + 4 <= rows; n += 4) {  // at a time, since the sums are loaded and stored each time
    const T *const a = values[n], *const b = values[n + 1], *const c = values[n + 2], *const d = values[n + 3];
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i)
      sum[i] += (to_float(a[i]) + to_float(b[i])) + (to_float(c[i]) + to_float(d[i]));
  }
  for (; n < rows; ++n) add_row(values[n], sum, count);
}

void check_positions(const Tensor& values, const Tensor& table, std::int64_t sequence) {
  ensure(sequence > 0 && table.rows() >= sequence && table.columns() == values.columns(),
         "positions of {} out of {} with sequences of {}", to_string(values), to_string(table), sequence);
}

void check_listed(const Tensor& positions, const Tensor& values, const Tensor& table) {
  ensure(positions.count() == values.rows() && positions.contiguous(), "positions {} of {}", to_string(positions),
         to_string(values));
  for (std::int64_t n = 0; n < positions.count(); ++n) {
    const std::int32_t position = data_of<std::int32_t>(positions)[n];
    ensure(position >= 0 && position < table.rows(), "position {} out of {}", position, to_string(table));
  }
}

}  // namespace

void compute(const AddBias& op, CpuContext& context) {
  const std::int64_t width = op.values.columns();
  ensure(op.bias.count() == width, "add_bias of {} to {}", to_string(op.bias), to_string(op.values));
  for_dtype(op.values, [&]<class T>(T) {
    const auto values = rows_of<T>(op.values);
    const T* const bias = rows_of<const T>(op.bias).data;
    context.split(op.values.rows(), rows_per_thread(width), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t n = begin; n < end; ++n) add_row(bias, values[n], width);
    });
  });
}

// Rows are summed in blocks of a fixed size, the blocks in their order: no thread's share shows in the sums.
void compute(const BiasGradient& op, CpuContext& context) {
  constexpr std::int64_t kBlock = 64;  // rows
  const std::int64_t rows = op.d_output.rows(), width = op.d_output.columns(), blocks = (rows + kBlock - 1) / kBlock;
  ensure(op.d_bias.count() == width, "bias_gradient of {} to {}", to_string(op.d_output), to_string(op.d_bias));
  context.shared_arena().reset();
  float* const sums = context.shared_arena().take<float>(blocks * width);
  for_dtype(op.d_output, [&]<class T>(T) {
    const auto d_output = rows_of<const T>(op.d_output);
    context.split(blocks, rows_per_thread(kBlock * width), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t block = begin; block < end; ++block) {
        const std::int64_t first = block * kBlock;
        float* const sum = sums + block * width;
        std::fill(sum, sum + width, 0.0F);
        add_columns<T>({d_output[first], d_output.pitch}, std::min(kBlock, rows - first), width, sum);
      }
    });
  });
  float* const d_bias = rows_of<float>(op.d_bias).data;
  for (std::int64_t block = 0; block < blocks; ++block) add_row(sums + block * width, d_bias, width);
}

void compute(const AddPositions& op, CpuContext& context) {
  const std::int64_t width = op.output.columns(), sequence = op.sequence;
  const bool listed = op.positions.defined();
  check_positions(op.output, op.table, listed ? op.table.rows() : sequence);
  const auto* const positions = listed ? rows_of<const std::int32_t>(op.positions).data : nullptr;
  if (listed) check_listed(op.positions, op.output, op.table);
  for_dtype(op.output, [&]<class T>(T) {
    const auto table = rows_of<const T>(op.table);
    const auto output = rows_of<T>(op.output);
    context.split(op.output.rows(), rows_per_thread(width), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t n = begin; n < end; ++n)
        add_row(table[listed ? positions[n] : (op.first + n) % sequence], output[n], width);
    });
  });
}

void compute(const PositionsBackward& op, CpuContext& context) {
  const std::int64_t rows = op.d_output.rows(), width = op.d_output.columns(), sequence = op.sequence;
  check_positions(op.d_output, op.d_table, sequence);
  const auto d_table = rows_of<float>(op.d_table);
  for_dtype(op.d_output, [&]<class T>(T) {
    const auto d_output = rows_of<const T>(op.d_output);
    const auto body = [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t t = begin; t < end; ++t) {
        const std::int64_t row = (t + sequence - op.first % sequence) % sequence;  // the first of this position
        const std::int64_t count = (rows - row + sequence - 1) / sequence;
        if (row < rows) add_columns<T>({d_output[row], d_output.pitch * sequence}, count, width, d_table[t]);
      }
    };
    context.split(sequence, rows_per_thread((rows / sequence + 1) * width), body);
  });
}

}  // namespace scalebench::cpu
