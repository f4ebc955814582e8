#include "app/options/sources.hpp"

#include <algorithm>

#include <boost/program_options.hpp>
#include <fmt/format.h>

#include "app/options/table.hpp"
#include "base/check.hpp"
#include "base/text.hpp"

namespace scalebench {

namespace {

namespace po = boost::program_options;

std::string long_form(std::string_view name) { return fmt::format("--{}", name); }

void describe(po::options_description& all, const std::string& name, bool flag) {
  if (flag)
    all.add_options()(name.c_str(), "");
  else
    all.add_options()(name.c_str(), po::value<std::string>(), "");
}

po::options_description description() {
  po::options_description all;
  for (const OptionGroup& group : option_groups())
    for (const OptionRow& row : group.rows)
      describe(all, row.letter == ' ' ? std::string(row.name) : fmt::format("{},{}", row.name, row.letter),
               row.argument.empty());
  for (const AbsentOption& option : absent_options()) describe(all, std::string(option.name), option.argument.empty());
  return all;
}

// "--min_iterations=5" as "--min-iterations=5"; "-workload" is refused before it is taken for "-w orkload".
std::string canonical(const std::string& argument) {
  if (!argument.starts_with("-") || argument.size() < 3) return argument;
  const std::size_t end = std::min(argument.find('='), argument.size());
  if (argument.starts_with("--")) return option_name(argument.substr(0, end)) + argument.substr(end);
  const std::string name = option_name(argument.substr(1, end - 1));
  if (is_option(name)) unknown_option(name, argument.substr(0, end), long_form);
  return argument;
}

// A number may be negative; anything else that begins so is the next option.
bool looks_like_option(const std::string& value) {
  return value.size() > 1 && value.front() == '-' && value.find_first_of("0123456789.") != 1;
}

// "--name" of "--name=value", "-b" of "-b8".
std::string written(const std::string& token) {
  return token.starts_with("--") ? token.substr(0, token.find('=')) : token.substr(0, 2);
}

std::string letters() {
  std::string all;
  for (const OptionGroup& group : option_groups())
    for (const OptionRow& row : group.rows)
      if (row.letter != ' ') all += fmt::format("{}-{}", all.empty() ? "" : " ", row.letter);
  return all;
}

Given given_by(const po::option& option) {
  const std::string where =
      written(option.original_tokens.empty() ? option.string_key : option.original_tokens.front());
  if (option.unregistered && where.size() == 2 && where[1] != '-')
    fail(Exit::bad_input, "unknown option {} (single letters are for collectives: {}) see --help-all", printable(where),
         letters());
  if (option.unregistered) unknown_option(where.substr(where.find_first_not_of('-')), where, long_form);
  const bool flag = option.value.empty();
  if (!flag && looks_like_option(option.value.front()))
    fail(Exit::bad_input, "{} has no value ('{}' comes next) write the value after it", where,
         printable(option.value.front()));
  return {.name = option.string_key, .value = flag ? "yes" : option.value.front(), .where = where};
}

[[noreturn]] void explain(const po::error& error) {
  if (const auto* syntax = dynamic_cast<const po::invalid_syntax*>(&error)) {
    const std::string name = printable(syntax->get_option_name());
    if (syntax->kind() == po::invalid_syntax::extra_parameter)
      fail(Exit::bad_input, "{} takes no value (it is a switch) write it alone", name);
    fail(Exit::bad_input, "{} has no value (it needs one) write the value after it; --help-all says which", name);
  }
  fail(Exit::bad_input, "the command line can't be read ({}) see --help", printable(error.what(), 120));
}

po::parsed_options parse(const std::vector<std::string>& arguments) {
  namespace style = po::command_line_style;
  try {
    return po::command_line_parser(arguments)
        .options(description())
        .style(style::unix_style & ~style::allow_guessing & ~style::allow_sticky)
        .allow_unregistered()
        .run();
  } catch (const po::error& error) {
    explain(error);
  }
}

std::string variable_name(std::string_view name) {
  std::string result = "SCALEBENCH_";
  for (const char c : name) result += c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return result;
}

// "" for a variable that is none of ours.
std::string option_of_variable(const std::string& variable) {
  constexpr std::string_view prefix = "SCALEBENCH_";
  if (!variable.starts_with(prefix)) return "";
  std::string name = variable.substr(prefix.size());
  for (char& c : name) c = c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (!is_option(name) || variable_name(name) != variable)
    unknown_option(name, fmt::format("{} in the environment", variable), variable_name);
  return name;
}

}  // namespace

CommandLine read_command_line(const std::vector<std::string>& arguments) {
  std::vector<std::string> spelled;
  std::transform(arguments.begin(), arguments.end(), std::back_inserter(spelled), canonical);
  CommandLine line;
  for (const po::option& option : parse(spelled).options) {
    if (option.position_key >= 0)
      line.words.insert(line.words.end(), option.value.begin(), option.value.end());
    else
      line.options.push_back(given_by(option));
  }
  refuse_repeated(line.options);
  return line;
}

std::vector<Given> read_environment() {
  std::vector<Given> options;
  for (const po::option& option : po::parse_environment(description(), option_of_variable).options)
    options.push_back(
        {.name = option.string_key, .value = option.value.front(), .where = variable_name(option.string_key)});
  return options;
}

void refuse_repeated(const std::vector<Given>& options) {
  for (auto now = options.begin(); now != options.end(); ++now)
    if (now->name != "inject" && std::any_of(options.begin(), now, [&](const Given& g) { return g.name == now->name; }))
      fail(Exit::bad_input, "{} is given twice (which one holds is not clear) give it once", now->where);
}

}  // namespace scalebench
