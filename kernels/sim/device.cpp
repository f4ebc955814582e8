#include "kernels/sim/device.hpp"

namespace scalebench {

namespace {

class SimCopies final : public Copies::ImplementedBy<SimCopies, Copies> {
 public:
  SimCopies(Witness& witness, const std::string& name)
      : ImplementedBy<SimCopies, Copies>(witness), lane_(witness, LaneKind::copy, name) {}
  Lane& lane() override { return lane_; }

  template <class Op>
  void perform(const Op&, Span* span) {
    if (span != nullptr) span->launched = span->start = span->end = span->issued;
  }

 private:
  PromptLane lane_;
};

}  // namespace

std::unique_ptr<Copies> SimDevice::make_copies(const std::string& lane) {
  return std::make_unique<SimCopies>(witness(), lane);
}

SimDevice::SimDevice(Witness& witness, const std::optional<GpuKind>& gpu)
    : ImplementedBy<SimDevice, Device>(witness), lane_(witness, LaneKind::compute, "compute"), gpu_(gpu) {}

}  // namespace scalebench
