// The threads of a block as fibers.
#include <deque>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <boost/context/fiber.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <cuda_runtime.h>

namespace scalebench::shim {

namespace {

constexpr std::size_t kStack = 128 * 1024;
constexpr unsigned kWarp = 32;

// A number of threads that meet, again and again.
struct Meeting {
  unsigned come = 0;
  std::uint64_t round = 0;
};

struct Thread {
  boost::context::fiber fiber{};
  boost::context::fiber* back = nullptr;  // to the block
  bool busy = false;
  std::uint64_t exchanges = 0;  // that it took part in
};

class Block {
 public:
  void run(dim3 threads, const std::function<void()>& body);
  void wait_for_block();
  void wait_for_warp(unsigned mask);
  std::uint64_t exchange(unsigned mask, std::uint64_t mine, unsigned from);
  unsigned current() const { return current_; }

 private:
  struct Warp {
    Meeting meeting{};
    unsigned mask = 0, ended = 0;
    std::uint64_t given[2][kWarp] = {};
    unsigned givers[2] = {};
  };

  void start(unsigned number);
  void resume(unsigned number);
  void pass();  // lets the others run
  void end_thread(unsigned number);
  void meet_in_block();

  std::deque<Thread> threads_{};
  std::vector<Warp> warps_{};
  const std::function<void()>* body_ = nullptr;
  dim3 shape_{};
  Meeting meeting_{};
  unsigned count_ = 0, running_ = 0, current_ = 0;
  bool moved_ = false;
  std::exception_ptr trouble_{};
};

Block block;

bool reversed() {
  static const char* const order = std::getenv("SCALEBENCH_SHIM_ORDER");
  static const bool turned = order != nullptr && std::string_view(order) == "reverse";
  return turned;
}

void Block::start(unsigned number) {
  Thread& thread = threads_[number];
  thread.busy = true;
  if (thread.fiber) return;  // it waits for its next work
  thread.fiber = boost::context::fiber(std::allocator_arg, boost::context::protected_fixedsize_stack(kStack),
                                       [this, number](boost::context::fiber&& back) {
                                         Thread& self = threads_[number];
                                         self.back = &back;
                                         for (;;) {
                                           try {
                                             (*body_)();
                                           } catch (const boost::context::detail::forced_unwind&) {
                                             throw;
                                           } catch (...) {
                                             trouble_ = std::current_exception();
                                           }
                                           end_thread(number);
                                           *self.back = std::move(*self.back).resume();
                                         }
                                         return std::move(back);
                                       });
}

void Block::resume(unsigned number) {
  current_ = number;
  threadIdx = {number % shape_.x, number / shape_.x % shape_.y, number / (shape_.x * shape_.y)};
  Thread& thread = threads_[number];
  thread.fiber = std::move(thread.fiber).resume();
}

void Block::pass() {
  const unsigned number = current_;
  Thread& self = threads_[number];
  *self.back = std::move(*self.back).resume();
}

void Block::end_thread(unsigned number) {
  threads_[number].busy = false;
  --running_;
  moved_ = true;
  Warp& warp = warps_[number / kWarp];
  warp.ended |= 1U << (number % kWarp);
  meet_in_block();
}

// Threads that have ended are not waited for.
void Block::meet_in_block() {
  if (meeting_.come > 0 && meeting_.come == running_) meeting_.come = 0, ++meeting_.round;
}

void Block::run(dim3 threads, const std::function<void()>& body) {
  shape_ = threads, body_ = &body;
  count_ = running_ = threads.x * threads.y * threads.z;
  if (count_ == 0 || count_ % kWarp != 0 || count_ > 1024)
    throw std::logic_error("a block of " + std::to_string(count_) + " threads");
  while (threads_.size() < count_) threads_.emplace_back();
  warps_.assign(count_ / kWarp, {});
  meeting_ = {}, trouble_ = nullptr;
  for (unsigned i = 0; i < count_; ++i) threads_[i].exchanges = 0, start(i);
  while (running_ > 0) {
    moved_ = false;
    for (unsigned i = 0; i < count_; ++i) {
      const unsigned number = reversed() ? count_ - 1 - i : i;
      if (threads_[number].busy) resume(number);
    }
    if (trouble_) break;
    if (!moved_) {
      trouble_ = std::make_exception_ptr(std::logic_error("no thread of the block can go on: barriers diverge"));
      break;
    }
  }
  if (!trouble_) return;
  threads_.clear();  // their stacks unwind
  std::rethrow_exception(trouble_);
}

void Block::wait_for_block() {
  moved_ = true;
  const std::uint64_t round = meeting_.round;
  ++meeting_.come;
  meet_in_block();
  while (meeting_.round == round) pass();
}

void Block::wait_for_warp(unsigned mask) {
  const unsigned number = current_;
  Warp& warp = warps_[number / kWarp];
  if ((mask >> (number % kWarp) & 1U) == 0) throw std::logic_error("a lane waits that its mask leaves out");
  if ((mask & warp.ended) != 0) throw std::logic_error("a lane is waited for that has ended");
  if (warp.meeting.come > 0 && warp.mask != mask) throw std::logic_error("lanes of a warp wait with different masks");
  moved_ = true;
  warp.mask = mask;
  const std::uint64_t round = warp.meeting.round;
  if (++warp.meeting.come == static_cast<unsigned>(__popc(mask))) {
    warp.meeting.come = 0, ++warp.meeting.round;
    return;
  }
  while (warp.meeting.round == round) {
    pass();
    if (warp.meeting.round == round && (mask & warp.ended) != 0)
      throw std::logic_error("a lane is waited for that has ended");
  }
}

// Two sets of slots in turn: nobody comes to the one after next before all have left this one.
std::uint64_t Block::exchange(unsigned mask, std::uint64_t mine, unsigned from) {
  const unsigned number = current_;
  Warp& warp = warps_[number / kWarp];
  const std::size_t turn = threads_[number].exchanges++ % 2;
  warp.given[turn][number % kWarp] = mine;
  if (from >= kWarp || (mask >> from & 1U) == 0) throw std::logic_error("a shuffle from a lane that takes no part");
  wait_for_warp(mask);
  return warp.given[turn][from];
}

}  // namespace

void run_grid(dim3 blocks, dim3 threads, const std::function<void()>& body) {
  gridDim = blocks, blockDim = threads;
  for (blockIdx.z = 0; blockIdx.z < blocks.z; ++blockIdx.z)
    for (blockIdx.y = 0; blockIdx.y < blocks.y; ++blockIdx.y)
      for (blockIdx.x = 0; blockIdx.x < blocks.x; ++blockIdx.x) block.run(threads, body);
}

void wait_for_block() { block.wait_for_block(); }
void wait_for_warp(unsigned mask) { block.wait_for_warp(mask); }
std::uint64_t exchange(unsigned mask, std::uint64_t mine, unsigned from) { return block.exchange(mask, mine, from); }
unsigned lane() { return block.current() % kWarp; }

}  // namespace scalebench::shim
