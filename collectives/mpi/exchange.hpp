// Sums of fp32 by pairwise exchange (Thakur, Rabenseifner, Gropp 2005, section 4.3): each rank owns one block, receives
// its pieces from every other rank and adds them up while they are in its cache; where all want the result, it then
// sends its block to everybody. As many bytes as a ring, but nobody waits for anybody's sum but the owner's, and all
// sends stand ready: between two looks a whole block can pass. Open MPI's non-blocking calls reduce whole arrays first.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include <mpi.h>

#include "collectives/collective.hpp"
#include "collectives/mpi/running.hpp"

namespace scalebench {

class Exchange final : public Running {
 public:
  using Scratch = std::vector<float>;  // of one communicator, used by one exchange after the other
  // Below a least size of the blocks the library's own call is as good; only sums of fp32 are exchanged. MPI has no
  // reduce_scatter in place whose result comes to the rank's own part: that is always an exchange.
  static bool suits(const AllReduce& op, int ranks);
  static bool suits(const ReduceScatter& op, int ranks);
  template <class Op>
  static bool suits(const Op&, int) {
    return false;
  }
  static bool must(const ReduceScatter& op);
  static bool must(const auto&) { return false; }

  Exchange(const AllReduce& op, MPI_Comm comm, Scratch& scratch);
  Exchange(const ReduceScatter& op, MPI_Comm comm, Scratch& scratch);
  Look look() override;

 private:
  struct Range {
    std::int64_t begin, end;
    int count() const { return static_cast<int>(end - begin); }
  };
  static constexpr std::int64_t kSlots = 4;  // pieces that may arrive at a time

  Exchange(const Tensor& input, const Tensor& output, bool everywhere, MPI_Comm comm, Scratch& scratch);
  std::int64_t transfers() const { return pieces_ * (ranks_ - 1); }  // that this rank sends, and receives
  // Transfer i is of piece i / (n - 1), between ranks that are i % (n - 1) + 1 apart.
  std::int64_t distance(std::int64_t transfer) const { return transfer % (ranks_ - 1) + 1; }
  Range block(std::int64_t owner) const { return {count_ * owner / ranks_, count_ * (owner + 1) / ranks_}; }
  Range piece(std::int64_t owner, std::int64_t transfer) const;
  float* slot(std::int64_t transfer) const;
  float* own_result() const { return output_ + (everywhere_ ? block(rank_).begin : 0); }

  bool send();
  bool receive();
  void add(std::int64_t transfer);
  void distribute();

  const float* input_;
  float* output_;  // the whole array if everywhere, else this rank's block
  std::int64_t count_, pieces_{};
  bool everywhere_, distributing_ = false;
  MPI_Comm comm_;
  int rank_{}, ranks_{};
  Scratch& scratch_;
  std::int64_t sent_ = 0, posted_ = 0, added_ = 0;  // transfers
  std::deque<MPI_Request> sends_{};                 // the oldest first
  std::array<MPI_Request, kSlots> receives_{};
  std::vector<MPI_Request> last_{};  // of the distribution
};

}  // namespace scalebench
