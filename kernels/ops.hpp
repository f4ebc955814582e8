// The instruction set: operations with named operands, their cost in FLOPs and the memory that they read and write.
//
// Shape letters: B sequences, T tokens of one sequence, N = B T rows, H hidden size, F feed-forward size, A query
// heads, K key-value heads, D head size, V vocabulary, P parameters of a flat buffer. Tensors "like x" have x's dtype,
// fp32 or bf16; all arithmetic accumulates in fp32. Bytes follow from the operands.
#pragma once

#include "kernels/ops/attention.hpp"  // IWYU pragma: export
#include "kernels/ops/basic.hpp"      // IWYU pragma: export
#include "kernels/ops/decode.hpp"     // IWYU pragma: export
#include "kernels/ops/layers.hpp"     // IWYU pragma: export
#include "kernels/ops/loss.hpp"       // IWYU pragma: export
#include "kernels/ops/optimizer.hpp"  // IWYU pragma: export
#include "kernels/ops/quantized.hpp"  // IWYU pragma: export
