// --config FILE, in the form of Boost.Program_options, read a line at a time so that messages name the line.
#include <sstream>

#include <boost/program_options.hpp>
#include <fmt/format.h>

#include "app/options/sources.hpp"
#include "app/options/table.hpp"
#include "base/check.hpp"
#include "base/text.hpp"
#include "base/text_file.hpp"

namespace scalebench {

namespace {

namespace po = boost::program_options;

std::string file_form(std::string_view name) {
  std::string result(name);
  for (char& c : result) c = c == '-' ? '_' : c;
  return result;
}

po::parsed_options parse_line(const std::string& line, const std::string& place) {
  try {
    std::istringstream stream(line);
    return po::parse_config_file(stream, po::options_description(), true);
  } catch (const po::error&) {
    fail(Exit::bad_input, "{}: '{}' is no setting (a line has the form name = value) write for example seq = 4096",
         place, printable(line, 40));
  }
}

void add_line(std::vector<Given>& options, const std::string& line, const std::string& place) {
  const std::size_t first = line.find_first_not_of(" \t");
  if (first != std::string::npos && line[first] == '[')
    fail(Exit::bad_input, "{}: '{}' begins a section (settings have none) take it out", place, printable(line, 40));
  for (const po::option& option : parse_line(line, place).options) {
    const std::string name = option_name(option.string_key);
    const std::string where = fmt::format("{}: {}", place, printable(option.string_key));
    if (!is_option(name)) unknown_option(name, where, file_form);
    if (name == "config")
      fail(Exit::bad_input, "{} is in a file of settings (such files do not nest) take it out", where);
    options.push_back({.name = name, .value = option.value.front(), .where = where});
  }
}

}  // namespace

std::vector<Given> read_config_file(const std::string& path) {
  std::istringstream text(read_text_file(path, "--config"));
  std::vector<Given> options;
  std::string line;
  for (int number = 1; std::getline(text, line); ++number) add_line(options, line, fmt::format("{}:{}", path, number));
  refuse_repeated(options);
  return options;
}

}  // namespace scalebench
