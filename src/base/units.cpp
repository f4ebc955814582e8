#include "base/units.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <utility>

#include <fmt/format.h>

namespace scalebench {

namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array<Unit, 21> kByteUnits = {{
    {"", 1},       {"B", 1},      {"kB", 1e3},     {"KB", 1e3},     {"MB", 1e6},     {"GB", 1e9},     {"TB", 1e12},
    {"PB", 1e15},  {"K", 0x1p10}, {"k", 0x1p10},   {"M", 0x1p20},   {"m", 0x1p20},   {"G", 0x1p30},   {"g", 0x1p30},
    {"T", 0x1p40}, {"t", 0x1p40}, {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}, {"PiB", 0x1p50},
}};
constexpr std::array<Unit, 7> kTimeUnits = {
    {{"", 1}, {"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"min", 60}, {"h", 3600}}};

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_with_unit(std::string_view text, std::span<const Unit> units) {
  const std::size_t digits = text.find_last_of("0123456789.") + 1;  // 0 where there is none
  const std::optional<double> number = parse_real(text.substr(0, digits));
  for (const Unit& unit : units)
    if (number && unit.name == text.substr(digits) && std::isfinite(*number * unit.factor))
      return *number * unit.factor;
  return std::nullopt;
}

// Of three digits, none lost to a carry: 999.6 is 1 of the next unit.
std::string three_digits(double value) {
  const double size = std::abs(value);
  return size < 9.995   ? fmt::format("{:.3g}", value)
         : size < 99.95 ? fmt::format("{:.1f}", value)
                        : fmt::format("{:.0f}", value);
}

std::string without_zeros(std::string digits) {
  if (digits.ends_with(".0")) digits.resize(digits.size() - 2);
  return digits;
}

std::string scaled(double value, std::span<const std::string_view> prefixes, std::string_view unit) {
  if (std::isnan(value)) return "unknown";
  if (std::isinf(value)) return value > 0 ? "infinite" : "-infinite";
  std::size_t step = 0;
  while (std::abs(value) >= 999.5 && step + 1 < prefixes.size()) value /= 1e3, ++step;
  const std::string letters = fmt::format("{}{}", prefixes[step], unit);
  return without_zeros(three_digits(value)) + (letters.empty() ? "" : " ") + letters;
}

constexpr std::array<std::string_view, 7> kUp = {"", "k", "M", "G", "T", "P", "E"};

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) { return parse_number<std::int64_t>(text); }

std::optional<double> parse_real(std::string_view text) {
  const std::optional<double> value = parse_number<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::optional<std::int64_t> parse_bytes(std::string_view text) {
  if (const auto plain = parse_integer(text)) return plain;
  const std::optional<double> bytes = parse_with_unit(text, kByteUnits);
  if (!bytes || std::abs(*bytes) >= 0x1p63 || std::abs(*bytes - std::round(*bytes)) > 1e-6) return std::nullopt;
  return static_cast<std::int64_t>(std::round(*bytes));
}

std::optional<double> parse_duration(std::string_view text) { return parse_with_unit(text, kTimeUnits); }

std::string format_bytes(double bytes) { return scaled(bytes, kUp, "B"); }

std::string format_size(std::int64_t bytes) {
  constexpr std::array<std::string_view, 5> units = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t step = 0;
  while (bytes != 0 && bytes % 1024 == 0 && step + 1 < units.size()) bytes /= 1024, ++step;
  return fmt::format("{} {}", bytes, units[step]);
}

std::string format_duration(double seconds) {
  constexpr std::array<std::string_view, 4> units = {"ns", "us", "ms", "s"};
  if (seconds == 0) return "0 s";
  return scaled(seconds * 1e9, units, "");
}

std::string format_rate(double bytes_per_second) { return scaled(bytes_per_second, kUp, "B/s"); }

std::string format_count(double count) { return scaled(count, kUp, ""); }

}  // namespace scalebench
