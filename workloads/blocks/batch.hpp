// One step of decode as the device sees it: rows of several sequences, some of them chunks of prompts, others the last
// token each. Letters as in kernels/ops.hpp.
#pragma once

#include <cstdint>
#include <vector>

#include "spec/serving.hpp"

namespace scalebench {

struct Batch {
  // Rows [N]. given: the id, where origins is -1; else the id comes from that place among the draws of the step before.
  std::vector<std::int32_t> given{}, origins{}, positions{}, slots{};
  // Sequences [S + 1], [S].
  std::vector<std::int32_t> starts{0}, lengths{};
  // Draws [G]: the row whose logits are drawn from, the request, and the position that the new token will have.
  std::vector<std::int32_t> draw_rows{}, draw_requests{}, draw_positions{};
  std::vector<std::int32_t> blocks{};   // [S, M]
  std::int64_t table_width = 0;         // M
  std::int64_t prompt_rows = 0;         // of N: rows of prompts, or of what is computed again
  double pairs = 0, keys = 0;           // of a query and a key that it sees; keys read
  std::vector<std::size_t> drawn_by{};  // [G] sequences, as the scheduler numbers them
  std::int64_t blocks_used = 0;

  std::int64_t rows() const { return std::ssize(given); }
  std::int64_t sequences() const { return std::ssize(lengths); }
  std::int64_t draws() const { return std::ssize(draw_rows); }
  bool empty() const { return given.empty(); }
  // Every sequence has one row, which is drawn from.
  bool only_decodes() const { return !empty() && rows() == sequences() && rows() == draws(); }
};

}  // namespace scalebench
