// A scheduler played on a counted clock, against a cache that remembers who wrote what.
#pragma once

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/random.hpp"
#include "workloads/blocks/scheduler.hpp"

namespace scalebench::test {

inline constexpr double kStep = 0.125;  // s

// An id tells its request, and depends on the one before: what reads a wrong row gives a wrong answer.
inline constexpr std::int64_t kTags = 128, kMostRequests = 10000;
inline std::int32_t tagged(std::int64_t request, std::uint64_t bits) {
  return static_cast<std::int32_t>(request * kTags + static_cast<std::int64_t>(bits % kTags));
}
inline std::int64_t request_of(std::int32_t id) { return id / kTags; }
inline std::int32_t next_id(std::int32_t before, std::int64_t position) {
  return tagged(request_of(before),
                random_bits(static_cast<std::uint64_t>(before), static_cast<std::uint64_t>(position)));
}

struct Job {
  SchedulerSettings settings{};
  std::vector<Request> requests{};
  std::int64_t window() const { return settings.window; }
};

inline Job job_of(std::uint64_t seed, std::int64_t count, std::int64_t longest, SchedulerSettings settings,
                  double rate = 0) {
  Job job{.settings = std::move(settings)};
  double arrival = 0;
  for (std::int64_t number = 0; number < count; ++number) {
    const auto draw = [&](std::uint64_t stream) {
      return random_bits(seed + stream, static_cast<std::uint64_t>(number));
    };
    Request& request = job.requests.emplace_back();
    request.number = number;
    if (job.settings.arrivals != Arrivals::closed)
      request.arrival = arrival -= std::log1p(-random_uniform(seed, static_cast<std::uint64_t>(number))) / rate;
    request.output = 1 + static_cast<std::int64_t>(draw(1) % static_cast<std::uint64_t>(longest));
    request.prompt.resize(1 + draw(2) % static_cast<std::uint64_t>(longest));
    for (std::size_t i = 0; i < request.prompt.size(); ++i) request.prompt[i] = tagged(number, draw(3 + i));
  }
  return job;
}

// What must come out: each id from the one before, up to the length or an id that ends.
inline std::vector<std::int32_t> answer_of(const Request& request, const std::vector<std::int32_t>& end_tokens) {
  std::vector<std::int32_t> ids;
  std::int32_t last = request.prompt.back();
  for (std::int64_t position = std::ssize(request.prompt); std::ssize(ids) < request.output; ++position) {
    ids.push_back(last = next_id(last, position));
    if (std::ranges::binary_search(end_tokens, last)) break;
  }
  return ids;
}

// Boost's own checks are too slow for as many.
inline void must(bool holds, std::string_view otherwise) {
  if (!holds) BOOST_FAIL(otherwise);
}

// Plays the device: keeps what each slot holds, and looks up all that each row sees.
class Cache {
 public:
  Cache(const Job& job) : job_(job), slots_(static_cast<std::size_t>(job.settings.blocks * kBlockPositions)) {}

  // The ids that a batch draws; `before`: those of the batch before.
  std::vector<std::int32_t> run(const Batch& batch, const std::vector<std::int32_t>& before) {
    std::set<std::int32_t> written;
    owners_.clear();
    for (std::int64_t sequence = 0; sequence < batch.sequences(); ++sequence) store(batch, sequence, before, written);
    for (std::int64_t sequence = 0; sequence < batch.sequences(); ++sequence) look(batch, sequence);
    std::vector<std::int32_t> drawn;
    for (std::size_t i = 0; i < batch.draw_rows.size(); ++i) {
      const std::int32_t row = batch.draw_rows[i], position = batch.draw_positions[i];
      const std::int32_t id = ids_[static_cast<std::size_t>(row)];
      must(request_of(id) == batch.draw_requests[i], "a draw is for another request");
      must(batch.positions[static_cast<std::size_t>(row)] + 1 == position, "a draw is for another position");
      drawn.push_back(next_id(id, position));
    }
    return drawn;
  }
  std::int64_t first_seen(std::int64_t position) const {
    return job_.window() == 0 ? 0 : std::max<std::int64_t>(0, position - job_.window() + 1);
  }
  const std::vector<std::int64_t>& requests() const { return requests_; }  // of the batch, a sequence each

 private:
  struct Slot {
    std::int64_t request = -1, position = -1;
  };
  std::int64_t begin(const Batch& b, std::int64_t sequence) const {
    return b.starts[static_cast<std::size_t>(sequence)];
  }
  std::int32_t block(const Batch& b, std::int64_t sequence, std::int64_t position) const {
    must(position / kBlockPositions < b.table_width, "a position has no place in the table");
    return b.blocks[static_cast<std::size_t>(sequence * b.table_width + position / kBlockPositions)];
  }

  void store(const Batch& b, std::int64_t sequence, const std::vector<std::int32_t>& before,
             std::set<std::int32_t>& written) {
    if (sequence == 0) ids_.clear(), requests_.clear();
    const std::int64_t first = begin(b, sequence), last = begin(b, sequence + 1);
    must(first < last, "a sequence has no rows");
    std::int64_t position = b.lengths[static_cast<std::size_t>(sequence)] - (last - first);
    for (std::int64_t row = first; row < last; ++row, ++position) {
      const auto at = static_cast<std::size_t>(row);
      must(b.positions[at] == position, "a row has another position");
      const std::int32_t origin = b.origins[at];
      ids_.push_back(origin < 0 ? b.given[at] : before.at(static_cast<std::size_t>(origin)));
      if (row == first) requests_.push_back(request_of(ids_.back()));
      const std::int64_t request = requests_.back();
      check_id(request, position, ids_.back());
      const std::int32_t slot = b.slots[at];
      must(slot == block(b, sequence, position) * kBlockPositions + position % kBlockPositions,
           "slot and table differ");
      must(written.insert(slot).second, "two rows are written to one slot");
      slots_.at(static_cast<std::size_t>(slot)) = {request, position};
    }
  }

  // Ids follow from each other, so that the last one known and this one are right if all before them are.
  void check_id(std::int64_t request, std::int64_t position, std::int32_t id) {
    const std::vector<std::int32_t>& prompt = job_.requests[static_cast<std::size_t>(request)].prompt;
    std::vector<std::int32_t>& all = known_[request];
    if (all.empty()) all = prompt;
    must(position <= std::ssize(all), "a position is left out");
    if (position == std::ssize(all)) all.push_back(next_id(all.back(), position));
    must(id == all[static_cast<std::size_t>(position)], "a row has a wrong id");
  }

  // All that the rows of a sequence see was written by it, and no other of the batch has these blocks.
  void look(const Batch& b, std::int64_t sequence) {
    const auto rows = begin(b, sequence + 1) - begin(b, sequence);
    const std::int64_t length = b.lengths[static_cast<std::size_t>(sequence)];
    const std::int64_t request = requests_[static_cast<std::size_t>(sequence)];
    const std::int64_t first = first_seen(length - rows);
    for (std::int64_t position = first; position < length; ++position) {
      const std::int32_t held = block(b, sequence, position);
      const Slot& slot = slots_.at(static_cast<std::size_t>(held * kBlockPositions + position % kBlockPositions));
      must(slot.request == request && slot.position == position, "what a row sees was overwritten");
      if (position % kBlockPositions == 0 || position == first)
        must(owners_.try_emplace(held, request).first->second == request, "two sequences hold one block");
    }
  }

  const Job& job_;
  std::vector<Slot> slots_;
  std::vector<std::int32_t> ids_{};                            // of the batch's rows
  std::vector<std::int64_t> requests_{};                       // of its sequences
  std::map<std::int32_t, std::int64_t> owners_{};              // of blocks that the batch looks at
  std::map<std::int64_t, std::vector<std::int32_t>> known_{};  // ids by request, prompt and answer
};

struct Played {
  std::deque<Answer> answers{};
  std::int64_t steps = 0, most_used = 0, most_sequences = 0, preemptions = 0;
  std::vector<std::int64_t> joined{};  // requests in the order of their first row
  std::uint64_t digest = 0;            // of all batches
};

inline void add(std::uint64_t& digest, const Batch& b) {
  for (const auto* numbers : {&b.given, &b.origins, &b.positions, &b.slots, &b.starts, &b.lengths, &b.draw_rows,
                              &b.draw_requests, &b.draw_positions, &b.blocks})
    for (const std::int32_t number : *numbers) digest = random_bits(digest, static_cast<std::uint64_t>(number));
}

inline void check_limits(const Batch& b, const SchedulerSettings& s) {
  BOOST_REQUIRE_LE(b.sequences(), s.sequences);
  BOOST_REQUIRE_LE(b.prompt_rows, s.chunk);
  BOOST_REQUIRE_LE(b.rows(), b.prompt_rows + s.sequences);
  BOOST_REQUIRE_LE(b.blocks_used, s.blocks);
}

// As DecodeStep does it: a batch is issued before what the one before drew is learned. Nothing is sent any more from
// the step `cut` on.
inline Played play(const Job& job, std::int64_t cut = -1) {
  Scheduler scheduler(job.settings, job.requests);
  Cache cache(job);
  Played played;
  std::set<std::int64_t> seen;
  Batch pending;
  std::vector<std::int32_t> drawn;
  double now = 0;
  while (!scheduler.done() || !pending.empty()) {
    if (played.steps == cut) scheduler.send_no_more();
    Batch batch = scheduler.next(now);
    const double before = now;
    if (!batch.empty()) ++played.steps, now += kStep;
    check_limits(batch, job.settings);
    add(played.digest, batch);
    std::vector<std::int32_t> ids = cache.run(batch, drawn);
    if (!batch.empty()) {
      BOOST_REQUIRE(
          std::ranges::is_sorted(cache.requests(), std::ranges::less_equal()));  // the oldest first, once each
      for (const std::int64_t request : cache.requests()) {
        must(!scheduler.answers()[static_cast<std::size_t>(request)].ended, "what has ended goes on");
        if (seen.insert(request).second) played.joined.push_back(request);
      }
    }
    played.most_used = std::max(played.most_used, batch.blocks_used);
    played.most_sequences = std::max(played.most_sequences, batch.sequences());
    if (!pending.empty()) scheduler.learn(pending, drawn, before);
    if (batch.empty() && pending.empty()) {
      BOOST_REQUIRE(std::isfinite(scheduler.next_arrival()));
      BOOST_REQUIRE_GT(scheduler.next_arrival(), now);
      now = scheduler.next_arrival();
    }
    pending = std::move(batch), drawn = std::move(ids);
  }
  BOOST_CHECK(scheduler.next(now).empty());
  BOOST_CHECK_EQUAL(scheduler.pool().used(), 0);
  BOOST_CHECK_EQUAL(scheduler.running(), 0);
  played.answers = scheduler.answers();
  for (const Answer& answer : played.answers) played.preemptions += answer.preemptions;
  return played;
}

}  // namespace scalebench::test
