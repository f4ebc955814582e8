#include <cstring>

#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/rows.hpp"

namespace scalebench::cpu {

void compute(const GatherRows& op, CpuContext& context) {
  const std::int64_t count = op.to.rows(), width = op.to.columns();
  const auto unit = static_cast<std::int64_t>(size_of(op.to.dtype()));
  ensure(op.from.dtype() == op.to.dtype() && op.from.columns() == width && op.rows.count() == count,
         "gather_rows of {} by {} to {}", to_string(op.from), to_string(op.rows), to_string(op.to));
  const auto from = rows_of<const std::byte>(op.from), to = rows_of<const std::byte>(op.to);
  std::byte* const first = op.to.address();
  const auto* const rows = rows_of<const std::int32_t>(op.rows).data;
  for (std::int64_t s = 0; s < count; ++s)
    ensure(rows[s] >= 0 && rows[s] < op.from.rows(), "gather_rows of row {} in {}", rows[s], to_string(op.from));
  context.split(count, rows_per_thread(width), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t s = begin; s < end; ++s)
      std::memcpy(first + s * to.pitch * unit, from.data + rows[s] * from.pitch * unit,
                  static_cast<std::size_t>(width * unit));
  });
}

}  // namespace scalebench::cpu
