// What the CPU does for each operation of kernels/ops.hpp; a file each.
#pragma once

#include "kernels/ops.hpp"

namespace scalebench::cpu {

class CpuContext;  // threads, scratch memory, matrix products

void compute(const Fill& op, CpuContext& context);
void compute(const Normal& op, CpuContext& context);
void compute(const Convert& op, CpuContext& context);
void compute(const Add& op, CpuContext& context);
void compute(const Advance& op, CpuContext& context);
void compute(const Gemm& op, CpuContext& context);
void compute(const GemmBias& op, CpuContext& context);
void compute(const SampleTokens& op, CpuContext& context);
void compute(const PickTokens& op, CpuContext& context);
void compute(const Embed& op, CpuContext& context);
void compute(const EmbedBackward& op, CpuContext& context);
void compute(const AddPositions& op, CpuContext& context);
void compute(const PositionsBackward& op, CpuContext& context);
void compute(const RmsNorm& op, CpuContext& context);
void compute(const RmsNormBackward& op, CpuContext& context);
void compute(const LayerNorm& op, CpuContext& context);
void compute(const LayerNormBackward& op, CpuContext& context);
void compute(const HeadNorm& op, CpuContext& context);
void compute(const HeadNormBackward& op, CpuContext& context);
void compute(const Rope& op, CpuContext& context);
void compute(const Attention& op, CpuContext& context);
void compute(const AttentionBackward& op, CpuContext& context);
void compute(const SwiGlu& op, CpuContext& context);
void compute(const SwiGluBackward& op, CpuContext& context);
void compute(const Gelu& op, CpuContext& context);
void compute(const GeluBackward& op, CpuContext& context);
void compute(const AddBias& op, CpuContext& context);
void compute(const BiasGradient& op, CpuContext& context);
void compute(const CrossEntropy& op, CpuContext& context);
void compute(const LogitMaximum& op, CpuContext& context);
void compute(const LogitSums& op, CpuContext& context);
void compute(const CrossEntropyOfPart& op, CpuContext& context);
void compute(const SumOfSquares& op, CpuContext& context);
void compute(const AdamW& op, CpuContext& context);
void compute(const MultiAdamW& op, CpuContext& context);
void compute(const Sgd& op, CpuContext& context);
void compute(const UpdateLossScale& op, CpuContext& context);
void compute(const VerifiableInput& op, CpuContext& context);
void compute(const CountWrong& op, CpuContext& context);
void compute(const Upload& op, CpuContext& context);
void compute(const NextTokens& op, CpuContext& context);
void compute(const StoreKeyValue& op, CpuContext& context);
void compute(const PagedAttention& op, CpuContext& context);
void compute(const GatherRows& op, CpuContext& context);
void compute(const DrawTokens& op, CpuContext& context);
void compute(const Quantize& op, CpuContext& context);
void compute(const GemmQuantized& op, CpuContext& context);
void compute(const QuantizeScaled& op, CpuContext& context);
void compute(const GemmScaled& op, CpuContext& context);

}  // namespace scalebench::cpu
