#include "collectives/mpi/exchange.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "collectives/mpi/session.hpp"

namespace scalebench {

namespace {

constexpr std::int64_t kLeastBlock = 16 * 1024;  // elements: 64 KiB
constexpr std::int64_t kPiece = 64 * 1024;       // elements: 256 KiB, so that kSlots of them stay in a core's cache
constexpr std::size_t kSendsUnderWay = 256;
constexpr int kTag = 0;

bool is_sum_of_blocks(const Tensor& whole, int ranks) {
  return whole.dtype() == DType::f32 && ranks > 1 && whole.count() / ranks >= kLeastBlock;
}

bool is_done(MPI_Request& request) {
  int done = 0;
  check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
  return done != 0;
}

}  // namespace

bool Exchange::suits(const AllReduce& op, int ranks) {
  return op.reduction == Reduction::sum && is_sum_of_blocks(op.input, ranks);
}

bool Exchange::suits(const ReduceScatter& op, int ranks) { return is_sum_of_blocks(op.full, ranks); }

bool Exchange::must(const ReduceScatter& op) {
  const bool in_place = &op.full.storage() == &op.shard.storage();
  ensure(!in_place || op.full.dtype() == DType::f32, "reduce_scatter in place of {}", to_string(op.full));
  return in_place;
}

Exchange::Exchange(const AllReduce& op, MPI_Comm comm, Scratch& scratch)
    : Exchange(op.input, op.output, true, comm, scratch) {}

Exchange::Exchange(const ReduceScatter& op, MPI_Comm comm, Scratch& scratch)
    : Exchange(op.full, op.shard, false, comm, scratch) {}

Exchange::Exchange(const Tensor& input, const Tensor& output, bool everywhere, MPI_Comm comm, Scratch& scratch)
    : input_(reinterpret_cast<const float*>(input.address())),
      output_(reinterpret_cast<float*>(output.address())),
      count_(input.count()),
      everywhere_(everywhere),
      comm_(comm),
      scratch_(scratch) {
  MPI_Comm_rank(comm, &rank_);
  MPI_Comm_size(comm, &ranks_);
  const std::int64_t largest_block = (count_ + ranks_ - 1) / ranks_;
  pieces_ = (largest_block + kPiece - 1) / kPiece;
  scratch_.resize(kSlots * kPiece);
}

// Empty where the block is one element shorter than others and ends before.
Exchange::Range Exchange::piece(std::int64_t owner, std::int64_t transfer) const {
  const Range whole = block(owner);
  const std::int64_t begin = std::min(whole.end, whole.begin + transfer / (ranks_ - 1) * kPiece);
  return {begin, std::min(whole.end, begin + kPiece)};
}

float* Exchange::slot(std::int64_t transfer) const { return scratch_.data() + transfer % kSlots * kPiece; }

bool Exchange::send() {
  const std::int64_t before = sent_;
  for (; sent_ < transfers() && sends_.size() < kSendsUnderWay; ++sent_) {
    const auto to = static_cast<int>((rank_ + distance(sent_)) % ranks_);
    const Range range = piece(to, sent_);
    check_mpi(MPI_Isend(input_ + range.begin, range.count(), MPI_FLOAT, to, kTag, comm_,
                        &sends_.emplace_back(MPI_REQUEST_NULL)),
              "MPI_Isend");
  }
  return sent_ > before;
}

bool Exchange::receive() {
  const std::int64_t before = added_;
  do {
    for (; posted_ < transfers() && posted_ < added_ + kSlots; ++posted_) {
      const auto from = static_cast<int>((rank_ - distance(posted_) + ranks_) % ranks_);
      check_mpi(MPI_Irecv(slot(posted_), piece(rank_, posted_).count(), MPI_FLOAT, from, kTag, comm_,
                          &receives_[static_cast<std::size_t>(posted_ % kSlots)]),
                "MPI_Irecv");
    }
    if (added_ == posted_ || !is_done(receives_[static_cast<std::size_t>(added_ % kSlots)])) break;
    add(added_++);
  } while (true);
  return added_ > before;
}

// The first to come is added to this rank's own.
void Exchange::add(std::int64_t transfer) {
  const Range range = piece(rank_, transfer);
  float* const result = own_result() + (range.begin - block(rank_).begin);
  const float* const own = distance(transfer) == 1 ? input_ + range.begin : result;
  const float* const theirs = slot(transfer);
#pragma GCC ivdep  // own and result are the same or apart
  for (int i = 0; i < range.count(); ++i) result[i] = own[i] + theirs[i];
}

// Only when nothing is left to be sent of the input, which may be where the results come to.
void Exchange::distribute() {
  distributing_ = true;
  const Range mine = block(rank_);
  for (int apart = 1; apart < ranks_; ++apart) {
    const int to = (rank_ + apart) % ranks_, from = (rank_ - apart + ranks_) % ranks_;
    const Range theirs = block(from);
    check_mpi(MPI_Irecv(output_ + theirs.begin, theirs.count(), MPI_FLOAT, from, kTag, comm_,
                        &last_.emplace_back(MPI_REQUEST_NULL)),
              "MPI_Irecv");
    check_mpi(MPI_Isend(output_ + mine.begin, mine.count(), MPI_FLOAT, to, kTag, comm_,
                        &last_.emplace_back(MPI_REQUEST_NULL)),
              "MPI_Isend");
  }
}

Look Exchange::look() {
  bool moved = false;
  if (!distributing_) {
    moved = send();
    moved = receive() || moved;
    while (!sends_.empty() && is_done(sends_.front())) sends_.pop_front(), moved = true;
    if (added_ < transfers() || sent_ < transfers() || !sends_.empty()) return moved ? Look::moved : Look::nothing;
    if (!everywhere_) return Look::done;
    distribute();
    moved = true;
  }
  int done = 0;
  check_mpi(MPI_Testall(static_cast<int>(last_.size()), last_.data(), &done, MPI_STATUSES_IGNORE), "MPI_Testall");
  return done != 0 ? Look::done : moved ? Look::moved : Look::nothing;
}

}  // namespace scalebench
