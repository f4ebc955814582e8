// scalebench: from the command line to the result file.
#include <cstdio>
#include <exception>
#include <optional>

#include <fmt/core.h>

#include "app/commands.hpp"
#include "app/guard/crash.hpp"
#include "app/guard/launch.hpp"
#include "app/options/options.hpp"
#include "app/run.hpp"

namespace scalebench {

namespace {

int code_of(Exit exit) { return static_cast<int>(exit); }

void print_error(const char* message) {
  fmt::print(stderr, "scalebench: error: {}\n", message);
  std::fflush(stderr);
}

int main_of(int argc, char** argv) {
  Options options;
  std::optional<Error> trouble;
  try {
    guard_launch();
    options = parse_options(argc, argv);
    if (answers_alone(options)) {
      const Reply answer = answer_alone(options);
      if (speaks_before_mpi()) fmt::print("{}", answer.text);
      return code_of(answer.exit);
    }
  } catch (const Error& error) {
    trouble = error;
  }
  // A rank of a launched job keeps its trouble until the ranks have met: perhaps it alone has it.
  if (trouble && (!started_by_launcher() || trouble->code() == Exit::unfit)) {
    if (speaks_before_mpi()) print_error(trouble->what());
    return code_of(trouble->code());
  }
  return run_job(options, trouble, argc, argv);
}

}  // namespace

}  // namespace scalebench

int main(int argc, char** argv) {
  scalebench::hold_standard_streams();
  scalebench::install_crash_handlers();
  try {
    return scalebench::main_of(argc, argv);
  } catch (const std::exception& error) {
    if (scalebench::speaks_before_mpi()) scalebench::print_error(error.what());
    return scalebench::code_of(scalebench::Exit::unfit);
  }
}
