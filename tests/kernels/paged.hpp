// Sequences whose keys and values lie in blocks anywhere in a cache, for the tests of what reads and writes it.
#pragma once

#include <algorithm>
#include <limits>
#include <numeric>

#include "tests/kernels/lab.hpp"

namespace scalebench::test {

struct PagedSequence {
  std::int64_t rows, length;
};

struct PagedCase {
  std::vector<PagedSequence> sequences;
  std::int64_t heads, kv_heads, size, block, gap = 0, window = 0;

  std::int64_t rows() const {
    return std::accumulate(sequences.begin(), sequences.end(), std::int64_t{0},
                           [](std::int64_t sum, const PagedSequence& s) { return sum + s.rows; });
  }
  std::int64_t most_blocks() const {
    std::int64_t most = 0;
    for (const PagedSequence& s : sequences) most = std::max(most, (s.length + block - 1) / block);
    return most;
  }
  // Of the first position that any row of the sequence sees.
  std::int64_t first_block(const PagedSequence& s) const {
    return window == 0 ? 0 : std::max<std::int64_t>(s.length - s.rows - window + 1, 0) / block;
  }
};

// The table, the blocks of all sequences in turn from the last of the cache to the first; -1 where a window has left
// them behind.
inline Values paged_table(const PagedCase& c) {
  Values table(c.sequences.size() * static_cast<std::size_t>(c.most_blocks()), -1);
  double next = 0;
  for (std::int64_t m = 0; m < c.most_blocks(); ++m)
    for (std::size_t s = 0; s < c.sequences.size(); ++s)
      if (m >= c.first_block(c.sequences[s]) && m * c.block < c.sequences[s].length)
        table[s * static_cast<std::size_t>(c.most_blocks()) + static_cast<std::size_t>(m)] = next++;
  for (double& block : table)
    if (block >= 0) block = next - block;
  return table;
}

// [blocks, K, P, D]; not a number wherever no position of a sequence lies.
class Cache {
 public:
  Cache(Lab& lab, const PagedCase& c, DType dtype) : case_(c), table_(paged_table(c)) {
    const auto blocks = static_cast<std::int64_t>(*std::max_element(table_.begin(), table_.end())) + 2;
    tensor_ = lab.random(dtype, {blocks, c.kv_heads * c.block * c.size}, 1, c.gap).split(1, c.size).split(1, c.block);
    const Values random = lab.read(tensor_);
    values_.assign(random.size(), std::numeric_limits<double>::quiet_NaN());
    for (std::size_t s = 0; s < c.sequences.size(); ++s)
      for (std::int64_t key = 0; key < c.sequences[s].length; ++key)
        for (std::int64_t i = 0; i < c.kv_heads * c.size && block_of(s, key) >= 0; ++i) {
          const std::size_t place = place_of(s, key, i / c.size) + static_cast<std::size_t>(i % c.size);
          values_[place] = random[place];
        }
    lab.device().write(tensor_, values_);
  }

  const Tensor& tensor() const { return tensor_; }
  const Values& values() const { return values_; }
  const Values& table() const { return table_; }
  std::int64_t block_of(std::size_t s, std::int64_t key) const {
    const auto m = static_cast<std::size_t>(key / case_.block);
    return static_cast<std::int64_t>(table_[s * static_cast<std::size_t>(case_.most_blocks()) + m]);
  }
  // Of the first number of a head in values().
  std::size_t place_of(std::size_t s, std::int64_t key, std::int64_t head) const {
    const std::int64_t row = (block_of(s, key) * case_.kv_heads + head) * case_.block + key % case_.block;
    return static_cast<std::size_t>(row * case_.size);
  }

 private:
  PagedCase case_;
  Values table_;
  Tensor tensor_{};
  Values values_{};
};

}  // namespace scalebench::test
