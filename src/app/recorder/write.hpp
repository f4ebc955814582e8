// What the writers of summary/ and of points/ share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <type_traits>
#include <vector>

#include "app/recorder/hdf5.hpp"

namespace scalebench {

void write_point(hdf5::Group group, const Point& point);

inline std::vector<std::int64_t> count_up(std::size_t count) {
  std::vector<std::int64_t> numbers(count);
  for (std::size_t i = 0; i < count; ++i) numbers[i] = static_cast<std::int64_t>(i);
  return numbers;
}

// One value of each item, as a column over the scale.
template <class Items, class Get>
void write_column(hdf5::Group& group, const hdf5::Label& label, hdf5::Type type, const hdf5::Dataset& scale,
                  const Items& items, Get get) {
  std::vector<std::decay_t<decltype(get(*std::begin(items)))>> values;
  for (const auto& item : items) values.push_back(get(item));
  group.create(label, type, {scale}).write(values);
}

}  // namespace scalebench
