// The three places where options come from. Names are checked here; values are not looked at.
#pragma once

#include <string>
#include <vector>

#include "app/options/values.hpp"

namespace scalebench {

struct CommandLine {
  std::vector<Given> options{};
  std::vector<std::string> words{};  // what is no option: the sub-command and its subject
};

// All throw Error(bad_input): unknown names with the nearest, values that are missing, options given twice.
CommandLine read_command_line(const std::vector<std::string>& arguments);
std::vector<Given> read_environment();  // SCALEBENCH_*
std::vector<Given> read_config_file(const std::string& path);
void refuse_repeated(const std::vector<Given>& options);

}  // namespace scalebench
