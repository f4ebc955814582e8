// --dump: brings the ranks' parts of the first step together and writes them.
#pragma once

#include "app/job.hpp"
#include "app/recorder/dump_file.hpp"
#include "collectives/control.hpp"

namespace scalebench {

// Called by all ranks of the point before its first iteration; `file` on rank 0 alone.
void dump_first_step(Step& step, const PointPlan& point, Control& control, const DumpFile* file);

}  // namespace scalebench
