#include "tests/collectives/tested_backend.hpp"

namespace scalebench::test {

Backend make_tested_backend(MpiSession& session, const ParallelPlan& plan) {
  return make_cpu_backend(session, 1, Waiting::patient, plan);
}

}  // namespace scalebench::test
