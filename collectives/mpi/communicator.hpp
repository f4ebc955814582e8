// Communication over MPI, on host memory.
#pragma once

#include "collectives/communicator.hpp"
#include "collectives/mpi/progress.hpp"
#include "collectives/mpi/session.hpp"

namespace scalebench {

// Must outlive the communicators that it makes; they all belong to one witness.
class MpiNetwork final : public Network {
 public:
  MpiNetwork(MpiSession& session, Witness& witness, Waiting waiting)
      : session_(session), progress_(session, witness, waiting) {}
  int rank() const override { return session_.rank(); }
  int size() const override { return session_.size(); }
  std::unique_ptr<Communicator> make(Witness& witness, Lane& compute, Group group, const std::string& name,
                                     Overlap overlap) override;
  void serve() override { progress_.serve(); }

 private:
  MpiSession& session_;
  Progress progress_;
};

}  // namespace scalebench
