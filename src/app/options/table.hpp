// Every option of the command line: one row says its name, its help and what it sets.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/options/options.hpp"
#include "app/options/values.hpp"

namespace scalebench {

struct OptionRow {
  std::string_view name;      // with '-'
  char letter;                // ' ' for none
  std::string_view argument;  // "N"; "" for a flag
  std::string_view initial;   // the default, as help shows it
  std::string_view help;
  void (*set)(Options&, const Given&);
};

struct OptionGroup {
  std::string_view title;
  std::span<const OptionRow> rows;
};

std::span<const OptionGroup> option_groups();
std::span<const OptionRow> options_of_collectives();  // one of the groups
// Known, but not in this version: name, and its argument ("" for a flag).
struct AbsentOption {
  std::string_view name, argument;
};
std::span<const AbsentOption> absent_options();

const OptionRow* find_option(std::string_view name);
bool is_option(std::string_view name);           // of this version or absent
std::string option_name(std::string_view name);  // '_' as '-'
// Throws Error(bad_input) with the nearest names, each as `spelled` has it; `where` is what the user wrote.
[[noreturn]] void unknown_option(std::string_view name, std::string_view where,
                                 std::string (*spelled)(std::string_view));
// Where the name is known at all: sets the option, or says that it is not in this version.
void apply(Options& options, const Given& given);

}  // namespace scalebench
