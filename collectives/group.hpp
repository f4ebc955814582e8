// Groups of ranks, each given as first, size and stride: never as a list, so that 100,000 ranks cost nothing.
#pragma once

namespace scalebench {

struct Group {
  int first = 0, size = 1, stride = 1;
  int member(int index) const { return first + index * stride; }    // world rank
  int index_of(int rank) const { return (rank - first) / stride; }  // of a member
  bool holds(int rank) const { return rank >= first && (rank - first) % stride == 0 && (rank - first) / stride < size; }
  bool operator==(const Group&) const = default;
};

}  // namespace scalebench
