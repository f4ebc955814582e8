#include "workloads/blocks/decode_buckets.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace scalebench {

namespace {

constexpr std::int64_t kLeastWidth = 64;  // blocks

std::int64_t up_to_multiple(std::int64_t x, std::int64_t of) { return (x + of - 1) / of * of; }

std::int64_t power_from(std::int64_t x) {
  std::int64_t power = 1;
  while (power < x) power *= 2;
  return power;
}

// 1, 2, 4, then in steps of 8, from 256 on of 16: as vLLM captures graphs by default (vllm/config,
// cudagraph_capture_sizes).
std::int64_t rows_from(std::int64_t rows) {
  if (rows <= 4) return power_from(rows);
  return up_to_multiple(rows, rows < 256 ? 8 : 16);
}

// How wide a table is decides how many parts the attention of a row may be cut into: twice as many as are needed cost
// little, since those that find no keys end at once.
std::int64_t width_from(std::int64_t width) { return power_from(std::max(width, kLeastWidth)); }

}  // namespace

DecodeBucket DecodeBuckets::of(std::int64_t rows, std::int64_t width) const {
  ensure(rows <= sequences_ && width <= table_, "{} rows with tables of {} blocks, of at most {} and {}", rows, width,
         sequences_, table_);
  return {std::min(rows_from(rows), sequences_), std::min(width_from(width), table_)};
}

std::vector<DecodeBucket> DecodeBuckets::all() const {
  std::vector<DecodeBucket> all;
  for (std::int64_t width = 0; width < table_; width = all.back().width)
    for (std::int64_t rows = 0; rows < sequences_; rows = all.back().rows) all.push_back(of(rows + 1, width + 1));
  return all;
}

Batch filled_up(const Batch& batch, const DecodeBucket& bucket) {
  Batch b = batch;
  const auto rows = static_cast<std::size_t>(bucket.rows);
  for (auto* numbers : {&b.given, &b.positions, &b.draw_requests, &b.draw_positions, &b.lengths}) numbers->resize(rows);
  b.origins.resize(rows, -1);
  b.slots.resize(rows, -1);
  b.starts.resize(rows + 1, b.starts.back());
  for (std::int64_t row = batch.rows(); row < bucket.rows; ++row) b.draw_rows.push_back(static_cast<std::int32_t>(row));
  b.blocks.assign(rows * static_cast<std::size_t>(bucket.width), 0);
  for (std::int64_t s = 0; s < batch.sequences(); ++s)
    std::copy_n(batch.blocks.begin() + s * batch.table_width, batch.table_width, b.blocks.begin() + s * bucket.width);
  b.table_width = bucket.width;
  return b;
}

}  // namespace scalebench
