#include "tests/bench/bare_gemm.hpp"

#include <cstdint>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <omp.h>
#include <oneapi/dnnl/dnnl.hpp>

#include "tests/bench/timing.hpp"

namespace scalebench::bench {

namespace {

// Squares, and the products of the step's linear layers: [T, H] x [H, 2 F], [T, F] x [F, H], [H, T] x [T, 2 F].
constexpr GemmShape kShapes[] = {{512, 512, 512},    {768, 768, 768},   {1024, 1024, 1024}, {1536, 1536, 1536},
                                 {2048, 2048, 2048}, {512, 5632, 1024}, {512, 1024, 2816},  {1024, 5632, 512}};
constexpr double kLook = 0.06;  // s for each of them

dnnl::memory::data_type type_of(DType dtype) {
  return dtype == DType::bf16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}

dnnl::memory::desc matrix(DType dtype, std::int64_t rows, std::int64_t columns, bool transposed = false) {
  using Tag = dnnl::memory::format_tag;
  return {{rows, columns}, type_of(dtype), transposed ? Tag::ba : Tag::ab};
}

dnnl::matmul product(const GemmShape& s, DType dtype, const dnnl::engine& engine) {
  const auto a = matrix(dtype, s.m, s.k), b = matrix(dtype, s.k, s.n, s.transposed), c = matrix(dtype, s.m, s.n);
#if DNNL_VERSION_MAJOR >= 3
  return dnnl::matmul(dnnl::matmul::primitive_desc(engine, a, b, c));
#else
  return dnnl::matmul(dnnl::matmul::primitive_desc(dnnl::matmul::desc(a, b, c), engine));
#endif
}

// Ordinary numbers everywhere: 1 / 3, 2 / 3, ... (denormals or zeros could be faster or slower).
dnnl::memory filled(const dnnl::memory::desc& description, const dnnl::engine& engine) {
  dnnl::memory memory(description, engine);
  const auto bytes = description.get_size();
  if (description.data_type() == dnnl::memory::data_type::f32) {
    auto* values = static_cast<float*>(memory.get_data_handle());
    for (std::size_t i = 0; i < bytes / 4; ++i) values[i] = static_cast<float>(i % 7 + 1) / 3.0F;
  } else {
    auto* values = static_cast<std::uint16_t*>(memory.get_data_handle());
    for (std::size_t i = 0; i < bytes / 2; ++i) values[i] = static_cast<std::uint16_t>(0x3f80 + i % 7 * 17);
  }
  return memory;
}

}  // namespace

struct BareGemm::Library {
  Library(DType dtype, const GemmShape& s)
      : primitive(product(s, dtype, engine)),
        a(filled(matrix(dtype, s.m, s.k), engine)),
        b(filled(matrix(dtype, s.k, s.n, s.transposed), engine)),
        c(filled(matrix(dtype, s.m, s.n), engine)) {}
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  dnnl::matmul primitive;
  dnnl::memory a, b, c;
};

BareGemm::BareGemm(DType dtype, const GemmShape& shape, int threads) : shape_(shape), threads_(threads) {
  omp_set_num_threads(threads);  // a primitive is planned for the number of threads of this moment
  library_ = std::make_unique<Library>(dtype, shape);
}
BareGemm::~BareGemm() = default;
BareGemm::BareGemm(BareGemm&&) noexcept = default;
BareGemm& BareGemm::operator=(BareGemm&&) noexcept = default;

void BareGemm::run() {
  omp_set_num_threads(threads_);
  library_->primitive.execute(
      library_->stream, {{DNNL_ARG_SRC, library_->a}, {DNNL_ARG_WEIGHTS, library_->b}, {DNNL_ARG_DST, library_->c}});
  library_->stream.wait();
}

double BareGemm::flops() const {
  return 2.0 * static_cast<double>(shape_.m) * static_cast<double>(shape_.n) * static_cast<double>(shape_.k);
}

std::string BareGemm::name() const {
  return fmt::format("{} x {} x {}{}", shape_.m, shape_.k, shape_.n, shape_.transposed ? ", b transposed" : "");
}

BareGemm best_gemm(DType dtype, int threads) {
  std::optional<BareGemm> best;
  double highest = 0;
  for (GemmShape shape : kShapes)
    for (const bool transposed : {false, true}) {
      shape.transposed = transposed;
      BareGemm gemm(dtype, shape, threads);
      const double rate = gemm.flops() / median_time([&] { gemm.run(); }, kLook);
      if (rate > highest) highest = rate, best = std::move(gemm);
    }
  return std::move(*best);
}

}  // namespace scalebench::bench
