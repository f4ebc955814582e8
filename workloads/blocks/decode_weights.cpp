#include "workloads/blocks/decode_weights.hpp"

#include <algorithm>
#include <utility>

namespace scalebench {

namespace {

constexpr std::int64_t kDrawnAtOnce = 1 << 20;  // elements, in fp32 before they are rounded

// What random numbers and checkpoints give is fp32.
void initialise_rounded(Device& device, const Unit& unit, const Tensor& flat, const Initial& initial) {
  const std::int64_t most = std::min(kDrawnAtOnce, flat.count());
  const Buffer values = device.allocate(DType::f32, {most}, Use::buffers, "initial_values");
  for (std::int64_t begin = 0; begin < flat.count(); begin += most) {
    const std::int64_t count = std::min(most, flat.count() - begin);
    const Tensor piece = values.tensor().slice(0, 0, count);
    initialise(device, unit, piece, begin, initial);
    device.run(Convert{.from = piece, .to = flat.slice(0, begin, count)});
  }
}

}  // namespace

DecodeWeights::DecodeWeights(Device& device, DType dtype, std::vector<Unit> units, const Initial& initial)
    : units_(std::move(units)) {
  for (const Unit& unit : units_) {
    const Tensor flat = flats_.emplace_back(device.allocate(dtype, {unit.count()}, Use::states, "weights"));
    if (dtype == DType::f32)
      initialise(device, unit, flat, 0, initial);
    else
      initialise_rounded(device, unit, flat, initial);
  }
}

double DecodeWeights::bytes_of_step() const {
  double bytes = 0;
  for (std::size_t unit = 0; unit < units_.size(); ++unit)
    if (units_[unit].kind != UnitKind::embedding) bytes += static_cast<double>(flat(unit).bytes());
  return bytes;
}

}  // namespace scalebench
