// What makes a measurement doubtful, said once before it begins.
#pragma once

#include <string>

#include "app/crew.hpp"
#include "app/host.hpp"
#include "app/job.hpp"

namespace scalebench {

void warn(Crew& crew, const std::string& text);  // on rank 0

// What it runs on, where somebody may wonder, and what is wrong with it.
void tell_of_hardware(Crew& crew);

// By all ranks together.
void warn_of_bad_measuring(const Job& job, const Host& host, const Surroundings& surroundings, Crew& crew);

}  // namespace scalebench
