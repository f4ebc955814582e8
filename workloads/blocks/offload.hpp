// An optimizer whose masters and moments are in the host's memory: pieces of them are brought to the device, updated
// there, and taken back, while the pieces before and behind are on their way (ZeRO-Offload's memory, Ren et al. 2021,
// with the arithmetic left to the GPU, as PyTorch's and Megatron's offloaded optimizers do).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/device.hpp"

namespace scalebench {

class OffloadedUpdate {
 public:
  // `whole`: the update of each state; its moments, and its master where `masters` says so, in the host's memory.
  OffloadedUpdate(Device& device, std::vector<AdamW> whole, bool masters, bool overlap);
  // Called when the states of the step before are settled: the first pieces come while gradients are added up.
  void prefetch();
  // After prefetch(). The compute lane has waited for all copies when it is through.
  void run();

 private:
  struct Moved {
    Tensor AdamW::*tensor;
    std::int64_t grain;  // elements of the state to one of the tensor
    Tensor of(const AdamW& op, std::int64_t begin, std::int64_t count) const;
  };
  struct Piece {
    std::size_t update;
    std::int64_t begin, count;
  };
  struct Slot {
    std::vector<Buffer> memory{};  // of each that is moved
    Event fetched{};
  };

  void cut(std::int64_t size);
  void allocate(std::int64_t size, std::size_t slots);
  Slot& slot_of(std::size_t piece) { return slots_[piece % slots_.size()]; }
  Tensor in_slot(std::size_t piece, std::size_t moved);
  void fetch(std::size_t piece);
  void update(std::size_t piece);
  Event store(std::size_t piece);

  Device& device_;
  std::unique_ptr<Copies> to_device_, to_host_;
  std::vector<AdamW> whole_;
  std::vector<Moved> moved_{};
  std::vector<Piece> pieces_{};
  std::vector<Slot> slots_{};
};

}  // namespace scalebench
