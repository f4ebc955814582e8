// all_reduce through the workload and its Communicator, against a bare MPI_Allreduce loop on as much of the same
// memory.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "app/backend.hpp"
#include "base/units.hpp"
#include "collectives/control/mpi_control.hpp"
#include "tests/bench/bare_all_reduce.hpp"
#include "tests/bench/parts.hpp"
#include "tests/bench/row.hpp"
#include "tests/bench/timing.hpp"

namespace scalebench::bench {

namespace {

constexpr std::int64_t kSizes[] = {8,        64,        512,     4 << 10, 16 << 10, 32 << 10,
                                   64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20};
constexpr std::int64_t kLarge = 64 << 10;                  // from here on the bar is a ratio
constexpr double kRatioBar = 0.05, kDifferenceBar = 1e-6;  // of the bare loop; s
constexpr double kBlock = 8e-3;                            // s of calls back to back
constexpr int kRounds = 41;

class Pair {
 public:
  Pair(Backend& backend, std::int64_t bytes)
      : device_(*backend.device),
        comm_(backend.mesh->along(Axis::dp, Purpose::scalars)),
        input_(backend.device->allocate(DType::f32, {bytes / 4}, Use::buffers, "input")),
        output_(backend.device->allocate(DType::f32, {bytes / 4}, Use::buffers, "output")) {
    backend.device->run(Fill{.to = input_, .value = 1});
    backend.device->run(Fill{.to = output_});
  }

  // s a call, of `calls` back to back that all ranks begin together.
  double through_communicator(int calls) {
    bare_.barrier();
    return time_of([&] {
             for (int i = 0; i < calls; ++i) {
               comm_.wait(device_.record());
               device_.wait(comm_.run(AllReduce{.input = input_, .output = output_}));
             }
           }) /
           calls;
  }
  double bare(int calls) {
    bare_.barrier();
    return time_of([&] {
             for (int i = 0; i < calls; ++i)
               bare_.run(input_.tensor().address(), output_.tensor().address(), input_.tensor().count());
           }) /
           calls;
  }

 private:
  Device& device_;
  Communicator& comm_;
  Buffer input_, output_;
  BareAllReduce bare_{};
};

void measure_size(Backend& backend, Control& control, std::int64_t bytes) {
  Pair pair(backend, bytes);
  backend.witness->check_waits(true);
  pair.through_communicator(3);
  backend.witness->check_waits(false);
  pair.bare(3);
  const double once = pair.bare(3);
  const auto calls = static_cast<int>(std::max(3.0, kBlock / control.maximum({&once, 1}, control.world())[0]));
  std::vector<double> ours, bare, differences;
  for (int round = 0; round < kRounds; ++round) {  // the order turns round, since the second finds warmer caches
    double first = round % 2 == 0 ? pair.bare(calls) : pair.through_communicator(calls);
    double second = round % 2 == 0 ? pair.through_communicator(calls) : pair.bare(calls);
    if (round % 2 != 0) std::swap(first, second);
    bare.push_back(first), ours.push_back(second), differences.push_back(second - first);
  }
  if (control.rank() != 0) return;
  const double reference = median(bare), difference = median(differences);
  const bool large = bytes >= kLarge;
  put({.name = fmt::format("all_reduce over a bare loop, {}", format_size(bytes)),
       .value = large ? difference / reference : difference,
       .unit = large ? "%" : "s",
       .bar = large ? kRatioBar : kDifferenceBar,
       .sense = Bar::at_most,
       .remark = fmt::format("{} against {} a call, {} calls, n={}", format_duration(median(ours)),
                             format_duration(reference), calls, kRounds)});
}

}  // namespace

void measure_all_reduce() {
  MpiSession session(nullptr, nullptr);
  MpiControl control(session);
  Backend backend = make_cpu_backend(session, 1, Waiting::eager, {.dp = session.size(), .overlap = false});
  for (const std::int64_t bytes : kSizes) measure_size(backend, control, bytes);
}

}  // namespace scalebench::bench
