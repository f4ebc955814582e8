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

constexpr std::size_t kStreams = 8;  // read side by side: of one alone a core has too few misses under way

std::uint64_t sum_of(const std::byte* from, std::size_t bytes) {
  constexpr std::size_t kLine = 64 / sizeof(std::uint64_t);
  const std::size_t count = bytes / sizeof(std::uint64_t) / kStreams / kLine * kLine;
  const auto* const values = reinterpret_cast<const std::uint64_t*>(from);
  std::uint64_t sums[kLine] = {};
  for (std::size_t i = 0; i < count; i += kLine)
    for (std::size_t stream = 0; stream < kStreams; ++stream) {
      const std::uint64_t* const line = values + stream * count + i;
      __builtin_prefetch(line + 16 * kLine);
#pragma omp simd
      for (std::size_t word = 0; word < kLine; ++word) sums[word] += line[word];
    }
  std::uint64_t sum = 0;
  for (const std::uint64_t one : sums) sum += one;
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
