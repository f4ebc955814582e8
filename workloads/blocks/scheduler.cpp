#include "workloads/blocks/scheduler.hpp"

#include <algorithm>
#include <limits>

namespace scalebench {

namespace {

std::int64_t blocks_for(std::int64_t positions) { return (positions + kBlockPositions - 1) / kBlockPositions; }

// Pairs of a query and a key that it sees, of `rows` positions from `first` on.
double pairs_of(std::int64_t first, std::int64_t rows, std::int64_t window) {
  double pairs = 0;
  for (std::int64_t t = first; t < first + rows; ++t)
    pairs += static_cast<double>(window > 0 ? std::min(t + 1, window) : t + 1);
  return pairs;
}

}  // namespace

std::int64_t blocks_at_once(std::int64_t positions, std::int64_t chunk, std::int64_t window) {
  const std::int64_t all = blocks_for(positions);
  return window == 0 ? all : std::min(all, blocks_for(window + chunk) + 1);
}

Scheduler::Scheduler(const SchedulerSettings& settings, const std::vector<Request>& requests)
    : settings_(settings), pool_(settings.blocks), last_(requests.size()) {
  for (const Request& request : requests) {
    sequences_.push_back({.ids = request.prompt, .prompt = std::ssize(request.prompt), .output = request.output});
    answers_.push_back({.request = request.number, .arrival = request.arrival, .input = std::ssize(request.prompt)});
  }
}

Batch Scheduler::next(double now) {
  Batch batch;
  chosen_.clear();
  send(now);
  retire();
  std::int64_t chunk = settings_.chunk;
  for (std::size_t i = 0; i < running_.size(); ++i)
    if (!add(batch, running_[i], chunk)) break;  // it was the last, and gave up its place
  admit(batch, chunk);
  fill_tables(batch);
  batch.blocks_used = pool_.used();
  return batch;
}

void Scheduler::learn(const Batch& batch, std::span<const std::int32_t> ids, double time) {
  for (std::size_t draw = 0; draw < batch.drawn_by.size(); ++draw) {
    const std::size_t number = batch.drawn_by[draw];
    Sequence& sequence = sequences_[number];
    if (sequence.over) continue;  // drawn after its end, which was not known yet
    const std::int32_t id = ids[draw];
    sequence.ids.push_back(id);
    answers_[number].ids.push_back(id);
    answers_[number].times.push_back(time);
    const bool stops = std::ranges::find(settings_.end_tokens, id) != settings_.end_tokens.end();
    if (stops || sequence.known() == sequence.prompt + sequence.output) end(number, time);
  }
}

bool Scheduler::done() const { return ended_ + given_up_ == static_cast<std::int64_t>(last_); }

double Scheduler::next_arrival() const {
  if (sent_ == last_ || settings_.arrivals == Arrivals::closed) return std::numeric_limits<double>::infinity();
  return answers_[sent_].arrival;
}

std::int64_t Scheduler::send_no_more() {
  // The last that came: they wait behind all that were begun.
  const std::size_t given_up = std::erase_if(waiting_, [this](std::size_t number) {
    return sequences_[number].drawn == 0 && answers_[number].preemptions == 0;
  });
  const auto left_out = static_cast<std::int64_t>(last_ - sent_ + given_up);
  under_way_ -= static_cast<std::int64_t>(given_up);
  if (settings_.arrivals == Arrivals::closed)
    sent_ -= given_up;  // nobody but us sent them
  else
    given_up_ += static_cast<std::int64_t>(given_up);
  last_ = sent_;
  answers_.resize(sent_);
  return left_out;
}

void Scheduler::send(double now) {
  const bool closed = settings_.arrivals == Arrivals::closed;
  while (sent_ < last_ && (closed ? under_way_ < settings_.concurrency : answers_[sent_].arrival <= now)) {
    if (closed) answers_[sent_].arrival = now;
    waiting_.push_back(sent_++);
    ++under_way_;
  }
}

void Scheduler::end(std::size_t number, double time) {
  sequences_[number].over = true;
  answers_[number].ended = true;
  ++ended_;
  --under_way_;
  if (settings_.arrivals == Arrivals::closed) send(time);  // the next one takes its place at once
}

// Sequences that have drawn all their tokens leave before the last of these is known: nothing depends on it.
void Scheduler::retire() {
  std::erase_if(running_, [this](std::size_t number) {
    Sequence& sequence = sequences_[number];
    const bool leaves = sequence.over || sequence.drawn == sequence.output;
    if (leaves) release(sequence);
    return leaves;
  });
}

void Scheduler::admit(Batch& batch, std::int64_t& chunk) {
  while (!waiting_.empty() && running() < settings_.sequences && chunk > 0) {
    const std::size_t number = waiting_.front();
    Sequence& sequence = sequences_[number];
    if (sequence.over) {  // its end came to be known while it waited to be computed again
      waiting_.pop_front();
      continue;
    }
    const bool known = sequence.known() == sequence.length();  // the last token may still be on its way
    const std::int64_t blocks = blocks_at_once(sequence.length() + 1, settings_.chunk, settings_.window);
    if (!known || blocks > pool_.free()) return;  // nobody overtakes
    waiting_.pop_front();
    running_.push_back(number);
    if (!add(batch, number, chunk)) return;
  }
}

// Rows of a sequence, as many as there may be; false: there was no room, and it waits again.
bool Scheduler::add(Batch& batch, std::size_t number, std::int64_t& chunk) {
  Sequence& sequence = sequences_[number];
  const std::int64_t left = sequence.length() - sequence.cached;
  const bool decodes = left == 1 && sequence.drawn > 0;
  const std::int64_t rows = decodes ? 1 : std::min(left, chunk);
  if (rows == 0) return true;
  leave_window(sequence);
  if (!make_room(number, sequence.cached + rows)) return false;
  if (!decodes) {
    chunk -= rows;
    batch.prompt_rows += rows;
  }
  add_rows(batch, number, rows);
  return true;
}

void Scheduler::add_rows(Batch& batch, std::size_t number, std::int64_t rows) {
  Sequence& sequence = sequences_[number];
  const std::int64_t first = sequence.cached, window = settings_.window;
  for (std::int64_t position = first; position < first + rows; ++position) {
    const bool known = position < sequence.known();
    batch.given.push_back(known ? sequence.ids[static_cast<std::size_t>(position)] : 0);
    batch.origins.push_back(known ? -1 : sequence.origin);
    batch.positions.push_back(static_cast<std::int32_t>(position));
    const std::int64_t block = sequence.blocks[static_cast<std::size_t>(position / kBlockPositions)];
    batch.slots.push_back(static_cast<std::int32_t>(block * kBlockPositions + position % kBlockPositions));
  }
  sequence.cached = first + rows;
  batch.starts.push_back(static_cast<std::int32_t>(batch.rows()));
  batch.lengths.push_back(static_cast<std::int32_t>(sequence.cached));
  batch.pairs += pairs_of(first, rows, window);
  batch.keys += static_cast<double>(window > 0 ? std::min(sequence.cached, window + rows - 1) : sequence.cached);
  chosen_.push_back(number);
  if (sequence.cached < sequence.length()) return;
  sequence.origin = static_cast<std::int32_t>(batch.draws());
  batch.draw_rows.push_back(static_cast<std::int32_t>(batch.rows() - 1));
  batch.draw_requests.push_back(static_cast<std::int32_t>(answers_[number].request));
  batch.draw_positions.push_back(static_cast<std::int32_t>(sequence.length()));
  batch.drawn_by.push_back(number);
  ++sequence.drawn;
}

// Blocks that left a window, and what lies behind the end of a row, are named 0: nobody looks there.
void Scheduler::fill_tables(Batch& batch) const {
  std::size_t width = 1;
  for (const std::size_t number : chosen_) width = std::max(width, sequences_[number].blocks.size());
  batch.table_width = static_cast<std::int64_t>(width);
  batch.blocks.assign(chosen_.size() * width, 0);
  for (std::size_t row = 0; row < chosen_.size(); ++row) {
    const Sequence& sequence = sequences_[chosen_[row]];
    const auto freed = static_cast<std::ptrdiff_t>(sequence.freed);
    std::copy(sequence.blocks.begin() + freed, sequence.blocks.end(),
              batch.blocks.begin() + static_cast<std::ptrdiff_t>(row * width) + freed);
  }
}

bool Scheduler::make_room(std::size_t number, std::int64_t positions) {
  Sequence& sequence = sequences_[number];
  const std::int64_t blocks = blocks_for(positions) - std::ssize(sequence.blocks);
  while (pool_.free() < blocks) {
    const std::size_t victim = running_.back();
    pre_empt(victim);
    if (victim == number) return false;
  }
  for (std::int64_t i = 0; i < blocks; ++i) sequence.blocks.push_back(pool_.take());
  return true;
}

void Scheduler::pre_empt(std::size_t number) {
  ensure(running_.back() == number, "request {} is pre-empted before those that came later", answers_[number].request);
  running_.pop_back();
  waiting_.push_front(number);
  ++answers_[number].preemptions;
  release(sequences_[number]);
  sequences_[number].cached = 0;
}

void Scheduler::release(Sequence& sequence) {
  for (std::size_t block = static_cast<std::size_t>(sequence.freed); block < sequence.blocks.size(); ++block)
    pool_.give_back(sequence.blocks[block]);
  sequence.blocks.clear();
  sequence.freed = 0;
}

// The next row, at position `cached`, is the first that is still to see anything.
void Scheduler::leave_window(Sequence& sequence) {
  if (settings_.window == 0) return;
  const std::int64_t out = std::max<std::int64_t>(0, sequence.cached - settings_.window + 1) / kBlockPositions;
  for (; sequence.freed < out; ++sequence.freed)
    pool_.give_back(sequence.blocks[static_cast<std::size_t>(sequence.freed)]);
}

}  // namespace scalebench
