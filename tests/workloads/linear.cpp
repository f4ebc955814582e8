// A linear layer and its gradients in 8 and 4 bits against plain loops over numbers that are rounded so.
#include "workloads/blocks/linear.hpp"

#include <cmath>

#include <boost/test/unit_test.hpp>

#include "base/random.hpp"
#include "kernels/cpu/device.hpp"

using namespace scalebench;

namespace {

struct Numbers {
  std::int64_t rows, columns;
  std::vector<double> at;
  Numbers(std::int64_t n, std::int64_t k) : rows(n), columns(k), at(static_cast<std::size_t>(n * k)) {}
  double& operator()(std::int64_t row, std::int64_t column) {
    return at[static_cast<std::size_t>(row * columns + column)];
  }
  double operator()(std::int64_t row, std::int64_t column) const {
    return at[static_cast<std::size_t>(row * columns + column)];
  }
  Numbers transposed() const {
    Numbers t(columns, rows);
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < columns; ++j) t(j, i) = (*this)(i, j);
    return t;
  }
};

// The parts of `height` x `width` numbers of which each has its own largest number brought to `top`.
template <class Round>
Numbers rounded(const Numbers& from, std::int64_t height, std::int64_t width, const Round& round) {
  Numbers to = from;
  for (std::int64_t i = 0; i < from.rows; i += height)
    for (std::int64_t j = 0; j < from.columns; j += width) {
      double largest = 0;
      const std::int64_t below = std::min(i + height, from.rows), right = std::min(j + width, from.columns);
      for (std::int64_t y = i; y < below; ++y)
        for (std::int64_t x = j; x < right; ++x) largest = std::max(largest, std::abs(from(y, x)));
      for (std::int64_t y = i; y < below; ++y)
        for (std::int64_t x = j; x < right; ++x) to(y, x) = round(from(y, x), largest);
    }
  return to;
}

// fp32 throughout, as base/quantized.hpp has it: numbers of bf16 often lie just between two codes.
auto to_format(const SmallFloat& format, bool power_of_two) {
  return [&format, power_of_two](double x, double largest) {
    if (largest == 0) return 0.0;
    float scale = static_cast<float>(largest) / static_cast<float>(decode(format, format.largest()));
    if (power_of_two) scale = std::exp2(std::ceil(std::log2(scale)));
    const float factor = 1.0F / scale, scaled = static_cast<float>(x) * factor;
    return decode(format, encode(format, scaled)) * scale;
  };
}

// E2M1 with a scale of E4M3, and one of fp32 for the whole.
auto to_nvfp4(const Numbers& all) {
  double most = 0;
  for (const double x : all.at) most = std::max(most, std::abs(x));
  return [global = static_cast<float>(most) / (448.0F * 6.0F)](double x, double largest) {
    const double code = decode(kE4m3, encode(kE4m3, static_cast<float>(largest) / 6.0F / global));
    const float scale = static_cast<float>(code) * global;
    if (scale == 0) return 0.0;
    const float scaled = static_cast<float>(x) * (1.0F / scale);
    return decode(kE2m1, encode(kE2m1, scaled)) * scale;
  };
}

enum class Operand { values, weights, gradients };

Numbers quantized(Products products, Operand operand, const Numbers& from) {
  const bool gradient = operand == Operand::gradients;
  if (products == Products::nvfp4) return rounded(from, 1, 16, to_nvfp4(from));
  switch (products) {
    case Products::fp8_tensor:
      return rounded(from, from.rows, from.columns, to_format(gradient ? kE5m2 : kE4m3, false));
    case Products::fp8_block:
      return rounded(from, operand == Operand::weights ? 128 : 1, 128, to_format(kE4m3, false));
    default:
      return rounded(from, 1, 32, to_format(kE4m3, true));
  }
}

// a b^T
Numbers product(const Numbers& a, const Numbers& b) {
  Numbers c(a.rows, b.rows);
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = 0; j < b.rows; ++j)
      for (std::int64_t k = 0; k < a.columns; ++k) c(i, j) += a(i, k) * b(j, k);
  return c;
}

// Relative to the whole: a number that lies between two codes may be rounded to either.
double distance(const std::vector<double>& got, const std::vector<double>& wanted) {
  double difference = 0, square = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i)
    difference += std::pow(got.at(i) - wanted[i], 2), square += std::pow(wanted[i], 2);
  return std::sqrt(difference / square);
}

struct Layer {
  static constexpr std::int64_t kTokens = 48, kIn = 160, kOut = 144;
  Witness witness{};
  std::unique_ptr<Device> device = std::make_unique<CpuDevice>(witness, 1);
  std::vector<Buffer> buffers{};
  std::uint64_t drawn = 0;

  Tensor matrix(DType dtype, std::int64_t rows, std::int64_t columns) {
    return buffers.emplace_back(device->allocate(dtype, {rows, columns}, Use::buffers, "matrix"));
  }
  Tensor random(std::int64_t rows, std::int64_t columns, double deviation) {
    const Tensor to = matrix(DType::bf16, rows, columns);
    std::vector<double> values(static_cast<std::size_t>(rows * columns));
    for (double& value : values) value = deviation * random_normal(7, ++drawn);
    device->write(to, values);
    return to;
  }
  Numbers numbers(const Tensor& tensor) {
    Numbers n(tensor.rows(), tensor.columns());
    n.at = device->read(tensor);
    return n;
  }
  Shape shape() const {
    ModelSpec m{.layers = 1, .hidden = kIn, .feed_forward = kOut / 2, .heads = 5, .kv_heads = 2, .head_dim = 16};
    return {m, ParallelPlan{.micro_batch = 1, .sequence = kTokens, .dtype = DType::bf16}};
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(linear)

BOOST_AUTO_TEST_CASE(multiplies_what_is_rounded_to_the_formats_of_a_plan) {
  for (const Products products : {Products::fp8_tensor, Products::fp8_block, Products::mxfp8, Products::nvfp4}) {
    Layer l;
    const Linear linear(*l.device, products, l.shape());
    const Tensor x = l.random(Layer::kTokens, Layer::kIn, 1), w = l.random(Layer::kOut, Layer::kIn, 0.02);
    const Tensor d_y = l.random(Layer::kTokens, Layer::kOut, 1e-3),
                 y = l.matrix(DType::bf16, Layer::kTokens, Layer::kOut);
    const Tensor d_x = l.matrix(DType::bf16, Layer::kTokens, Layer::kIn),
                 d_w = l.matrix(DType::f32, Layer::kOut, Layer::kIn);
    linear.forward(x, w, y);
    linear.backward_input(d_y, w, d_x);
    linear.backward_weight(d_y, x, d_w, true);
    linear.backward_weight(d_y, x, d_w, false);  // adds
    const auto q = [&](Operand operand, const Numbers& from) { return quantized(products, operand, from); };
    const auto back = [&](Operand operand, const Numbers& from) {
      return scales_gradients(products) ? q(operand, from) : from;
    };
    const Numbers nx = l.numbers(x), nw = l.numbers(w), ng = l.numbers(d_y);
    BOOST_TEST_CONTEXT(static_cast<int>(products)) {
      BOOST_CHECK_LE(distance(l.device->read(y), product(q(Operand::values, nx), q(Operand::weights, nw)).at), 4e-3);
      BOOST_CHECK_LE(distance(l.device->read(d_x),
                              product(back(Operand::gradients, ng), back(Operand::weights, nw.transposed())).at),
                     4e-3);
      std::vector<double> twice =
          product(back(Operand::gradients, ng.transposed()), back(Operand::values, nx.transposed())).at;
      for (double& value : twice) value *= 2;
      BOOST_CHECK_LE(distance(l.device->read(d_w), twice), 1e-3);
      BOOST_CHECK_GT(distance(l.device->read(y), product(nx, nw).at), 1e-2);  // of plain numbers
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
