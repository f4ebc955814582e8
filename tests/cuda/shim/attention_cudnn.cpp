// In cuDNN's place: attention by the definition, on the host, where SCALEBENCH_SHIM_CUDNN is set; else a plan for no
// shape, as where the module is built without cuDNN. `wrong` computes something else.
#include "kernels/cuda/attention_cudnn.hpp"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "kernels/cuda/numbers.cuh"

namespace scalebench::cuda {

struct CudnnAttention::Library {
  std::string_view asked = std::getenv("SCALEBENCH_SHIM_CUDNN") == nullptr ? "" : std::getenv("SCALEBENCH_SHIM_CUDNN");
  cudaStream_t stream{};
};

namespace {

// One operand, as float.
template <class T>
struct Operand {
  T* data;
  CudnnShape::Strides strides;
  std::int64_t length;
  T* at(std::int64_t sequence, std::int64_t token, std::int64_t head) const {
    return data + (sequence * length + token) * strides.row + head * strides.head;
  }
};

template <class T>
float dot(const T* a, const T* b, std::int64_t size) {
  float sum = 0;
  for (std::int64_t d = 0; d < size; ++d) sum += to_float(a[d]) * to_float(b[d]);
  return sum;
}
template <class T>
void add(std::vector<float>& to, std::int64_t row, float factor, const T* values, std::int64_t size) {
  for (std::int64_t d = 0; d < size; ++d) to[static_cast<std::size_t>(row * size + d)] += factor * to_float(values[d]);
}
template <class T>
void store(const std::vector<float>& from, std::int64_t row, T* to, std::int64_t size) {
  for (std::int64_t d = 0; d < size; ++d) to[d] = from_float<T>(from[static_cast<std::size_t>(row * size + d)]);
}

template <class T>
class Attend {
 public:
  Attend(const CudnnShape& shape, const CudnnOperands& all)
      : s_(shape),
        query_(of(all.query, shape.query)),
        key_(of(all.key, shape.key)),
        value_(of(all.value, shape.value)),
        output_(of(all.output, shape.output)),
        d_output_(of(all.d_output, shape.d_output)),
        d_query_(of(all.d_query, shape.d_query)),
        d_key_(of(all.d_key, shape.d_key)),
        d_value_(of(all.d_value, shape.d_value)),
        statistics_(static_cast<float*>(all.statistics)) {}

  void forward(std::int64_t b, std::int64_t a) const {
    for (std::int64_t t = 0; t < s_.length; ++t) {
      float highest = -INFINITY, sum = 0;
      for (std::int64_t u = first(t); u <= t; ++u) highest = std::fmax(highest, score(b, a, t, u));
      for (std::int64_t u = first(t); u <= t; ++u) sum += std::exp(score(b, a, t, u) - highest);
      *statistic(b, a, t) = highest + std::log(sum);
      std::vector<float> row(static_cast<std::size_t>(s_.size));
      for (std::int64_t u = first(t); u <= t; ++u) add(row, 0, weight(b, a, t, u), value_.at(b, u, kv(a)), s_.size);
      store(row, 0, output_.at(b, t, a), s_.size);
    }
  }

  // Of one sequence's key-value head and the query heads that share it.
  void backward(std::int64_t b, std::int64_t k) const {
    const auto numbers = static_cast<std::size_t>(s_.length * s_.size);
    std::vector<float> d_key(numbers), d_value(numbers);
    const auto scale = static_cast<float>(s_.scale);
    for (std::int64_t a = k * group(); a < (k + 1) * group(); ++a) {
      std::vector<float> d_query(numbers);
      for (std::int64_t t = 0; t < s_.length; ++t) {
        const T* const gradient = d_output_.at(b, t, a);
        const float delta = dot(gradient, output_.at(b, t, a), s_.size);
        for (std::int64_t u = first(t); u <= t; ++u) {
          const float w = weight(b, a, t, u);
          const float d_score = scale * w * (dot(gradient, value_.at(b, u, k), s_.size) - delta);
          add(d_value, u, w, gradient, s_.size);
          add(d_query, t, d_score, key_.at(b, u, k), s_.size);
          add(d_key, u, d_score, query_.at(b, t, a), s_.size);
        }
        store(d_query, t, d_query_.at(b, t, a), s_.size);
      }
    }
    for (std::int64_t t = 0; t < s_.length; ++t) {
      store(d_key, t, d_key_.at(b, t, k), s_.size);
      store(d_value, t, d_value_.at(b, t, k), s_.size);
    }
  }

 private:
  Operand<T> of(void* data, const CudnnShape::Strides& strides) const {
    return {static_cast<T*>(data), strides, s_.length};
  }
  std::int64_t group() const { return s_.heads / s_.kv_heads; }
  std::int64_t kv(std::int64_t a) const { return a / group(); }
  std::int64_t first(std::int64_t t) const { return s_.window > 0 && t >= s_.window ? t - s_.window + 1 : 0; }
  float* statistic(std::int64_t b, std::int64_t a, std::int64_t t) const {
    return statistics_ + (b * s_.heads + a) * s_.length + t;
  }
  float score(std::int64_t b, std::int64_t a, std::int64_t t, std::int64_t u) const {
    return static_cast<float>(s_.scale) * dot(query_.at(b, t, a), key_.at(b, u, kv(a)), s_.size);
  }
  float weight(std::int64_t b, std::int64_t a, std::int64_t t, std::int64_t u) const {
    return std::exp(score(b, a, t, u) - *statistic(b, a, t));
  }

  const CudnnShape& s_;
  Operand<T> query_, key_, value_, output_, d_output_, d_query_, d_key_, d_value_;
  float* statistics_;
};

template <class T>
void attend_all(const CudnnShape& shape, const CudnnOperands& operands) {
  const Attend<T> attend(shape, operands);
  for (std::int64_t b = 0; b < shape.sequences; ++b)
    for (std::int64_t a = 0; a < (shape.backward ? shape.kv_heads : shape.heads); ++a)
      shape.backward ? attend.backward(b, a) : attend.forward(b, a);
}

}  // namespace

CudnnAttention::CudnnAttention(cudaStream_t stream) : library_(std::make_unique<Library>()) {
  library_->stream = stream;
}
CudnnAttention::CudnnAttention(const PaperGpu& /*gpu*/) : library_(std::make_unique<Library>()) {}
CudnnAttention::~CudnnAttention() = default;

std::string CudnnAttention::refusal(const CudnnShape& /*shape*/) {
  return library_->asked.empty() ? "no cuDNN on a stand-in" : "";
}
std::size_t CudnnAttention::workspace(const CudnnShape& /*shape*/) { return 512; }

bool CudnnAttention::run(const CudnnShape& shape, const CudnnOperands& operands, void* workspace) {
  CudnnShape meant = shape;
  if (library_->asked == "wrong") meant.scale *= 1.5;
  shim::issue(library_->stream, [meant, operands, workspace, bytes = this->workspace(shape)] {
    std::memset(workspace, 0xFF, bytes);
    meant.dtype == DType::f16 ? attend_all<Half>(meant, operands) : attend_all<Bf16>(meant, operands);
  });
  return true;
}

}  // namespace scalebench::cuda
