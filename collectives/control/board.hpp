// The board of a node: a slot for each of its ranks, in memory that they share. No name of it is left behind, also when
// all of them are killed.
#pragma once

#include <span>
#include <string>

#include <mpi.h>

#include "collectives/control/slot.hpp"
#include "collectives/mpi/session.hpp"

namespace scalebench {

class Board {
 public:
  explicit Board(MpiSession& session);  // by all ranks of the world together; so is its end, unless by an exception
  ~Board();
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;

  Slot& mine() { return slots_[index_]; }
  std::size_t my_index() const { return index_; }
  std::span<const Slot> all() const { return slots_; }  // of this node, by rank
  Speaker& speaker() { return *speaker_; }

 private:
  MpiSession& session_;
  MPI_Comm node_ = MPI_COMM_NULL;
  MPI_Win window_ = MPI_WIN_NULL;
  Speaker* speaker_{};
  std::span<Slot> slots_{};
  std::size_t index_{};
};

}  // namespace scalebench
