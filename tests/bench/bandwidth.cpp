#include "tests/bench/bandwidth.hpp"

#include <cstdint>
#include <cstring>

#include <omp.h>
#include <sys/mman.h>

#include "tests/bench/timing.hpp"

namespace scalebench::bench {

namespace {

constexpr std::size_t kBytes = std::size_t{256} << 20, kHugePage = std::size_t{2} << 20;

// body(begin, bytes) on each thread's part.
template <class Body>
void split(int threads, const Body& body) {
#pragma omp parallel num_threads(threads)
  {
    const std::size_t part = kBytes / static_cast<std::size_t>(omp_get_num_threads());
    body(part * static_cast<std::size_t>(omp_get_thread_num()), part);
  }
}

std::uint64_t sum_of(const std::byte* from, std::size_t bytes) {
  const auto* values = reinterpret_cast<const std::uint64_t*>(from);
  std::uint64_t sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::size_t i = 0; i < bytes / 8; ++i) sum += values[i];
  return sum;
}

}  // namespace

Bandwidth::Memory Bandwidth::memory(int threads) {
  Memory memory(static_cast<std::byte*>(std::aligned_alloc(kHugePage, kBytes)));
  madvise(memory.get(), kBytes, MADV_HUGEPAGE);  // as the device's own memory
  split(threads, [&](std::size_t begin, std::size_t bytes) { std::memset(memory.get() + begin, 1, bytes); });
  return memory;
}

Bandwidth::Bandwidth(int threads) : threads_(threads), from_(memory(threads)), to_(memory(threads)) {}

double Bandwidth::copy() {
  const double seconds = time_of([&] {
    split(threads_,
          [&](std::size_t begin, std::size_t bytes) { std::memcpy(to_.get() + begin, from_.get() + begin, bytes); });
  });
  return 2.0 * static_cast<double>(kBytes) / seconds;
}

double Bandwidth::read() {
  std::uint64_t sum = 0;
  const double seconds = time_of([&] {
    split(threads_, [&](std::size_t begin, std::size_t bytes) {
      const std::uint64_t part = sum_of(from_.get() + begin, bytes);
#pragma omp atomic
      sum += part;
    });
  });
  std::memcpy(to_.get(), &sum, sizeof sum);  // the sum is needed, so the reading can't be left out
  return static_cast<double>(kBytes) / seconds;
}

}  // namespace scalebench::bench
