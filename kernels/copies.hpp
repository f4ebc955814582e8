// The door to the copies between the host's memory and the device's: one direction each, on a lane of its own, so that
// both go on at once and beside compute.
#pragma once

#include <string_view>

#include "base/door.hpp"
#include "base/tensor.hpp"
#include "base/timeline.hpp"

namespace scalebench {

// to = from, of one dtype and count, both contiguous. `bytes`: over the link.
struct Fetch {
  static constexpr std::string_view name = "fetch";
  static constexpr Part part = Part::optimizer;
  Tensor from, to;  // in the host's memory, in the device's
  double bytes() const { return static_cast<double>(from.bytes()); }
  void operands(auto&& see) const { see.reads(from), see.writes(to); }
};

struct Store {
  static constexpr std::string_view name = "store";
  static constexpr Part part = Part::optimizer;
  Tensor from, to;  // in the device's memory, in the host's
  double bytes() const { return static_cast<double>(from.bytes()); }
  void operands(auto&& see) const { see.reads(from), see.writes(to); }
};

using CopiesDoor = Door<Fetch, Store>;

class Copies : public CopiesDoor {
 public:
  explicit Copies(Witness& witness);

  template <class Op>
  requires(CopiesDoor::knows<Op>) void run(const Op& op) { issue(op); }
};

}  // namespace scalebench
