// What this machine is: cores, memory, binding.
#pragma once

#include <string>

namespace scalebench {

struct Host {
  std::string cpu{};          // the processor's own name
  int cores{};                // of the machine that this job may use
  int bound_cores{};          // that this process may run on
  double memory_total{};      // bytes
  double memory_available{};  // bytes that could be had now, by all processes together; the container's limit included
  double process_limit{};     // bytes that this process alone may still take (ulimit -v); infinity without a limit
};

// What each of `ranks` on this host may take, bytes: nine tenths of its share (the rest is for everybody else), and
// within the limit of the process, less what libraries take.
double memory_for_rank(const Host& host, int ranks);

Host look_at_host();

// High-water mark of this process's resident memory, bytes; reset_peak_memory() starts it again where the kernel
// allows.
double peak_memory();
double resident_memory();
void reset_peak_memory();

double process_age();  // s since this process was started, to 10 ms; NaN where the kernel doesn't say

}  // namespace scalebench
