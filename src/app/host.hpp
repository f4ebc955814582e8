// What this machine is: cores, memory, binding.
#pragma once

#include <string>

namespace scalebench {

struct Host {
  std::string cpu{};        // the processor's own name
  int cores{};              // of the machine that this job may use
  int bound_cores{};        // that this process may run on
  double memory_total{};    // bytes
  double memory_available{};  // bytes that could be had now, container and process limits included
};

Host look_at_host();

// High-water mark of this process's resident memory, bytes; reset_peak_memory() starts it again where the kernel allows.
double peak_memory();
double resident_memory();
void reset_peak_memory();

}  // namespace scalebench
