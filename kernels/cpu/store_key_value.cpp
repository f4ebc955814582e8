#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/paged_cache.hpp"
#include "kernels/cpu/rows.hpp"

namespace scalebench::cpu {

namespace {

template <class From, class To>
void store(const Tensor& rows, const std::int32_t* slots, const Tensor& cache, const CpuContext& context) {
  const auto from = rows_of<const From>(rows);
  const PagedCache<To> to(cache);
  const std::int64_t heads = rows.dim(1), width = rows.dim(2), pitch = rows.stride(1);
  context.split(rows.dim(0), rows_per_thread(heads * width), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t n = begin; n < end; ++n) {
      if (slots[n] < 0) continue;
      for (std::int64_t head = 0; head < heads; ++head) {
        const From* const source = from[n] + head * pitch;
        To* const place = to.at(slots[n] / to.positions, head, slots[n] % to.positions);
#pragma omp simd
        for (std::int64_t d = 0; d < width; ++d) place[d] = from_float<To>(to_float(source[d]));
      }
    }
  });
}

}  // namespace

void compute(const StoreKeyValue& op, CpuContext& context) {
  const std::int64_t rows = op.slots.count(), places = op.key_cache.dim(0) * op.key_cache.dim(2);
  const auto* const slots = rows_of<const std::int32_t>(op.slots).data;
  for (const auto& [from, cache] : {std::pair(op.key, op.key_cache), std::pair(op.value, op.value_cache)})
    ensure(from.rank() == 3 && cache.rank() == 4 && from.dim(0) == rows && from.dim(1) == cache.dim(1) &&
               from.dim(2) == cache.dim(3) && cache.dim(0) * cache.dim(2) == places,
           "store_key_value of {} by {} to {}", to_string(from), to_string(op.slots), to_string(cache));
  for (std::int64_t n = 0; n < rows; ++n)
    ensure(slots[n] < places, "store_key_value to slot {} of {}", slots[n], to_string(op.key_cache));
  for_dtype(op.key, [&]<class From>(From) {
    for_dtype(op.key_cache, [&]<class To>(To) {
      store<From, To>(op.key, slots, op.key_cache, context);
      store<From, To>(op.value, slots, op.value_cache, context);
    });
  });
}

}  // namespace scalebench::cpu
