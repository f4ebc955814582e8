// Machines: TOML, of the catalogue or the user's own.
#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include "base/check.hpp"
#include "base/text.hpp"
#include "base/text_file.hpp"
#include "base/units.hpp"
#include "spec/catalogue.hpp"
#include "spec/catalogue_data.hpp"

namespace scalebench {

namespace {

constexpr std::array<std::string_view, 7> kKeys = {"name",   "memory",      "devices_per_node", "peaks",
                                                   "device", "fp8_scaling", "capability"};
// What --dtype says, of what has matrix units.
constexpr std::array<std::string_view, 7> kPrecisions = {"fp32", "tf32", "bf16", "fp16", "fp8", "mxfp8", "nvfp4"};
constexpr std::int64_t kMostMemory = 1'000'000'000'000'000, kMostDevices = 1'000'000;
constexpr double kMostFlops = 1e21;

toml::table parse_table(std::string_view text, std::string_view where) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    fail(Exit::bad_input, "{}:{}: this is not TOML ({}) correct the file", where, error.source().begin.line,
         printable(error.description(), 120));
  }
}

const toml::node& needed(const toml::table& table, std::string_view key, std::string_view where) {
  const toml::node* node = table.get(key);
  if (!node) fail(Exit::bad_input, "{}: {} is missing (a machine has {}) add it", where, key, fmt::join(kKeys, ", "));
  return *node;
}

void check_keys(const toml::table& table, std::string_view where) {
  for (const auto& [key, value] : table)
    if (std::find(kKeys.begin(), kKeys.end(), key.str()) == kKeys.end())
      fail(Exit::bad_input, "{}:{}: the key {} is not known (a machine has {}) did you mean {}?", where,
           key.source().begin.line, printable(key.str()), fmt::join(kKeys, ", "),
           nearest(key.str(), {kKeys.begin(), kKeys.end()}).front());
}

std::string read_name(std::string_view key, const toml::node& node, std::string_view where) {
  const auto text = node.value_exact<std::string>().value_or("");
  if (text.empty() || printable(text) != text)
    fail(Exit::bad_input, "{}:{}: {} is no name (a text of printable characters is needed) write {} = \"my-gpu\"",
         where, node.source().begin.line, key, key);
  return text;
}

// Bytes as a number, or a text with a unit.
double read_memory(const toml::node& node, std::string_view where) {
  const auto text = node.value_exact<std::string>();
  const auto bytes = text ? parse_bytes(*text) : node.value_exact<std::int64_t>();
  if (!bytes || *bytes < 1 || *bytes > kMostMemory)
    fail(Exit::bad_input, "{}:{}: memory is no size of a device's memory (from 1 B to 1 PB) write memory = \"80GB\"",
         where, node.source().begin.line);
  return static_cast<double>(*bytes);
}

int read_devices(const toml::node& node, std::string_view where) {
  const auto devices = node.value_exact<std::int64_t>();
  if (!devices || *devices < 1 || *devices > kMostDevices)
    fail(Exit::bad_input, "{}:{}: devices_per_node is no number of devices (from 1 to {}) write devices_per_node = 8",
         where, node.source().begin.line, kMostDevices);
  return static_cast<int>(*devices);
}

std::map<std::string, double, std::less<>> read_peaks(const toml::table& table, std::string_view where) {
  std::map<std::string, double, std::less<>> peaks;
  const toml::node* const node = table.get("peaks");
  if (!node) return peaks;
  const auto refuse = [&](const toml::node& at) {
    fail(Exit::bad_input,
         "{}:{}: peaks are no FLOP/s by precision (of {}; of dense products) write peaks = {{bf16 = 989.5e12}}", where,
         at.source().begin.line, fmt::join(kPrecisions, ", "));
  };
  if (!node->is_table()) refuse(*node);
  for (const auto& [precision, value] : *node->as_table()) {
    const auto peak = value.value<double>();
    const bool known = std::find(kPrecisions.begin(), kPrecisions.end(), precision.str()) != kPrecisions.end();
    if (!known || !peak || !(*peak > 0) || *peak > kMostFlops) refuse(value);
    peaks.emplace(precision.str(), *peak);
  }
  return peaks;
}

std::vector<std::string> read_fp8_scaling(const toml::table& table, std::string_view where) {
  std::vector<std::string> all;
  const toml::node* const node = table.get("fp8_scaling");
  if (!node) return all;
  const auto refuse = [&] {
    fail(Exit::bad_input, "{}:{}: fp8_scaling is no list of tensor and block write fp8_scaling = [\"tensor\"]", where,
         node->source().begin.line);
  };
  if (!node->is_array()) refuse();
  for (const toml::node& one : *node->as_array()) {
    all.push_back(one.value_exact<std::string>().value_or(""));
    if (all.back() != "tensor" && all.back() != "block") refuse();
  }
  return all;
}

// "9.0": 90.
int read_capability(const toml::table& table, std::string_view where) {
  const toml::node* const node = table.get("capability");
  if (!node) return 0;
  const auto text = node->value_exact<std::string>().value_or("");
  const std::size_t dot = text.find('.');
  const bool digits = std::ranges::count_if(text, [](char c) { return c >= '0' && c <= '9'; }) ==
                      static_cast<std::ptrdiff_t>(text.size()) - 1;
  if (!digits || (dot != 1 && dot != 2) || text.size() != dot + 2)
    fail(Exit::bad_input,
         "{}:{}: capability is no compute capability (as NVIDIA's list has them) write capability = "
         "\"9.0\"",
         where, node->source().begin.line);
  return 10 * std::stoi(text.substr(0, dot)) + (text.back() - '0');
}

Machine parse_machine(std::string_view text, std::string_view where) {
  const toml::table table = parse_table(text, where);
  check_keys(table, where);
  return {.name = read_name("name", needed(table, "name", where), where),
          .memory = read_memory(needed(table, "memory", where), where),
          .devices_per_node = read_devices(needed(table, "devices_per_node", where), where),
          .peaks = read_peaks(table, where),
          .device = table.contains("device") ? read_name("device", *table.get("device"), where) : "",
          .fp8_scaling = read_fp8_scaling(table, where),
          .capability = read_capability(table, where)};
}

}  // namespace

std::vector<std::string> machine_names() {
  std::vector<std::string> names;
  for (const CatalogueFile& file : machine_files()) names.emplace_back(file.name);
  return names;
}

std::optional<Machine> machine_of_device(std::string_view device) {
  for (const CatalogueFile& file : machine_files())
    if (const Machine machine = parse_machine(file.text, file.name); !device.empty() && machine.device == device)
      return machine;
  return std::nullopt;
}

Machine find_machine(const std::string& name_or_path) {
  if (name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".toml"))
    return parse_machine(read_text_file(name_or_path, "--machine"), name_or_path);
  for (const CatalogueFile& file : machine_files())
    if (file.name == name_or_path) return parse_machine(file.text, file.name);
  const std::vector<std::string> names = machine_names();
  fail(Exit::bad_input, "unknown machine '{}' (there are: {}) did you mean {}, or the path of a .toml file?",
       printable(name_or_path), fmt::join(names, ", "), fmt::join(nearest(name_or_path, names), " or "));
}

}  // namespace scalebench
