// The yardstick of communication: MPI_Allreduce in a loop, past scalebench's communicators.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace scalebench::bench {

// fp32 sums over all ranks, on a communicator of its own. MPI must be initialised.
class BareAllReduce {
 public:
  BareAllReduce();
  ~BareAllReduce();
  BareAllReduce(const BareAllReduce&) = delete;
  BareAllReduce& operator=(const BareAllReduce&) = delete;

  void run(const std::byte* input, std::byte* output, std::int64_t count);
  void barrier();  // eager: the ranks leave it together

 private:
  struct Communicator;
  std::unique_ptr<Communicator> communicator_;
};

}  // namespace scalebench::bench
