// Instead of amx.cpp and panels_amx.cpp where the compiler doesn't know AMX.
#include "base/check.hpp"
#include "kernels/cpu/amx.hpp"
#include "kernels/cpu/block_products.hpp"
#include "kernels/cpu/few_rows.hpp"
#include "kernels/cpu/panels_amx.hpp"

namespace scalebench::cpu {

bool has_amx() { return false; }
void ready_amx() {}
void leave_amx() {}
void multiply_by_amx(const Left<Bf16>&, const Right<Bf16>&, const Sums&) {
  ensure(false, "a product by AMX, which this build lacks");
}
void multiply_few_rows_by_amx(const ProductShape&, const Bf16*, const Bf16*, void*, Columns) {
  ensure(false, "a product by AMX, which this build lacks");
}

bool AmxKernel::available() { return false; }
AmxKernel::Session::Session() = default;
AmxKernel::Session::~Session() = default;
void AmxKernel::pack_rows(const Side<Bf16>&, Range, Range, Bf16*) {}
void AmxKernel::pack_columns(const Side<Bf16>&, Range, Range, Bf16*) {}
template <bool StreamRows>
void AmxKernel::multiply(const Bf16*, const Bf16*, std::int64_t, float*, std::int64_t, bool, const Ahead&) {
  ensure(false, "a product by AMX, which this build lacks");
}
template void AmxKernel::multiply<true>(const Bf16*, const Bf16*, std::int64_t, float*, std::int64_t, bool,
                                        const Ahead&);
template void AmxKernel::multiply<false>(const Bf16*, const Bf16*, std::int64_t, float*, std::int64_t, bool,
                                         const Ahead&);

}  // namespace scalebench::cpu
