#include "spec/config_json.hpp"

#include <set>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/check.hpp"
#include "base/text.hpp"
#include "base/text_file.hpp"

namespace scalebench {

namespace {

constexpr std::size_t kDeepest = 16, kMostFields = 10'000;

// Receives the parse as it goes: nothing is built that hostile text could make large or deep.
class Flattener final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Flattener(std::istringstream& stream, std::string_view text, std::string_view where)
      : stream_(stream), text_(text), where_(where) {}

  std::vector<ConfigField> take() { return std::move(fields_); }

  bool null() override { return add(std::monostate{}); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(std::int64_t value) override { return add(value); }
  bool number_unsigned(std::uint64_t value) override {
    if (value > static_cast<std::uint64_t>(INT64_MAX)) return add(static_cast<double>(value));
    return add(static_cast<std::int64_t>(value));
  }
  bool number_float(double value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(value); }
  bool binary(nlohmann::json::binary_t&) override { return false; }

  bool start_object(std::size_t) override { return open(false); }
  bool start_array(std::size_t) override { return open(true); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string& name) override {
    Level& level = levels_.back();
    if (name.empty() || name.find('.') != std::string::npos)
      fail(Exit::bad_input, "{}:{}: the field \"{}\" is not known (it may change the mathematics) take it out", where_,
           line(), printable(name));
    level.key = name;
    if (!level.seen.insert(name).second)
      fail(Exit::bad_input, "{}:{}: \"{}\" is there twice (which one holds is not clear) take one out", where_, line(),
           printable(name));
    return true;
  }

  bool parse_error(std::size_t position, const std::string& last, const nlohmann::detail::exception&) override {
    fail(Exit::bad_input, "{}:{}: this is not JSON (it can't be read at or before '{}') correct the file", where_,
         line_at(text_, position == 0 ? 0 : position - 1), printable(last, 40));
  }

 private:
  struct Level {
    bool array{};
    std::size_t members{};
    std::string key{};
    std::set<std::string> seen{};
  };

  int line() {
    const auto now = static_cast<std::size_t>(stream_.rdbuf()->pubseekoff(0, std::ios::cur, std::ios::in));
    line_ += static_cast<int>(line_at(text_.substr(counted_), now - counted_)) - 1;
    counted_ = now;
    return line_;
  }

  std::string name() const {
    std::string result;
    for (const Level& level : levels_)
      result += (result.empty() ? "" : ".") + (level.array ? fmt::format("{}", level.members) : level.key);
    return result;
  }

  bool add(ConfigValue value) {
    if (levels_.empty())
      fail(Exit::bad_input, "{}: this is {} (a config.json is an object) name the right file", where_,
           to_string(value));
    if (fields_.size() == kMostFields)
      fail(Exit::bad_input, "{}:{}: more than {} values (no config.json is so long) name the right file", where_,
           line(), kMostFields);
    fields_.push_back({.name = name(), .line = line(), .value = std::move(value)});
    ++levels_.back().members;
    return true;
  }

  bool open(bool array) {
    if (levels_.empty() && array)
      fail(Exit::bad_input, "{}: this is an array (a config.json is an object) name the right file", where_);
    if (levels_.size() == kDeepest)
      fail(Exit::bad_input, "{}:{}: nested more than {} deep (no config.json is) name the right file", where_, line(),
           kDeepest);
    levels_.push_back({.array = array});
    return true;
  }

  bool close() {
    const bool empty = levels_.back().members == 0;
    levels_.pop_back();
    if (levels_.empty()) return true;
    if (empty) return add(EmptyContainer{});
    ++levels_.back().members;
    return true;
  }

  std::istringstream& stream_;
  std::string_view text_, where_;
  std::vector<Level> levels_{};
  std::vector<ConfigField> fields_{};
  std::size_t counted_ = 0;
  int line_ = 1;
};

struct Printer {
  std::string operator()(std::monostate) const { return "null"; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return fmt::format("{}", value); }
  std::string operator()(double value) const { return fmt::format("{}", value); }
  std::string operator()(const std::string& value) const { return fmt::format("\"{}\"", printable(value, 40)); }
  std::string operator()(EmptyContainer) const { return "empty"; }
};

}  // namespace

std::string to_string(const ConfigValue& value) { return std::visit(Printer{}, value); }

std::vector<ConfigField> parse_config(std::string_view json, std::string_view where) {
  std::istringstream stream{std::string(json)};
  Flattener flattener(stream, json, where);
  nlohmann::json::sax_parse(stream, &flattener);
  return flattener.take();
}

}  // namespace scalebench
