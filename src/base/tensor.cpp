#include "base/tensor.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/check.hpp"

namespace scalebench {

namespace {

std::size_t index(int axis) { return static_cast<std::size_t>(axis); }

bool ranges_meet(std::size_t a, std::size_t a_end, std::size_t b, std::size_t b_end) { return a < b_end && b < a_end; }

}  // namespace

bool Box::overlaps(const Box& other) const {
  if (rows == 0 || other.rows == 0 || !ranges_meet(begin, end(), other.begin, other.end())) return false;
  if (pitch != other.pitch || rows == 1 || other.rows == 1 || pitch == 0) {
    const Box& many = rows > 1 ? *this : other;
    const Box& one = rows > 1 ? other : *this;
    if (many.rows == 1 || one.rows > 1 || many.pitch == 0 || one.width >= many.pitch) return true;
    // One run against many: it meets row k or k + 1, where k is the last row that begins at or before it.
    const std::size_t k = one.begin <= many.begin ? 0 : (one.begin - many.begin) / many.pitch;
    for (std::size_t row = k; row < std::min(many.rows, k + 2); ++row) {
      const std::size_t from = many.begin + row * many.pitch;
      if (ranges_meet(one.begin, one.end(), from, from + many.width)) return true;
    }
    return false;
  }
  // The same pitch: compare the columns, modulo the pitch.
  const std::size_t low = begin <= other.begin ? begin : other.begin;
  const Box& first = begin <= other.begin ? *this : other;
  const Box& second = begin <= other.begin ? other : *this;
  const std::size_t shift = (second.begin - low) % pitch;
  return shift < first.width || shift + second.width > pitch;
}

bool Box::contains(const Box& other) const {
  if (other.rows == 0) return true;
  if (other.begin < begin || other.end() > end()) return false;
  if (rows == 1 || pitch == width) return true;
  if (pitch != other.pitch && other.rows > 1) return false;
  const std::size_t shift = (other.begin - begin) % pitch;
  return shift + other.width <= width;
}

Tensor::Tensor(Storage& storage, DType dtype, std::span<const std::int64_t> shape, std::int64_t offset)
    : storage_(&storage),
      generation_(storage.generation),
      offset_(offset),
      dtype_(dtype),
      rank_(static_cast<int>(shape.size())) {
  ensure(shape.size() <= kMaxRank, "a tensor of rank {}: at most {}", shape.size(), kMaxRank);
  std::copy(shape.begin(), shape.end(), shape_.begin());
  std::int64_t step = 1;
  for (int axis = rank_ - 1; axis >= 0; --axis) {
    strides_[index(axis)] = step;
    step *= shape_[index(axis)];
  }
}

std::int64_t Tensor::count() const {
  return std::accumulate(shape_.begin(), shape_.begin() + rank_, std::int64_t{1}, std::multiplies<>());
}

bool Tensor::contiguous() const {
  std::int64_t step = 1;
  for (int axis = rank_ - 1; axis >= 0; --axis) {
    if (dim(axis) != 1 && stride(axis) != step) return false;
    step *= dim(axis);
  }
  return true;
}

Box Tensor::box() const {
  const std::size_t unit = size_of(dtype_);
  if (count() == 0) return {};
  // Sort the axes by stride, innermost first, and merge those that follow each other without a gap.
  std::array<std::pair<std::int64_t, std::int64_t>, kMaxRank> axes{};
  int used = 0;
  for (int axis = rank_ - 1; axis >= 0; --axis)
    if (dim(axis) > 1) axes[index(used++)] = {stride(axis), dim(axis)};
  for (int i = 1; i < used; ++i)  // all but sorted already, and at most four
    for (int j = i; j > 0 && axes[index(j)] < axes[index(j - 1)]; --j) std::swap(axes[index(j)], axes[index(j - 1)]);
  std::int64_t width = 1;
  int next = 0;
  while (next < used && axes[index(next)].first <= width)  // <=: a broadcast axis adds nothing
    width = std::max(width, axes[index(next)].first * axes[index(next)].second), ++next;
  Box box{static_cast<std::size_t>(offset_) * unit, 1, 0, static_cast<std::size_t>(width) * unit};
  if (next == used) return box;
  const std::int64_t pitch = axes[index(next)].first;
  std::int64_t rows = axes[index(next++)].second;
  for (; next < used; ++next) {
    const auto [stride, size] = axes[index(next)];
    if (stride % pitch != 0) {  // no common pitch: everything from the first byte to the last
      std::int64_t last = 0;
      for (int axis = 0; axis < rank_; ++axis) last += (dim(axis) - 1) * this->stride(axis);
      box.width = static_cast<std::size_t>(last + 1) * unit;
      return box;
    }
    rows += stride / pitch * (size - 1);
  }
  box.rows = static_cast<std::size_t>(rows);
  box.pitch = static_cast<std::size_t>(pitch) * unit;
  return box;
}

Tensor Tensor::slice(int axis, std::int64_t begin, std::int64_t length) const {
  ensure(axis < rank_ && begin >= 0 && length >= 0 && begin + length <= dim(axis), "slice {}+{} of axis {} of {}",
         begin, length, axis, to_string(*this));
  Tensor view = *this;
  view.offset_ += begin * stride(axis);
  view.shape_[index(axis)] = length;
  return view;
}

Tensor Tensor::transposed() const {
  ensure(rank_ >= 2, "transposed {}", to_string(*this));
  Tensor view = *this;
  std::swap(view.shape_[index(rank_ - 1)], view.shape_[index(rank_ - 2)]);
  std::swap(view.strides_[index(rank_ - 1)], view.strides_[index(rank_ - 2)]);
  return view;
}

Tensor Tensor::reshaped(std::initializer_list<std::int64_t> shape) const {
  Tensor view(*storage_, dtype_, std::span(shape.begin(), shape.size()), offset_);
  view.generation_ = generation_;
  ensure(contiguous() && view.count() == count(), "{} reshaped to {}", to_string(*this), to_string(view));
  return view;
}

Tensor Tensor::split(int axis, std::int64_t inner) const {
  ensure(rank_ < kMaxRank && axis < rank_ && inner > 0 && dim(axis) % inner == 0, "axis {} of {} split by {}", axis,
         to_string(*this), inner);
  Tensor view = *this;
  for (int later = rank_; later > axis + 1; --later) {
    view.shape_[index(later)] = shape_[index(later - 1)];
    view.strides_[index(later)] = strides_[index(later - 1)];
  }
  view.rank_ = rank_ + 1;
  view.shape_[index(axis)] = dim(axis) / inner;
  view.shape_[index(axis + 1)] = inner;
  view.strides_[index(axis)] = stride(axis) * inner;
  view.strides_[index(axis + 1)] = stride(axis);
  return view;
}

std::byte* Tensor::address() const {
  if (storage_->data == nullptr) return nullptr;
  return storage_->data + static_cast<std::size_t>(offset_) * size_of(dtype_);
}

std::string to_string(const Tensor& tensor) {
  if (!tensor.defined()) return "no tensor";
  std::vector<std::int64_t> shape;
  for (int axis = 0; axis < tensor.rank(); ++axis) shape.push_back(tensor.dim(axis));
  return fmt::format("{}[{}] {}", tensor.storage().label, fmt::join(shape, ", "), name_of(tensor.dtype()));
}

}  // namespace scalebench
