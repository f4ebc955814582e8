// What a rank works with besides its world: the services that live as long as the job.
#pragma once

#include "app/gpu/choose.hpp"
#include "app/guard/inject.hpp"
#include "app/guard/signals.hpp"
#include "app/guard/watchdog.hpp"
#include "app/report/progress.hpp"
#include "collectives/control.hpp"
#include "collectives/control/clock_offset.hpp"
#include "collectives/mpi/session.hpp"

namespace scalebench {

struct Crew {
  MpiSession& session;
  Control& control;
  Watchdog& watchdog;
  Signals& signals;
  Injection& injection;
  ProgressLine& progress;
  ClockOffset clock{};
  Hardware hardware{};
};

}  // namespace scalebench
