#include "spec/serving.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/random.hpp"
#include "base/units.hpp"

namespace scalebench {

namespace {

constexpr double kMostOfALaw = 1 << 28;  // tokens: far beyond any model, and 4 x it is a number of 32 bits

constexpr std::string_view name_of(TokenCount::Kind kind) {
  constexpr std::string_view names[] = {"fixed", "uniform", "normal", "lognormal"};
  return names[static_cast<std::size_t>(kind)];
}

bool is_count(double value) { return value >= 1 && value <= kMostOfALaw && value == std::floor(value); }

bool stands(const TokenCount& count) {
  switch (count.kind) {
    case TokenCount::Kind::fixed:
      return is_count(count.first);
    case TokenCount::Kind::uniform:
      return is_count(count.first) && is_count(count.second) && count.first <= count.second;
    case TokenCount::Kind::normal:
      return count.first >= 1 && count.first <= kMostOfALaw && count.second >= 0 && count.second <= kMostOfALaw;
    case TokenCount::Kind::lognormal:
      return count.first >= 1 && count.first <= kMostOfALaw && count.second >= 0 && count.second <= 10;
  }
  return false;
}

// "128:32" behind the name of a law.
std::optional<TokenCount> with_numbers(TokenCount::Kind kind, std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto first = parse_real(text.substr(0, colon)), second = parse_real(text.substr(colon + 1));
  if (!first || !second) return std::nullopt;
  const TokenCount count{.kind = kind, .first = *first, .second = *second};
  return stands(count) ? std::optional(count) : std::nullopt;
}

}  // namespace

std::int64_t TokenCount::most() const {
  if (kind == Kind::fixed) return static_cast<std::int64_t>(first);
  return static_cast<std::int64_t>(kind == Kind::uniform ? second : 4 * first);
}

std::int64_t TokenCount::draw(std::uint64_t seed, std::uint64_t stream, std::int64_t request) const {
  const std::uint64_t key = random_bits(seed, stream), counter = static_cast<std::uint64_t>(request);
  double value = first;
  if (kind == Kind::uniform) value = first + std::floor(random_uniform(key, counter) * (second - first + 1));
  if (kind == Kind::normal) value = std::round(first + second * random_normal(key, counter));
  if (kind == Kind::lognormal) value = std::round(first * std::exp(second * random_normal(key, counter)));
  return static_cast<std::int64_t>(std::clamp(value, 1.0, static_cast<double>(most())));
}

std::string TokenCount::text() const {
  if (kind == Kind::fixed) return fmt::format("{}", most());
  return fmt::format("{}:{}:{}", name_of(kind), first, second);
}

std::optional<TokenCount> parse_token_count(std::string_view text) {
  if (const auto number = parse_integer(text)) {
    const TokenCount count{.first = static_cast<double>(*number)};
    return stands(count) ? std::optional(count) : std::nullopt;
  }
  for (const TokenCount::Kind kind :
       {TokenCount::Kind::uniform, TokenCount::Kind::normal, TokenCount::Kind::lognormal}) {
    const std::string_view name = name_of(kind);
    if (text.starts_with(name) && text.substr(name.size()).starts_with(":"))
      return with_numbers(kind, text.substr(name.size() + 1));
  }
  return std::nullopt;
}

}  // namespace scalebench
