// Where the step's time goes, operation by operation, from the spans of marked steps.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/bench/training.hpp"

namespace scalebench::bench {

struct Cost {
  int count = 0;
  double seconds = 0, flops = 0, bytes = 0;
  void add(const Span& span);
};

class Operations {
 public:
  explicit Operations(const Assignment& assignment);

  // One step with its spans recorded; returns its time, s.
  double mark(Training& training);
  // All that is neither GEMM nor attention, per step.
  Cost memory_bound() const;
  // A line an operation; limits in FLOP/s for GEMM and attention, in B/s for the rest.
  void print(double gemm_rate, double copy_rate) const;

 private:
  struct Kind {
    Cost cost{};
    bool multiplies{};  // GEMM or attention
  };
  std::vector<std::string> labels_;
  std::map<std::string, Kind> kinds_{};
  int steps_ = 0;
  double seconds_ = 0;  // of all marked steps
};

}  // namespace scalebench::bench
