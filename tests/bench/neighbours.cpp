#include "tests/bench/neighbours.hpp"

#include <algorithm>
#include <fstream>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.hpp"

namespace scalebench::bench {

namespace {

// CPU seconds of all processes and of the hypervisor's other guests.
double of_machine() {
  std::ifstream in("/proc/stat");
  std::string name;
  double user = 0, nice = 0, system = 0, idle = 0, waiting = 0, interrupts = 0, soft = 0, stolen = 0;
  if (!(in >> name >> user >> nice >> system >> idle >> waiting >> interrupts >> soft >> stolen)) return 0;
  return (user + nice + system + interrupts + soft + stolen) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double own() {
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  double sum = 0;
  for (const auto who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    if (getrusage(who, &usage) == 0) sum += seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }
  return sum;
}

}  // namespace

Neighbours::Neighbours() : begin_(monotonic_seconds()), of_machine_(of_machine()), own_(own()) {}

double Neighbours::busy_cores() const {
  const double others = of_machine() - of_machine_ - (own() - own_);
  return std::max(0.0, others) / (monotonic_seconds() - begin_);
}

}  // namespace scalebench::bench
