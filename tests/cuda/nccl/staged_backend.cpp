#include "tests/collectives/tested_backend.hpp"
#include "tests/cuda/nccl/staged_network.hpp"

namespace scalebench::test {

Backend make_tested_backend(MpiSession& session, const ParallelPlan& plan) {
  return make_staged_backend(session, plan);
}

}  // namespace scalebench::test
