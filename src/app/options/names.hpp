// Which options were given, and how messages call them.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "app/options/options.hpp"
#include "app/options/values.hpp"

namespace scalebench {

class Names {
 public:
  explicit Names(const std::vector<Given>& given) : given_(given) {}
  bool hold(std::string_view name) const { return !where(name).empty(); }
  // As the user wrote the one that counts; "" where it was not given.
  std::string where(std::string_view name) const {
    const auto found = std::find_if(given_.rbegin(), given_.rend(), [&](const Given& g) { return g.name == name; });
    return found == given_.rend() ? "" : found->where;
  }

 private:
  const std::vector<Given>& given_;
};

// Of the options of decode: throws Error(bad_input) where they contradict each other.
void check_decode(const Options& options, const Names& names);

}  // namespace scalebench
