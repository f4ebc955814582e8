// StoreKeyValue: one block for some packs of the keys, or of the values, of one row.
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/numbers.cuh"
#include "kernels/cuda/paged_cache.cuh"

namespace scalebench::cuda {

namespace {

constexpr int kThreads = 128;

template <class T>
struct Heads {
  const T* data;
  std::int64_t pitch, head_pitch;
};

// Slots behind the cache are left out, too.
template <class From, class To, int N>
__global__ void store(Heads<From> keys, Heads<From> values, const std::int32_t* slots, PagedCache<To> key_cache,
                      PagedCache<To> value_cache, int heads, int width) {
  const std::int64_t n = blockIdx.x;
  const std::int32_t slot = slots[n];
  const bool value = blockIdx.z == 1;
  const PagedCache<To> cache = value ? value_cache : key_cache;
  const Heads<From> from = value ? values : keys;
  if (slot < 0 || slot >= cache.blocks * cache.positions) return;
  const int block = slot / cache.positions, place = slot % cache.positions, each = width / N;
  for (int i = static_cast<int>(blockIdx.y * kThreads + threadIdx.x); i < heads * each;
       i += static_cast<int>(gridDim.y) * kThreads) {
    const int head = i / each, at = i % each * N;
    const auto read = *reinterpret_cast<const Pack<From, N>*>(from.data + n * from.pitch + head * from.head_pitch + at);
    Pack<To, N> written;
    for (int j = 0; j < N; ++j) written.at[j] = from_float<To>(to_float(read.at[j]));
    *reinterpret_cast<Pack<To, N>*>(cache.at(block, head, place) + at) = written;
  }
}

template <class From, class To, int N>
void store_all(const StoreKeyValue& op, CudaContext& context) {
  const auto heads_of = [](const Tensor& rows) {
    return Heads<From>{data_of<From>(rows), rows.stride(0), rows.stride(1)};
  };
  const auto heads = static_cast<int>(op.key.dim(1)), width = static_cast<int>(op.key.dim(2));
  const dim3 blocks(static_cast<unsigned>(op.key.dim(0)), blocks_for(heads * (width / N), kThreads), 2);
  launch(context, store<From, To, N>, blocks, kThreads, heads_of(op.key), heads_of(op.value),
         data_of<std::int32_t>(op.slots), PagedCache<To>(op.key_cache), PagedCache<To>(op.value_cache), heads, width);
}

// Whether the last axis lies in pieces of `count` elements.
bool in_pieces(const Tensor& tensor, std::int64_t count) {
  bool pieces = reinterpret_cast<std::uintptr_t>(tensor.address()) %
                        (static_cast<std::size_t>(count) * size_of(tensor.dtype())) ==
                    0 &&
                tensor.dim(tensor.rank() - 1) % count == 0;
  for (int axis = 0; axis + 1 < tensor.rank(); ++axis)
    pieces = pieces && (tensor.stride(axis) % count == 0 || tensor.dim(axis) == 1);
  return pieces;
}

}  // namespace

void compute(const StoreKeyValue& op, CudaContext& context) {
  for (const auto& [from, cache] : {std::pair(op.key, op.key_cache), std::pair(op.value, op.value_cache)}) {
    need(from.rank() == 3 && cache.rank() == 4 && from.dim(0) == op.slots.count() && from.dim(1) == cache.dim(1) &&
             from.dim(2) == cache.dim(3) && from.stride(2) == 1 && from.dtype() == op.key.dtype(),
         from, "cannot be stored in its cache");
    need(cache.stride(3) == 1 && cache.dim(0) == op.key_cache.dim(0) && cache.dim(2) == op.key_cache.dim(2) &&
             cache.dtype() == op.key_cache.dtype(),
         cache, "is no cache of such keys and values");
  }
  for_dtype(op.key, [&](auto from_type) {
    for_dtype(op.key_cache, [&](auto to_type) {
      using From = decltype(from_type);
      using To = decltype(to_type);
      constexpr int kCount = 16 / static_cast<int>(std::max(sizeof(From), sizeof(To)));
      if (in_pieces(op.key, kCount) && in_pieces(op.value, kCount) && in_pieces(op.key_cache, kCount) &&
          in_pieces(op.value_cache, kCount))
        store_all<From, To, kCount>(op, context);
      else
        store_all<From, To, 1>(op, context);
    });
  });
}

}  // namespace scalebench::cuda
