#include "collectives/sim/communicator.hpp"

namespace scalebench {

namespace {

class SimCommunicator final : public Communicator::ImplementedBy<SimCommunicator, Communicator> {
 public:
  SimCommunicator(Witness& witness, Group group, int rank, const std::string& name)
      : ImplementedBy<SimCommunicator, Communicator>(witness, group, rank),
        lane_(witness, LaneKind::communication, name) {}
  Lane& lane() override { return lane_; }

  template <class Op>
  void perform(const Op& op, Span* span) {
    if (span == nullptr) return;
    span->launched = span->start = span->end = span->issued;
    span->bytes = wire_bytes(op);
  }

 private:
  PromptLane lane_;
};

}  // namespace

std::unique_ptr<Communicator> SimNetwork::make(Witness& witness, Lane&, Group group, const std::string& name, Overlap) {
  return std::make_unique<SimCommunicator>(witness, group, rank_, name);
}

}  // namespace scalebench
