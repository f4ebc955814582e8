#include "workloads/blocks/vocabulary.hpp"

#include <algorithm>

namespace scalebench {

VocabularyBlock::VocabularyBlock(Device& device, const ModelSpec& model, const ParallelPlan& plan, const Shape& s,
                                 TensorParallel& tensor, bool head)
    : device_(device),
      tensor_(tensor),
      // Logits of 8 bits and fewer would be too coarse (DeepSeek-AI 2024, 3.3).
      linear_(device, plan.products == Products::tf32),
      vocabulary_(model.vocabulary),
      first_(tensor.rank() * s.V),
      held_(std::clamp<std::int64_t>(vocabulary_ - first_, 0, s.V)) {
  if (!head) return;
  logits_ = device.allocate(s.dtype, {s.N(), s.V}, Use::logits, "logits");
  if (tensor.size() == 1) return;
  maximum_ = device.allocate(DType::f32, {s.N()}, Use::logits, "logit_maximum");
  sums_ = device.allocate(DType::f32, {2, s.N()}, Use::logits, "logit_sums");
}

void VocabularyBlock::embed(const Tensor& tokens, const Tensor& table, const Tensor& stream) {
  device_.run(Embed{
      .tokens = tokens, .table = table, .output = tensor_.partial(stream), .first = first_, .vocabulary = vocabulary_});
  tensor_.sum(stream);
}

void VocabularyBlock::embed_backward(const Tensor& tokens, const Tensor& d_stream, const Tensor& d_table) {
  tensor_.fetch(d_stream, Whole::gradients);
  device_.run(EmbedBackward{.tokens = tokens,
                            .d_output = tensor_.whole(d_stream, Whole::gradients),
                            .d_table = d_table,
                            .first = first_,
                            .vocabulary = vocabulary_});
}

const Tensor& VocabularyBlock::logits(const Tensor& normed, const Tensor& weight) {
  tensor_.fetch(normed, Whole::values);
  linear_.forward(tensor_.whole(normed, Whole::values), weight, logits_);
  return logits_;
}

void VocabularyBlock::lose(const Tensor& targets, const Loss& loss) {
  if (tensor_.size() == 1) {
    device_.run(CrossEntropy{.logits = logits_,
                             .targets = targets,
                             .loss = loss.total,
                             .scale = loss.scale,
                             .gradient_scale = loss.gradient_scale});
    return;
  }
  const Tensor all = logits_, held = all.slice(1, 0, held_);
  device_.run(LogitMaximum{.logits = held, .maximum = maximum_});
  tensor_.reduce(maximum_, Reduction::maximum);
  device_.run(LogitSums{.logits = held, .targets = targets, .maximum = maximum_, .sums = sums_, .first = first_});
  tensor_.reduce(sums_.tensor().reshaped({sums_.tensor().count()}));
  device_.run(CrossEntropyOfPart{.logits = held,
                                 .targets = targets,
                                 .maximum = maximum_,
                                 .sums = sums_,
                                 .loss = loss.total,
                                 .scale = loss.scale,
                                 .loss_scale = loss.scale / tensor_.size(),
                                 .first = first_,
                                 .gradient_scale = loss.gradient_scale});
  if (held_ < all.columns()) device_.run(Fill{.to = all.slice(1, held_, all.columns() - held_)});
}

void VocabularyBlock::logits_backward(const Tensor& normed, const Tensor& weight, const Tensor& d_weight, bool fresh,
                                      const Tensor& d_normed) {
  linear_.backward_input(logits_, weight, tensor_.partial(d_normed));
  tensor_.start_sum(d_normed);
  linear_.backward_weight(logits_, tensor_.whole(normed, Whole::values), d_weight, fresh);
  tensor_.finish_sum();
}

}  // namespace scalebench
