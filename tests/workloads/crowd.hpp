// What the tests of training share: all ranks of the job, and a backend of theirs for a plan.
#pragma once

#include "collectives/control/mpi_control.hpp"
#include "tests/main_mpi.hpp"
#include "tests/workloads/cells.hpp"

namespace scalebench::test {

inline constexpr int kSteps = 3;
inline constexpr int kThreads = 1;

struct Crowd {
  MpiSession& session = test_session();
  MpiControl control{session};
  int ranks = control.size();
  bool first = control.rank() == 0;

  Backend backend(const Assignment& a) const { return make_cpu_backend(session, kThreads, Waiting::patient, a.plan); }
};

}  // namespace scalebench::test
