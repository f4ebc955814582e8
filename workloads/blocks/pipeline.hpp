// A step's micro-batches through the stages of a pipeline: this rank's schedule, what it keeps meanwhile, and what
// passes between it and its neighbours. One stage alone has no neighbours: micro-batch after micro-batch.
//
// Receives are posted some actions ahead and sends are not waited for before their memory is needed, so that what
// passes does so beside compute. Never blocking calls: neighbours send to each other at the same time.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "workloads/blocks/schedule.hpp"
#include "workloads/blocks/transformer.hpp"
#include "workloads/workload.hpp"

namespace scalebench {

// What each chunk of a stage keeps under a schedule whose receives are posted `ahead` actions ahead.
std::vector<Kept> kept_under(const std::vector<Action>& schedule, const Stage& stage, std::size_t ahead);

class Pipeline {
 public:
  Pipeline(World& world, const ModelSpec& model, const ParallelPlan& plan, const Stage& stage);

  const std::vector<Action>& schedule() const { return schedule_; }
  Transformer& model() { return model_; }

  // One step: `sample` puts the ids of a micro-batch, i32 [B, T + 1], where it is told.
  using Sampler = std::function<void(std::int64_t micro_batch, const Tensor& ids)>;
  void run(Sharding& sharding, const Sampler& sample, const Loss& loss);
  // `work` with nothing sent or received: random numbers in place of what others would send.
  void apart(const std::function<void()>& work);

 private:
  // Memory by turns, and when it is free again.
  struct Turn {
    Buffer memory{};
    std::optional<Event> sent{};
  };

  bool receives(const Action& action) const;
  bool sends(const Action& action) const;
  Communicator& incoming(const Action& action) const { return *links_[action.direction == Direction::backward][0]; }
  Communicator& outgoing(const Action& action) const { return *links_[action.direction == Direction::backward][1]; }
  Turn& behind(std::size_t number) { return behind_[numbers_[number] % behind_.size()]; }
  Turn& d_stream(std::size_t number) { return d_streams_[numbers_[number] % d_streams_.size()]; }

  void connect(Mesh& mesh);
  void post(std::size_t number);
  void act(std::size_t number, Sharding& sharding, const Sampler& sample, const Loss& loss);
  void forward(std::size_t number, Passage& p, Sharding& sharding, const Sampler& sample, const Loss& loss);
  void send(const Action& action, Turn& turn);
  void free_for_compute(Turn& turn);

  Device& device_;
  ParallelPlan plan_;
  const Stage& stage_;
  std::vector<Action> schedule_;
  std::vector<std::size_t> numbers_{};  // of each action among those of its direction
  std::vector<Kept> kept_;
  Transformer model_;
  std::vector<Buffer> ids_{};                     // i32 [B, T + 1], by turns
  std::vector<Turn> behind_{}, d_streams_{};      // [R, H]
  Communicator* links_[2][2] = {};                // forward, backward; in, out
  std::vector<std::optional<Event>> received_{};  // by action
};

}  // namespace scalebench
