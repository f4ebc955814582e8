// What all operations of one CPU device share: threads, scratch memory, matrix products.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include <omp.h>

#include "kernels/cpu/onednn.hpp"

namespace scalebench::cpu {

// Scratch memory for the length of one operation; it is kept for the next.
class Arena {
 public:
  // Everything that was taken before is free again.
  void reset();
  // 64-byte aligned, not initialised.
  template <class T>
  T* take(std::int64_t count) {
    return reinterpret_cast<T*>(take_bytes(static_cast<std::size_t>(count) * sizeof(T)));
  }

 private:
  struct Delete {
    void operator()(std::byte* memory) const { ::operator delete (memory, std::align_val_t{64}); }
  };
  struct Block {
    std::unique_ptr<std::byte, Delete> memory;
    std::size_t bytes;
  };
  std::byte* take_bytes(std::size_t bytes);
  void add_block(std::size_t bytes);

  std::vector<Block> blocks_{};  // more than one only until the next reset
  std::size_t used_ = 0;         // of the last block
};

class CpuContext {
 public:
  explicit CpuContext(int threads);

  int threads() const { return threads_; }
  // Of one thread inside a parallel region; shared_arena() is for what all of them read.
  Arena& arena(int thread) { return arenas_[static_cast<std::size_t>(thread)]; }
  Arena& shared_arena() { return shared_; }
  // Runs on the calling thread alone, inside a parallel region.
  Products& products(int thread) { return *products_[static_cast<std::size_t>(thread)]; }
  // Runs on all threads, outside of one.
  Products& wide_products() { return wide_; }

  // Cuts [0, count) into one range a thread, of at least `least`: body(begin, end, thread). It must not throw.
  template <class Body>
  void split(std::int64_t count, std::int64_t least, const Body& body) const {
    const auto parts =
        static_cast<int>(std::clamp<std::int64_t>(count / std::max<std::int64_t>(least, 1), 1, threads_));
#pragma omp parallel num_threads(parts)
    {
      const std::int64_t thread = omp_get_thread_num();
      const std::int64_t team = omp_get_num_threads();
      body(count * thread / team, count * (thread + 1) / team, static_cast<int>(thread));
    }
  }

  // Hands out [0, count) one by one, the first first: body(index, thread). For work whose result doesn't depend on who
  // does it. It must not throw.
  template <class Body>
  void each(std::int64_t count, const Body& body) const {
    const auto parts = static_cast<int>(std::clamp<std::int64_t>(count, 1, threads_));
#pragma omp parallel for schedule(dynamic, 1) num_threads(parts)
    for (std::int64_t index = 0; index < count; ++index) body(index, omp_get_thread_num());
  }

 private:
  int threads_;
  std::vector<Arena> arenas_;
  Arena shared_{};
  std::vector<std::unique_ptr<Products>> products_{};
  Products wide_;
};

// Elements below which a second thread costs more than it brings.
inline constexpr std::int64_t kGrain = 16384;

// Rows of `width` elements that are worth a thread of their own.
inline std::int64_t rows_per_thread(std::int64_t width) { return kGrain / std::max<std::int64_t>(width, 1) + 1; }

}  // namespace scalebench::cpu
