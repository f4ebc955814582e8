// Matrix products from packed panels, after Goto and van de Geijn (2008).
//
// c [m, n] is covered by tiles of Kernel::kRows x Kernel::kColumns. The shorter side of c is the inner one: its panels
// are packed once and stay in the second-level cache, a block of k after the other; a panel of the outer side is packed
// when its turn comes. Each element is one sum over k in a fixed order, whatever the other sizes and the threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <omp.h>

#include "kernels/cpu/numbers.hpp"
#include "kernels/cpu/onednn.hpp"

namespace scalebench::cpu {

// One operand of a product, seen from the sums: element (i, k) lies at i * stride + k * pitch.
template <class T>
struct Side {
  const T* data;
  std::int64_t count, stride, pitch;
  const T* at(std::int64_t i, std::int64_t k) const { return data + i * stride + k * pitch; }
};

struct Range {
  std::int64_t begin, end;
  std::int64_t size() const { return end - begin; }
};

// What a product brings near while it computes, because the next ones need it: two runs of lines that are `step` bytes
// apart, and a tile of c.
struct Ahead {
  const void *first, *second;
  std::int64_t step;
  const float* c = nullptr;
};

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

template <class Kernel>
class PanelProduct {
  using T = typename Kernel::Element;
  static constexpr std::int64_t kRows = Kernel::kRows, kColumns = Kernel::kColumns, kDepth = Kernel::kDepth;
  static constexpr std::int64_t kTileSize = kRows * kColumns;
  static constexpr std::int64_t kSums = 64;                   // tiles of c that are summed at once: 256 KiB
  static constexpr std::size_t kNear = std::size_t{5} << 18;  // bytes that stay in the second-level cache

 public:
  PanelProduct(const ProductShape& shape, int threads) : shape_(shape), threads_(threads) {}

  std::size_t scratch_bytes() const {
    return inner_bytes() + static_cast<std::size_t>(threads_) * (outer_bytes() + sum_bytes());
  }

  void run(const void* a, const void* b, void* c, std::byte* scratch) const {
    const Operands on{{static_cast<const T*>(a), shape_.a.rows, shape_.a.row_stride, shape_.a.column_stride},
                      {static_cast<const T*>(b), shape_.b.columns, shape_.b.column_stride, shape_.b.row_stride},
                      c,
                      scratch};
    if (threads_ == 1) return run_part(on, 0, 1);
#pragma omp parallel num_threads(threads_)
    run_part(on, omp_get_thread_num(), omp_get_num_threads());
  }

 private:
  struct Operands {
    Side<T> rows, columns;
    void* c;
    std::byte* scratch;
  };

  std::int64_t depth() const { return shape_.a.columns; }
  std::int64_t blocks() const { return ceil_div(depth(), kDepth); }
  bool rows_inner() const { return shape_.c.rows <= shape_.c.columns; }
  std::int64_t inner_width() const { return rows_inner() ? kRows : kColumns; }
  std::int64_t outer_width() const { return rows_inner() ? kColumns : kRows; }
  std::int64_t inner_panels() const {  // of one pass over the outer side
    const std::int64_t count = std::min(shape_.c.rows, shape_.c.columns);
    return std::min(ceil_div(count, inner_width()), Kernel::kInner / inner_width());
  }
  std::size_t inner_bytes() const {
    return static_cast<std::size_t>(inner_panels() * inner_width() * Kernel::padded(depth())) * sizeof(T);
  }
  std::size_t outer_bytes() const { return static_cast<std::size_t>(outer_width() * kDepth) * sizeof(T); }
  std::size_t sum_bytes() const {
    return static_cast<std::size_t>(std::max(kSums, inner_panels()) * kTileSize) * sizeof(float);
  }

  Range block(std::int64_t number) const { return {number * kDepth, std::min((number + 1) * kDepth, depth())}; }
  static Range panel(std::int64_t number, std::int64_t width, std::int64_t count) {
    return {number * width, std::min((number + 1) * width, count)};
  }

  void run_part(const Operands& on, int part, int parts) const {
    [[maybe_unused]] const typename Kernel::Session session;
    const std::int64_t panels = ceil_div(rows_inner() ? shape_.c.rows : shape_.c.columns, inner_width());
    for (std::int64_t first = 0; first < panels; first += inner_panels()) {
      const Range inner{first, std::min(first + inner_panels(), panels)};
      if (first > 0) synchronise(parts);
      pack_inner(on, inner, part, parts);
      synchronise(parts);
      if (rows_inner())
        run_outer<true>(on, inner, part, parts);
      else
        run_outer<false>(on, inner, part, parts);
    }
  }

  static void synchronise(int parts) {
    if (parts == 1) return;
#pragma omp barrier
  }

  T* inner_panel(const Operands& on, const Range& inner, std::int64_t block, std::int64_t panel) const {
    return reinterpret_cast<T*>(on.scratch) + block * kDepth * inner_width() * inner.size() +
           panel * inner_width() * Kernel::padded(this->block(block).size());
  }

  void pack_inner(const Operands& on, const Range& inner, int part, int parts) const {
    const std::int64_t pieces = blocks() * inner.size();
    for (std::int64_t i = pieces * part / parts; i < pieces * (part + 1) / parts; ++i) {
      const std::int64_t number = inner.begin + i % inner.size();
      T* const to = inner_panel(on, inner, i / inner.size(), i % inner.size());
      if (rows_inner())
        Kernel::pack_rows(on.rows, panel(number, kRows, on.rows.count), block(i / inner.size()), to);
      else
        Kernel::pack_columns(on.columns, panel(number, kColumns, on.columns.count), block(i / inner.size()), to);
    }
  }

  template <bool RowsInner>
  void run_outer(const Operands& on, const Range& inner, int part, int parts) const {
    std::byte* const own = on.scratch + inner_bytes() + static_cast<std::size_t>(part) * (outer_bytes() + sum_bytes());
    T* const packed = reinterpret_cast<T*>(own);
    float* const sums = reinterpret_cast<float*>(own + outer_bytes());
    const Side<T>& side = RowsInner ? on.columns : on.rows;
    const std::int64_t width = outer_width(), panels = ceil_div(side.count, width);
    const std::int64_t group = inner_bytes() <= kNear ? 1 : std::max<std::int64_t>(1, kSums / inner.size());
    const Range mine{panels * part / parts, panels * (part + 1) / parts};
    for (std::int64_t first = mine.begin; first < mine.end; first += group)
      for (std::int64_t b = 0; b < blocks(); ++b) {
        const std::int64_t last = std::min(first + group, mine.end);
        for (std::int64_t outer = first; outer < last; ++outer) {
          const Range range = panel(outer, width, side.count);
          if constexpr (RowsInner)
            Kernel::pack_columns(side, range, block(b), packed);
          else
            Kernel::pack_rows(side, range, block(b), packed);
          const bool stays = outer + 1 < last || b + 1 == blocks();
          const Range next_block = block(outer + 1 < last ? b : b + 1 < blocks() ? b + 1 : 0);
          const Range next = panel(stays ? std::min(outer + 1, panels - 1) : first, width, side.count);
          for (std::int64_t i = 0; i < inner.size(); ++i) {
            const Ahead ahead = ahead_of(side, next, next_block, i, inner.size());
            const T* const other = inner_panel(on, inner, b, i);
            float* const sum = sums + ((outer - first) * inner.size() + i) * kTileSize;
            if constexpr (RowsInner)
              add_tile<true>(on, inner.begin + i, outer, b, other, packed, sum, ahead);
            else
              add_tile<false>(on, outer, inner.begin + i, b, packed, other, sum, ahead);
          }
        }
      }
  }

  // What brings a part of a panel near that will be packed soon.
  static Ahead ahead_of(const Side<T>& side, Range i, Range k, std::int64_t part, std::int64_t parts) {
    const bool along = side.pitch == 1;
    const std::int64_t runs = along ? i.size() : k.size(), first = runs * part / parts;
    const std::int64_t middle = first + (runs * (part + 1) / parts - first) / 2;
    const auto run = [&](std::int64_t at) {
      return along ? side.at(i.begin + at, k.begin) : side.at(i.begin, k.begin + at);
    };
    return {run(first), run(middle), along ? 64 : side.pitch * static_cast<std::int64_t>(sizeof(T))};
  }

  // A tile of c: where it is whole and fp32, it is summed in its place.
  template <bool RowsInner>
  void add_tile(const Operands& on, std::int64_t row, std::int64_t column, std::int64_t number, const T* rows,
                const T* columns, float* sum, Ahead ahead) const {
    const Range i = panel(row, kRows, on.rows.count), j = panel(column, kColumns, on.columns.count);
    const std::int64_t depth = block(number).size(), pitch = shape_.c.row_stride, place = i.begin * pitch + j.begin;
    if (shape_.c.dtype == DType::f32 && i.size() == kRows && j.size() == kColumns) {
      float* const c = static_cast<float*>(on.c) + place;
      ahead.c = RowsInner ? c + kRows * pitch : c + kColumns;
      return Kernel::template multiply<RowsInner>(rows, columns, depth, c, pitch, number > 0 || shape_.accumulate,
                                                  ahead);
    }
    if (number + 1 == blocks()) fetch_tile(on, i, j);
    ahead.c = sum + kTileSize;
    Kernel::template multiply<RowsInner>(rows, columns, depth, sum, kColumns, number > 0, ahead);
    if (number + 1 < blocks()) return;
    if (shape_.c.dtype == DType::f32)
      store(sum, i.size(), j.size(), static_cast<float*>(on.c) + place);
    else
      store(sum, i.size(), j.size(), static_cast<Bf16*>(on.c) + place);
  }

  // Lines of c that will be written when the sums are done.
  void fetch_tile(const Operands& on, Range i, Range j) const {
    const auto unit = static_cast<std::int64_t>(size_of(shape_.c.dtype));
    auto* const c = static_cast<std::byte*>(on.c) + j.begin * unit;
    for (std::int64_t row = i.begin; row < i.end; ++row) __builtin_prefetch(c + row * shape_.c.row_stride * unit, 1);
  }

  template <class C>
  void store(const float* sum, std::int64_t rows, std::int64_t columns, C* c) const {
    for (std::int64_t i = 0; i < rows; ++i) {
      const float* const from = sum + i * kColumns;
      C* const to = c + i * shape_.c.row_stride;
      if (shape_.accumulate)
#pragma omp simd
        for (std::int64_t j = 0; j < columns; ++j) to[j] = from_float<C>(to_float(to[j]) + from[j]);
      else
#pragma omp simd
        for (std::int64_t j = 0; j < columns; ++j) to[j] = from_float<C>(from[j]);
    }
  }

  ProductShape shape_;
  int threads_;
};

}  // namespace scalebench::cpu
