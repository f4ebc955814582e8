// scalebench-bench: every bar of speed side by side. Starts each part as a process of its own, under mpirun where it
// has several ranks, and ends with a summary.
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/check.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"
#include "tests/bench/neighbours.hpp"
#include "tests/bench/parts.hpp"
#include "tests/bench/row.hpp"

namespace scalebench::bench {

namespace {

constexpr double kDisturbed = 0.1;  // cores

struct Choice {
  std::string only{};
  bool all = false;    // also what takes minutes
  std::string part{};  // this process measures it
};

const Part& find_part(const std::string& name) {
  std::vector<std::string> names;
  for (const Part& part : kParts) {
    if (part.name == name) return part;
    names.emplace_back(part.name);
  }
  fail(Exit::bad_input, "unknown part '{}' (there are: {}) did you mean {}?", name, fmt::join(names, ", "),
       nearest(name, names, 1).front());
}

Choice choice_of(const std::vector<std::string>& arguments) {
  Choice choice;
  for (auto word = arguments.begin(); word != arguments.end(); ++word) {
    const bool named = (*word == "--only" || *word == "--part") && word + 1 != arguments.end();
    if (*word == "--long")
      choice.all = true;
    else if (named)
      (*word == "--only" ? choice.only : choice.part) = find_part(*(word + 1)).name, ++word;
    else
      fail(Exit::bad_input, "'{}' is not understood (it is no option, or lacks its value) write --only PART or --long",
           *word);
  }
  return choice;
}

std::string command_of(const Part& part, const std::string& self) {
  const std::string alone = fmt::format("{} --part {}", shell_quoted(self), part.name);
  if (part.ranks == 1) return alone;
  return fmt::format("{} --oversubscribe --bind-to none -np {} {}", shell_quoted(SCALEBENCH_MPIEXEC), part.ranks,
                     alone);
}

// Prints what the part prints, and keeps its rows.
bool run_part(const Part& part, const std::string& self, std::vector<Row>& rows) {
  fmt::print("\n{}: {}\n{}\n", part.name, part.summary, heading());
  std::fflush(stdout);
  const Neighbours neighbours;
  std::FILE* output = popen(command_of(part, self).c_str(), "r");
  ensure(output != nullptr, "part {} can't be started", part.name);
  std::string line;
  for (int c = std::fgetc(output); c != EOF; c = std::fgetc(output)) {
    if (c != '\n') {
      line += static_cast<char>(c);
      continue;
    }
    const std::optional<Row> row = row_of(line);
    if (row) rows.push_back(*row);
    put_text(row ? formatted(*row) : line);
    line.clear();
  }
  const bool good = pclose(output) == 0;
  if (const double cores = neighbours.busy_cores(); cores > kDisturbed)
    put_text(
        fmt::format("  disturbed: others kept {:.2f} cores busy meanwhile (these figures are not the machine's) end "
                    "what else runs and measure again",
                    cores));
  return good;
}

int run_all(const Choice& choice, const std::string& self) {
  const double begin = monotonic_seconds();
  std::vector<Row> rows;
  std::vector<std::string> failed;
  for (const Part& part : kParts) {
    const bool wanted = choice.only.empty() ? choice.all || !part.takes_minutes : part.name == choice.only;
    if (wanted && !run_part(part, self, rows)) failed.emplace_back(part.name);
  }
  int judged = 0, passed = 0;
  fmt::print("\nsummary\n{}\n", heading());
  for (Row row : rows) {
    if (!row.judged()) continue;
    row.remark.clear();
    ++judged;
    passed += row.passes() ? 1 : 0;
    fmt::print("{}\n", formatted(row));
  }
  fmt::print("{} of {} bars passed, {:.0f} s\n", passed, judged, monotonic_seconds() - begin);
  if (!failed.empty()) fmt::print("not measured, since the part failed: {}\n", fmt::join(failed, ", "));
  return failed.empty() ? 0 : 1;
}

int main_of(int argc, char** argv) {
  const Choice choice = choice_of({argv + 1, argv + argc});
  if (choice.part.empty()) return run_all(choice, argv[0]);
  find_part(choice.part).measure();
  return 0;
}

}  // namespace

}  // namespace scalebench::bench

int main(int argc, char** argv) {
  try {
    return scalebench::bench::main_of(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "scalebench-bench: error: {}\n", error.what());
    return 2;
  }
}
