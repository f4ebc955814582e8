// The parts of the bench: each measured in a process of its own, or in as many as it has ranks.
#pragma once

#include <span>
#include <string_view>

#include "collectives/mpi/session.hpp"

namespace scalebench::bench {

void measure_peak(MpiSession& session);
void measure_step(MpiSession& session);
void measure_attention(MpiSession& session);

struct Part {
  std::string_view name, summary;
  int ranks = 1;
  void (*measure)(MpiSession&) = nullptr;
  bool takes_minutes = false;  // left out without --long
};

inline constexpr Part kParts[] = {
    {"peak", "best oneDNN product, copy and read bandwidth", 1, measure_peak},
    {"step", "training step, its operations, and all that is neither GEMM nor attention", 1, measure_step},
    {"attention", "attention at sequence 4096", 1, measure_attention},
};

}  // namespace scalebench::bench
