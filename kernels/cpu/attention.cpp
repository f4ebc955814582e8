#include "kernels/cpu/attention_forward.hpp"
#include "kernels/cpu/compute.hpp"

namespace scalebench::cpu {

void compute(const Attention& op, CpuContext& context) {
  context.shared_arena().reset();
  const AttentionBlocks blocks(op.query, op.key, op.sequence, op.window);
  const AttentionOperands on{op.query, op.output, op.log_sum_exp, op.scale};
  for_product_dtype(op.query, [&]<class T>(T) {
    const T* const keys = pack_keys<T>(op.key, blocks, context);
    const T* const values = pack_columns(pack_keys<T>(op.value, blocks, context), blocks, context);
    AttentionForward<T>(blocks, on, keys, values, context).run();
  });
}

}  // namespace scalebench::cpu
