#include "app/warnings.hpp"

#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace scalebench {

namespace {

void warn_of_binding(const Job& job, const Host& host, const Surroundings& s, Crew& crew) {
  const std::vector<double> mine{-static_cast<double>(host.bound_cores)};
  const double fewest = -crew.control.maximum(mine, crew.control.world())[0];
  if (fewest < job.threads)
    warn(crew,
         fmt::format("a rank is bound to {} core{} but has {} threads (they take turns on it) add --bind-to none, or "
                     "--map-by slot:PE={}, to mpirun",
                     fewest, fewest == 1 ? "" : "s", job.threads, job.threads));
  else if (fewest < 2 && s.ranks > 1 && s.cores > 1)
    warn(crew,
         "each rank is bound to one core (its communication thread shares it with its compute thread) add --bind-to "
         "none to mpirun");
}

void warn_of_oversubscription(const Job& job, const Surroundings& s, Crew& crew) {
  if (s.ranks_on_node * job.threads > s.cores)
    warn(crew,
         fmt::format("{} ranks x {} thread{} on {} cores (times show scheduling, not scaling) use the result to see "
                     "that it works, not as a reference",
                     s.ranks_on_node, job.threads, job.threads == 1 ? "" : "s", s.cores));
}

void warn_of_ignored_settings(const Job& job, Crew& crew) {
  for (const char* name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"})
    if (const char* value = std::getenv(name); value != nullptr && std::to_string(job.threads) != value)
      warn(crew, fmt::format("{}={} is not followed (each rank uses {} thread{}) say it with --threads", name, value,
                             job.threads, job.threads == 1 ? "" : "s"));
}

}  // namespace

void warn(Crew& crew, const std::string& text) { crew.progress.say("scalebench: warning: " + text); }

void tell_of_hardware(Crew& crew) {
  const Hardware& h = crew.hardware;
  if (h.pair)
    crew.progress.say(fmt::format("scalebench: on {}, {} carries the collectives", h.name, name_of(h.comm)));
  else if (h.surprising)
    crew.progress.say(fmt::format("scalebench: on the CPU: {}", h.reason));
  for (const std::string& warning : h.warnings) warn(crew, warning);
}

void warn_of_bad_measuring(const Job& job, const Host& host, const Surroundings& surroundings, Crew& crew) {
  warn_of_binding(job, host, surroundings, crew);
  warn_of_oversubscription(job, surroundings, crew);
  warn_of_ignored_settings(job, crew);
}

}  // namespace scalebench
