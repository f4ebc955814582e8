// The simulated device: computes nothing and takes no memory. It records the sequence of operations with their FLOPs
// and bytes, and the memory that they need: the dry run. For a GPU that includes the workspaces of its libraries.
#pragma once

#include <algorithm>
#include <optional>

#include "kernels/device.hpp"
#include "kernels/workspace.hpp"

namespace scalebench {

class SimDevice final : public Device::ImplementedBy<SimDevice, Device> {
 public:
  explicit SimDevice(Witness& witness, const std::optional<GpuKind>& gpu = {});
  Lane& lane() override { return lane_; }
  Outcome outcome(const Tensor&) override {
    return {[] { return std::nullopt; }, [now = witness().now()] { return now; }};
  }
  std::unique_ptr<Copies> make_copies(const std::string& lane) override;
  void write(const Tensor&, std::span<const double>) override {}
  std::vector<double> read(const Tensor&) override { return {}; }

  std::size_t workspace() const override { return gpu_ ? kProductWorkspace + static_cast<std::size_t>(attention_) : 0; }

  template <class Op>
  void perform(const Op& op, Span* span) {
    if constexpr (requires { workspace_of(op, *gpu_); })
      if (gpu_) attention_ = std::max(attention_, workspace_of(op, *gpu_));
    if (span != nullptr) span->launched = span->start = span->end = span->issued;
  }

 private:
  std::byte* take(std::size_t) override { return nullptr; }
  std::byte* take_on_host(std::size_t) override { return nullptr; }
  void give_back(std::byte*) override {}

  PromptLane lane_;
  std::optional<GpuKind> gpu_;
  std::int64_t attention_ = 0;  // bytes of the workspace that is largest so far
};

}  // namespace scalebench
