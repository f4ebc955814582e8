// What a GPU does for each operation of kernels/ops.hpp: launches on the stream of the context.
#pragma once

#include "kernels/ops.hpp"

namespace scalebench::cuda {

class CudaContext;  // stream, scratch memory, matrix products

void compute(const Fill& op, CudaContext& context);
void compute(const Normal& op, CudaContext& context);
void compute(const Convert& op, CudaContext& context);
void compute(const Add& op, CudaContext& context);
void compute(const Advance& op, CudaContext& context);
void compute(const Gemm& op, CudaContext& context);
void compute(const GemmBias& op, CudaContext& context);
void compute(const SampleTokens& op, CudaContext& context);
void compute(const PickTokens& op, CudaContext& context);
void compute(const Embed& op, CudaContext& context);
void compute(const EmbedBackward& op, CudaContext& context);
void compute(const AddPositions& op, CudaContext& context);
void compute(const PositionsBackward& op, CudaContext& context);
void compute(const RmsNorm& op, CudaContext& context);
void compute(const RmsNormBackward& op, CudaContext& context);
void compute(const LayerNorm& op, CudaContext& context);
void compute(const LayerNormBackward& op, CudaContext& context);
void compute(const HeadNorm& op, CudaContext& context);
void compute(const HeadNormBackward& op, CudaContext& context);
void compute(const Rope& op, CudaContext& context);
void compute(const Attention& op, CudaContext& context);
void compute(const AttentionBackward& op, CudaContext& context);
void compute(const SwiGlu& op, CudaContext& context);
void compute(const SwiGluBackward& op, CudaContext& context);
void compute(const Gelu& op, CudaContext& context);
void compute(const GeluBackward& op, CudaContext& context);
void compute(const AddBias& op, CudaContext& context);
void compute(const BiasGradient& op, CudaContext& context);
void compute(const CrossEntropy& op, CudaContext& context);
void compute(const LogitMaximum& op, CudaContext& context);
void compute(const LogitSums& op, CudaContext& context);
void compute(const CrossEntropyOfPart& op, CudaContext& context);
void compute(const SumOfSquares& op, CudaContext& context);
void compute(const AdamW& op, CudaContext& context);
void compute(const MultiAdamW& op, CudaContext& context);
void compute(const Sgd& op, CudaContext& context);
void compute(const UpdateLossScale& op, CudaContext& context);
void compute(const VerifiableInput& op, CudaContext& context);
void compute(const CountWrong& op, CudaContext& context);
void compute(const Upload& op, CudaContext& context);
void compute(const NextTokens& op, CudaContext& context);
void compute(const StoreKeyValue& op, CudaContext& context);
void compute(const PagedAttention& op, CudaContext& context);
void compute(const GatherRows& op, CudaContext& context);
void compute(const DrawTokens& op, CudaContext& context);
void compute(const Quantize& op, CudaContext& context);
void compute(const GemmQuantized& op, CudaContext& context);
void compute(const QuantizeScaled& op, CudaContext& context);
void compute(const GemmScaled& op, CudaContext& context);

}  // namespace scalebench::cuda
