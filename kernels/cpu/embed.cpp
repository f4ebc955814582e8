#include <cstring>

#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/rows.hpp"

namespace scalebench::cpu {

void compute(const Embed& op, CpuContext& context) {
  const Ids ids = ids_of(op.tokens, op.vocabulary > 0 ? op.vocabulary : op.table.rows());
  const auto table = rows_of<const std::byte>(op.table), output = rows_of<const std::byte>(op.output);
  const auto unit = static_cast<std::int64_t>(size_of(op.table.dtype()));
  const std::int64_t width = op.table.columns();
  ensure(op.output.dtype() == op.table.dtype() && op.output.columns() == width && op.output.rows() == op.tokens.count(),
         "embed of {} by {} to {}", to_string(op.tokens), to_string(op.table), to_string(op.output));
  std::byte* const to = op.output.address();
  context.split(op.output.rows(), rows_per_thread(width), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t n = begin; n < end; ++n) {
      const std::int64_t row = ids[n] - op.first;
      std::byte* const here = to + n * output.pitch * unit;
      if (row >= 0 && row < op.table.rows())
        std::memcpy(here, table.data + row * table.pitch * unit, static_cast<std::size_t>(width * unit));
      else
        std::memset(here, 0, static_cast<std::size_t>(width * unit));
    }
  });
}

// Each thread takes a range of columns and all rows in order: one order of additions for any number of threads.
void compute(const EmbedBackward& op, CpuContext& context) {
  const Ids ids = ids_of(op.tokens, op.vocabulary > 0 ? op.vocabulary : op.d_table.rows());
  ensure(op.d_table.dtype() == DType::f32 && op.d_output.columns() == op.d_table.columns() &&
             op.d_output.rows() == op.tokens.count(),
         "embed_backward of {} to {}", to_string(op.d_output), to_string(op.d_table));
  const auto table = rows_of<float>(op.d_table);
  const std::int64_t rows = op.d_output.rows(), width = op.d_table.columns();
  for_dtype(op.d_output, [&]<class T>(T) {
    const auto gradients = rows_of<const T>(op.d_output);
    context.split((width + 15) / 16, rows_per_thread(16 * rows), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t n = 0; n < rows; ++n) {
        const std::int64_t row = ids[n] - op.first;
        if (row < 0 || row >= op.d_table.rows()) continue;
        float* const to = table[row];
        const T* const from = gradients[n];
        const std::int64_t last = std::min(16 * end, width);
#pragma omp simd
        for (std::int64_t h = 16 * begin; h < last; ++h) to[h] += to_float(from[h]);
      }
    });
  });
}

}  // namespace scalebench::cpu
