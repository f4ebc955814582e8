// What the readers of summary/ and of points/ share.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "app/recorder/hdf5.hpp"

namespace scalebench {

void read_point(const hdf5::Group& group, Point& point);

template <class T>
std::vector<T> values_of(const hdf5::Dataset& dataset) {
  if constexpr (std::same_as<T, std::string>) {
    return dataset.texts();
  } else if constexpr (std::same_as<T, std::int64_t>) {
    return dataset.integers();
  } else {
    return dataset.reals();
  }
}

// Sets a field of each item from the dataset, if the file has it.
template <class T, class Items, class Set>
void read_column(const hdf5::Group& group, const std::string& name, Items& items, Set set) {
  if (!group.has(name)) return;
  const std::vector<T> values = values_of<T>(group.dataset(name));
  if (values.size() != items.size())
    throw hdf5::Fault(fmt::format("{} has {} elements where {} are due", name, values.size(), items.size()));
  for (std::size_t i = 0; i < values.size(); ++i) set(items[i], values[i]);
}

}  // namespace scalebench
