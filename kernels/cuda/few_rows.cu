#include "kernels/cuda/few_rows.cuh"
#include "kernels/cuda/few_rows.hpp"

namespace scalebench::cuda::few_rows {

namespace {

// cuBLASLt has kernels for many rows; from 9 on ours would read what it has of `a` once for two tiles.
constexpr std::int64_t kMostRows = 8;

template <class T>
FewRows<Bf16, T> few_of(const Gemm& op) {
  return {rows_of<const Bf16>(op.a), rows_of<const Bf16>(op.b.transposed()), nullptr, rows_of<T>(op.c)};
}

}  // namespace

bool fits(const Gemm& op) {
  if (op.accumulate || op.a.rows() > kMostRows || op.a.dtype() != DType::bf16 || op.b.dtype() != DType::bf16)
    return false;
  const bool along_k = op.a.stride(1) == 1 && op.b.stride(0) == 1 && op.c.stride(1) == 1;
  if (!along_k || op.c.count() == 0) return false;
  const FewRows<Bf16, float> few = few_of<float>(op);
  return packs(few.a) && packs(few.weights);
}

void compute(const Gemm& op, CudaContext& context) {
  if (op.c.dtype() == DType::f32)
    launch_few<Bf16, float, true>(few_of<float>(op), context);
  else
    launch_few<Bf16, Bf16, true>(few_of<Bf16>(op), context);
}

}  // namespace scalebench::cuda::few_rows
