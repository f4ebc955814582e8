// Whether the launcher and MPI agree on how many ranks there are: N processes that each believe to be rank 0 of 1 would
// measure N times the wrong thing.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace scalebench {

// Looks up an environment variable.
using Environment = std::function<std::optional<std::string>(const char* name)>;
std::optional<std::string> process_environment(const char* name);

// Before MPI_Init: throws Error(unfit) where Slurm started several tasks that cannot find each other.
void guard_launch(const Environment& environment = process_environment);

// After it: throws Error(unfit) where MPI found other ranks than the launcher started. Each process that throws may
// believe to be rank 0: speaks_before_mpi() says which one prints.
void check_size(int mpi_size, const Environment& environment = process_environment);

// Whether this process is the one that prints what goes wrong before there are ranks.
bool speaks_before_mpi(const Environment& environment = process_environment);

// By mpirun, mpiexec or srun, not by hand.
bool started_by_launcher(const Environment& environment = process_environment);

// Ranks that the launcher started, as far as it says so; 1 by hand.
int ranks_of_launcher(const Environment& environment = process_environment);

// First thing in main: standard streams that are closed become /dev/null, else the next file opened takes their place,
// and what is printed goes into it.
void hold_standard_streams();

}  // namespace scalebench
