// Elements of a tensor as the host's numbers, for the devices: they copy the memory, this knows what is in it.
#pragma once

#include <span>
#include <vector>

#include "base/tensor.hpp"

namespace scalebench {

// Of a view with this layout, whose first element is at `first` in the host's memory; the last axis fastest. Elements
// that are written are rounded to nearest, ties to even.
std::vector<double> read_elements(const std::byte* first, const Tensor& layout);
void write_elements(std::byte* first, const Tensor& layout, std::span<const double> values);

// Of `count` elements one after another.
std::vector<double> read_elements(const std::byte* first, DType dtype, std::int64_t count);

}  // namespace scalebench
