#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/rows.hpp"

namespace scalebench::cpu {

namespace {

// Head `head` of row n.
template <class T>
struct Heads {
  Rows<T> rows;
  std::int64_t pitch;
  T* at(std::int64_t n, std::int64_t head) const { return rows[n] + head * pitch; }
};

template <class T>
Heads<T> heads_of(const Tensor& tensor, const Tensor& like) {
  ensure(tensor.rank() == 3 && tensor.dim(0) == like.dim(0) && tensor.dim(1) == like.dim(1) &&
             tensor.dim(2) == like.dim(2),
         "head_norm of {} and {}", to_string(like), to_string(tensor));
  return {rows_of<T>(tensor), tensor.stride(1)};
}

template <class T>
float normalise(const T* from, const T* weight, T* to, std::int64_t size, float epsilon) {
  float squares = 0;
#pragma omp simd reduction(+ : squares)
  for (std::int64_t d = 0; d < size; ++d) squares += to_float(from[d]) * to_float(from[d]);
  const float reciprocal = 1.0F / std::sqrt(squares / static_cast<float>(size) + epsilon);
#pragma omp simd
  for (std::int64_t d = 0; d < size; ++d) to[d] = from_float<T>(to_float(from[d]) * reciprocal * to_float(weight[d]));
  return reciprocal;
}

// d_input = r (dy w - x r^2 mean(dy w x)); partial += dy x r.
template <class T>
void differentiate(const T* input, const T* weight, const T* d_output, T* d_input, float* partial, float reciprocal,
                   std::int64_t size) {
  float dot = 0;
#pragma omp simd reduction(+ : dot)
  for (std::int64_t d = 0; d < size; ++d) {
    const float scaled = to_float(d_output[d]) * to_float(input[d]);
    dot += scaled * to_float(weight[d]);
    partial[d] += scaled * reciprocal;
  }
  const float along = dot / static_cast<float>(size) * reciprocal * reciprocal;
#pragma omp simd
  for (std::int64_t d = 0; d < size; ++d) {
    const float across = to_float(d_output[d]) * to_float(weight[d]) - to_float(input[d]) * along;
    d_input[d] = from_float<T>(reciprocal * across);
  }
}

}  // namespace

void compute(const HeadNorm& op, CpuContext& context) {
  const std::int64_t count = op.input.dim(1), size = op.input.dim(2);
  ensure(op.weight.count() == size && op.reciprocal.count() == op.input.dim(0) * count, "head_norm of {} by {} with {}",
         to_string(op.input), to_string(op.weight), to_string(op.reciprocal));
  float* const reciprocals = data_of<float>(op.reciprocal);
  for_dtype(op.input, [&]<class T>(T) {
    const auto input = heads_of<const T>(op.input, op.input);
    const auto output = heads_of<T>(op.output, op.input);
    const T* const weight = rows_of<const T>(op.weight).data;
    const auto epsilon = static_cast<float>(op.epsilon);
    context.split(op.input.dim(0), rows_per_thread(count * size), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t n = begin; n < end; ++n)
        for (std::int64_t head = 0; head < count; ++head)
          reciprocals[n * count + head] = normalise(input.at(n, head), weight, output.at(n, head), size, epsilon);
    });
  });
}

void compute(const HeadNormBackward& op, CpuContext& context) {
  const std::int64_t count = op.input.dim(1), size = op.input.dim(2);
  const float* const reciprocals = data_of<float>(op.reciprocal);
  float* const d_weight = rows_of<float>(op.d_weight).data;
  context.shared_arena().reset();
  float* const partials = context.shared_arena().take<float>(context.threads() * size);
  std::fill(partials, partials + context.threads() * size, 0.0F);
  for_dtype(op.input, [&]<class T>(T) {
    const auto input = heads_of<const T>(op.input, op.input), d_output = heads_of<const T>(op.d_output, op.input);
    const auto d_input = heads_of<T>(op.d_input, op.input);
    const T* const weight = rows_of<const T>(op.weight).data;
    const auto body = [&](std::int64_t begin, std::int64_t end, int thread) {
      for (std::int64_t n = begin; n < end; ++n)
        for (std::int64_t head = 0; head < count; ++head)
          differentiate(input.at(n, head), weight, d_output.at(n, head), d_input.at(n, head), partials + thread * size,
                        reciprocals[n * count + head], size);
    };
    context.split(op.input.dim(0), rows_per_thread(count * size), body);
  });
  for (int thread = 0; thread < context.threads(); ++thread)
    for (std::int64_t d = 0; d < size; ++d) d_weight[d] += partials[thread * size + d];
}

}  // namespace scalebench::cpu
