// Clocks of different hosts brought together: what to add to this rank's clock to read rank 0's.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "collectives/control.hpp"
#include "collectives/mpi/session.hpp"

namespace scalebench {

struct ClockOffset {
  double seconds = 0;
  std::string method = "shared";  // one host, one clock; or "offset": from the quickest of several ping-pongs
};

// By all ranks of the world together.
ClockOffset clock_offset(MpiSession& session, Control& control, const Clock& clock);

}  // namespace scalebench
