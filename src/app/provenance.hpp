// The attributes of the result file: what was run, how, where, with which versions. From an allow-list, never the whole
// environment.
#pragma once

#include "app/crew.hpp"
#include "app/host.hpp"
#include "app/job.hpp"
#include "app/measure/measurement.hpp"
#include "app/options/options.hpp"

namespace scalebench {

// By all ranks together (hosts are gathered); complete on rank 0.
Measurement describe_run(const Options& options, const Job& job, const Host& host, Crew& crew);

std::string uuid();         // random, version 4
std::string utc_now();      // ISO 8601, "2026-01-31T12:00:00Z"
std::string utc_compact();  // "20260131T120000Z", for file names

}  // namespace scalebench
