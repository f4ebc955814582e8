#include "app/guard/launch.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

#include "base/check.hpp"

namespace scalebench {
namespace {

// Set by: Open MPI's mpirun; PMIx (srun --mpi=pmix, PRRTE); PMI 1 and 2 (Hydra, srun --mpi=pmi2).
constexpr std::array kRanks = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"};

std::optional<int> number(const Environment& environment, const char* name) {
  const std::optional<std::string> text = environment(name);
  int value = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc()) return std::nullopt;
  return value;
}

std::optional<int> rank_of_launcher(const Environment& environment) {
  for (const char* name : kRanks)
    if (const auto rank = number(environment, name)) return rank;
  return std::nullopt;
}

[[noreturn]] void refuse_singletons(int tasks) {
  fail(Exit::unfit,
       "started {} times as rank 0 of 1 (srun started {} tasks that cannot find each other: it offers no PMI that this "
       "MPI understands) use srun --mpi=pmix or mpirun",
       tasks, tasks);
}

}  // namespace

std::optional<std::string> process_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// SLURM_NTASKS alone proves nothing: it is also set for `mpirun -np 1` inside an allocation.
void guard_launch(const Environment& environment) {
  if (environment("OMPI_COMM_WORLD_SIZE")) return;
  const int tasks = number(environment, "SLURM_STEP_NUM_TASKS").value_or(1);
  if (tasks > 1 && !environment("PMIX_RANK") && !environment("PMI_RANK")) refuse_singletons(tasks);
}

void check_size(int mpi_size, const Environment& environment) {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"})
    if (const auto size = number(environment, name)) {
      if (*size == mpi_size) return;
      fail(Exit::unfit,
           "MPI found {} ranks (the launcher started {}: {}) this program and the launcher belong to different MPIs; "
           "use the mpirun of the MPI that scalebench was built with",
           mpi_size, *size, name);
    }
  const int tasks = number(environment, "SLURM_STEP_NUM_TASKS").value_or(1);
  if (mpi_size == 1 && tasks > 1) refuse_singletons(tasks);
}

bool speaks_before_mpi(const Environment& environment) {
  const auto rank = rank_of_launcher(environment);
  return (rank ? *rank : number(environment, "SLURM_PROCID").value_or(0)) == 0;
}

bool started_by_launcher(const Environment& environment) {
  return rank_of_launcher(environment).has_value() || number(environment, "SLURM_STEP_NUM_TASKS").value_or(1) > 1;
}

int ranks_of_launcher(const Environment& environment) {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"})
    if (const auto size = number(environment, name)) return std::max(1, *size);
  return 1;
}

void hold_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    while (fcntl(stream, F_GETFD) < 0 && open("/dev/null", O_RDWR) >= 0) {
    }
}

}  // namespace scalebench
