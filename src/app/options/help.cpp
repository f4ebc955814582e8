#include <fmt/format.h>

#include "app/build.hpp"
#include "app/options/options.hpp"
#include "app/options/table.hpp"

namespace scalebench {

namespace {

std::string row_text(const OptionRow& row) {
  const std::string names =
      row.letter == ' ' ? fmt::format("    --{}", row.name) : fmt::format("-{}, --{}", row.letter, row.name);
  const std::string left = fmt::format("  {} {}", names, row.argument);
  const std::string initial = row.initial.empty() ? "" : fmt::format(" [{}]", row.initial);
  return fmt::format("{:<38}{}{}\n", left, row.help, initial);
}

std::string group_text(const OptionGroup& group) {
  std::string text = fmt::format("\n{}\n", group.title);
  for (const OptionRow& row : group.rows) text += row_text(row);
  return text;
}

// Filled lines of at most 100 characters.
std::string absent_text() {
  std::string text = "\nKnown, but not in this version\n ";
  std::size_t column = 1;
  for (const AbsentOption& option : absent_options()) {
    const std::string word = fmt::format(" --{}{}{}", option.name, option.argument.empty() ? "" : " ", option.argument);
    if (column + word.size() > 100) text += "\n ", column = 1;
    text += word, column += word.size();
  }
  return text + "\n";
}

}  // namespace

std::string help_text() {
  return R"(scalebench measures LLM training steps, decode (serving) and collectives over MPI ranks.

Usage: mpirun -np RANKS scalebench --workload NAME [OPTIONS]
       scalebench list | describe NAME | doctor | calibrate

Examples
  scalebench list                                              what can be run
  mpirun -np 2 scalebench --workload fsdp70b                   where the time of a step goes
  mpirun -np 4 scalebench --workload fsdp70b --scale 1,2,4     how it scales, in one run
  mpirun -np 2 scalebench --workload all_reduce -b 8 -e 128M   bandwidth over message sizes
  mpirun -np 2 scalebench --workload decode_qwen3_8b --tp 2    tokens/s and latencies of serving
  scalebench --workload fsdp70b --dry-run --ranks 1024 --machine h100-sxm   does it fit?

Options used most
  --model NAME            of the catalogue, or the path of a Hugging Face config.json
  --micro-batch N         sequences per rank at once; --global-batch N over all ranks
  --scale 1,2,4           ranks of each point; --scaling weak or strong
  --max-seconds S         longest time of a point; --max-iterations N likewise
  --output FILE           the HDF5 result; --force replaces an existing one
  --config FILE           options from a file; SCALEBENCH_MAX_SECONDS=5 sets one too

--help-all shows every option with its default, --version the version.
)";
}

std::string help_all_text() {
  std::string text = R"(Usage: mpirun -np RANKS scalebench [run] --workload NAME [OPTIONS]
       scalebench list | describe NAME | doctor | calibrate | --help | --help-all | --version

In brackets the default. '-' and '_' are equal in names; names are written out. The same option may stand in
a file (--config FILE, a line each: max_seconds = 5) and in the environment (SCALEBENCH_MAX_SECONDS=5).
The command line holds over the environment, the environment over the file.
)";
  for (const OptionGroup& group : option_groups()) text += group_text(group);
  return text + absent_text();
}

std::string version_text() { return fmt::format("scalebench {} ({})\n", kVersion, kGitHash); }

}  // namespace scalebench
