// A job on all of its ranks: they meet, agree, measure point after point, and rank 0 records and reports.
#pragma once

#include <optional>

#include "app/options/options.hpp"
#include "base/check.hpp"

namespace scalebench {

// `trouble`: what this rank alone knows to be wrong already. Returns the exit code.
int run_job(const Options& options, const std::optional<Error>& trouble, int argc, char** argv);

}  // namespace scalebench
