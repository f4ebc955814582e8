#include "workloads/blocks/decoder.hpp"

#include <algorithm>
#include <limits>
#include <ranges>
#include <utility>

namespace scalebench {

namespace {

// Of as many rows as a step may have.
Shape shape_of(const ModelSpec& model, ParallelPlan plan, std::int64_t rows) {
  plan.micro_batch = 1, plan.sequence = rows;
  return {model, plan};
}

std::int64_t numbers_of(const DecodeLimits& l) {
  return 4 * l.rows + (l.sequences + 1) + 4 * l.sequences + l.sequences * l.table;
}

// Pieces of one buffer, one behind the other.
class Pieces {
 public:
  explicit Pieces(const Tensor& whole) : whole_(whole) {}
  Tensor take(const std::vector<std::int32_t>& values) {
    numbers_->insert(numbers_->end(), values.begin(), values.end());
    const std::int64_t begin = std::exchange(end_, end_ + std::ssize(values));
    return whole_.slice(0, begin, std::ssize(values));
  }
  Upload upload() { return {.values = std::move(numbers_), .to = whole_.slice(0, 0, end_)}; }

 private:
  Tensor whole_;
  std::int64_t end_ = 0;
  std::shared_ptr<std::vector<std::int32_t>> numbers_ = std::make_shared<std::vector<std::int32_t>>();
};

}  // namespace

std::int64_t Decoder::bytes_of_block(const ModelSpec& model, const ParallelPlan& plan, DType dtype) {
  return 2 * model.layers * kv_heads_of_part(model, plan.tp) * kBlockPositions * model.head_dim *
         static_cast<std::int64_t>(size_of(dtype));
}

Decoder::Decoder(World& world, const Assignment& a, const DecodeLimits& l)
    : device_(world.device),
      model_(a.model),
      sampling_(a.serving.sampling),
      seed_(a.seed),
      shape_(shape_of(a.model, a.plan, l.rows)),
      tensor_(device_, world.mesh, shape_, a.plan),
      weights_(device_, shape_, a.serving.weight_dtype.value_or(a.plan.dtype), units_of(a.model, tensor_.part()),
               {a.seed, a.weights.get()}),
      inputs_(device_.allocate(DType::i32, {numbers_of(l)}, Use::buffers, "batch")),
      tokens_(device_.allocate(DType::i32, {l.rows}, Use::buffers, "tokens")),
      sampled_(device_.allocate(DType::i32, {l.sequences}, Use::buffers, "sampled")),
      stream_(device_.allocate(shape_.dtype, {l.rows, shape_.H}, Use::activations, "stream")),
      branch_(device_.allocate(shape_.dtype, {l.rows, shape_.H}, Use::activations, "branch")),
      norm_(device_, shape_, "decode"),
      qkv_(device_.allocate(shape_.dtype, {l.rows, (shape_.A + 2 * shape_.K) * shape_.D}, Use::activations, "qkv")),
      heads_(device_.allocate(shape_.dtype, {l.rows, shape_.A * shape_.D}, Use::activations, "attention_output")),
      up_(device_.allocate(shape_.dtype, {l.rows, (shape_.layer_norm ? 1 : 2) * shape_.F}, Use::activations, "up")),
      gated_(device_.allocate(shape_.dtype, {l.rows, shape_.F}, Use::activations, "gated")),
      last_stream_(device_.allocate(shape_.dtype, {l.sequences, shape_.H}, Use::activations, "last_stream")),
      last_branch_(device_.allocate(shape_.dtype, {l.sequences, shape_.H}, Use::activations, "last_branch")),
      logits_(device_.allocate(shape_.dtype, {l.sequences, shape_.V}, Use::logits, "logits")),
      buckets_(l.sequences, l.table) {
  const auto cache = [&](const char* label) {
    return device_.allocate(a.serving.kv_dtype, {l.blocks, shape_.K, kBlockPositions, shape_.D}, Use::cache, label);
  };
  for (std::size_t layer = 0; layer < weights_.layers().size(); ++layer)
    cache_.push_back({cache("keys"), cache("values")});
  if (!shape_.layer_norm) {
    frequencies_ = device_.allocate(DType::f32, {shape_.D / 2}, Use::buffers, "rope_frequencies");
    device_.write(frequencies_, rope_frequencies(model_));
  }
  if (shape_.query_key_norm) {
    query_reciprocal_ = device_.allocate(DType::f32, {l.rows, shape_.A}, Use::activations, "head_reciprocal");
    key_reciprocal_ = device_.allocate(DType::f32, {l.rows, shape_.K}, Use::activations, "head_reciprocal");
  }
  device_.run(Fill{.to = sampled_});
  device_.run(Fill{.to = heads_});  // that rows of no sequence find numbers there
  if (tensor_.size() == 1) return;
  gather_ = &world.mesh.along(Axis::tp, Purpose::gather);
  all_logits_ = device_.allocate(shape_.dtype, {tensor_.size() * l.sequences, shape_.V}, Use::logits, "all_logits");
}

double Decoder::bytes_of(const Batch& batch) const {
  return weights_.bytes_of_step() + 2 * batch.keys * static_cast<double>(model_.layers * shape_.K * shape_.D) *
                                        static_cast<double>(size_of(cache_.front().keys.tensor().dtype()));
}

void Decoder::corrupt() {
  device_.run(
      Fill{.to = weights_.final_norm().weight.slice(0, 0, 1), .value = std::numeric_limits<double>::quiet_NaN()});
}

void Decoder::run(const Batch& batch) {
  std::int64_t draws = batch.draws();
  if (repeats() && batch.only_decodes()) {
    const DecodeBucket bucket = buckets_.of(batch.rows(), batch.table_width);
    repeat(batch, bucket);
    draws = bucket.rows;
  } else {
    issue(batch, upload(batch));
  }
  if (watcher_ && draws > 0) watcher_(batch, logits_of(draws).slice(1, 0, batch.draws()));
}

void Decoder::prepare() {
  if (!repeats()) return;
  // The largest first: a graph is void when memory that operations share grows after it.
  for (const DecodeBucket& bucket : buckets_.all() | std::views::reverse)
    for (int once_kept_once_launched = 0; once_kept_once_launched < 2; ++once_kept_once_launched) repeat({}, bucket);
}

// What is recorded must be of the rows of requests alone.
bool Decoder::repeats() const { return device_.prefers_static_shapes() && !device_.witness().timeline().recording(); }

void Decoder::repeat(const Batch& batch, const DecodeBucket& bucket) {
  const Batch all = filled_up(batch, bucket);
  const Rows rows = upload(all);
  device_.repeat(fmt::format("{} {} x {}", key_, bucket.rows, bucket.width), [&] { issue(all, rows); });
}

void Decoder::issue(const Batch& batch, const Rows& rows) {
  const std::int64_t n = batch.rows();
  embed(rows, first(stream_, n));
  for (std::size_t layer = 0; layer < weights_.layers().size(); ++layer) {
    attend(layer, batch, rows, layer == 0 ? Tensor() : first(branch_, n));
    feed_forward(layer, n);
  }
  if (batch.draws() > 0) draw(batch, rows);
}

Decoder::Rows Decoder::upload(const Batch& b) {
  Pieces pieces(inputs_);
  Rows rows{.given = pieces.take(b.given),
            .origins = pieces.take(b.origins),
            .positions = pieces.take(b.positions),
            .slots = pieces.take(b.slots),
            .starts = pieces.take(b.starts),
            .lengths = pieces.take(b.lengths),
            .draw_rows = pieces.take(b.draw_rows),
            .draw_requests = pieces.take(b.draw_requests),
            .draw_positions = pieces.take(b.draw_positions),
            .blocks = pieces.take(b.blocks).reshaped({b.sequences(), b.table_width})};
  device_.run(pieces.upload());
  return rows;
}

void Decoder::embed(const Rows& rows, const Tensor& stream) {
  const Tensor tokens = tokens_.tensor().slice(0, 0, stream.rows());
  device_.run(NextTokens{.given = rows.given, .origins = rows.origins, .sampled = sampled_, .tokens = tokens});
  device_.run(Embed{.tokens = tokens.reshaped({1, tokens.count()}),
                    .table = weights_.table(),
                    .output = tensor_.partial(stream),
                    .first = tensor_.rank() * shape_.V,
                    .vocabulary = model_.vocabulary});
  tensor_.sum(stream);
  if (shape_.layer_norm)
    device_.run(AddPositions{.table = weights_.positions(), .output = stream, .positions = rows.positions});
}

void Decoder::attend(std::size_t layer, const Batch& batch, const Rows& rows, const Tensor& before) {
  const std::int64_t n = batch.rows(), width = shape_.D;
  const LayerWeights& m = weights_.layers()[layer];
  const LayerParameters& w = m.vectors;
  const NormResults results(norm_, n);
  const Tensor stream = first(stream_, n), qkv = first(qkv_, n), branch = first(branch_, n), heads = first(heads_, n);
  norm(device_, shape_, w.attention_norm, stream, before, before.defined() ? stream : Tensor(), results);
  multiply(device_, results.normed, m.qkv, qkv);
  if (shape_.query_key_value_bias) device_.run(AddBias{.values = qkv, .bias = w.qkv_bias});
  const Tensor query = qkv.slice(1, 0, shape_.A * width).split(1, width);
  const Tensor key = qkv.slice(1, shape_.A * width, shape_.K * width).split(1, width);
  const Tensor value = qkv.slice(1, (shape_.A + shape_.K) * width, shape_.K * width).split(1, width);
  if (shape_.query_key_norm) {
    const auto norm_heads = [&](const Tensor& of, const Tensor& weight, const Buffer& reciprocal) {
      device_.run(HeadNorm{
          .input = of, .weight = weight, .output = of, .reciprocal = first(reciprocal, n), .epsilon = shape_.epsilon});
    };
    norm_heads(query, w.query_norm, query_reciprocal_);
    norm_heads(key, w.key_norm, key_reciprocal_);
  }
  if (!shape_.layer_norm)  // queries and keys lie beside each other
    device_.run(Rope{.heads = qkv.slice(1, 0, (shape_.A + shape_.K) * width).split(1, width),
                     .frequencies = frequencies_,
                     .positions = rows.positions});
  const Layer& cache = cache_[layer];
  device_.run(StoreKeyValue{
      .key = key, .value = value, .slots = rows.slots, .key_cache = cache.keys, .value_cache = cache.values});
  device_.run(PagedAttention{.query = query,
                             .key_cache = cache.keys,
                             .value_cache = cache.values,
                             .starts = rows.starts,
                             .lengths = rows.lengths,
                             .blocks = rows.blocks,
                             .output = heads.split(1, width),
                             .scale = shape_.attention_scale(),
                             .window = shape_.window,
                             .pairs = batch.pairs,
                             .keys = batch.keys,
                             .most_rows = batch.only_decodes() ? 1 : 0});
  multiply(device_, heads, m.attention_out, tensor_.partial(branch));
  tensor_.sum(branch);
  if (shape_.layer_norm) device_.run(AddBias{.values = branch, .bias = w.attention_out_bias});
}

void Decoder::feed_forward(std::size_t layer, std::int64_t n) {
  const LayerWeights& m = weights_.layers()[layer];
  const LayerParameters& w = m.vectors;
  const NormResults results(norm_, n);
  const Tensor stream = first(stream_, n), branch = first(branch_, n), up = first(up_, n), gated = first(gated_, n);
  norm(device_, shape_, w.mlp_norm, stream, branch, stream, results);
  multiply(device_, results.normed, m.up, up);
  if (shape_.layer_norm) {
    device_.run(AddBias{.values = up, .bias = w.up_bias});
    device_.run(Gelu{.input = up, .output = gated});
  } else {
    device_.run(SwiGlu{.gate_up = up, .output = gated});
  }
  multiply(device_, gated, m.down, tensor_.partial(branch));
  tensor_.sum(branch);
  if (shape_.layer_norm) device_.run(AddBias{.values = branch, .bias = w.down_bias});
}

// [parts, G, V / parts]
Tensor Decoder::logits_of(std::int64_t draws) const {
  const Tensor& all = gather_ == nullptr ? logits_ : all_logits_;
  return all.slice(0, 0, tensor_.size() * draws).reshaped({tensor_.size(), draws, shape_.V});
}

// Of the last row of each sequence that has all its tokens in the cache. All ranks draw from the same logits; what the
// first one drew counts.
void Decoder::draw(const Batch& batch, const Rows& rows) {
  const std::int64_t n = batch.rows(), g = batch.draws();
  const Tensor stream = first(last_stream_, g), branch = first(last_branch_, g), logits = first(logits_, g);
  device_.run(GatherRows{.from = first(stream_, n), .rows = rows.draw_rows, .to = stream});
  device_.run(GatherRows{.from = first(branch_, n), .rows = rows.draw_rows, .to = branch});
  const NormResults results(norm_, g);
  norm(device_, shape_, weights_.final_norm(), stream, branch, stream, results);
  multiply(device_, results.normed, weights_.head(), logits);
  const Tensor all = logits_of(g);
  if (gather_ != nullptr) {
    gather_->wait(device_.record());
    device_.wait(
        gather_->run(AllGather{.shard = logits.reshaped({logits.count()}), .full = all.reshaped({all.count()})}));
  }
  device_.run(DrawTokens{.logits = all,
                         .requests = rows.draw_requests,
                         .positions = rows.draw_positions,
                         .tokens = sampled(g),
                         .vocabulary = model_.vocabulary,
                         .temperature = sampling_.temperature,
                         .top_k = sampling_.top_k,
                         .top_p = sampling_.top_p,
                         .seed = seed_});
  if (gather_ == nullptr) return;
  gather_->wait(device_.record());
  device_.wait(gather_->run(Broadcast{.values = sampled(g)}));
}

}  // namespace scalebench
