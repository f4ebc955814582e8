// A device and a network on a counted clock: an operation takes 1, a collective `delay` from the arrival of the last
// rank on, a transfer `delay` from when it is sent. All numbers are whole, so that every sum of them is exact.
#pragma once

#include <algorithm>
#include <concepts>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "app/backend.hpp"
#include "app/measure/measure.hpp"
#include "collectives/control.hpp"
#include "collectives/mpi/session.hpp"

namespace scalebench::test {

struct CountedWorld {
  MpiSession& session;
  Control& control;
  double& clock;
  double skew = 0;  // of this rank's clock before rank 0's
  double delay = 0;
  std::function<double(const Gemm&)> product_time{};  // where set, products take that and all else nothing
};

class CountedDevice final : public Device::ImplementedBy<CountedDevice, Device> {
 public:
  CountedDevice(Witness& witness, const CountedWorld& world)
      : ImplementedBy<CountedDevice, Device>(witness), world_(world), lane_(witness, LaneKind::compute, "compute") {}
  Lane& lane() override { return lane_; }
  Outcome outcome(const Tensor&) override {
    return {[] { return std::nullopt; }, [this] { return world_.clock; }};
  }
  void write(const Tensor&, std::span<const double>) override {}
  std::vector<double> read(const Tensor&) override { return {}; }

  template <class Op>
  void perform(const Op& op, Span* span) {
    if (span != nullptr) span->launched = span->start = world_.clock;
    world_.clock += duration(op);
    if (span != nullptr) span->end = world_.clock;
  }

 private:
  std::byte* take(std::size_t) override { return nullptr; }
  void give_back(std::byte*) override {}

  template <class Op>
  double duration(const Op& op) const {
    if (!world_.product_time) return 1;
    if constexpr (std::same_as<Op, Gemm>) return world_.product_time(op);
    return 0;
  }

  CountedWorld world_;
  PromptLane lane_;
};

// Tells the receiving end of a transfer when it arrives. Who sends never waits: neighbours send to each other at the
// same time.
class Post {
 public:
  explicit Post(MpiSession& session) : session_(session) {}
  Post(const Post&) = delete;
  Post& operator=(const Post&) = delete;
  ~Post() {
    for (Letter& letter : letters_) wait(letter.request);
  }

  void send(double time, int to, int tag) {
    Letter& letter = letters_.emplace_back(Letter{.time = time});
    const std::lock_guard held(session_.lock());
    check_mpi(MPI_Isend(&letter.time, 1, MPI_DOUBLE, to, tag, MPI_COMM_WORLD, &letter.request), "MPI_Isend");
  }
  double receive(int from, int tag) {
    Letter letter;
    {
      const std::lock_guard held(session_.lock());
      check_mpi(MPI_Irecv(&letter.time, 1, MPI_DOUBLE, from, tag, MPI_COMM_WORLD, &letter.request), "MPI_Irecv");
    }
    wait(letter.request);
    return letter.time;
  }

 private:
  struct Letter {
    double time = 0;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  void wait(MPI_Request& request) {
    Pause pause(Waiting::patient);
    for (int done = 0;; pause()) {
      const std::lock_guard held(session_.lock());
      check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (done != 0) return;
    }
  }

  MpiSession& session_;
  std::deque<Letter> letters_{};  // MPI reads them where they are
};

class CountedLane final : public Lane {
 public:
  using End = std::function<double(double before)>;  // of a piece of work, by the end of the one before

  CountedLane(Witness& witness, const std::string& name, double& clock)
      : Lane(witness, LaneKind::communication, name), clock_(clock) {}
  void reach(const Event& event) override { clock_ = std::max(clock_, end_of(event.mark)); }
  // When what is issued now may start on this rank, but for what the lane does before.
  double ready() { return std::max(clock_, std::exchange(after_, 0.0)); }
  double last_end() { return end_of(mark()); }
  void add(double end) {
    add_later([end](double) { return end; });
  }
  // Its end is found out only when somebody waits for it: a receive may be posted before other work of this rank,
  // without which nothing is sent.
  void add_later(End end) { to_come_.push_back(std::move(end)); }

 private:
  std::uint64_t mark() override { return ends_.size() + to_come_.size() - 1; }
  void hold(const Event& event) override {
    if (auto* other = dynamic_cast<CountedLane*>(event.lane))
      after_ = std::max(after_, other->end_of(event.mark));
    else
      event.lane->reach(event);
  }
  double end_of(std::uint64_t mark) {
    for (; ends_.size() <= mark; to_come_.pop_front()) ends_.push_back(to_come_.front()(ends_.back()));
    return ends_[mark];
  }

  double& clock_;
  std::vector<double> ends_{0.0};  // behind a first one that always was
  std::deque<End> to_come_{};
  double after_ = 0;
};

class CountedCommunicator final : public Communicator::ImplementedBy<CountedCommunicator, Communicator> {
 public:
  CountedCommunicator(Witness& witness, Group group, const std::string& name, Overlap overlap,
                      const CountedWorld& world, Post& post)
      : ImplementedBy<CountedCommunicator, Communicator>(witness, group, world.control.rank()),
        world_(world),
        post_(post),
        tag_(tag_of(name)) {
    if (overlap == Overlap::yes || overlap == Overlap::link)
      lane_ = std::make_unique<CountedLane>(witness, name, world.clock);
    else
      lane_ = std::make_unique<PromptLane>(witness, LaneKind::communication, name);
    queue_ = dynamic_cast<CountedLane*>(lane_.get());
  }
  Lane& lane() override { return *lane_; }

  template <class Op>
  void perform(const Op&, Span* span) {
    double start = world_.clock, end = start;
    if (!muted()) {
      if (queue_ != nullptr) start = next_start();
      const double arrival = start - world_.skew;
      end = world_.control.maximum({&arrival, 1}, group())[0] + world_.delay + world_.skew;
      queue_ != nullptr ? queue_->add(end) : void(world_.clock = end);
    }
    note(span, start, end);
  }
  void perform(const Send& op, Span* span) {
    if (muted()) return note(span, world_.clock, world_.clock);
    const double start = next_start(), end = start + world_.delay;
    post_.send(end - world_.skew, group().member(op.to), tag_);
    queue_->add(end);
    note(span, start, end);
  }
  void perform(const Receive& op, Span* span) {
    note(span, world_.clock, world_.clock);
    if (muted()) return;
    queue_->add_later([this, ready = queue_->ready(), from = group().member(op.from), span](double before) {
      const double start = std::max(ready, before);
      const double end = std::max(start, post_.receive(from, tag_) + world_.skew);
      if (span != nullptr) span->start = start, span->end = end;
      return end;
    });
  }

 private:
  // The same on both ends, whichever communicators each of them has.
  static int tag_of(const std::string& name) {
    OrderDigest digest;
    digest.add(name);
    return static_cast<int>(digest.value() % 32768);  // what every MPI takes
  }
  double next_start() { return std::max(queue_->ready(), queue_->last_end()); }
  void note(Span* span, double start, double end) const {
    if (span != nullptr) span->launched = world_.clock, span->start = start, span->end = end;
  }

  CountedWorld world_;
  Post& post_;
  int tag_;
  std::unique_ptr<Lane> lane_{};
  CountedLane* queue_ = nullptr;  // transfers always have one
};

class CountedNetwork final : public Network {
 public:
  explicit CountedNetwork(const CountedWorld& world) : world_(world), post_(world.session) {}
  int rank() const override { return world_.control.rank(); }
  int size() const override { return world_.control.size(); }
  std::unique_ptr<Communicator> make(Witness& witness, Lane&, Group group, const std::string& name,
                                     Overlap overlap) override {
    return std::make_unique<CountedCommunicator>(witness, group, name, overlap, world_, post_);
  }

 private:
  CountedWorld world_;
  Post post_;
};

inline Backend counted_backend(const CountedWorld& world, const ParallelPlan& plan) {
  Backend backend{.witness = std::make_unique<Witness>([&clock = world.clock] { return clock; })};
  backend.device = std::make_unique<CountedDevice>(*backend.witness, world);
  backend.network = std::make_unique<CountedNetwork>(world);
  backend.mesh = std::make_unique<Mesh>(*backend.network, *backend.witness, backend.device->lane(), plan);
  return backend;
}

inline constexpr int kWarmups = 2, kCounted = 6, kMarked = 10;

inline MeasureSettings counted_settings(const CountedWorld& world) {
  MeasureSettings s{.stopping = {.min_iterations = kCounted, .max_iterations = kCounted, .max_seconds = 1e9},
                    .warmup = {.max_iterations = kWarmups, .max_seconds = 1e9}};
  s.open = [world](MpiSession&, int, Waiting, const ParallelPlan& plan) { return counted_backend(world, plan); };
  return s;
}

using Expected = std::initializer_list<std::pair<Phase, double>>;

// Parts that are not named are 0.
inline void check(const Phases& phases, Expected expected) {
  Phases whole{};
  for (const auto& [phase, value] : expected) whole[static_cast<std::size_t>(phase)] = value;
  BOOST_CHECK_EQUAL_COLLECTIONS(phases.begin(), phases.end(), whole.begin(), whole.end());
}

}  // namespace scalebench::test
