// DrawTokens. The best of a row: blocks take parts of it. To draw, a block takes a row: thresholds are found digit by
// digit over the ordered bits of the logits (radix selection), ids by descent into ever smaller segments. All sums are
// of doubles, in one order.
#include <type_traits>

#include "base/random.hpp"
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/draw_tokens.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/numbers.cuh"

namespace scalebench::cuda {

namespace {

struct Larger {
  __device__ std::uint64_t operator()(std::uint64_t a, std::uint64_t b) const { return a > b ? a : b; }
};

// Of the ids [x chunk, (x + 1) chunk) of row y, the first of the best, as pair_of() says.
template <class T>
__global__ void best_of_chunks(Logits<T> logits, std::int32_t chunk, std::uint64_t* best) {
  const auto begin = static_cast<std::int32_t>(blockIdx.x) * chunk;
  std::uint64_t mine = 0;
  for_each(logits, blockIdx.y, begin, min(begin + chunk, logits.vocabulary), static_cast<std::int32_t>(threadIdx.x),
           kThreads, [&](std::int32_t id, float x) { mine = Larger{}(mine, pair_of(x, id)); });
  mine = over_block(mine, Larger{});
  if (threadIdx.x == 0) best[static_cast<std::int64_t>(blockIdx.y) * gridDim.x + blockIdx.x] = mine;
}

// A warp a row.
__global__ void first_best(const std::uint64_t* best, std::int32_t chunks, std::int32_t* tokens, std::int32_t rows) {
  const auto row = static_cast<std::int32_t>(global_thread() / kWarp);
  if (row >= rows) return;
  std::uint64_t most = 0;
  for (auto i = static_cast<std::int32_t>(threadIdx.x) % kWarp; i < chunks; i += kWarp)
    most = Larger{}(most, best[static_cast<std::int64_t>(row) * chunks + i]);
  most = over_warp(most, Larger{});
  if (threadIdx.x % kWarp == 0) tokens[row] = finite(most) ? id_of(most) : -1;
}

// Of the lowest digit of fp32 that a number of T has: bf16 has 7 bits of mantissa, fp16 10, fp32 23.
template <class T>
constexpr int kLastShift = std::is_same_v<T, float>  ? 0
                           : std::is_same_v<T, Bf16> ? 16
                                                     : 12;

struct Rule {
  float scale;  // log2 e / temperature
  std::int32_t top_k;
  double top_p;
  std::uint64_t seed;
  int last_shift;  // of the lowest digit that can differ
};

// The fewest whose probabilities reach top_p.
template <class T>
__device__ void keep_nucleus(const Row<T>& row, const Rule& rule, Candidates& of, Bins& bins) {
  const auto weight = [&](std::uint32_t key, float x) { return key > of.threshold ? double{row.weight(x)} : 0.0; };
  fill_bins(row, weight, 0, kFirstShift, bins);
  double above = 0;
  for (int digit = 0; digit < kDigits; ++digit) above += bins.sums[digit];
  __syncthreads();  // before the bins are filled anew
  const double at = of.ties > 0 ? static_cast<double>(row.weight(number_of(of.threshold))) : 0.0;
  const double least = rule.top_p * (above + static_cast<double>(of.ties) * at);
  double one = at;
  if (above >= least) {
    const Threshold found = highest_threshold(row, weight, least, rule.last_shift, bins);
    one = static_cast<double>(row.weight(number_of(found.key)));
    of = {found.key, static_cast<std::int32_t>(found.at / one + 0.5)};
    above = found.above;
  }
  const double needed = ceil((least - above) / one);
  of.ties = static_cast<std::int32_t>(min(max(needed, 1.0), static_cast<double>(of.ties)));
}

// A block a row.
template <class T>
__global__ void draw(Logits<T> logits, const std::uint64_t* best, std::int32_t chunks, const std::int32_t* requests,
                     const std::int32_t* positions, Rule rule, std::int32_t* tokens) {
  __shared__ Bins bins;
  const std::int64_t s = blockIdx.x;
  std::uint64_t most = 0;
  for (std::int32_t i = 0; i < chunks; ++i) most = Larger{}(most, best[s * chunks + i]);
  if (!finite(most)) {
    if (threadIdx.x == 0) tokens[s] = -1;
    return;
  }
  const Row<T> row{logits, s, number_of(static_cast<std::uint32_t>(most >> 32)), rule.scale};
  Candidates of{0, 0};
  if (rule.top_k > 0 && rule.top_k < logits.vocabulary) {
    const Threshold found = highest_threshold(
        row, [](std::uint32_t, float) { return 1.0; }, rule.top_k, rule.last_shift, bins);
    of = {found.key, rule.top_k - static_cast<std::int32_t>(found.above)};
  }
  if (rule.top_p < 1) keep_nucleus(row, rule, of, bins);
  std::int32_t last = logits.vocabulary;  // id of the last of the ties
  if (of.ties > 0)
    last = first_above(
        row, [&](std::int32_t, float x) { return key_of(x) == of.threshold ? 1.0 : 0.0; },
        [&](double) { return of.ties - 0.5; });
  const auto request = static_cast<std::uint64_t>(requests[s]), position = static_cast<std::uint64_t>(positions[s]);
  const double uniform = random_uniform(random_bits(rule.seed, request), position);
  const std::int32_t id = first_above(
      row,
      [&](std::int32_t i, float x) {
        const std::uint32_t key = key_of(x);
        return key > of.threshold || (key == of.threshold && i <= last) ? static_cast<double>(row.weight(x)) : 0.0;
      },
      [&](double total) { return uniform * total; });
  if (threadIdx.x == 0) tokens[s] = id;
}

template <class T>
Logits<T> logits_of(const DrawTokens& op) {
  const Tensor& from = op.logits;
  constexpr std::int64_t kCount = Pack<T>::kCount;
  const bool packed = reinterpret_cast<std::uintptr_t>(from.address()) % sizeof(Pack<T>) == 0 &&
                      from.dim(2) % kCount == 0 && from.stride(0) % kCount == 0 && from.stride(1) % kCount == 0;
  return {data_of<T>(from),
          from.stride(0),
          from.stride(1),
          static_cast<std::int32_t>(from.dim(2)),
          static_cast<std::int32_t>(op.vocabulary),
          packed};
}

}  // namespace

void compute(const DrawTokens& op, CudaContext& context) {
  const std::int64_t rows = op.tokens.count();
  need(op.logits.rank() == 3 && op.logits.dim(1) == rows && op.logits.stride(2) == 1 && op.vocabulary > 0 &&
           op.vocabulary <= op.logits.dim(0) * op.logits.dim(2) && op.requests.count() == rows &&
           op.positions.count() == rows && op.requests.contiguous() && op.positions.contiguous() &&
           op.tokens.contiguous(),
       op.logits, "holds no such vocabulary, or not as many rows as there are requests, positions and tokens");
  if (rows == 0) return;
  const bool many = rows * op.vocabulary > std::int64_t{32768} * context.multiprocessors();
  const std::int32_t chunk = many ? 8192 : 2048;
  const auto chunks = static_cast<std::int32_t>(blocks_for(op.vocabulary, chunk));
  auto* const best = reinterpret_cast<std::uint64_t*>(
      context.scratch(static_cast<std::size_t>(rows * chunks) * sizeof(std::uint64_t)));
  auto* const tokens = data_of<std::int32_t>(op.tokens);
  for_dtype(op.logits, [&](auto type) {
    using T = decltype(type);
    const Logits<T> logits = logits_of<T>(op);
    launch(context, best_of_chunks<T>, dim3(static_cast<unsigned>(chunks), static_cast<unsigned>(rows)), kThreads,
           logits, chunk, best);
    if (op.temperature == 0) {
      launch(context, first_best, blocks_for(rows * kWarp, kThreads), kThreads, best, chunks, tokens, rows);
      return;
    }
    const Rule rule{kLog2E / static_cast<float>(op.temperature),
                    static_cast<std::int32_t>(std::min(op.top_k, op.vocabulary)), op.top_p, op.seed, kLastShift<T>};
    launch(context, draw<T>, static_cast<unsigned>(rows), kThreads, logits, best, chunks,
           data_of<std::int32_t>(op.requests), data_of<std::int32_t>(op.positions), rule, tokens);
  });
}

}  // namespace scalebench::cuda
