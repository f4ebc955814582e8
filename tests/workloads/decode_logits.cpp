// The logits of decode are those of a forward without a cache, however the tokens come in: at once, in chunks, one by
// one, alone or among others, computed again, on one rank or many.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "collectives/control/mpi_control.hpp"
#include "tests/workloads/decoded.hpp"
#include "workloads/blocks/decode_step.hpp"
#include "workloads/blocks/decoder.hpp"
#include "workloads/blocks/scheduler.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

constexpr std::int64_t kSequences = 17, kPositions = 37;  // three blocks of the cache, the last of them not full

using Logits = std::map<std::pair<std::int64_t, std::int64_t>, std::vector<double>>;  // by (sequence, position), [V]

// Largest difference, relative to the largest logit of the row. A NaN is within no bound.
double distance(const Logits& a, const Logits& b) {
  double worst = 0;
  for (const auto& [place, row] : b) {
    double largest = 0, difference = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      largest = std::max(largest, std::abs(row[i]));
      difference = larger(difference, std::abs(a.at(place).at(i) - row[i]));
    }
    worst = larger(difference / largest, worst);
  }
  return worst;
}

// What training in fp32 computes before its first update: tokens and logits of whole sequences, no cache. By one rank
// alone.
struct Reference {
  std::vector<std::vector<std::int32_t>> ids{};  // [sequences][T]
  Logits logits{};
};

Reference reference_of(const Assignment& decode, MpiSession& session) {
  Assignment a{.model = decode.model, .seed = decode.seed, .weights = decode.weights};
  a.plan = {.micro_batch = kSequences, .global_batch = kSequences, .sequence = kPositions};
  Backend backend = make_cpu_backend(session, 1, Waiting::patient, a.plan);
  World world = backend.world();
  const FirstStep step = find_workload("ddp8b").prepare(world, a)->first_step();
  Reference reference;
  const std::int64_t vocabulary = a.model.vocabulary;
  for (std::int64_t s = 0; s < kSequences; ++s) {
    const auto tokens = step.tokens.begin() + s * (kPositions + 1);
    reference.ids.emplace_back(tokens, tokens + kPositions);
    for (std::int64_t t = 0; t < kPositions; ++t) {
      const auto row = step.logits.begin() + (s * kPositions + t) * vocabulary;
      reference.logits[{s, t}].assign(row, row + vocabulary);
    }
  }
  return reference;
}

// The whole vocabulary of each draw, from its parts and without its padding.
void keep(Logits& to, Device& device, const Batch& batch, const Tensor& logits, std::int64_t vocabulary) {
  const std::vector<double> values = device.read(logits);
  const std::int64_t parts = logits.dim(0), draws = logits.dim(1), width = logits.dim(2);
  for (std::int64_t g = 0; g < draws; ++g) {
    const auto at = static_cast<std::size_t>(g);
    std::vector<double>& row = to[{batch.draw_requests[at], batch.draw_positions[at] - 1}];
    row.clear();
    for (std::int64_t part = 0; part < parts; ++part) {
      const auto from = values.begin() + (part * draws + g) * width;
      row.insert(row.end(), from, from + width);
    }
    row.resize(static_cast<std::size_t>(vocabulary));
  }
}

// Batches by hand, of which every row is drawn from, so that every position shows its logits.
class Feeder {
 public:
  Feeder(const Reference& reference, std::uint64_t seed) : reference_(reference), blocks_(kBlocks) {
    std::iota(blocks_.begin(), blocks_.end(), 0);
    for (std::size_t i = blocks_.size(); i > 1; --i) std::swap(blocks_[i - 1], blocks_[random_bits(seed, i) % i]);
  }

  static DecodeLimits limits() {
    return {.rows = kSequences * kPositions, .sequences = kSequences * kPositions, .table = kTable, .blocks = kBlocks};
  }
  bool over(std::int64_t sequence) const { return cached_[at(sequence)] == kPositions; }

  // The next `rows` of a sequence, or what is left of it.
  void add(Batch& b, std::int64_t sequence, std::int64_t rows) {
    rows = std::min(rows, kPositions - cached_[at(sequence)]);
    if (rows == 0) return;
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::int64_t position = cached_[at(sequence)]++;
      b.given.push_back(reference_.ids[at(sequence)][at(position)]);
      b.origins.push_back(-1);
      b.positions.push_back(static_cast<std::int32_t>(position));
      b.slots.push_back(
          static_cast<std::int32_t>(block(sequence, position) * kBlockPositions + position % kBlockPositions));
      b.draw_rows.push_back(static_cast<std::int32_t>(b.rows() - 1));
      b.draw_requests.push_back(static_cast<std::int32_t>(sequence));
      b.draw_positions.push_back(static_cast<std::int32_t>(position + 1));
    }
    b.starts.push_back(static_cast<std::int32_t>(b.rows()));
    b.lengths.push_back(static_cast<std::int32_t>(cached_[at(sequence)]));
    for (std::int64_t i = 0; i < kTable; ++i) b.blocks.push_back(block(sequence, i * kBlockPositions));
    b.table_width = kTable;
  }

 private:
  static constexpr std::int64_t kTable = (kPositions + kBlockPositions - 1) / kBlockPositions;
  static constexpr std::int64_t kBlocks = kSequences * kTable + 3;
  static std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }
  std::int32_t block(std::int64_t sequence, std::int64_t position) const {
    return blocks_[at(sequence * kTable + position / kBlockPositions)];
  }

  const Reference& reference_;
  std::vector<std::int32_t> blocks_;  // in no order
  std::vector<std::int64_t> cached_ = std::vector<std::int64_t>(at(kSequences), 0);
};

// Sequences that come in alone: the smaller the chunks, the more steps they take.
constexpr std::int64_t alone_at(std::int64_t chunk) { return chunk == 1 ? 1 : 2; }

// Alone, one after the other, `chunk` rows at a time; or all of them (chunk 0), each beginning a step after the one
// before, with chunks of 1 to 4: some rows of a batch are prompts, others single tokens.
Logits fed(World& world, const Assignment& a, const Reference& reference, std::int64_t chunk) {
  Feeder feeder(reference, static_cast<std::uint64_t>(chunk + 5));
  Decoder decoder(world, a, Feeder::limits());
  Logits logits;
  decoder.watch_logits(
      [&](const Batch& b, const Tensor& drawn) { keep(logits, world.device, b, drawn, a.model.vocabulary); });
  if (chunk > 0) {
    for (std::int64_t sequence = 0; sequence < alone_at(chunk); ++sequence)
      while (!feeder.over(sequence)) {
        Batch batch;
        feeder.add(batch, sequence, chunk);
        decoder.run(batch);
      }
    return logits;
  }
  for (std::int64_t step = 0; !feeder.over(kSequences - 1) || !feeder.over(0); ++step) {
    Batch batch;
    for (std::int64_t sequence = 0; sequence < std::min(step + 1, kSequences); ++sequence)
      feeder.add(batch, sequence, 1 + sequence % 4);
    if (!batch.empty()) decoder.run(batch);
  }
  return logits;
}

struct Generated {
  Logits logits{};  // of each token of each answer
  std::vector<std::vector<std::int32_t>> ids{};
  std::int64_t preemptions = 0;
};

// The best tokens of a few requests, from a cache of so many blocks.
Generated generate(World& world, const Assignment& a, std::int64_t blocks) {
  const ServingPlan& s = a.serving;
  Scheduler scheduler({.sequences = s.batch,
                       .chunk = s.prefill_chunk,
                       .blocks = blocks,
                       .window = a.model.window,
                       .concurrency = s.concurrency},
                      requests_of(s, a.sources, {}, a.seed, a.model.vocabulary));
  const std::int64_t table = blocks_at_once(longest_request(s, a.sources), 0, 0);
  Decoder decoder(world, a,
                  {.rows = s.batch + s.prefill_chunk, .sequences = s.batch, .table = table, .blocks = blocks});
  Generated generated;
  decoder.watch_logits(
      [&](const Batch& b, const Tensor& drawn) { keep(generated.logits, world.device, b, drawn, a.model.vocabulary); });
  Batch pending;
  std::vector<std::int32_t> drawn;
  while (!scheduler.done() || !pending.empty()) {
    Batch batch = scheduler.next(0);
    std::vector<double> ids;
    if (!batch.empty()) decoder.run(batch);
    if (batch.draws() > 0) ids = world.device.read(decoder.sampled(batch.draws()));
    scheduler.learn(pending, drawn, 0);
    BOOST_REQUIRE(!batch.empty() || !pending.empty());
    pending = std::move(batch), drawn.assign(ids.begin(), ids.end());
  }
  for (const Answer& answer : scheduler.answers()) {
    generated.ids.push_back(answer.ids);
    generated.preemptions += answer.preemptions;
  }
  return generated;
}

struct Form {
  std::string name;
  ModelSpec model;
};

ModelSpec with_heads(std::int64_t heads, std::int64_t kv_heads) {
  ModelSpec m = tiny_model_of(Family::llama, kv_heads);
  m.heads = heads;
  return m;
}

std::vector<Form> forms(int tp) {
  std::vector<Form> all = {
      {"llama", tiny_model_of(Family::llama)}, {"qwen2", tiny_model_of(Family::qwen2)},
      {"qwen3", tiny_model_of(Family::qwen3)}, {"mistral", tiny_model_of(Family::mistral)},
      {"gpt2", tiny_model_of(Family::gpt2)},   {"one key-value head", tiny_model_of(Family::qwen2, 1)},
      {"tied", tiny_model_of(Family::llama)}};
  all.back().model.tied_embeddings = true;
  if (tp == 3) all.push_back({"6 heads on 3", with_heads(6, 3)});
  if (tp == 4) all.push_back({"2 key-value heads", tiny_model_of(Family::qwen3, 2)});
  return all;
}

struct Crowd {
  MpiSession& session = test_session();
  MpiControl control{session};
  int ranks = control.size();
  bool first = control.rank() == 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(decode_logits, Crowd)

BOOST_AUTO_TEST_CASE(however_tokens_come_in_logits_are_those_of_a_whole_forward) {
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16})
    for (const Form& form : forms(ranks)) {
      const Assignment a = tiny_decode(form.model, ranks, dtype);
      // Each rank rounds its partial sums.
      const double rounding = dtype == DType::bf16 ? 2e-2 : 2.5e-3;
      const double tolerance = dtype == DType::f32 ? 1e-5 : rounding * std::sqrt(static_cast<double>(ranks));
      Reference reference;
      if (first) reference = reference_of(a, session);
      std::vector<double> ids;
      for (const auto& sequence : reference.ids) ids.insert(ids.end(), sequence.begin(), sequence.end());
      ids = control.broadcast(ids, control.world());
      reference.ids.clear();
      for (auto id = ids.begin(); id != ids.end(); id += kPositions) reference.ids.emplace_back(id, id + kPositions);
      Backend backend = make_cpu_backend(session, 1, Waiting::patient, a.plan);
      World world = backend.world();
      for (const std::int64_t chunk :
           {kPositions, std::int64_t{1}, std::int64_t{3}, std::int64_t{7}, std::int64_t{0}}) {
        const Logits logits = fed(world, a, reference, chunk);
        if (!first) continue;
        Logits wanted;
        for (const auto& [place, row] : logits) wanted[place] = reference.logits.at(place);
        BOOST_TEST_CONTEXT(form.name << " " << name_of(dtype) << ", chunk " << chunk) {
          const std::int64_t sequences = chunk == 0 ? kSequences : alone_at(chunk);
          BOOST_CHECK_EQUAL(std::ssize(logits), sequences * kPositions);
          BOOST_CHECK_LE(distance(logits, wanted), tolerance);
        }
      }
    }
}

BOOST_AUTO_TEST_CASE(what_is_computed_again_has_the_logits_of_what_was_not_disturbed) {
  for (const Form& form : forms(ranks)) {
    Assignment a = tiny_decode(form.model, ranks);
    a.serving = {.input = {TokenCount::Kind::uniform, 1, 25},
                 .output = {TokenCount::Kind::uniform, 1, 30},
                 .requests = 8,
                 .batch = 5,
                 .concurrency = 8,
                 .prefill_chunk = 11,
                 .kv_dtype = DType::f32};
    Backend backend = make_cpu_backend(session, 1, Waiting::patient, a.plan);
    World world = backend.world();
    const Generated ample = generate(world, a, 5 * 4), tight = generate(world, a, 4);
    BOOST_TEST_CONTEXT(form.name) {
      BOOST_CHECK_EQUAL(ample.preemptions, 0);
      BOOST_CHECK_GT(tight.preemptions, a.model.window > 0 ? 0 : 1);
      BOOST_CHECK(tight.ids == ample.ids);
      BOOST_CHECK_LE(distance(tight.logits, ample.logits), 1e-5);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
