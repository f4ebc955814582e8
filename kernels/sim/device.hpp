// The simulated device: computes nothing and takes no memory. It records the sequence of operations with their FLOPs
// and bytes, and the memory that they need: the dry run.
#pragma once

#include "kernels/device.hpp"

namespace scalebench {

class SimDevice final : public Device::ImplementedBy<SimDevice, Device> {
 public:
  explicit SimDevice(Witness& witness);
  Lane& lane() override { return lane_; }
  Outcome outcome(const Tensor&) override {
    return {[] { return std::nullopt; }, [now = witness().now()] { return now; }};
  }
  std::unique_ptr<Copies> make_copies(const std::string& lane) override;
  void write(const Tensor&, std::span<const double>) override {}
  std::vector<double> read(const Tensor&) override { return {}; }

  template <class Op>
  void perform(const Op&, Span* span) {
    if (span != nullptr) span->launched = span->start = span->end = span->issued;
  }

 private:
  std::byte* take(std::size_t) override { return nullptr; }
  std::byte* take_on_host(std::size_t) override { return nullptr; }
  void give_back(std::byte*) override {}

  PromptLane lane_;
};

}  // namespace scalebench
