// A view of device memory: storage, offset, shape, strides, dtype. It never owns.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "base/dtype.hpp"

namespace scalebench {

// The bytes that a view touches: `rows` runs of `width` bytes, `pitch` bytes apart, from `begin` in its storage.
// Exact for two-dimensional views; beyond that the smallest such box that holds the view.
struct Box {
  std::size_t begin{}, rows{}, pitch{}, width{};
  std::size_t end() const { return rows == 0 ? begin : begin + (rows - 1) * pitch + width; }
  bool overlaps(const Box& other) const;
  bool contains(const Box& other) const;  // may say no where the answer is yes, never the reverse
};

// One read or write of a storage by a lane: kept for the wait check.
struct Access {
  std::uint8_t lane;
  bool write;
  std::uint64_t tick;
  Box box;
};

// A slot of memory that its Device owns. Slots outlive all views, so that a stale view is always detected.
struct Storage {
  std::byte* data{};           // null on sim
  std::size_t bytes{};         // 0: the slot is free
  std::uint64_t generation{};  // counts the allocations of this slot
  std::string label{};         // for messages
  std::vector<Access> accesses{};
};

class Tensor {
 public:
  static constexpr int kMaxRank = 4;

  Tensor() = default;
  // A contiguous, row-major view at `offset` elements.
  Tensor(Storage& storage, DType dtype, std::span<const std::int64_t> shape, std::int64_t offset = 0);

  bool defined() const { return storage_ != nullptr; }
  DType dtype() const { return dtype_; }
  int rank() const { return rank_; }
  std::int64_t dim(int axis) const { return shape_[static_cast<std::size_t>(axis)]; }
  std::int64_t stride(int axis) const { return strides_[static_cast<std::size_t>(axis)]; }  // in elements
  std::int64_t rows() const { return dim(0); }
  std::int64_t columns() const { return dim(1); }
  std::int64_t count() const;
  std::size_t bytes() const { return static_cast<std::size_t>(count()) * size_of(dtype_); }
  bool contiguous() const;

  Storage& storage() const { return *storage_; }
  std::uint64_t generation() const { return generation_; }
  std::int64_t offset() const { return offset_; }
  Box box() const;
  bool stale() const { return storage_->bytes == 0 || storage_->generation != generation_; }
  bool same_place(const Tensor& other) const { return storage_ == other.storage_ && offset_ == other.offset_; }

  // Views; they throw BrokenContract when out of range or, for reshaped(), when not contiguous.
  Tensor slice(int axis, std::int64_t begin, std::int64_t length) const;
  Tensor transposed() const;  // swaps the last two axes
  Tensor reshaped(std::initializer_list<std::int64_t> shape) const;
  Tensor split(int axis, std::int64_t inner) const;  // [.., n, ..] as [.., n / inner, inner, ..]

  // Host address of the first element, for the backends alone; null on sim.
  std::byte* address() const;

 private:
  Storage* storage_{};
  std::uint64_t generation_{};
  std::int64_t offset_{};  // elements
  DType dtype_{};
  int rank_{};
  std::array<std::int64_t, kMaxRank> shape_{};
  std::array<std::int64_t, kMaxRank> strides_{};
};

std::string to_string(const Tensor& tensor);  // "gate_up[512, 5632] bf16"

}  // namespace scalebench
