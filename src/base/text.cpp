#include "base/text.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <utility>

namespace scalebench {

namespace {

std::string folded(std::string_view text) {
  std::string result;
  for (const char c : text) result += c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

bool is_printable(char c) { return c >= ' ' && c <= '~'; }

}  // namespace

// Optimal string alignment: the row of the table before last is needed for the swaps.
std::size_t edit_distance(std::string_view first, std::string_view second) {
  const std::string a = folded(first), b = folded(second);
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::vector<std::string> nearest(std::string_view name, const std::vector<std::string>& names, std::size_t most) {
  constexpr std::size_t kLongest = 64;  // more letters of a typing error tell nothing
  const std::string wanted = folded(name.substr(0, kLongest));
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const std::string& candidate : names) {
    const bool begins = wanted.size() >= 2 && folded(candidate).starts_with(wanted);
    ranked.emplace_back(begins ? 0 : edit_distance(wanted, candidate), candidate);
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> result;
  for (const auto& [distance, candidate] : ranked)
    if (result.size() < most && distance <= std::max(ranked.front().first, std::min<std::size_t>(2, wanted.size() / 3)))
      result.push_back(candidate);
  return result;
}

std::string printable(std::string_view text, std::size_t most) {
  std::string result;
  std::transform(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(text.size(), most)),
                 std::back_inserter(result), [](char c) { return is_printable(c) ? c : '?'; });
  return text.size() > most ? result + "..." : result;
}

std::string shell_quoted(std::string_view word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:,=+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos) return std::string(word);
  std::string result = "'";
  for (const char c : word) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

}  // namespace scalebench
