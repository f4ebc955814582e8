// The CPU as a device: the calling thread, with a team of OpenMP threads, runs each operation when it is issued.
#pragma once

#include "kernels/cpu/compute.hpp"
#include "kernels/device.hpp"

namespace scalebench {

class CpuDevice final : public Device::ImplementedBy<CpuDevice, Device> {
 public:
  CpuDevice(Witness& witness, int threads);
  ~CpuDevice() override;

  Lane& lane() override { return lane_; }
  int threads() const;
  Outcome outcome(const Tensor& values) override;
  void write(const Tensor& to, std::span<const double> values) override;
  std::vector<double> read(const Tensor& from) override;

  template <class Op>
  void perform(const Op& op, Span* span) {
    // The host's part ends where the work begins, since it is the host that does the work.
    if (span != nullptr) span->launched = span->start = witness().now();
    cpu::compute(op, *context_);
    if (span != nullptr) span->end = witness().now();
  }

 private:
  std::byte* take(std::size_t bytes) override;
  void give_back(std::byte* memory) override;

  PromptLane lane_;
  std::unique_ptr<cpu::CpuContext> context_;
};

}  // namespace scalebench
