// c = a b of few rows, b a matrix of weights [n, k] read along its rows: one token of each sequence. What costs is
// reading the weights, which happens once, several rows of them side by side.
//
// An element is one sum over k in a fixed order, whatever the number of threads and of rows: a row has the same result
// alone as beside others, as long as there are at most kMostFewRows.
#pragma once

#include "kernels/cpu/numbers.hpp"
#include "kernels/cpu/onednn.hpp"

namespace scalebench::cpu {

class CpuContext;

inline constexpr std::int64_t kMostFewRows = 16;

bool has_few_rows(const ProductShape& shape);
void multiply_few_rows(const ProductShape& shape, const void* a, const void* b, void* c, CpuContext& context);

// For those that know what the processor has: columns of c, a packed as [k / 32][16 pairs][m][2] with zeros behind k.
struct Columns {
  std::int64_t begin, end;
};
void multiply_few_rows_by_amx(const ProductShape& shape, const Bf16* a, const Bf16* b, void* c, Columns columns);

}  // namespace scalebench::cpu
