#include "base/synthetic_language.hpp"
#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/rows.hpp"

namespace scalebench::cpu {

void compute(const SampleTokens& op, CpuContext&) {
  const SyntheticLanguage language(op.seed, op.vocabulary);
  const auto tokens = rows_of<std::int32_t>(op.tokens);
  const std::int64_t step = *data_of<std::int32_t>(op.counter);
  for (std::int64_t b = 0; b < op.tokens.rows(); ++b) {
    const auto sequence = static_cast<std::uint64_t>(step * op.stride + op.first + b);
    language.write(sequence, {tokens[b], static_cast<std::size_t>(op.tokens.columns())});
  }
}

void compute(const PickTokens& op, CpuContext&) {
  const auto tokens = rows_of<std::int32_t>(op.tokens);
  const auto ids = rows_of<const std::int32_t>(op.ids);
  const std::int64_t step = *data_of<std::int32_t>(op.counter) - 1;
  ensure(op.ids.columns() == op.tokens.columns(), "pick_tokens from {} to {}", to_string(op.ids), to_string(op.tokens));
  for (std::int64_t b = 0; b < op.tokens.rows(); ++b) {
    const std::int32_t* const from = ids[(step * op.stride + op.first + b) % op.ids.rows()];
    std::copy(from, from + op.tokens.columns(), tokens[b]);
  }
}

}  // namespace scalebench::cpu
