// RmsNorm whose rows are heads.
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/context.hpp"

namespace scalebench::cuda {

namespace {

void need_like(const Tensor& tensor, const Tensor& input) {
  need(tensor.rank() == 3 && tensor.dim(0) == input.dim(0) && tensor.dim(1) == input.dim(1) &&
           tensor.dim(2) == input.dim(2),
       tensor, "where heads like the input of head_norm are needed");
}

}  // namespace

void compute(const HeadNorm& op, CudaContext& context) {
  need_like(op.output, op.input);
  need(op.weight.count() == op.input.dim(2), op.weight, "where a weight for each element of a head is needed");
  compute(RmsNorm{.input = op.input,
                  .weight = op.weight,
                  .output = op.output,
                  .reciprocal = op.reciprocal,
                  .epsilon = op.epsilon},
          context);
}

void compute(const HeadNormBackward& op, CudaContext& context) {
  need_like(op.d_output, op.input), need_like(op.d_input, op.input);
  compute(RmsNormBackward{.input = op.input,
                          .weight = op.weight,
                          .reciprocal = op.reciprocal,
                          .d_output = op.d_output,
                          .d_input = op.d_input,
                          .d_weight = op.d_weight},
          context);
}

}  // namespace scalebench::cuda
