// A few steps of a tiny model under a plan, and what came of them.
#pragma once

#include <cmath>
#include <vector>

#include "app/backend.hpp"
#include "app/dry_run.hpp"

namespace scalebench::test {

// Awkward on purpose: nothing is a power of two, vocabulary and layer parameters don't divide by 3 or 4 ranks.
inline ModelSpec tiny_model() {
  return {.name = "tiny",
          .layers = 3,
          .hidden = 36,
          .feed_forward = 60,
          .heads = 24,
          .kv_heads = 12,
          .head_dim = 6,
          .vocabulary = 67,
          .max_sequence = 64,
          .rope_theta = 5e5,
          .norm_epsilon = 1e-5};
}

struct Trained {
  std::vector<double> losses{}, norms{};         // [steps]
  std::vector<std::vector<double>> gradients{};  // of the last step, [units]
  std::vector<Span> spans{};                     // of the last step
  std::vector<std::string> lanes{};              // names, by index
  std::size_t allocated{};
};

inline Trained train(Backend& backend, const Workload& workload, const Assignment& assignment, int steps) {
  Trained trained;
  World world = backend.world();
  const auto step = workload.prepare(world, assignment);
  for (int i = 0; i < steps; ++i) {
    backend.witness->timeline().clear();
    backend.witness->timeline().record(true);
    step->run(i);
    backend.witness->timeline().record(false);
  }
  for (const StepValues& value : step->values(true)) {
    trained.losses.push_back(value.loss);
    trained.norms.push_back(value.gradient_norm);
  }
  const auto& spans = backend.witness->timeline().spans();
  trained.spans.assign(spans.begin(), spans.end());
  for (const Lane* lane : backend.witness->lanes()) trained.lanes.push_back(lane->name());
  trained.allocated = backend.device->memory().peak;
  trained.gradients = step->gradients();
  return trained;
}

// Largest relative difference, norm-wise for gradients.
struct Distance {
  double loss = 0, norm = 0, gradient = 0;
};

// A NaN stays one, so that it is within no bound.
inline double larger(double a, double b) { return a > b || std::isnan(a) ? a : b; }

inline Distance distance(const Trained& a, const Trained& b) {
  Distance d;
  const auto relative = [](double x, double y) { return std::abs(x - y) / std::abs(y); };
  for (std::size_t i = 0; i < b.losses.size(); ++i) {
    d.loss = larger(d.loss, relative(a.losses.at(i), b.losses[i]));
    d.norm = larger(d.norm, relative(a.norms.at(i), b.norms[i]));
  }
  for (std::size_t unit = 0; unit < b.gradients.size(); ++unit) {
    double difference = 0, square = 0;
    for (std::size_t i = 0; i < b.gradients[unit].size(); ++i) {
      difference += std::pow(a.gradients.at(unit).at(i) - b.gradients[unit][i], 2);
      square += std::pow(b.gradients[unit][i], 2);
    }
    d.gradient = larger(d.gradient, std::sqrt(difference / square));
  }
  return d;
}

}  // namespace scalebench::test
