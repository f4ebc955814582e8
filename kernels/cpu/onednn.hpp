// Matrix products by oneDNN. Nothing else in scalebench sees its headers.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>

#include "base/dtype.hpp"

namespace scalebench::cpu {

struct Matrix {
  DType dtype{};
  std::int64_t rows{}, columns{}, row_stride{}, column_stride{};  // in elements
  auto operator<=>(const Matrix&) const = default;
};

// A row-major matrix without gaps: oneDNN's fastest products (AMX) want all three like this, b also transposed.
constexpr Matrix dense(DType dtype, std::int64_t rows, std::int64_t columns) {
  return {dtype, rows, columns, columns, 1};
}
constexpr Matrix transposed(const Matrix& m) { return {m.dtype, m.columns, m.rows, m.column_stride, m.row_stride}; }

// c = a b (+ c)
struct ProductShape {
  Matrix a{}, b{}, c{};
  bool accumulate{};
  auto operator<=>(const ProductShape&) const = default;
};

// The products of one calling thread: primitives are made once a shape, then run without an allocation. An object
// serves one thread at a time and runs its products on as many as `threads` says.
class Products {
 public:
  explicit Products(int threads);
  ~Products();
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  void run(const ProductShape& shape, const void* a, const void* b, void* c);

 private:
  template <class Kernel>
  void run_panels(const ProductShape& shape, const void* a, const void* b, void* c);
  void run_widened(const ProductShape& shape, const void* a, const void* b, void* c);

  struct Library;  // oneDNN's engine, stream and primitives
  int threads_;
  std::unique_ptr<Library> library_;
};

// Whether oneDNN would: the processor has it, the system allows it, and DNNL_MAX_CPU_ISA doesn't forbid it.
bool onednn_uses_amx();

}  // namespace scalebench::cpu
