#include "collectives/control.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include <fmt/format.h>

namespace scalebench {

namespace {

// An error on its way between ranks: "" for none, else the exit code and the message.
std::string packed(const std::optional<Error>& error) {
  return error ? fmt::format("{}\n{}", static_cast<int>(error->code()), error->what()) : std::string();
}

AgreedError unpacked(const std::string& text) {
  const std::size_t end = text.find('\n');
  return {static_cast<Exit>(std::stoi(text.substr(0, end))), text.substr(end + 1)};
}

// The first line that is not the same.
std::pair<std::string, std::string> first_difference(const std::string& a, const std::string& b) {
  std::istringstream in_a(a), in_b(b);
  std::string of_a, of_b;
  do {
    of_a.clear();
    of_b.clear();
    std::getline(in_a, of_a);
    std::getline(in_b, of_b);
  } while (of_a == of_b && (in_a || in_b));
  return {of_a, of_b};
}

}  // namespace

void Control::vote(const std::optional<Error>& mine) {
  const auto errors = gather(packed(mine), world());
  const auto hosts = gather(host(), world());
  std::string verdict;
  if (rank() == 0) {
    const auto first = std::find_if(errors.begin(), errors.end(), [](const auto& e) { return !e.empty(); });
    if (first != errors.end()) {
      verdict = *first;
      const bool everybodys = std::all_of(errors.begin(), errors.end(), [&](const auto& e) { return e == *first; });
      const auto who = static_cast<std::size_t>(first - errors.begin());
      if (!everybodys) verdict += fmt::format(" [rank {} on {}]", who, hosts[who]);
    }
  }
  verdict = broadcast(verdict, world());
  if (!verdict.empty()) throw unpacked(verdict);
}

void Control::agree(std::string_view what, std::string_view value, Exit code, const Group& group) {
  const auto values = gather(value, group);
  std::string verdict;
  const auto other = std::find_if(values.begin(), values.end(), [&](const auto& v) { return v != values.front(); });
  if (other != values.end()) {
    const auto [mine, theirs] = first_difference(values.front(), *other);
    verdict = packed(Error(
        code, fmt::format("{} differs between ranks (rank {} has '{}', rank {} has '{}') start all "
                          "ranks with the same program, options and environment",
                          what, group.first, mine, group.member(static_cast<int>(other - values.begin())), theirs)));
  }
  verdict = broadcast(verdict, group);
  if (!verdict.empty()) throw unpacked(verdict);
}

}  // namespace scalebench
