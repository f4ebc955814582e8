// What makes a measurement doubtful, said once before it begins.
#pragma once

#include "app/crew.hpp"
#include "app/host.hpp"
#include "app/job.hpp"

namespace scalebench {

// By all ranks together.
void warn_of_bad_measuring(const Job& job, const Host& host, const Surroundings& surroundings, Crew& crew);

}  // namespace scalebench
