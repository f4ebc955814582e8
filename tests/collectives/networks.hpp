// The backend whose communicators every test runs on; another program of tests brings its own (tests/cuda).
#pragma once

#ifdef SCALEBENCH_TESTED_NETWORK
#include SCALEBENCH_TESTED_NETWORK
#else
#include "app/backend.hpp"

namespace scalebench::test {

inline Backend make_tested_backend(MpiSession& session, const ParallelPlan& plan) {
  return make_cpu_backend(session, 1, Waiting::patient, plan);
}

}  // namespace scalebench::test
#endif
