// What the bench prints: a measured value beside its bar and beside what PyTorch reached.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace scalebench::bench {

enum class Bar : bool { at_least, at_most };

struct Row {
  std::string name{};
  double value{};
  std::string unit{};  // "%": value is a fraction
  std::optional<double> bar{};
  Bar sense = Bar::at_least;
  std::string torch{};  // PyTorch 2.15 on the same kind of machine, as the issue of the bars has it
  std::string remark{};
  bool judged() const { return bar.has_value(); }
  bool passes() const { return !bar || (sense == Bar::at_least ? value >= *bar : value <= *bar); }
};

std::string heading();
std::string formatted(const Row& row);

// Each part is a process of its own: rows reach the one that prints the summary as lines of its standard output,
// between lines of text.
void put(const Row& row);
void put_text(std::string_view line);
std::optional<Row> row_of(const std::string& line);

}  // namespace scalebench::bench
