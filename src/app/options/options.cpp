#include "app/options/options.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/options/check.hpp"
#include "app/options/sources.hpp"
#include "app/options/table.hpp"
#include "base/check.hpp"
#include "base/text.hpp"

namespace scalebench {

namespace {

constexpr std::pair<std::string_view, Command> kCommands[] = {{"run", Command::run},
                                                              {"list", Command::list},
                                                              {"describe", Command::describe},
                                                              {"doctor", Command::doctor},
                                                              {"calibrate", Command::calibrate}};

std::string joined(int argc, const char* const* argv) {
  std::vector<std::string> words;
  for (int i = 0; i < argc; ++i) words.push_back(shell_quoted(argv[i]));
  return fmt::format("{}", fmt::join(words, " "));
}

// --help and the like win over everything else on the line.
std::optional<Command> asked_for(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--help" || argument == "-h") return Command::help;
    if (option_name(argument) == "--help-all") return Command::help_all;
    if (argument == "--version") return Command::version;
    if (argument == "--") break;
  }
  return std::nullopt;
}

Command command_named(const std::string& word) {
  std::vector<std::string> names;
  for (const auto& [name, command] : kCommands) {
    if (name == word) return command;
    names.emplace_back(name);
  }
  const std::string near = nearest(word, names).front();
  const std::string suggestion = edit_distance(near, word) <= 2 ? fmt::format("scalebench {}", near)
                                                                : fmt::format("--workload {}", printable(word));
  fail(Exit::bad_input, "'{}' is no command (there are: {}) did you mean {}?", printable(word), fmt::join(names, ", "),
       suggestion);
}

[[noreturn]] void refuse_word(const std::string& word) {
  fail(Exit::bad_input,
       "'{}' is not expected here (it belongs to no option) write the option's name before it, or take it out",
       printable(word));
}

void take_words(Options& options, const CommandLine& line) {
  const std::vector<std::string>& words = line.words;
  const auto is_workload = [](const Given& given) { return given.name == "workload"; };
  const auto is_first = [&](const auto& command) { return command.first == words.front(); };
  if (!words.empty() && std::none_of(std::begin(kCommands), std::end(kCommands), is_first) &&
      std::any_of(line.options.begin(), line.options.end(), is_workload))
    refuse_word(words.front());
  if (!words.empty()) options.command = command_named(words.front());
  const bool named = options.command == Command::describe;
  if (named && words.size() < 2)
    fail(Exit::bad_input, "describe has no name (it describes one workload) write scalebench describe fsdp70b");
  if (named) options.subject = words[1];
  if (const std::size_t most = named ? 2 : 1; words.size() > most) refuse_word(words[most]);
}

std::string config_path(const std::vector<Given>& environment, const std::vector<Given>& line) {
  for (const auto* source : {&line, &environment})
    for (const Given& given : *source)
      if (given.name == "config") return text_in(given);
  return "";
}

}  // namespace

Options parse_options(int argc, const char* const* argv) {
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  Options options{.command_line = joined(argc, argv)};
  if (const auto command = asked_for(arguments)) {
    options.command = *command;
    return options;
  }
  const CommandLine line = read_command_line(arguments);
  take_words(options, line);
  const std::vector<Given> environment = read_environment();
  const std::string path = config_path(environment, line.options);
  // The later source wins, and a mistake in an earlier one is one all the same.
  std::vector<Given> given;
  if (!path.empty()) given = read_config_file(path);
  given.insert(given.end(), environment.begin(), environment.end());
  given.insert(given.end(), line.options.begin(), line.options.end());
  for (const Given& one : given) apply(options, one);
  settle(options, given);
  return options;
}

}  // namespace scalebench
