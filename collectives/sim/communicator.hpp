// The simulated network: any number of ranks, one of them here; nothing is moved and nothing takes time.
#pragma once

#include "collectives/communicator.hpp"

namespace scalebench {

class SimNetwork final : public Network {
 public:
  SimNetwork(int rank, int size) : rank_(rank), size_(size) {}
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::unique_ptr<Communicator> make(Witness& witness, Lane& compute, Group group, const std::string& name,
                                     Overlap overlap) override;

 private:
  int rank_, size_;
};

}  // namespace scalebench
