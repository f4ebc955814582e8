#include "tests/bench/labels.hpp"

#include <fmt/format.h>

#include "collectives/sim/communicator.hpp"
#include "workloads/blocks/train_step.hpp"

namespace scalebench::bench {

namespace {

std::string label(const Gemm& op) {
  const auto layout = [](const Tensor& t) { return t.stride(1) == 1 ? "" : "'"; };
  return fmt::format("gemm {}{} x {} x {}{}{}{}", op.a.rows(), layout(op.a), op.a.columns(), op.b.columns(),
                     layout(op.b), op.c.dtype() == op.a.dtype() ? "" : " to fp32", op.accumulate ? " +=" : "");
}

class LabellingDevice final : public Device::ImplementedBy<LabellingDevice, Device> {
 public:
  explicit LabellingDevice(Witness& witness)
      : ImplementedBy<LabellingDevice, Device>(witness), lane_(witness, LaneKind::compute, "compute") {}
  Lane& lane() override { return lane_; }
  Outcome outcome(const Tensor&) override { return {}; }
  void write(const Tensor&, std::span<const double>) override {}
  std::vector<double> read(const Tensor&) override { return {}; }

  template <class Op>
  void perform(const Op& op, Span*) {
    if constexpr (requires { label(op); })
      labels.push_back(label(op));
    else
      labels.emplace_back(Op::name);
  }

  std::vector<std::string> labels{};

 private:
  std::byte* take(std::size_t) override { return nullptr; }
  void give_back(std::byte*) override {}
  PromptLane lane_;
};

}  // namespace

std::vector<std::string> labels_of_step(const Assignment& assignment) {
  Witness witness([] { return 0.0; });
  LabellingDevice device(witness);
  SimNetwork network(0, assignment.plan.ranks());
  Mesh mesh(network, witness, device.lane(), assignment.plan);
  World world{witness, device, mesh};
  const auto step = make_train_step(world, assignment);
  device.labels.clear();
  step->run(0);
  return device.labels;
}

}  // namespace scalebench::bench
