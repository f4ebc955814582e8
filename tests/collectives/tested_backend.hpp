// The backend whose communicators the tests use.
#pragma once

#include "app/backend.hpp"

namespace scalebench::test {

// Each program of tests has its own: the same tests are linked with the CPU's (cpu_backend.cpp), and with CUDA's over
// NCCL or staged (tests/cuda/nccl).
Backend make_tested_backend(MpiSession& session, const ParallelPlan& plan);

}  // namespace scalebench::test
