// The few shapes of steps in which every sequence has one row: what a device keeps and repeats, as a captured graph,
// must not change its shape from step to step. Rows are filled up with some that are of no request.
#pragma once

#include <vector>

#include "workloads/blocks/batch.hpp"

namespace scalebench {

struct DecodeBucket {
  std::int64_t rows{}, width{};  // N = S = G, M
  bool operator==(const DecodeBucket&) const = default;
};

class DecodeBuckets {
 public:
  // Of steps of at most so many sequences, whose tables are at most so wide.
  DecodeBuckets(std::int64_t sequences, std::int64_t table) : sequences_(sequences), table_(table) {}

  // The smallest in which so many rows have place.
  DecodeBucket of(std::int64_t rows, std::int64_t width) const;
  std::vector<DecodeBucket> all() const;

 private:
  std::int64_t sequences_, table_;
};

// With rows behind its own that see no key, store none, and whose draws nobody looks at.
Batch filled_up(const Batch& batch, const DecodeBucket& bucket);

}  // namespace scalebench
