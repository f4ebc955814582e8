// GatherRows: a copy, one block for some packs of one row.
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/numbers.cuh"

namespace scalebench::cuda {

namespace {

constexpr int kThreads = 128;

// A row that is not there becomes NaN. `Piece`: one element, or a Pack of them.
template <class T, class Piece>
__global__ void gather_rows(Rows<const T> from, const std::int32_t* rows, Rows<T> to, std::int64_t pieces) {
  const std::int64_t s = blockIdx.x, row = rows[s];
  const bool there = row >= 0 && row < from.count;
  Piece missing;
  for (std::size_t i = 0; i < sizeof(Piece) / sizeof(T); ++i)
    reinterpret_cast<T*>(&missing)[i] = from_float<T>(__uint_as_float(0x7FFFFFFFU));
  const auto* const source = reinterpret_cast<const Piece*>(from[there ? row : 0]);
  auto* const target = reinterpret_cast<Piece*>(to[s]);
  const std::int64_t step = static_cast<std::int64_t>(gridDim.y) * kThreads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.y) * kThreads + threadIdx.x; i < pieces; i += step)
    target[i] = there ? source[i] : missing;
}

template <class T, class Piece>
void gather(const Rows<const T>& from, const std::int32_t* rows, const Rows<T>& to, CudaContext& context) {
  const std::int64_t pieces =
      to.width * static_cast<std::int64_t>(sizeof(T)) / static_cast<std::int64_t>(sizeof(Piece));
  const dim3 blocks(static_cast<unsigned>(to.count), std::min(blocks_for(pieces, kThreads), 1024U));
  launch(context, gather_rows<T, Piece>, blocks, kThreads, from, rows, to, pieces);
}

}  // namespace

void compute(const GatherRows& op, CudaContext& context) {
  need(op.from.dtype() == op.to.dtype() && op.from.columns() == op.to.columns() && op.rows.count() == op.to.rows(),
       op.to, "cannot take the rows that are gathered");
  for_dtype(op.to, [&](auto type) {
    using T = decltype(type);
    const auto from = rows_of<const T>(op.from);
    const auto to = rows_of<T>(op.to);
    const auto* const rows = data_of<std::int32_t>(op.rows);
    if (packs(from) && packs(to))
      gather<T, Pack<T>>(from, rows, to, context);
    else
      gather<T, T>(from, rows, to, context);
  });
}

}  // namespace scalebench::cuda
