// Continuous batching (Yu et al. 2022) over a paged KV cache: requests join and leave at every step, prompts come in
// chunks beside sequences that decode. The host's part of decode, the same on every backend: a pure function of the
// requests, the times it is told and the tokens it learns.
//
// First come, first served. A step takes one token of each sequence that decodes and prompt tokens up to the chunk.
// When blocks run out, the sequence that came last gives up its own, and is computed again later.
#pragma once

#include <deque>
#include <span>

#include "workloads/blocks/batch.hpp"
#include "workloads/blocks/kv_pool.hpp"
#include "workloads/blocks/requests.hpp"
#include "workloads/service.hpp"

namespace scalebench {

struct SchedulerSettings {
  std::int64_t sequences = 1;  // most at a time
  std::int64_t chunk = 1;      // most prompt tokens of a step
  std::int64_t blocks = 1;     // of the cache
  std::int64_t window = 0;     // keys that a query sees; 0: all
  Arrivals arrivals = Arrivals::closed;
  std::int64_t concurrency = 1;            // closed: requests under way
  std::vector<std::int32_t> end_tokens{};  // that end an answer
};

// Blocks that a sequence of so many positions holds at a time, at most.
std::int64_t blocks_at_once(std::int64_t positions, std::int64_t chunk, std::int64_t window);

class Scheduler {
 public:
  Scheduler(const SchedulerSettings& settings, const std::vector<Request>& requests);

  // Work for the next step, of what has come by `now`; empty where there is none, now or at all.
  Batch next(double now);
  // What an issued batch drew, and when it was there: in the order of the batches.
  void learn(const Batch& batch, std::span<const std::int32_t> ids, double time);

  bool done() const;            // every request is answered
  double next_arrival() const;  // s, of a request that has not come yet; infinity: there is none
  // Requests that have not come are forgotten, those that wait are never begun; how many that were. Of an open loop the
  // latter stay among the answers, as not ended: they came.
  std::int64_t send_no_more();

  const std::deque<Answer>& answers() const { return answers_; }  // of the requests, in their order
  std::int64_t running() const { return std::ssize(running_); }
  const KvPool& pool() const { return pool_; }

 private:
  struct Sequence {
    std::vector<std::int32_t> ids{};  // prompt, and what is known of the answer
    std::int64_t prompt{}, output{};
    std::int64_t cached = 0;   // positions that are in the cache, or will be once issued steps have run
    std::int64_t drawn = 0;    // tokens of the answer that were drawn, known or not
    std::int32_t origin = -1;  // among the last step's draws, while not known
    std::int64_t freed = 0;    // blocks that fell out of the window
    std::vector<std::int32_t> blocks{};
    bool over = false;
    std::int64_t length() const { return prompt + drawn; }
    std::int64_t known() const { return std::ssize(ids); }
  };

  void send(double now);
  void retire();
  void admit(Batch& batch, std::int64_t& chunk);
  bool add(Batch& batch, std::size_t number, std::int64_t& chunk);
  void add_rows(Batch& batch, std::size_t number, std::int64_t rows);
  void fill_tables(Batch& batch) const;
  bool make_room(std::size_t number, std::int64_t positions);
  void pre_empt(std::size_t number);
  void release(Sequence& sequence);
  void leave_window(Sequence& sequence);
  void end(std::size_t number, double time);

  SchedulerSettings settings_;
  KvPool pool_;
  std::vector<Sequence> sequences_{};
  std::deque<Answer> answers_{};
  std::deque<std::size_t> waiting_{};   // first come first
  std::vector<std::size_t> running_{};  // in the order of their admission
  std::vector<std::size_t> chosen_{};   // of the batch under construction
  std::size_t sent_ = 0, last_;         // requests that have come; that ever will
  std::int64_t under_way_ = 0, ended_ = 0, given_up_ = 0;
};

}  // namespace scalebench
