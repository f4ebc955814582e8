#include "kernels/cuda/attention_agreement.hpp"
#include "kernels/cuda/attention_shape.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/numbers.cuh"

namespace scalebench::cuda {

namespace {

constexpr int kThreads = 256;

__global__ void transpose_each(const float* from, float* to, std::int64_t count, std::int64_t rows,
                               std::int64_t columns) {
  for (std::int64_t i = global_thread(); i < count; i += global_threads()) {
    const std::int64_t group = i / (rows * columns), column = i / rows % columns, row = i % rows;
    to[i] = from[(group * rows + row) * columns + column];
  }
}

// Number i of [N, heads, D].
template <class T>
__device__ const T* number(const Heads<const T>& heads, std::int64_t count, std::int64_t size, std::int64_t i) {
  return heads.at(i / size / count, i / size % count) + i % size;
}

template <class T>
__global__ void copy_each(Heads<const T> from, std::int64_t heads, std::int64_t size, std::int64_t count, T* to) {
  for (std::int64_t i = global_thread(); i < count; i += global_threads()) to[i] = *number(from, heads, size, i);
}

// One block: it is measured nowhere, and its sum has one order.
template <class T>
__global__ void squares(Heads<const T> a, std::int64_t heads, std::int64_t size, std::int64_t count, const T* b,
                        float* sums) {
  float difference = 0, whole = 0;
  for (std::int64_t i = global_thread(); i < count; i += global_threads()) {
    const float x = to_float(*number(a, heads, size, i)), y = to_float(b[i]);
    difference += (x - y) * (x - y), whole += y * y;
  }
  difference = over_block(difference), whole = over_block(whole);
  if (threadIdx.x == 0) sums[0] += difference, sums[1] += whole;
}

}  // namespace

void transpose(const float* from, float* to, std::int64_t groups, std::int64_t rows, std::int64_t columns,
               CudaContext& context) {
  const std::int64_t count = groups * rows * columns;
  launch(context, transpose_each, blocks_to_fill(context, count, kThreads), kThreads, from, to, count, rows, columns);
}

void copy_rows(const Tensor& tensor, void* to, CudaContext& context) {
  for_dtype(tensor, [&](auto number) {
    using T = decltype(number);
    launch(context, copy_each<T>, blocks_to_fill(context, tensor.count(), kThreads), kThreads,
           heads_of<const T>(tensor), tensor.dim(1), tensor.dim(2), tensor.count(), static_cast<T*>(to));
  });
}

void add_squares(const Tensor& tensor, const void* other, float* sums, CudaContext& context) {
  for_dtype(tensor, [&](auto number) {
    using T = decltype(number);
    launch(context, squares<T>, 1, kThreads, heads_of<const T>(tensor), tensor.dim(1), tensor.dim(2), tensor.count(),
           static_cast<const T*>(other), sums);
  });
}

}  // namespace scalebench::cuda
