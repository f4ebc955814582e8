#include "workloads/blocks/collective_step.hpp"

#include <algorithm>
#include <bit>

namespace scalebench {

namespace {

class AllReduceStep final : public Step {
 public:
  AllReduceStep(World& world, const Assignment& a)
      : device_(world.device),
        comm_(world.mesh.along(Axis::dp, Purpose::scalars)),
        transfer_(a.transfer),
        input_(allocate("input")),
        result_(transfer_.in_place ? Buffer() : allocate("output")),
        wrong_(device_.allocate(DType::i32, {1}, Use::buffers, "wrong")) {
    fill();
  }

  void run(std::int64_t) override {
    comm_.wait(device_.record());
    device_.wait(comm_.run(AllReduce{.input = input_, .output = output(), .reduction = transfer_.reduction}));
    if (flips_) flip_lowest_bit(output().slice(0, 0, 1));
  }

  // As nccl-tests' barrier before its timed loop: the first call would wait for the last rank to come.
  void gather_ranks() override { run(0); }

  // Out of place, of the last timed call. In place the timed calls have consumed their inputs: of one more.
  double wrong() override {
    if (transfer_.in_place) {
      fill();
      run(0);
    }
    device_.run(CountWrong{.values = output(),
                           .wrong = wrong_,
                           .ranks = comm_.size(),
                           .maximum = transfer_.reduction == Reduction::maximum});
    const Outcome::Values values = device_.outcome(wrong_).look();
    return values ? (*values)[0] : std::numeric_limits<double>::quiet_NaN();
  }

  void flip() override { flips_ = true; }
  double bus_factor() const override { return AllReduce::factor(comm_.size()); }

 private:
  Buffer allocate(const char* label) {
    const std::int64_t count = transfer_.bytes / static_cast<std::int64_t>(size_of(transfer_.dtype));
    return device_.allocate(transfer_.dtype, {count}, Use::buffers, label);
  }
  const Tensor& output() const { return transfer_.in_place ? input_.tensor() : result_.tensor(); }
  void flip_lowest_bit(const Tensor& element) {
    double value = device_.read(element)[0];
    if (element.dtype() == DType::i32) {
      value = static_cast<std::int32_t>(value) ^ 1;
    } else {
      const std::uint32_t bit = element.dtype() == DType::bf16  ? 1U << 16
                                : element.dtype() == DType::f16 ? 1U << 13
                                                                : 1;
      value = std::bit_cast<float>(std::bit_cast<std::uint32_t>(static_cast<float>(value)) ^ bit);
    }
    device_.write(element, {&value, 1});
  }
  void fill() { device_.run(VerifiableInput{.to = input_, .rank = comm_.rank(), .ranks = comm_.size()}); }

  Device& device_;
  Communicator& comm_;
  Transfer transfer_;
  Buffer input_, result_, wrong_;
  bool flips_ = false;
};

}  // namespace

std::unique_ptr<Step> make_all_reduce_step(World& world, const Assignment& assignment) {
  return std::make_unique<AllReduceStep>(world, assignment);
}

}  // namespace scalebench
