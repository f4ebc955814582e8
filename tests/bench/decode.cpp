// Decode's kernels against what the memory gives: few rows by weights that are read once, attention over a paged cache.
#include <vector>

#include <fmt/format.h>

#include "kernels/cpu/device.hpp"
#include "tests/bench/bandwidth.hpp"
#include "tests/bench/bare_gemm.hpp"
#include "tests/bench/parts.hpp"
#include "tests/bench/row.hpp"
#include "tests/bench/timing.hpp"

namespace scalebench::bench {

namespace {

constexpr int kThreads = 2, kRounds = 9;
constexpr double kWindow = 0.15;  // s of products in each round
constexpr double kReadBar = 0.93, kBatchBar = 1.25;
constexpr std::int64_t kColdBytes = 256 << 20;  // far more than the caches hold: read in turn
constexpr std::int64_t kHidden = 2048, kBatch = 8, kMostRows = 16;

struct Weights {
  const char* name;
  std::int64_t rows;
};
constexpr Weights kWeights[] = {{"gate and up", std::int64_t{2} * 5632}, {"vocabulary", 32000}};

// Products of a few rows, each with the next copy of the weights, which no cache holds any more.
class FewRows {
 public:
  FewRows(Device& device, DType dtype, std::int64_t rows)
      : device_(device),
        rows_(rows),
        copies_(kColdBytes / (rows * kHidden * static_cast<std::int64_t>(size_of(dtype))) + 1),
        weights_(device.allocate(dtype, {copies_ * rows, kHidden}, Use::buffers, "weights")),
        a_(device.allocate(dtype, {kMostRows, kHidden}, Use::buffers, "a")),
        c_(device.allocate(dtype, {kMostRows, rows}, Use::buffers, "c")) {
    for (const Buffer* operand : {&weights_, &a_})
      device.run(Normal{.to = *operand, .deviation = 1, .seed = 1, .stream = 1});
  }

  double bytes() const { return static_cast<double>(weights_.tensor().bytes()) / static_cast<double>(copies_); }
  double flops(std::int64_t batch) const { return 2.0 * static_cast<double>(batch * rows_ * kHidden); }
  double seconds(std::int64_t batch) const {
    return time_of([&] {
             for (std::int64_t copy = 0; copy < copies_; ++copy)
               device_.run(Gemm{.a = a_.tensor().slice(0, 0, batch),
                                .b = weights_.tensor().slice(0, copy * rows_, rows_).transposed(),
                                .c = c_.tensor().slice(0, 0, batch)});
           }) /
           static_cast<double>(copies_);
  }

 private:
  Device& device_;
  std::int64_t rows_, copies_;
  Buffer weights_, a_, c_;
};

// The most rows that are few, where oneDNN's own product comes close.
void measure_most_rows(const FewRows& product, DType dtype, const Weights& weights) {
  BareGemm gemm(dtype, {kMostRows, weights.rows, kHidden, true}, kThreads);
  gemm.run();
  const auto v =
      alternate(kRounds, {[&] { return product.seconds(kMostRows); }, [&] { return time_of([&] { gemm.run(); }); }});
  put({.name = fmt::format("{} rows by {}, {}", kMostRows, weights.name, name_of(dtype)),
       .value = median(v[1]) / median(v[0]),
       .unit = " x",
       .remark = fmt::format("oneDNN's speed: {:.2f} ms after {:.2f} ms, n={}", 1e3 * median(v[0]), 1e3 * median(v[1]),
                             kRounds)});
}

void measure_few_rows(Device& device, Bandwidth& memory, DType dtype) {
  BareGemm gemm = best_gemm(dtype, kThreads);
  for (const Weights& weights : kWeights) {
    const FewRows product(device, dtype, weights.rows);
    const auto v = alternate(kRounds, {[&] { return memory.read(); }, [&] { return product.seconds(1); },
                                       [&] { return product.seconds(kBatch); },
                                       [&] { return gemm.flops() / median_time([&] { gemm.run(); }, kWindow); }});
    const double read = median(v[0]), one = median(v[1]), several = median(v[2]), peak = median(v[3]);
    const std::string what = fmt::format("{} [{}, {}], {}", weights.name, weights.rows, kHidden, name_of(dtype));
    put({.name = "1 row by " + what,
         .value = product.bytes() / one / read,
         .unit = "%",
         .bar = kReadBar,
         .remark =
             fmt::format("{:.1f} of {:.1f} GB/s read, n={}", product.bytes() / one * 1e-9, read * 1e-9, kRounds)});
    put({.name = fmt::format("{} rows by {}", kBatch, what),
         .value = several / std::max(one, product.flops(kBatch) / peak),
         .unit = " x",
         .bar = kBatchBar,
         .sense = Bar::at_most,
         .remark =
             fmt::format("of 1 row or the best product's rate: {:.2f} ms after {:.2f} ms; {:.1f} of {:.1f} GFLOP/s",
                         1e3 * several, 1e3 * one, product.flops(kBatch) / several * 1e-9, peak * 1e-9)});
    if (product.bytes() > 0.4 * static_cast<double>(kColdBytes)) measure_most_rows(product, dtype, weights);
  }
}

constexpr std::int64_t kHeads = 16, kKvHeads = 4, kHeadSize = 128, kPlaces = 16, kChunk = 512;
constexpr double kScale = 0.08838834764831845;  // 1 / sqrt(128)

// Sequences of the same length with as many rows each, whose blocks lie in turn in one cache; several such batches, so
// that each call reads what no cache holds any more.
class Paged {
 public:
  Paged(Device& device, DType dtype, std::int64_t sequences, std::int64_t length, std::int64_t rows, bool cold)
      : device_(device),
        batches_(cold ? kColdBytes / (2 * sequences * length * kKvHeads * kHeadSize *
                                      static_cast<std::int64_t>(size_of(dtype))) +
                            1
                      : 1),
        sequences_(sequences),
        length_(length),
        rows_(rows) {
    const std::int64_t blocks = length / kPlaces, count = batches_ * sequences;
    for (Buffer* cache : {&keys_, &values_})
      *cache = device.allocate(dtype, {count * blocks, kKvHeads, kPlaces, kHeadSize}, Use::buffers, "cache");
    for (Buffer* heads : {&query_, &output_})
      *heads = device.allocate(dtype, {sequences * rows, kHeads, kHeadSize}, Use::buffers, "heads");
    for (const Buffer* operand : {&keys_, &values_, &query_})
      device.run(Normal{.to = *operand, .deviation = 1, .seed = 1, .stream = 1});
    table_ = device.allocate(DType::i32, {count, blocks}, Use::buffers, "table");
    std::vector<double> table, starts, lengths(static_cast<std::size_t>(sequences), static_cast<double>(length));
    for (std::int64_t s = 0; s < count; ++s)
      for (std::int64_t m = 0; m < blocks; ++m) table.push_back(static_cast<double>(m * count + s));
    for (std::int64_t s = 0; s <= sequences; ++s) starts.push_back(static_cast<double>(s * rows));
    device.write(table_, table);
    starts_ = device.allocate(DType::i32, {sequences + 1}, Use::buffers, "starts");
    lengths_ = device.allocate(DType::i32, {sequences}, Use::buffers, "lengths");
    device.write(starts_, starts);
    device.write(lengths_, lengths);
  }

  double bytes() const { return 2.0 * static_cast<double>(keys_.tensor().bytes()) / static_cast<double>(batches_); }
  double seconds() const {
    return time_of([&] {
             for (std::int64_t batch = 0; batch < batches_; ++batch)
               device_.run(PagedAttention{.query = query_,
                                          .key_cache = keys_,
                                          .value_cache = values_,
                                          .starts = starts_,
                                          .lengths = lengths_,
                                          .blocks = table_.tensor().slice(0, batch * sequences_, sequences_),
                                          .output = output_,
                                          .scale = kScale});
           }) /
           static_cast<double>(batches_);
  }

 private:
  Device& device_;
  std::int64_t batches_, sequences_, length_, rows_;
  Buffer keys_{}, values_{}, query_{}, output_{}, table_{}, starts_{}, lengths_{};
};

void measure_rows(Device& device, Bandwidth& memory, DType dtype, std::int64_t sequences, std::int64_t length) {
  const Paged attention(device, dtype, sequences, length, 1, true);
  attention.seconds();
  const auto v = alternate(kRounds, {[&] { return memory.read(); }, [&] { return attention.seconds(); }});
  const double read = median(v[0]), rate = attention.bytes() / median(v[1]);
  put({.name = fmt::format("paged attention, {} x {} keys, {}", sequences, length, name_of(dtype)),
       .value = rate / read,
       .unit = "%",
       .bar = kReadBar,
       .remark = fmt::format("{:.1f} of {:.1f} GB/s read, n={}", rate * 1e-9, read * 1e-9, kRounds)});
}

// A whole prompt as one chunk, against Attention of the same sequence.
void measure_prefill(Device& device, DType dtype) {
  const Paged paged(device, dtype, 1, kChunk, kChunk, false);
  const auto heads = [&](std::int64_t count) {
    return device.allocate(dtype, {kChunk, count, kHeadSize}, Use::buffers, "heads");
  };
  const Buffer query = heads(kHeads), key = heads(kKvHeads), value = heads(kKvHeads), output = heads(kHeads);
  const Buffer log_sum_exp = device.allocate(DType::f32, {kChunk, kHeads}, Use::buffers, "log_sum_exp");
  for (const Buffer* operand : {&query, &key, &value})
    device.run(Normal{.to = *operand, .deviation = 1, .seed = 1, .stream = 1});
  const Attention attention{.query = query,
                            .key = key,
                            .value = value,
                            .output = output,
                            .log_sum_exp = log_sum_exp,
                            .sequence = kChunk,
                            .scale = kScale};
  const auto v = alternate(kRounds, {[&] { return median_time([&] { device.run(attention); }, kWindow / 3); },
                                     [&] { return median_time([&] { paged.seconds(); }, kWindow / 3); }});
  put({.name = fmt::format("paged attention, {} rows, {}", kChunk, name_of(dtype)),
       .value = median(v[0]) / median(v[1]),
       .unit = "%",
       .remark = fmt::format("of attention's speed: {:.2f} ms after {:.2f} ms, n={}", 1e3 * median(v[1]),
                             1e3 * median(v[0]), kRounds)});
}

}  // namespace

void measure_decode() {
  Witness witness;
  CpuDevice device(witness, kThreads);
  Bandwidth memory(kThreads);
  for (const DType dtype : {DType::f32, DType::bf16}) {
    measure_few_rows(device, memory, dtype);
    measure_rows(device, memory, dtype, 1, 2048);
    measure_rows(device, memory, dtype, kBatch, 512);
    measure_prefill(device, dtype);
  }
}

}  // namespace scalebench::bench
