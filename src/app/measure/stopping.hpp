// When a point has been measured enough: an object, fed with the iterations as they come.
#pragma once

#include <string>
#include <vector>

namespace scalebench {

struct StoppingRule {
  int min_iterations = 10, max_iterations = 100;
  double max_seconds = 60;  // of the point, warm-up included; may end it before min_iterations
  double target = 0.02;     // half-width of the median's 95 % interval over the median

  // "" to go on, else why not: "target_ci", "max_iterations", "max_seconds".
  std::string verdict(const std::vector<double>& samples, double elapsed) const;
  // How many iterations to run before asking again: about a second's worth, and no more than may be needed.
  int next_block(const std::vector<double>& samples, double elapsed, double expected) const;
};

// Warm-up is over once the medians of the last five and of the five before differ by less than 2 %, at the latest after
// 20 iterations or 10 s.
struct WarmupRule {
  int max_iterations = 20;
  double max_seconds = 10;
  bool steady(const std::vector<double>& samples) const;
  bool over(const std::vector<double>& samples, double elapsed) const;
};

}  // namespace scalebench
