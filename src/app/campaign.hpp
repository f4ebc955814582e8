// Point after point: each measured by its ranks, added to the result, and the file made whole again.
#pragma once

#include "app/crew.hpp"
#include "app/job.hpp"
#include "app/measure/measurement.hpp"
#include "app/options/options.hpp"
#include "app/recorder/recorder.hpp"

namespace scalebench {

// By all ranks together. `recorder`: on rank 0; null elsewhere. Fills `measurement` on rank 0.
// Returns ok, stopped (by a signal; what is finished is in the file) or wrong (the last point's numbers are).
Exit measure_all(const Options& options, const Job& job, const Surroundings& surroundings, Crew& crew,
                 Measurement& measurement, Recorder* recorder);

// What Exit::wrong was about.
std::string failure_text(const Measurement& measurement);

}  // namespace scalebench
