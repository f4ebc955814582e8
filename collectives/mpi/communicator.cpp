#include "collectives/mpi/communicator.hpp"

#include <concepts>
#include <exception>
#include <optional>
#include <utility>

#include "base/check.hpp"
#include "collectives/mpi/calls.hpp"
#include "collectives/mpi/exchange.hpp"

namespace scalebench {

namespace {

// One of MPI's own non-blocking calls.
template <class Op>
class LibraryCall final : public Running {
 public:
  LibraryCall(const Op& op, MPI_Comm comm) : op_(op), comm_(comm) {}
  Look look() override {
    if (!std::exchange(started_, true)) call_mpi(op_, comm_, &request_);
    int done = 0;
    check_mpi(MPI_Test(&request_, &done, MPI_STATUS_IGNORE), "MPI_Test");
    return done != 0 ? Look::done : Look::nothing;
  }

 private:
  Op op_;
  MPI_Comm comm_;
  MPI_Request request_ = MPI_REQUEST_NULL;
  bool started_ = false;
};

// Of a communicator that overlaps: its points are jobs of a queue.
class QueueLane final : public Lane {
 public:
  QueueLane(Witness& witness, const std::string& name, Progress& progress)
      : Lane(witness, LaneKind::communication, name), progress_(progress), queue_(progress.new_queue()) {}

  void reach(const Event& event) override { progress_.finish({queue_, event.mark}); }
  void submit(CommunicationJob job) {
    job.after = std::exchange(after_, {});
    last_ = progress_.submit(queue_, std::move(job));
  }

 private:
  std::uint64_t mark() override { return last_; }
  void hold(const Event& event) override {
    if (const auto* other = dynamic_cast<const QueueLane*>(event.lane))
      after_.push_back({other->queue_, event.mark});
    else
      event.lane->reach(event);
  }

  Progress& progress_;
  std::size_t queue_;
  std::uint64_t last_ = 0;
  std::vector<Position> after_{};
};

class MpiCommunicator final : public Communicator::ImplementedBy<MpiCommunicator, Communicator> {
 public:
  MpiCommunicator(MpiSession& session, Progress& progress, Witness& witness, Group group, MPI_Comm comm,
                  const std::string& name, Overlap overlap)
      : ImplementedBy<MpiCommunicator, Communicator>(witness, group, session.rank()),
        session_(session),
        progress_(progress),
        comm_(comm),
        exchanges_(overlap != Overlap::never) {
    if (overlap == Overlap::in_turn) in_turn_ = progress.new_queue();
    if ((overlap == Overlap::yes || overlap == Overlap::link) && group.size > 1) {
      auto lane = std::make_unique<QueueLane>(witness, name, progress);
      queue_ = lane.get();
      lane_ = std::move(lane);
    } else {
      lane_ = std::make_unique<PromptLane>(witness, LaneKind::communication, name);
    }
  }
  ~MpiCommunicator() override {
    if (queue_ != nullptr && std::uncaught_exceptions() == 0) queue_->reach(queue_->record());
    const std::lock_guard held(session_.lock());
    if (comm_ != MPI_COMM_NULL && std::uncaught_exceptions() == 0) MPI_Comm_free(&comm_);
  }
  Lane& lane() override { return *lane_; }

  template <class Op>
  void perform(const Op& op, Span* span) {
    if (span != nullptr) span->bytes = wire_bytes(op);
    if (muted()) {
      if (span != nullptr) span->launched = span->start = span->end = span->issued;
    } else if (queue_ != nullptr) {
      queue_->submit({.work = running(op), .span = span});
      if (span != nullptr) span->launched = witness().now();
    } else {
      if (span != nullptr) span->start = witness().now();
      run_inline(op);
      if (span != nullptr) span->end = span->launched = witness().now();
    }
  }

 private:
  template <class Op>
  bool exchanged(const Op& op) const {
    return Exchange::must(op) || (exchanges_ && Exchange::suits(op, size()));
  }

  template <class Op>
  std::unique_ptr<Running> running(const Op& op) {
    if constexpr (std::constructible_from<Exchange, const Op&, MPI_Comm, Exchange::Scratch&>)
      if (exchanged(op)) return std::make_unique<Exchange>(op, comm_, scratch_);
    return std::make_unique<LibraryCall<Op>>(op, comm_);
  }

  template <class Op>
  void run_inline(const Op& op) {
    if (size() == 1) return call_alone(op);
    if (in_turn_) return progress_.finish({*in_turn_, progress_.submit(*in_turn_, {.work = running(op)})});
    progress_.drain();
    const std::lock_guard held(session_.lock());
    if (!exchanged(op)) return call_mpi(op, comm_, nullptr);
    const auto work = running(op);
    while (work->look() != Look::done) continue;
  }

  MpiSession& session_;
  Progress& progress_;
  MPI_Comm comm_;
  bool exchanges_;
  Exchange::Scratch scratch_{};
  std::unique_ptr<Lane> lane_{};
  QueueLane* queue_ = nullptr;
  std::optional<std::size_t> in_turn_{};
};

// Of a name; the same on ranks that make different numbers of communicators.
int tag_of(const std::string& name) {
  constexpr std::uint64_t kTags = 32768;  // that MPI promises
  OrderDigest digest;
  digest.add(name);
  return static_cast<int>(digest.value() % kTags);
}

MPI_Comm communicator_of(const Group& group, int tag) {
  MPI_Group world = MPI_GROUP_NULL, members = MPI_GROUP_NULL;
  MPI_Comm comm = MPI_COMM_NULL;
  int range[1][3] = {{group.first, group.member(group.size - 1), group.stride}};
  check_mpi(MPI_Comm_group(MPI_COMM_WORLD, &world), "MPI_Comm_group");
  check_mpi(MPI_Group_range_incl(world, 1, range, &members), "MPI_Group_range_incl");
  check_mpi(MPI_Comm_create_group(MPI_COMM_WORLD, members, tag, &comm), "MPI_Comm_create_group");
  MPI_Group_free(&members);
  MPI_Group_free(&world);
  check_mpi(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  return comm;
}

}  // namespace

std::unique_ptr<Communicator> MpiNetwork::make(Witness& witness, Lane&, Group group, const std::string& name,
                                               Overlap overlap) {
  ensure(group.holds(rank()), "rank {} makes communicator '{}' of a group that it is not in", rank(), name);
  MPI_Comm comm = MPI_COMM_NULL;
  if (group.size > 1) {
    const std::lock_guard held(session_.lock());
    comm = communicator_of(group, tag_of(name));
  }
  return std::make_unique<MpiCommunicator>(session_, progress_, witness, group, comm, name, overlap);
}

}  // namespace scalebench
