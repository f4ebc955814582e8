// The sequences of one call of paged attention.
#pragma once

#include <algorithm>

#include "kernels/cpu/paged_cache.hpp"
#include "kernels/cpu/rows.hpp"
#include "kernels/ops.hpp"

namespace scalebench::cpu {

class CpuContext;

struct PagedSequence {
  std::int64_t row, rows, length;  // rows: the last positions
  const std::int32_t* blocks;
};

struct PagedSequences {
  const std::int32_t *starts, *lengths;
  Rows<const std::int32_t> blocks;
  std::int64_t count;

  explicit PagedSequences(const PagedAttention& op)
      : starts(rows_of<const std::int32_t>(op.starts).data),
        lengths(rows_of<const std::int32_t>(op.lengths).data),
        blocks(rows_of<const std::int32_t>(op.blocks)),
        count(op.lengths.count()) {}

  PagedSequence operator[](std::int64_t s) const {
    return {starts[s], starts[s + 1] - starts[s], lengths[s], blocks[s]};
  }
};

// Sequences of at most as many rows are attended to row by row, each of which reads all keys; what many rows need is
// packed first.
inline constexpr std::int64_t kMostRowsAlone = 4;

// Each leaves the other's sequences alone.
void attend_row_by_row(const PagedAttention& op, const PagedSequences& sequences, CpuContext& context);
void attend_in_blocks(const PagedAttention& op, const PagedSequences& sequences, CpuContext& context);

}  // namespace scalebench::cpu
