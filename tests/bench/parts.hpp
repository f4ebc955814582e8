// The parts of the bench: each measured in a process of its own, or in as many as it has ranks.
#pragma once

#include <string_view>

namespace scalebench::bench {

void measure_peak();
void measure_step();
void measure_attention();
void measure_decode();
void measure_ranks();
void measure_all_reduce();
void measure_recording();
void measure_starting();
void measure_decode_step();
void measure_many();

struct Part {
  std::string_view name, summary;
  void (*measure)() = nullptr;
  int ranks = 1;               // under mpirun where more than 1
  bool takes_minutes = false;  // left out without --long
};

inline constexpr Part kParts[] = {
    {"peak", "best oneDNN product, copy and read bandwidth", measure_peak},
    {"step", "training step, its operations, and all that is neither GEMM nor attention", measure_step},
    {"attention", "attention forward and backward at sequence 4096", measure_attention},
    {"serving", "steps of decode and prefill, and the scheduler", measure_decode_step},
    {"decode", "few rows by weights, and attention over a paged cache, against read bandwidth", measure_decode},
    {"ranks", "scaling from 1 to 2 ranks", measure_ranks, 2},
    {"all_reduce", "all_reduce through the Communicator over a bare MPI_Allreduce loop, 2 ranks", measure_all_reduce,
     2},
    {"recording", "what recording spans costs", measure_recording},
    {"starting", "start-up to the first step", measure_starting},
    {"many", "64 ranks, however few cores there are", measure_many, 1, true},
};

}  // namespace scalebench::bench
