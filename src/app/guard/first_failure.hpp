// OUT.error.json: what went wrong first. Whoever makes the file first wins; the others find it made.
#pragma once

#include <filesystem>
#include <string_view>

namespace scalebench {

// Nothing in here may allocate: a signal handler writes it too.
struct Failure {
  int rank = -1;
  std::string_view host{}, phase{}, message{};
  int error_number = 0;  // errno, where a system call failed
  int exit_code = 0;
};

enum class Wrote : unsigned char { yes, another_was_first, impossible };

// `path` is OUT.error.json whole. Safe in signal handlers. `frames`: addresses of a backtrace.
Wrote write_first_failure(const char* path, const Failure& failure, void* const* frames = nullptr, int count = 0);

std::filesystem::path failure_path(const std::filesystem::path& stem);           // OUT.error.json
std::filesystem::path flight_path(const std::filesystem::path& stem, int rank);  // OUT.flight.N.json

// What an earlier run of the same output left. By rank 0, once it holds the lock of the output.
void remove_old_failures(const std::filesystem::path& stem);

}  // namespace scalebench
