// The yardstick of compute: matrix products by oneDNN alone, past scalebench's kernels.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/dtype.hpp"

namespace scalebench::bench {

struct GemmShape {
  std::int64_t m{}, n{}, k{};
  bool transposed{};  // b is stored as [n, k]
};

class BareGemm {
 public:
  BareGemm(DType dtype, const GemmShape& shape, int threads);
  ~BareGemm();
  BareGemm(BareGemm&&) noexcept;
  BareGemm& operator=(BareGemm&&) noexcept;

  void run();
  double flops() const;
  std::string name() const;  // "1024 x 1024 x 1024"

 private:
  struct Library;
  GemmShape shape_;
  int threads_;
  std::unique_ptr<Library> library_;
};

// The fastest product of a list of square ones and of the step's own shapes.
BareGemm best_gemm(DType dtype, int threads);

}  // namespace scalebench::bench
