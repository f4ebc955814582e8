// A device and a network on a counted clock: an operation takes 1, a collective `delay` from the arrival of the last
// rank on. All numbers are whole, so that every sum of them is exact.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "app/backend.hpp"
#include "collectives/control.hpp"

namespace scalebench::test {

class CountedDevice final : public Device::ImplementedBy<CountedDevice, Device> {
 public:
  CountedDevice(Witness& witness, double& clock)
      : ImplementedBy<CountedDevice, Device>(witness), clock_(clock), lane_(witness, LaneKind::compute, "compute") {}
  Lane& lane() override { return lane_; }
  Outcome outcome(const Tensor&) override {
    return Outcome([] { return std::nullopt; });
  }
  void write(const Tensor&, std::span<const double>) override {}
  std::vector<double> read(const Tensor&) override { return {}; }

  template <class Op>
  void perform(const Op&, Span* span) {
    if (span != nullptr) span->launched = span->start = clock_;
    clock_ += 1;
    if (span != nullptr) span->end = clock_;
  }

 private:
  std::byte* take(std::size_t) override { return nullptr; }
  void give_back(std::byte*) override {}

  double& clock_;
  PromptLane lane_;
};

class CountedLane final : public Lane {
 public:
  CountedLane(Witness& witness, const std::string& name, double& clock)
      : Lane(witness, LaneKind::communication, name), clock_(clock) {}
  void reach(const Event& event) override { clock_ = std::max(clock_, ends_.at(event.mark)); }
  // When a collective issued now may start on this rank.
  double next_start() { return std::max({clock_, ends_.back(), std::exchange(after_, 0.0)}); }
  void add(double end) { ends_.push_back(end); }

 private:
  std::uint64_t mark() override { return ends_.size() - 1; }
  void hold(const Event& event) override {
    if (const auto* other = dynamic_cast<const CountedLane*>(event.lane))
      after_ = std::max(after_, other->ends_.at(event.mark));
    else
      event.lane->reach(event);
  }

  double& clock_;
  std::vector<double> ends_{0.0};  // of its collectives, behind a first one that always was
  double after_ = 0;
};

class CountedCommunicator final : public Communicator::ImplementedBy<CountedCommunicator, Communicator> {
 public:
  CountedCommunicator(Witness& witness, Group group, Control& control, const std::string& name, Overlap overlap,
                      double& clock, double skew, double delay)
      : ImplementedBy<CountedCommunicator, Communicator>(witness, group, control.rank()),
        control_(control),
        clock_(clock),
        skew_(skew),
        delay_(delay) {
    if (overlap == Overlap::yes)
      lane_ = std::make_unique<CountedLane>(witness, name, clock);
    else
      lane_ = std::make_unique<PromptLane>(witness, LaneKind::communication, name);
    queue_ = dynamic_cast<CountedLane*>(lane_.get());
  }
  Lane& lane() override { return *lane_; }

  template <class Op>
  void perform(const Op&, Span* span) {
    double start = clock_, end = clock_;
    if (!muted()) {
      if (queue_ != nullptr) start = queue_->next_start();
      const double arrival = start - skew_;
      end = control_.maximum({&arrival, 1}, group())[0] + delay_ + skew_;
      queue_ != nullptr ? queue_->add(end) : void(clock_ = end);
    }
    if (span != nullptr) span->launched = clock_, span->start = start, span->end = end;
  }

 private:
  Control& control_;
  double& clock_;
  double skew_, delay_;
  std::unique_ptr<Lane> lane_{};
  CountedLane* queue_ = nullptr;
};

class CountedNetwork final : public Network {
 public:
  CountedNetwork(Control& control, double& clock, double skew, double delay)
      : control_(control), clock_(clock), skew_(skew), delay_(delay) {}
  int rank() const override { return control_.rank(); }
  int size() const override { return control_.size(); }
  std::unique_ptr<Communicator> make(Witness& witness, Lane&, Group group, const std::string& name,
                                     Overlap overlap) override {
    return std::make_unique<CountedCommunicator>(witness, group, control_, name, overlap, clock_, skew_, delay_);
  }

 private:
  Control& control_;
  double& clock_;
  double skew_, delay_;
};

// `skew`: of this rank's clock before rank 0's.
inline Backend counted_backend(Control& control, double& clock, double skew, double delay, const ParallelPlan& plan) {
  Backend backend{.witness = std::make_unique<Witness>([&clock] { return clock; })};
  backend.device = std::make_unique<CountedDevice>(*backend.witness, clock);
  backend.network = std::make_unique<CountedNetwork>(control, clock, skew, delay);
  backend.mesh = std::make_unique<Mesh>(*backend.network, *backend.witness, backend.device->lane(), plan);
  return backend;
}

}  // namespace scalebench::test
