#include "app/host.hpp"

#include <algorithm>
#include <ctime>
#include <fstream>
#include <limits>
#include <sstream>

#include <hwloc.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/measure/measurement.hpp"

namespace scalebench {

namespace {

// "MemAvailable:   123 kB" of a /proc file, in bytes.
double kilobytes_of(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(key + ":", 0) != 0) continue;
    std::istringstream rest(line.substr(key.size() + 1));
    double value = 0;
    rest >> value;
    return value * 1024;
  }
  return kUnknown;
}

double number_in(const std::string& file) {
  std::ifstream in(file);
  double value = 0;
  return in >> value ? value : std::numeric_limits<double>::infinity();  // "max", or no such file: no limit
}

double limit_of_container() {
  const double limit = number_in("/sys/fs/cgroup/memory.max"), used = number_in("/sys/fs/cgroup/memory.current");
  return limit < std::numeric_limits<double>::infinity() ? std::max(0.0, limit - used) : limit;
}

double limit_of_process() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return std::numeric_limits<double>::infinity();
  return std::max(0.0, static_cast<double>(limit.rlim_cur) - kilobytes_of("/proc/self/status", "VmSize"));
}

int bound_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

std::string cpu_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "unknown";
}

int cores_of_machine() {
  hwloc_topology_t topology = nullptr;
  hwloc_topology_init(&topology);
  hwloc_topology_load(topology);
  const int cores = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
  hwloc_topology_destroy(topology);
  return std::max(1, cores);
}

// Address space that libraries, stacks and kernels' scratch take besides, bytes.
constexpr double kLibraries = 512e6;

}  // namespace

Host look_at_host() {
  return {.cpu = cpu_name(),
          .cores = cores_of_machine(),
          .bound_cores = bound_cores(),
          .memory_total = kilobytes_of("/proc/meminfo", "MemTotal"),
          .memory_available = std::min(kilobytes_of("/proc/meminfo", "MemAvailable"), limit_of_container()),
          .process_limit = limit_of_process()};
}

double memory_for_rank(const Host& host, int ranks) {
  return std::max(0.0, std::min(0.9 * host.memory_available / ranks, host.process_limit - kLibraries));
}

double peak_memory() { return kilobytes_of("/proc/self/status", "VmHWM"); }
double resident_memory() { return kilobytes_of("/proc/self/status", "VmRSS"); }
void reset_peak_memory() { std::ofstream("/proc/self/clear_refs") << 5; }

double process_age() {
  std::ifstream in("/proc/self/stat");
  std::string line;
  std::getline(in, line);
  std::istringstream fields(line.substr(line.rfind(')') + 1));  // the name before it may hold anything
  constexpr int kStartTime = 22, kFirstAfterName = 3;           // proc(5)
  std::string skipped;
  for (int field = kFirstAfterName; field < kStartTime; ++field) fields >> skipped;
  double ticks = 0;
  timespec now{};
  if (!(fields >> ticks) || clock_gettime(CLOCK_BOOTTIME, &now) != 0) return kUnknown;
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec) -
         ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace scalebench
