#include "kernels/cuda/product_choice.hpp"

#include <fmt/format.h>

#include "kernels/cuda/choices.hpp"
#include "kernels/cuda/context.hpp"
#include "kernels/cuda/few_rows.hpp"
#include "kernels/cuda/products.hpp"
#include "kernels/cuda/stopwatch.hpp"

namespace scalebench::cuda {

namespace {

void by_library(const Gemm& op, CudaContext& context) {
  context.products().multiply({.a = op.a, .b = op.b, .c = op.c});
}

}  // namespace

void ProductChoice::compute(const Gemm& op, CudaContext& context) {
  const Key key = {op.a.rows(),    op.b.columns(), op.a.columns(), static_cast<std::int64_t>(op.c.dtype()),
                   op.a.stride(0), op.b.stride(1)};
  auto known = own_.find(key);
  if (known == own_.end() && !capturing(stream_)) known = own_.emplace(key, own_is_faster(op, context)).first;
  if (known != own_.end() && known->second)
    few_rows::compute(op, context);
  else
    by_library(op, context);
}

// Results are written anew by every run: both can be measured in place.
bool ProductChoice::own_is_faster(const Gemm& op, CudaContext& context) const {
  const ColdStopwatch watch(stream_, context.await());
  const float theirs = watch.time([&] { return by_library(op, context), true; });
  const float own = watch.time([&] { return few_rows::compute(op, context), true; });
  note_choice(fmt::format("product {} x {} x {}, bf16 to {}: {} (own {:.4f} ms, cuBLASLt {:.4f} ms)", op.a.rows(),
                          op.b.columns(), op.a.columns(), name_of(op.c.dtype()), own < theirs ? "own" : "cuBLASLt", own,
                          theirs));
  return own < theirs;
}

}  // namespace scalebench::cuda
