#include "app/measure/peak.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "workloads/blocks/linear.hpp"

namespace scalebench {

namespace {

struct Form {
  std::int64_t size;  // m = n = k
  bool transposed;    // b
};
// Which one is the fastest differs from machine to machine, and with the number of threads.
constexpr std::array<Form, 12> kForms{{{256, false},
                                       {512, false},
                                       {512, true},
                                       {768, false},
                                       {768, true},
                                       {1024, true},
                                       {2048, false},
                                       {2048, true},
                                       {4096, false},
                                       {4096, true},
                                       {8192, false},
                                       {8192, true}}};
constexpr double kWindow = 0.25;  // s; long enough for ranks that take turns on a core
constexpr double kBatch = 2e-3;   // s of products that are issued before the host waits for them
// Larger products are for devices to which those are small.
constexpr std::int64_t kLargestForAll = 1024;
constexpr double kLongest = 5e-3;  // s

constexpr std::int64_t kReadWidth = 1 << 12;  // elements
constexpr int kReadings = 8;

// A product of one form again and again.
struct Repeated {
  double flops;
  std::function<void()> run;
};

// FLOP/s; `so_far`: about what to expect, 0 where nothing is known.
double rate(Device& device, const Repeated& product, double so_far, Control& control, const Group& group) {
  const auto finish = [&] { device.lane().reach(device.record()); };
  product.run();  // chooses and compiles the kernel
  finish();
  control.barrier(group);
  const double begin = device.witness().now();
  double end = begin, flops = 0;
  const auto batch = static_cast<int>(std::clamp(kBatch * so_far / product.flops, 1.0, 1000.0));
  while (end - begin < kWindow) {
    for (int i = 0; i < batch; ++i) product.run();
    finish();
    flops += batch * product.flops;
    end = device.witness().now();
  }
  return flops / (end - begin);
}

double rate(Device& device, DType dtype, Products products, const Form& form, double so_far, Control& control,
            const Group& group) {
  const std::int64_t size = form.size;
  const auto matrix = [&](const char* label) { return device.allocate(dtype, {size, size}, Use::buffers, label); };
  const Buffer a = matrix("peak_a"), b = matrix("peak_b"), c = matrix("peak_c");
  device.run(Normal{.to = a, .deviation = 1.0});
  device.run(Normal{.to = b, .deviation = 1.0});
  if (is_scaled(products)) {
    const QuantizedProduct scaled(device, products, a, b, c);
    return rate(device, {scaled.product.flops(), [&] { device.run(scaled.product); }}, so_far, control, group);
  }
  const Gemm product{
      .a = a, .b = form.transposed ? b.tensor().transposed() : b.tensor(), .c = c, .tf32 = products == Products::tf32};
  return rate(device, {product.flops(), [&] { device.run(product); }}, so_far, control, group);
}

}  // namespace

// By a product of one row: what decode does most, and nothing but reading.
double read_bandwidth(Device& device, DType dtype, std::int64_t bytes, Control& control, const Group& group) {
  const std::int64_t rows = bytes / kReadWidth / static_cast<std::int64_t>(size_of(dtype));
  const Buffer row = device.allocate(dtype, {1, kReadWidth}, Use::buffers, "bandwidth_row");
  const Buffer matrix = device.allocate(dtype, {rows, kReadWidth}, Use::buffers, "bandwidth_matrix");
  const Buffer sums = device.allocate(dtype, {1, rows}, Use::buffers, "bandwidth_sums");
  device.run(Fill{.to = row, .value = 1});
  device.run(Fill{.to = matrix, .value = 1});
  const Gemm reading{.a = row, .b = matrix.tensor().transposed(), .c = sums};
  const auto read = static_cast<double>(matrix.tensor().bytes());
  double best = 0;
  for (int round = 0; round < kReadings; ++round) {
    control.barrier(group);
    const auto batch = static_cast<int>(std::clamp(kBatch * best / read, 1.0, 1000.0));
    const double begin = device.moment()();
    for (int i = 0; i < batch; ++i) device.run(reading);
    best = std::max(best, batch * read / (device.moment()() - begin));
  }
  return best;
}

double gemm_peak(Device& device, DType dtype, Products products, Control& control, const Group& group) {
  double best = 0;
  for (const Form& form : kForms) {
    if (is_scaled(products) && !form.transposed) continue;  // they have one form only
    const double seconds = 2 * std::pow(static_cast<double>(form.size), 3) / best;
    // All ranks go on together.
    const double mine[] = {form.size > kLargestForAll ? seconds : 0};
    if (control.maximum(mine, group)[0] > kLongest) break;
    best = std::max(best, rate(device, dtype, products, form, best, control, group));
  }
  return best;
}

}  // namespace scalebench
