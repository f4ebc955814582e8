// What the tests of the kernels share: operands with random values, and the comparison with what they should become.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include "base/check.hpp"
#include "base/random.hpp"
#include "tests/kernels/backend.hpp"

namespace scalebench::test {

using Values = std::vector<double>;
inline constexpr DType kFloats[] = {DType::f32, DType::bf16, DType::f16};

// A device and the buffers of one case.
class Lab {
 public:
  explicit Lab(const Backend& backend) : device_(backend.make(witness_)), host_sees_values_(backend.host_sees_values) {}

  Device& device() { return *device_; }
  Witness& witness() { return witness_; }

  // Rows of `shape` that are `gap` elements apart, so that what lies between must survive.
  Tensor empty(DType dtype, std::initializer_list<std::int64_t> shape, std::int64_t gap = 0) {
    const std::vector<std::int64_t> sizes(shape);
    std::int64_t width = 1;
    for (std::size_t axis = 1; axis < sizes.size(); ++axis) width *= sizes[axis];
    const std::int64_t rows = sizes[0];
    const Tensor whole = buffers_.emplace_back(
        device_->allocate(dtype, {rows, width + gap}, Use::buffers, fmt::format("operand{}", buffers_.size())));
    device_->write(whole, Values(static_cast<std::size_t>(rows * (width + gap)), kUntouched));
    if (gap > 0) gaps_.push_back(whole.slice(1, width, gap));
    const Tensor rows_only = whole.slice(1, 0, width);
    if (sizes.size() == 3) return rows_only.split(1, sizes[2]);
    return sizes.size() == 2 ? rows_only : rows_only.reshaped({rows});
  }

  Tensor random(DType dtype, std::initializer_list<std::int64_t> shape, double deviation = 1, std::int64_t gap = 0) {
    const Tensor tensor = empty(dtype, shape, gap);
    Values values(static_cast<std::size_t>(tensor.count()));
    for (double& value : values) value = deviation * random_normal(7, ++drawn_);
    device_->write(tensor, values);
    return tensor;
  }

  Tensor of(DType dtype, std::initializer_list<std::int64_t> shape, const Values& values, std::int64_t gap = 0) {
    const Tensor tensor = empty(dtype, shape, gap);
    device_->write(tensor, values);
    return tensor;
  }

  Tensor ids(std::initializer_list<std::int64_t> shape, std::int64_t vocabulary, std::int64_t gap = 0) {
    const Tensor tensor = empty(DType::i32, shape, gap);
    Values values(static_cast<std::size_t>(tensor.count()));
    for (double& value : values)
      value = static_cast<double>(random_bits(8, ++drawn_) % static_cast<std::uint64_t>(vocabulary));
    device_->write(tensor, values);
    return tensor;
  }

  // An operation that is given a wrong number in the device's memory: false where it was not refused, but has run.
  template <class Expected>
  bool refuses(const auto& op) {
    if (host_sees_values_)
      BOOST_CHECK_THROW(device_->run(op), Expected);
    else
      device_->run(op);
    return host_sees_values_;
  }

  Values read(const Tensor& tensor) { return device_->read(tensor); }
  double scalar(const Tensor& tensor) { return read(tensor).at(0); }

  // No operation wrote between the rows of its operands.
  void check_gaps() {
    for (const Tensor& gap : gaps_) {
      const Values values = read(gap);
      BOOST_TEST((values == Values(values.size(), kUntouched)), to_string(gap) << " was written between its rows");
    }
  }

 private:
  static constexpr double kUntouched = 123;

  Witness witness_{};
  std::unique_ptr<Device> device_;
  bool host_sees_values_;
  std::deque<Buffer> buffers_{};
  std::vector<Tensor> gaps_{};
  std::uint64_t drawn_ = 0;
};

inline bool all_nan(const Values& values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return std::isnan(value); });
}

inline void for_each_backend(const std::function<void(Lab&)>& body) {
  for (const Backend& backend : backends()) {
    BOOST_TEST_CONTEXT(backend.name) {
      Lab lab(backend);
      body(lab);
      lab.check_gaps();
    }
  }
}

// What rounding of results costs at most, relative to a value or, where sums cancel, to the typical value.
inline double tolerance(DType dtype, double fp32) {
  return dtype == DType::f32 ? fp32 : std::max(dtype == DType::bf16 ? 6e-3 : 8e-4, 4 * fp32);
}

// |got - wanted| <= tolerance (|wanted| + typical), element by element. Typical is the root mean square of wanted, at
// least `least`: where all of it cancels to nothing, the size of what cancels.
inline void check_close(const Values& got, const Values& wanted, double tolerance, const std::string& what,
                        double least = 0) {
  BOOST_TEST_REQUIRE(got.size() == wanted.size());
  double squares = 0, worst = 0;
  for (const double value : wanted) squares += value * value;
  const double count = static_cast<double>(std::max<std::size_t>(wanted.size(), 1));
  const double typical = std::max(std::sqrt(squares / count), least);
  std::size_t where = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double scale = std::abs(wanted[i]) + typical;
    const double error = got[i] == wanted[i] ? 0 : std::abs(got[i] - wanted[i]) / scale;
    if (!(error <= worst)) worst = error, where = i;  // NaN counts as worst
  }
  BOOST_TEST((worst <= tolerance), what << ": element " << where << " is " << got[where] << ", should be "
                                        << wanted[where] << " (error " << worst << ", at most " << tolerance << ")");
}

}  // namespace scalebench::test
