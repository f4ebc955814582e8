// Rotary frequencies: theta^(-2 i / D), i < D / 2 (Su et al. 2021), and how longer sequences stretch them.
#include <cmath>
#include <numbers>

#include "spec/model.hpp"

namespace scalebench {

namespace {

// Llama 3.1: what turns `high` times or more in the original sequence stays, what turns `low` times or less is slowed
// down by the factor, between them the two are interpolated (transformers, _compute_llama3_parameters).
double stretched(double frequency, const RopeScaling& scaling) {
  const double turns = static_cast<double>(scaling.original_sequence) * frequency / (2 * std::numbers::pi);
  if (turns > scaling.high_frequency) return frequency;
  if (turns < scaling.low_frequency) return frequency / scaling.factor;
  const double kept = (turns - scaling.low_frequency) / (scaling.high_frequency - scaling.low_frequency);
  return frequency * (kept + (1 - kept) / scaling.factor);
}

}  // namespace

std::vector<double> rope_frequencies(const ModelSpec& m) {
  std::vector<double> frequencies;
  for (std::int64_t i = 0; i < m.head_dim / 2; ++i) {
    const double plain = std::pow(m.rope_theta, -2.0 * static_cast<double>(i) / static_cast<double>(m.head_dim));
    frequencies.push_back(m.rope_scaling.type == RopeType::llama3 ? stretched(plain, m.rope_scaling)
                                                                  : plain / m.rope_scaling.factor);
  }
  return frequencies;
}

}  // namespace scalebench
