#include "collectives/mpi/progress.hpp"

#include <algorithm>
#include <chrono>
#include <exception>

namespace scalebench {

namespace {
// Between two looks of the communication thread at running jobs: long enough to leave the cores to the kernels.
constexpr auto kLookEvery = std::chrono::microseconds(100);
}  // namespace

Progress::Progress(MpiSession& session, Witness& witness, Waiting waiting)
    : session_(session), witness_(witness), waiting_(waiting) {
  witness_.at_borders([this] { serve(); });
}

Progress::~Progress() {
  witness_.at_borders({});
  if (std::uncaught_exceptions() == 0) drain();
  {
    const std::lock_guard held(session_.lock());
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::size_t Progress::new_queue() {
  const std::lock_guard held(session_.lock());
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  queues_.emplace_back();
  return queues_.size() - 1;
}

std::uint64_t Progress::submit(std::size_t queue, CommunicationJob job) {
  std::uint64_t number = 0;
  {
    const std::lock_guard held(session_.lock());
    Queue& target = queues_[queue];
    number = ++target.submitted;
    target.jobs.push_back(std::move(job));
    ++unfinished_;
    advance(target);
  }
  wake_.notify_one();
  return number;
}

void Progress::serve() {
  if (unfinished_.load(std::memory_order_relaxed) == 0) return;
  const std::unique_lock held(session_.lock(), std::try_to_lock);
  if (held.owns_lock()) advance();
}

void Progress::finish(Position position) {
  waiter_ = true;
  Pause pause(waiting_);
  for (;;) {
    bool moved = false;
    {
      const std::lock_guard held(session_.lock());
      if (failure_) std::rethrow_exception(failure_);
      moved = advance();
      if (queues_[position.queue].finished >= position.number) {
        waiter_ = false;  // under the lock, or the thread could miss being woken
        break;
      }
    }
    if (!moved) pause();
  }
  if (unfinished_ > 0) wake_.notify_one();
}

void Progress::drain() {
  if (unfinished_.load(std::memory_order_relaxed) == 0) return;
  for (std::size_t queue = 0; queue < queues_.size(); ++queue) finish({queue, queues_[queue].submitted});
}

bool Progress::ready(const CommunicationJob& job) const {
  return std::all_of(job.after.begin(), job.after.end(),
                     [this](const Position& p) { return queues_[p.queue].finished >= p.number; });
}

bool Progress::advance(Queue& queue) {
  bool moved = false;
  while (!queue.jobs.empty()) {
    CommunicationJob& job = queue.jobs.front();
    if (!queue.running) {
      if (!ready(job)) return moved;
      if (job.span != nullptr) job.span->start = witness_.now();
      queue.running = moved = true;
    }
    const Look seen = job.work->look();
    if (seen != Look::done) return moved || seen == Look::moved;
    if (job.span != nullptr) job.span->end = witness_.now();
    queue.running = false;
    queue.jobs.pop_front();
    ++queue.finished;
    --unfinished_;
    moved = true;
  }
  return moved;
}

bool Progress::advance() {
  bool moved = false;
  for (Queue& queue : queues_) moved = advance(queue) || moved;
  return moved;
}

void Progress::work() {
  std::unique_lock held(session_.lock());
  while (!stop_) {
    wake_.wait(held, [this] { return stop_ || (unfinished_ > 0 && !waiter_); });
    if (stop_) return;
    try {
      advance();
    } catch (...) {
      failure_ = std::current_exception();
      return;
    }
    held.unlock();
    std::this_thread::sleep_for(kLookEvery);
    held.lock();
  }
}

}  // namespace scalebench
