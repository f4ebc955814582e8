// Point after point: each measured by its ranks, added to the result, and the file made whole again.
#pragma once

#include "app/crew.hpp"
#include "app/job.hpp"
#include "app/measure/measurement.hpp"
#include "app/options/options.hpp"
#include "app/recorder/dump_file.hpp"
#include "app/recorder/recorder.hpp"

namespace scalebench {

// What rank 0 writes to; null elsewhere, and where it was not asked for.
struct Files {
  Recorder* recorder = nullptr;
  const DumpFile* dump = nullptr;
};

// By all ranks together. Fills `measurement` on rank 0; --find-rate adds points to the job.
// Returns ok, stopped (by a signal; what is finished is in the file) or wrong (the last point's numbers are).
Exit measure_all(const Options& options, Job& job, const Surroundings& surroundings, Crew& crew,
                 Measurement& measurement, const Files& files);

// What Exit::wrong was about.
std::string failure_text(const Measurement& measurement);

}  // namespace scalebench
