#include <algorithm>

#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/rows.hpp"

namespace scalebench::cpu {

void compute(const Upload& op, CpuContext&) {
  ensure(op.to.dtype() == DType::i32 && op.to.contiguous() &&
             op.to.count() == static_cast<std::int64_t>(op.values->size()),
         "upload of {} values to {}", op.values->size(), to_string(op.to));
  std::copy(op.values->begin(), op.values->end(), data_of<std::int32_t>(op.to));
}

void compute(const NextTokens& op, CpuContext&) {
  const std::int64_t rows = op.tokens.count(), drawn = op.sampled.count();
  ensure(op.given.count() == rows && op.origins.count() == rows, "next_tokens from {} by {} to {}", to_string(op.given),
         to_string(op.origins), to_string(op.tokens));
  const auto* const given = rows_of<const std::int32_t>(op.given).data;
  const auto* const origins = rows_of<const std::int32_t>(op.origins).data;
  const auto* const sampled = rows_of<const std::int32_t>(op.sampled).data;
  auto* const tokens = rows_of<std::int32_t>(op.tokens).data;
  for (std::int64_t n = 0; n < rows; ++n) {
    ensure(origins[n] < drawn, "next_tokens of origin {} in {}", origins[n], to_string(op.sampled));
    tokens[n] = origins[n] < 0 ? given[n] : std::max(sampled[origins[n]], 0);
  }
}

}  // namespace scalebench::cpu
