// One GPU: its device, how long work on it takes, and the two yardsticks of its memory.
#pragma once

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>

#include "base/cuda/times.hpp"
#include "kernels/cuda/device.hpp"

namespace scalebench::bench {

class Gpu {
 public:
  // `tokens`: rows of the operands.
  Gpu(Witness& witness, CudaTimes& times, std::int64_t tokens);

  Device& device() { return *device_; }
  std::int64_t tokens() const { return tokens_; }

  // Random numbers (0 for integers), kept as long as the GPU.
  Tensor operand(DType dtype, std::initializer_list<std::int64_t> shape);
  void forget_operands() { operands_.clear(); }

  // s of one of what `issue` gives to the device, many of them in a row: the median of some rows.
  double time(const auto& issue) {
    issue();
    const auto row = [&](int count) {
      const double begin = device_->moment()();
      for (int i = 0; i < count; ++i) issue();
      return device_->moment()() - begin;
    };
    const double once = row(1);
    return median_of_rows([&] { return row(count_for(once)); }, count_for(once));
  }
  // Of an operation of the device.
  template <class Op>
  double time_of(const Op& op) {
    return time([&] { device_->run(op); });
  }

  double copied() const { return copied_; }  // B/s, read and written together
  double read() const { return read_; }      // B/s

 private:
  static int count_for(double once);
  static double median_of_rows(const std::function<double()>& row, int count);

  std::unique_ptr<Device> device_;
  std::int64_t tokens_;
  std::uint64_t drawn_ = 0;
  std::deque<Buffer> operands_{};
  double copied_{}, read_{};
};

}  // namespace scalebench::bench
