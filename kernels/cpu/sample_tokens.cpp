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

}  // namespace scalebench::cpu
