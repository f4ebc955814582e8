// Serves the communication lanes of a process: collectives under way, started in the order of each lane.
//
// Three threads of control may drive it, one at a time: the compute thread at the border of each operation (so that
// jobs start on time though all cores compute), the compute thread while it waits, and a thread of its own that sleeps
// between looks, so that jobs move on while a long kernel runs.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/lane.hpp"
#include "base/witness.hpp"
#include "collectives/mpi/running.hpp"
#include "collectives/mpi/session.hpp"

namespace scalebench {

// A point in one queue of the progress engine: the job with this number, counted from 1.
struct Position {
  std::size_t queue;
  std::uint64_t number;
};

struct CommunicationJob {
  std::unique_ptr<Running> work;
  std::vector<Position> after{};  // jobs of other queues that must have finished
  Span* span{};
};

class Progress {
 public:
  Progress(MpiSession& session, Witness& witness, Waiting waiting);
  ~Progress();  // waits for all jobs, unless the process is on its way out by an exception

  std::size_t new_queue();
  std::uint64_t submit(std::size_t queue, CommunicationJob job);  // returns its number
  void finish(Position position);  // blocks until it is done; serves all queues meanwhile
  void serve();                    // a quick look; never blocks
  void drain();                    // before a call that blocks, since that serves no queue

 private:
  struct Queue {
    std::deque<CommunicationJob> jobs{};
    std::uint64_t submitted = 0, finished = 0;
    bool running = false;
  };

  bool advance();  // with the lock held: starts and finishes what can be; true if anything changed
  bool advance(Queue& queue);
  bool ready(const CommunicationJob& job) const;
  void work();

  MpiSession& session_;
  Witness& witness_;
  Waiting waiting_;
  std::deque<Queue> queues_{};
  std::atomic<int> unfinished_{0};
  std::atomic<bool> waiter_{false};  // the compute thread serves: the other one sleeps
  bool stop_ = false;
  std::exception_ptr failure_{};  // of the communication thread, thrown again where the jobs are waited for
  std::condition_variable wake_{};
  std::thread thread_{};
};

}  // namespace scalebench
