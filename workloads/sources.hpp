// What a step starts from when a user brings it, instead of random numbers and the synthetic language.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "spec/serving.hpp"

namespace scalebench {

class ParameterSource {
 public:
  virtual ~ParameterSource() = default;
  // The elements [first, first + to.size()), row by row, of a parameter by Hugging Face's name.
  virtual void read(const std::string& name, std::int64_t first, std::span<double> to) const = 0;
};

// Sequences of one length, T + 1 ids each: inputs are [0, T), targets [1, T + 1).
struct TokenRows {
  std::vector<std::int32_t> ids{};
  std::int64_t length{};  // T + 1
  std::int64_t rows() const { return static_cast<std::int64_t>(ids.size()) / length; }
};

// Of decode: at most one of them is not empty.
struct ServingSources {
  std::vector<TraceLine> trace{};
  std::vector<std::vector<std::int32_t>> prompts{};  // token ids
};

}  // namespace scalebench
