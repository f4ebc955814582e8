#include "kernels/cpu/context.hpp"

#include <numeric>

#include "base/check.hpp"

namespace scalebench::cpu {

namespace {

constexpr std::size_t kLine = 64;

}  // namespace

void Arena::add_block(std::size_t bytes) {
  auto* memory = static_cast<std::byte*>(::operator new (bytes, std::align_val_t{kLine}));
  blocks_.push_back({std::unique_ptr<std::byte, Delete>(memory), bytes});
  used_ = 0;
}

void Arena::reset() {
  if (blocks_.size() > 1) {
    const std::size_t bytes = std::accumulate(blocks_.begin(), blocks_.end(), std::size_t{0},
                                              [](std::size_t sum, const Block& block) { return sum + block.bytes; });
    blocks_.clear();
    add_block(bytes);
  }
  used_ = 0;
}

std::byte* Arena::take_bytes(std::size_t bytes) {
  bytes = (bytes + kLine - 1) / kLine * kLine;
  if (blocks_.empty() || used_ + bytes > blocks_.back().bytes) add_block(bytes);
  std::byte* memory = blocks_.back().memory.get() + used_;
  used_ += bytes;
  return memory;
}

CpuContext::CpuContext(int threads) : threads_(threads), arenas_(static_cast<std::size_t>(threads)), wide_(threads) {
  ensure(threads >= 1, "a CPU device with {} threads", threads);
  for (int thread = 0; thread < threads; ++thread) products_.push_back(std::make_unique<Products>(1));
}

}  // namespace scalebench::cpu
