// --find-rate: the points of a job that looks for the highest rate of requests within the limits of --goodput. The
// first one serves one request of each replica at a time, which says where to begin.
#pragma once

#include <optional>

#include "app/job.hpp"
#include "app/measure/measurement.hpp"
#include "app/options/options.hpp"
#include "app/rate_search.hpp"
#include "collectives/control.hpp"

namespace scalebench {

class FindRate {
 public:
  explicit FindRate(const Options& options) : options_(options) {}

  // By all ranks, behind each point: adds the next one to the job, or on rank 0 what was found to the measurement.
  void follow(const Point& point, Job& job, Measurement& measurement, Control& control);

 private:
  std::optional<double> judged(const Point& point, const Job& job);  // the next rate; on rank 0
  FoundRate found(const Point& point) const;

  const Options& options_;
  std::optional<RateSearch> search_{};
};

}  // namespace scalebench
