// Inputs of collectives whose reduction is exactly predictable, and the count of what differs from it.
#include <algorithm>
#include <atomic>

#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/numbers.hpp"

namespace scalebench::cpu {

namespace {

std::int64_t sharers(std::int64_t ranks) { return std::min(ranks, VerifiableInput::kMostSharers); }

std::int64_t input_at(std::int64_t i, std::int64_t rank, std::int64_t ranks) {
  return (i + rank) % ranks < sharers(ranks) ? 1 + i % 3 : 0;
}

std::int64_t output_at(std::int64_t i, std::int64_t ranks, bool maximum) {
  return (1 + i % 3) * (maximum ? 1 : sharers(ranks));
}

template <class Body>
void for_element_type(const Tensor& tensor, const Body& body) {
  if (tensor.dtype() == DType::i32) return body(std::int32_t{});
  for_dtype(tensor, body);
}

template <class T>
T stored(std::int64_t value) {
  if constexpr (std::is_same_v<T, std::int32_t>)
    return static_cast<std::int32_t>(value);
  else
    return from_float<T>(static_cast<float>(value));
}

template <class T>
bool same(T a, T b) {
  if constexpr (sizeof(T) == 2)
    return a.bits == b.bits;
  else
    return a == b;
}

}  // namespace

void compute(const VerifiableInput& op, CpuContext& context) {
  ensure(op.to.contiguous(), "verifiable input in {}, which is not contiguous", to_string(op.to));
  for_element_type(op.to, [&]<class T>(T) {
    T* const to = data_of<T>(op.to);
    context.split(op.to.count(), kGrain, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i) to[i] = stored<T>(input_at(i, op.rank, op.ranks));
    });
  });
}

void compute(const CountWrong& op, CpuContext& context) {
  ensure(op.values.contiguous(), "count of wrong elements in {}, which is not contiguous", to_string(op.values));
  std::atomic<std::int64_t> wrong = 0;
  for_element_type(op.values, [&]<class T>(T) {
    const T* const values = data_of<T>(op.values);
    context.split(op.values.count(), kGrain, [&](std::int64_t begin, std::int64_t end, int) {
      std::int64_t here = 0;
      for (std::int64_t i = begin; i < end; ++i)
        here += !same(values[i], stored<T>(output_at(i, op.ranks, op.maximum)));
      wrong += here;
    });
  });
  *data_of<std::int32_t>(op.wrong) = static_cast<std::int32_t>(std::min<std::int64_t>(wrong, 0x7FFFFFFF));
}

}  // namespace scalebench::cpu
