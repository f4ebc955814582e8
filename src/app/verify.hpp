// --verify: before anything is measured, the plan of every point trains a small model of the same form, and rank 0
// trains it alone; losses and gradient norms must agree.
#pragma once

#include <functional>

#include "app/backend.hpp"
#include "app/crew.hpp"
#include "app/job.hpp"
#include "app/measure/measurement.hpp"

namespace scalebench {

// The largest relative differences of a point from one rank, over the steps.
struct Verified {
  int ranks = 1;
  double loss = 0, gradient_norm = 0;
};

struct Verification {
  ModelSpec model{};
  int steps = 0;
  double loss_bound = 0, gradient_norm_bound = 0;
  std::vector<Verified> points{};
  bool passed() const;
};

// What is verified instead of a point: few layers and heads, each matrix small, in the form that the plan cuts.
Assignment verifiable(const Assignment& assignment);

// Called by all ranks of the world; all get the result. Throws AgreedError on all alike.
Verification verify(const Job& job, Crew& crew, const OpenBackend& open);

Attributes attributes_of(const Verification& verification);  // for the file
std::string text_of(const Verification& verification);       // one line
[[noreturn]] void refuse(const Verification& verification);  // Error(wrong)

}  // namespace scalebench
