// The weights of one rank for decode: each unit flat, in the dtype that is multiplied with, and nothing else of it.
#pragma once

#include <vector>

#include "kernels/device.hpp"
#include "workloads/blocks/layout.hpp"
#include "workloads/blocks/sharding.hpp"

namespace scalebench {

class DecodeWeights {
 public:
  DecodeWeights(Device& device, DType dtype, std::vector<Unit> units, const Initial& initial);

  std::size_t layers() const { return layers_of(units_); }
  const Unit& unit(std::size_t number) const { return units_[number]; }
  const Tensor& flat(std::size_t number) const { return flats_[number]; }
  std::size_t head() const { return units_.front().kind == UnitKind::tied ? 0 : units_.size() - 1; }
  // Bytes that a step reads: everything but the embedding's table, of which it needs a row a token.
  double bytes_of_step() const;

 private:
  std::vector<Unit> units_;
  std::vector<Buffer> flats_{};  // [count] each
};

}  // namespace scalebench
