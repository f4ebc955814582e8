#include "workloads/blocks/pipeline.hpp"

#include <algorithm>
#include <utility>

namespace scalebench {

namespace {

constexpr std::size_t kAhead = 2;  // actions: the next of each direction

std::vector<std::size_t> numbers_of(const std::vector<Action>& schedule) {
  std::size_t next[2] = {};
  std::vector<std::size_t> numbers;
  for (const Action& action : schedule) numbers.push_back(next[action.direction == Direction::backward]++);
  return numbers;
}

}  // namespace

std::vector<Kept> kept_under(const std::vector<Action>& schedule, const Stage& stage, std::size_t ahead) {
  std::vector<Kept> kept(stage.chunks.size());
  std::vector<std::int64_t> posted(kept.size()), forward(kept.size());  // and not back
  const auto is_posted = [&](std::size_t number) {
    return number < schedule.size() && schedule[number].direction == Direction::forward;
  };
  for (std::size_t number = 0; number < ahead; ++number)
    if (is_posted(number)) ++posted[schedule[number].chunk];
  for (std::size_t number = 0; number < schedule.size(); ++number) {
    if (is_posted(number + ahead)) ++posted[schedule[number + ahead].chunk];
    const std::size_t chunk = schedule[number].chunk;
    if (schedule[number].direction == Direction::forward) ++forward[chunk];
    for (std::size_t c = 0; c < kept.size(); ++c) {
      kept[c].activations = std::max(kept[c].activations, forward[c]);
      kept[c].inputs = std::max(kept[c].inputs, stage.chunks[c].embedding ? forward[c] : posted[c]);
    }
    if (schedule[number].direction == Direction::backward) --forward[chunk], --posted[chunk];
  }
  return kept;
}

Pipeline::Pipeline(World& world, const ModelSpec& model, const ParallelPlan& plan, const Stage& stage)
    : device_(world.device),
      plan_(plan),
      stage_(stage),
      schedule_(schedule_of(plan.pp, world.mesh.index(Axis::pp), plan.virtual_stages, plan.accumulation())),
      numbers_(numbers_of(schedule_)),
      kept_(kept_under(schedule_, stage, plan.pp > 1 ? kAhead : 0)),
      model_(device_, world.mesh, model, plan, stage, kept_) {
  const auto streams = [&](std::size_t count, const char* label) {
    std::vector<Turn> turns(count);
    for (Turn& turn : turns)
      turn.memory = device_.allocate(plan.dtype, {Shape(model, plan).R(), model.hidden}, Use::activations, label);
    return turns;
  };
  const bool passes_on = stage.chunks.size() > 1 || !stage.chunks.front().head;
  behind_ = streams(passes_on ? 2 : 1, "stream_behind");
  d_streams_ = streams(plan.pp > 1 ? kAhead + 1 : 1, "d_stream");
  const std::int64_t ids = stage.chunks.front().embedding ? kept_.front().activations
                           : stage.chunks.back().head     ? 1
                                                          : 0;
  for (std::int64_t turn = 0; turn < ids; ++turn)
    ids_.push_back(device_.allocate(DType::i32, {plan.micro_batch, plan.sequence + 1}, Use::buffers, "tokens"));
  if (plan.pp > 1) connect(world.mesh);
}

// Link s leads from stage s to the next, the last one back to the first. All ranks make theirs in the same order.
void Pipeline::connect(Mesh& mesh) {
  const int stage = mesh.index(Axis::pp), before = (stage + plan_.pp - 1) % plan_.pp;
  for (const bool odd : {false, true})
    for (const int link : {std::min(stage, before), std::max(stage, before)}) {
      const bool closes = link == plan_.pp - 1;
      if (closes && plan_.virtual_stages == 1) continue;
      if (odd != (closes || link % 2 == 1)) continue;
      Communicator& forward = mesh.link(link, Purpose::forward);
      Communicator& backward = mesh.link(link, Purpose::backward);
      links_[0][link == stage] = &forward;
      links_[1][link != stage] = &backward;
    }
}

bool Pipeline::receives(const Action& action) const {
  const Chunk& chunk = stage_.chunks[action.chunk];
  return action.direction == Direction::forward ? !chunk.embedding : !chunk.head;
}

bool Pipeline::sends(const Action& action) const {
  const Chunk& chunk = stage_.chunks[action.chunk];
  return action.direction == Direction::forward ? !chunk.head : !chunk.embedding;
}

void Pipeline::run(Sharding& sharding, const Sampler& sample, const Loss& loss) {
  received_.assign(schedule_.size(), std::nullopt);
  for (Turn& turn : behind_) turn.sent.reset();
  for (Turn& turn : d_streams_) turn.sent.reset();
  for (std::size_t number = 0; number < std::min(kAhead, schedule_.size()); ++number) post(number);
  for (std::size_t number = 0; number < schedule_.size(); ++number) {
    if (number + kAhead < schedule_.size()) post(number + kAhead);
    act(number, sharding, sample, loss);
  }
  for (const auto& direction : links_)
    for (Communicator* link : direction)
      if (link != nullptr) device_.wait(link->record());
}

void Pipeline::apart(const std::function<void()>& work) {
  const auto mute = [this](bool on) {
    for (const auto& direction : links_)
      for (Communicator* link : direction)
        if (link != nullptr) link->mute(on);
  };
  for (const Turn& turn : d_streams_) device_.run(Normal{.to = turn.memory, .deviation = 1e-3});
  for (const Action& action : schedule_)
    if (action.direction == Direction::forward && receives(action))
      device_.run(Normal{.to = model_.input(action.chunk, action.micro_batch), .deviation = 1});
  mute(true);
  work();
  mute(false);
}

void Pipeline::post(std::size_t number) {
  const Action& action = schedule_[number];
  if (!receives(action)) return;
  Communicator& link = incoming(action);
  Tensor to = model_.input(action.chunk, action.micro_batch);
  Event free = device_.record();
  if (action.direction == Direction::backward) {
    Turn& turn = d_stream(number);
    if (turn.sent) free = *std::exchange(turn.sent, std::nullopt);
    to = turn.memory;
  }
  link.wait(free);
  received_[number] = link.run(Receive{.values = to, .from = 1 - link.rank()});
}

void Pipeline::act(std::size_t number, Sharding& sharding, const Sampler& sample, const Loss& loss) {
  const Action& action = schedule_[number];
  Passage p{.chunk = action.chunk, .micro_batch = action.micro_batch};
  if (!ids_.empty()) p.ids = ids_[static_cast<std::size_t>(action.micro_batch) % ids_.size()];
  if (received_[number]) device_.wait(*received_[number]);
  if (action.direction == Direction::forward) {
    forward(number, p, sharding, sample, loss);
  } else {
    p.d_stream = d_stream(number).memory;
    model_.backward(sharding, p, action.micro_batch + 1 == plan_.accumulation());
    if (sends(action)) send(action, d_stream(number));
  }
}

void Pipeline::forward(std::size_t number, Passage& p, Sharding& sharding, const Sampler& sample, const Loss& loss) {
  const Action& action = schedule_[number];
  const Chunk& chunk = stage_.chunks[action.chunk];
  if (chunk.embedding || chunk.head) sample(action.micro_batch, p.ids);
  if (chunk.head) {  // its gradient is that of the next action
    free_for_compute(d_stream(number + 1));
    p.d_stream = d_stream(number + 1).memory;
  }
  free_for_compute(behind(number));
  p.behind = behind(number).memory;
  model_.forward(sharding, p, loss);
  if (sends(action)) send(action, behind(number));
}

void Pipeline::send(const Action& action, Turn& turn) {
  Communicator& link = outgoing(action);
  link.wait(device_.record());
  turn.sent = link.run(Send{.values = turn.memory, .to = 1 - link.rank()});
  if (!plan_.overlap) device_.wait(*turn.sent);
}

void Pipeline::free_for_compute(Turn& turn) {
  if (turn.sent) device_.wait(*turn.sent);
  turn.sent.reset();
}

}  // namespace scalebench
