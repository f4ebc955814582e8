#include "kernels/cpu/onednn.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include <omp.h>
#include <oneapi/dnnl/dnnl.hpp>
#include <sys/mman.h>

#include "base/check.hpp"
#include "kernels/cpu/panels_amx.hpp"
#include "kernels/cpu/widened.hpp"

namespace scalebench::cpu {

namespace {

constexpr std::align_val_t kAlignment{std::size_t{2} << 20};  // of huge pages

dnnl::memory::desc description(const Matrix& matrix) {
  const auto type = matrix.dtype == DType::bf16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
  return {{matrix.rows, matrix.columns}, type, dnnl::memory::dims{matrix.row_stride, matrix.column_stride}};
}

dnnl::matmul::primitive_desc plan(const ProductShape& shape, const dnnl::engine& engine) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (shape.accumulate) {
    dnnl::post_ops sum;
    sum.append_sum(1.0F);
    attributes.set_post_ops(sum);
  }
#if DNNL_VERSION_MAJOR >= 3
  return {engine, description(shape.a), description(shape.b), description(shape.c), attributes};
#else
  return {dnnl::matmul::desc(description(shape.a), description(shape.b), description(shape.c)), attributes, engine};
#endif
}

// Whether packing is little beside the product, and oneDNN's own copies are not: those of about square products that
// stay in a cache of 2 MiB cost it nothing.
bool is_large(const ProductShape& shape) {
  constexpr std::int64_t kLeastSide = 32, kLeast = std::int64_t{1} << 24;  // kLeast: multiply-adds
  constexpr std::int64_t kSquare = 256, kCached = std::int64_t{1} << 20;   // kCached: elements
  const std::int64_t m = shape.c.rows, n = shape.c.columns, k = shape.a.columns;
  const std::int64_t least = std::min({m, n, k});
  const bool cached = least >= kSquare && m * k + k * n + m * n <= kCached;
  return least >= kLeastSide && m * n * k >= kLeast && !cached && shape.c.column_stride == 1;
}

bool has_bf16(const dnnl::engine& engine) {
  const Matrix one = dense(DType::bf16, 1, 1);
  try {
    plan({one, one, one}, engine);
    return true;
  } catch (const dnnl::error&) {
    return false;
  }
}

// A primitive is planned for the number of threads of this moment; it must run with the same number.
class WithThreads {
 public:
  explicit WithThreads(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
  ~WithThreads() { omp_set_num_threads(before_); }
  WithThreads(const WithThreads&) = delete;
  WithThreads& operator=(const WithThreads&) = delete;

 private:
  int before_;
};

class Product {
 public:
  Product(const dnnl::matmul::primitive_desc& plan, const dnnl::engine& engine)
      : primitive_(plan),
        a_(plan.src_desc(), engine, nullptr),
        b_(plan.weights_desc(), engine, nullptr),
        c_(plan.dst_desc(), engine, nullptr),
        scratch_(plan.scratchpad_desc(), engine, nullptr),
        scratch_bytes_(plan.scratchpad_desc().get_size()) {}

  std::size_t scratch_bytes() const { return scratch_bytes_; }

  // The C interface, because the arguments of the C++ one are a map that is allocated at each call.
  void run(const dnnl::stream& stream, const void* a, const void* b, void* c, void* scratch) {
    a_.set_data_handle(const_cast<void*>(a));  // NOLINT: the interface has no const handles
    b_.set_data_handle(const_cast<void*>(b));  // NOLINT
    c_.set_data_handle(c);
    scratch_.set_data_handle(scratch);
    const std::array<dnnl_exec_arg_t, 4> arguments{{{DNNL_ARG_SRC, a_.get()},
                                                    {DNNL_ARG_WEIGHTS, b_.get()},
                                                    {DNNL_ARG_DST, c_.get()},
                                                    {DNNL_ARG_SCRATCHPAD, scratch_.get()}}};
    const dnnl_status_t status = dnnl_primitive_execute(primitive_.get(), stream.get(), 4, arguments.data());
    ensure(status == dnnl_success, "oneDNN refuses to run a matrix product (status {})", static_cast<int>(status));
  }

 private:
  dnnl::matmul primitive_;
  dnnl::memory a_, b_, c_, scratch_;
  std::size_t scratch_bytes_;
};

}  // namespace

struct Products::Library {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  bool bf16 = has_bf16(engine);
  bool amx = AmxKernel::available();
  std::vector<float> a{}, b{}, c{};  // widened
  std::map<ProductShape, std::unique_ptr<Product>> made{};
  std::byte* scratch = nullptr;
  std::size_t scratch_bytes = 0;

  Library() = default;
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() { ::operator delete(scratch, kAlignment); }

  void reserve(std::size_t bytes) {
    if (bytes <= scratch_bytes) return;
    ::operator delete(std::exchange(scratch, nullptr), kAlignment);
    scratch_bytes = 0;
    scratch = static_cast<std::byte*>(::operator new(bytes, kAlignment));
    madvise(scratch, bytes, MADV_HUGEPAGE);  // a hint: fewer TLB misses
    scratch_bytes = bytes;
  }
};

Products::Products(int threads) : threads_(threads), library_(std::make_unique<Library>()) {}
Products::~Products() = default;

void Products::run(const ProductShape& shape, const void* a, const void* b, void* c) {
  if (shape.a.dtype == DType::f16 || (shape.a.dtype == DType::bf16 && !library_->bf16))
    return run_widened(shape, a, b, c);
  if (shape.a.dtype == DType::bf16 && library_->amx && is_large(shape)) return run_panels<AmxKernel>(shape, a, b, c);
  const WithThreads with(threads_);
  auto& product = library_->made[shape];
  if (product == nullptr) {
    product = std::make_unique<Product>(plan(shape, library_->engine), library_->engine);
    library_->reserve(product->scratch_bytes());
  }
  product->run(library_->stream, a, b, c, library_->scratch);
}

template <class Kernel>
void Products::run_panels(const ProductShape& shape, const void* a, const void* b, void* c) {
  const PanelProduct<Kernel> product(shape, threads_);
  library_->reserve(product.scratch_bytes());
  product.run(a, b, c, library_->scratch);
}

void Products::run_widened(const ProductShape& shape, const void* a, const void* b, void* c) {
  const auto room = [](const Matrix& matrix, std::vector<float>& memory) {
    memory.resize(std::max(memory.size(), static_cast<std::size_t>(matrix.rows * matrix.columns)));
    return memory.data();
  };
  const auto wide = [](const Matrix& matrix) { return dense(DType::f32, matrix.rows, matrix.columns); };
  float *const wide_a = room(shape.a, library_->a), *const wide_b = room(shape.b, library_->b);
  widen(shape.a, a, wide_a);
  widen(shape.b, b, wide_b);
  if (shape.c.dtype == DType::f32)
    return run({wide(shape.a), wide(shape.b), shape.c, shape.accumulate}, wide_a, wide_b, c);
  float* const wide_c = room(shape.c, library_->c);
  if (shape.accumulate) widen(shape.c, c, wide_c);
  run({wide(shape.a), wide(shape.b), wide(shape.c), shape.accumulate}, wide_a, wide_b, wide_c);
  narrow(wide_c, shape.c, c);
}

bool onednn_uses_amx() {
  const auto bits = [](dnnl::cpu_isa isa) { return static_cast<unsigned>(isa); };
  constexpr dnnl::cpu_isa kAmx = dnnl::cpu_isa::avx512_core_amx;
  return (bits(dnnl::get_effective_cpu_isa()) & bits(kAmx)) == bits(kAmx);
}

}  // namespace scalebench::cpu
