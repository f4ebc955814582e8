// Instead of amx.cpp where the compiler doesn't know AMX.
#include "base/check.hpp"
#include "kernels/cpu/amx.hpp"
#include "kernels/cpu/block_products.hpp"

namespace scalebench::cpu {

bool has_amx() { return false; }
void ready_amx() {}
void leave_amx() {}
void multiply_by_amx(const Left<Bf16>&, const Right<Bf16>&, const Sums&) {
  ensure(false, "a product by AMX, which this build lacks");
}

}  // namespace scalebench::cpu
