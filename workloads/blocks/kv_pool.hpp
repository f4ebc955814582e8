// The blocks of a paged KV cache (Kwon et al. 2023): which of them are free.
#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

#include "base/check.hpp"

namespace scalebench {

class KvPool {
 public:
  explicit KvPool(std::int64_t blocks) : size_(blocks), free_(static_cast<std::size_t>(blocks)) {
    std::iota(free_.rbegin(), free_.rend(), 0);
  }

  std::int64_t size() const { return size_; }
  std::int64_t free() const { return std::ssize(free_); }
  std::int64_t used() const { return size_ - free(); }

  std::int32_t take() {
    ensure(!free_.empty(), "a block is taken from an empty pool of {}", size_);
    const std::int32_t block = free_.back();
    free_.pop_back();
    return block;
  }
  void give_back(std::int32_t block) { free_.push_back(block); }

 private:
  std::int64_t size_;
  std::vector<std::int32_t> free_;
};

}  // namespace scalebench
