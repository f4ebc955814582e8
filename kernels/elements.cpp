#include "kernels/elements.hpp"

#include <array>
#include <bit>
#include <cstring>

#include "base/small_float.hpp"

namespace scalebench {

namespace {

// Calls visit(offset from the first element) for each element, the last axis fastest.
template <class Visit>
void for_each_element(const Tensor& tensor, const Visit& visit) {
  std::array<std::int64_t, Tensor::kMaxRank> at{};
  for (std::int64_t left = tensor.count(); left > 0; --left) {
    std::int64_t offset = 0;
    for (int axis = 0; axis < tensor.rank(); ++axis) offset += at[static_cast<std::size_t>(axis)] * tensor.stride(axis);
    visit(offset);
    for (int axis = tensor.rank() - 1; axis >= 0 && ++at[static_cast<std::size_t>(axis)] == tensor.dim(axis); --axis)
      at[static_cast<std::size_t>(axis)] = 0;
  }
}

template <class T>
T load(const std::byte* place) {
  T value;
  std::memcpy(&value, place, sizeof(T));
  return value;
}

template <class T>
void store(std::byte* place, T value) {
  std::memcpy(place, &value, sizeof(T));
}

double element(const std::byte* place, DType dtype) {
  switch (dtype) {
    case DType::f32:
      return load<float>(place);
    case DType::bf16:
      return std::bit_cast<float>(std::uint32_t{load<std::uint16_t>(place)} << 16);
    case DType::i32:
      return load<std::int32_t>(place);
    case DType::i8:
      return load<std::int8_t>(place);
    case DType::f16:
      return decode(kFp16, load<std::uint16_t>(place));
    case DType::e4m3:
      return decode(kE4m3, load<std::uint8_t>(place));
    case DType::e5m2:
      return decode(kE5m2, load<std::uint8_t>(place));
  }
  return 0;
}

void set_element(std::byte* place, DType dtype, double value) {
  switch (dtype) {
    case DType::f32:
      return store(place, static_cast<float>(value));
    case DType::bf16:
      return store(place, static_cast<std::uint16_t>(encode(kBf16, static_cast<float>(value))));
    case DType::i32:
      return store(place, static_cast<std::int32_t>(value));
    case DType::i8:
      return store(place, static_cast<std::int8_t>(value));
    case DType::f16:
      return store(place, static_cast<std::uint16_t>(encode(kFp16, value)));
    case DType::e4m3:
      return store(place, static_cast<std::uint8_t>(encode(kE4m3, value)));
    case DType::e5m2:
      return store(place, static_cast<std::uint8_t>(encode(kE5m2, value)));
  }
}

}  // namespace

std::vector<double> read_elements(const std::byte* first, const Tensor& layout) {
  const auto unit = static_cast<std::int64_t>(size_of(layout.dtype()));
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(layout.count()));
  for_each_element(layout, [&](std::int64_t at) { values.push_back(element(first + at * unit, layout.dtype())); });
  return values;
}

void write_elements(std::byte* first, const Tensor& layout, std::span<const double> values) {
  const auto unit = static_cast<std::int64_t>(size_of(layout.dtype()));
  auto next = values.begin();
  for_each_element(layout, [&](std::int64_t at) { set_element(first + at * unit, layout.dtype(), *next++); });
}

std::vector<double> read_elements(const std::byte* first, DType dtype, std::int64_t count) {
  const auto unit = static_cast<std::int64_t>(size_of(dtype));
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) values.push_back(element(first + i * unit, dtype));
  return values;
}

}  // namespace scalebench
