// What one rank tells the others of its node while it works: plain atomics, read by anybody at any time, also after
// the rank has died.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace scalebench {

// A short text that another process may read while it is written: words may mix old and new, but nothing worse.
template <std::size_t N>
class SharedText {
  static_assert(N % 8 == 0);

 public:
  void set(std::string_view text) {  // cut at N bytes
    std::array<std::uint64_t, N / 8> words{};
    std::memcpy(words.data(), text.data(), text.size() < N ? text.size() : N);
    for (std::size_t i = 0; i < words.size(); ++i) words_[i].store(words[i], std::memory_order_relaxed);
  }
  std::string get() const {
    std::array<char, N + 1> text{};
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const std::uint64_t word = words_[i].load(std::memory_order_relaxed);
      std::memcpy(text.data() + 8 * i, &word, 8);
    }
    return text.data();
  }

 private:
  std::array<std::atomic<std::uint64_t>, N / 8> words_{};
};

enum class Activity : std::uint8_t {
  working,  // progress is due
  waiting,  // sits something out, for as long as it takes
  gone,     // left as it should
  failed,   // has said what was wrong and is about to end
};

// An operation as it was issued. Collectives are counted for themselves, since their order is the same on all ranks.
struct SharedOperation {
  std::atomic<std::uint64_t> number{0}, collectives{0};  // counted from 1 within the point; collectives up to here
  std::atomic<std::int64_t> time{0};                     // ns, CLOCK_MONOTONIC_COARSE: some ms coarse, but 5 ns to read
  SharedText<24> lane{}, name{};
};

inline constexpr std::size_t kRecentOperations = 64;

struct alignas(64) Slot {
  std::atomic<int> rank{-1}, pid{0}, point{-1};
  std::atomic<std::uint64_t> pid_space{0};  // inode of the process namespace: a pid means nothing in another one
  std::atomic<Activity> activity{Activity::waiting};
  std::atomic<bool> dumped{false};  // its flight file is written
  std::atomic<std::int64_t> iteration{-1};
  std::atomic<std::int64_t> progress{0};                     // ns, CLOCK_MONOTONIC: of the last progress
  std::atomic<std::uint64_t> operations{0}, collectives{0};  // issued in this point
  std::atomic<std::uint64_t> advances{0};                    // phases entered and iterations done in this point
  SharedText<64> host{};
  SharedText<32> phase{};
  std::array<SharedOperation, kRecentOperations> recent{};  // a ring: operation n at [n % size]
};

// Which rank of the node speaks when something is wrong: the first that says so.
struct alignas(64) Speaker {
  std::atomic<int> rank{-1};
  bool claim(int mine) {
    int nobody = -1;
    return rank.compare_exchange_strong(nobody, mine) || nobody == mine;
  }
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<Activity>::is_always_lock_free);

}  // namespace scalebench
