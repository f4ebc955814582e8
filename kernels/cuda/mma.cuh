// What a warp does together on tensor cores, and copies into shared memory that go on beside the work. Fragments as in
// the PTX ISA, 9.7.14.5.8 (mma.m16n8k16, bf16 and f16) and 9.7.14.5.15 (ldmatrix): lane l has row l / 4 and the columns
// 2 (l mod 4) and the next of each 8 x 8 matrix. All lanes of the warp must come here.
#pragma once

#include "kernels/cuda/numbers.cuh"

#ifdef __CUDACC__

namespace scalebench::cuda {

__device__ inline unsigned shared_address(const void* place) {
  return static_cast<unsigned>(__cvta_generic_to_shared(place));
}

// Four 8 x 8 matrices; `row` is the place in shared memory of row l mod 8 of matrix l / 8. 16-byte aligned.
__device__ inline void load_matrices(const void* row, unsigned (&to)[4]) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(shared_address(row))
               : "memory");
}
// Each of them transposed.
__device__ inline void load_transposed(const void* row, unsigned (&to)[4]) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(shared_address(row))
               : "memory");
}

// sums [16, 8] += a [16, 16] b [16, 8]. Matrices of a: rows 0-7 and 8-15 of columns 0-7, then of columns 8-15. Of b,
// transposed: rows 0-7, rows 8-15.
template <class T>
__device__ void multiply_add(float (&sums)[4], const unsigned (&a)[4], unsigned b0, unsigned b1);
template <>
__device__ inline void multiply_add<Bf16>(float (&sums)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
template <>
__device__ inline void multiply_add<Half>(float (&sums)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Two numbers in the order of memory.
template <class T>
__device__ unsigned two_of(float first, float second);
template <>
__device__ inline unsigned two_of<Bf16>(float first, float second) {
  unsigned both;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(second), "f"(first));
  return both;
}
template <>
__device__ inline unsigned two_of<Half>(float first, float second) {
  unsigned both;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(second), "f"(first));
  return both;
}

// 2^x; what is smaller than a normal number is 0.
__device__ inline float power_of_two(float x) {
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
  return power;
}

// 16 bytes from global to shared memory, or zeros.
__device__ inline void begin_copy(void* to, const void* from, bool there) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               :
               : "r"(shared_address(to)), "l"(__cvta_generic_to_global(from)), "r"(there ? 16 : 0)
               : "memory");
}
// What this thread began since the last call is a group; all but its last `Groups` are done.
__device__ inline void end_group() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int Groups>
__device__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Groups) : "memory");
}

}  // namespace scalebench::cuda

#else
#include <mma_on_host.hpp>  // of a stand-in for CUDA
#endif
