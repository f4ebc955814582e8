#include "workloads/blocks/sharding.hpp"

#include <algorithm>

namespace scalebench {

namespace {

constexpr double kInitialDeviation = 0.02;
constexpr std::uint64_t kMostParametersOfUnit = 16;  // streams of the generator per unit

constexpr std::int64_t kLoadedAtOnce = 1 << 20;  // elements

void load(Device& device, const Tensor& to, const ParameterSource& source, const std::string& name,
          std::int64_t first) {
  std::vector<double> values;
  for (std::int64_t done = 0; done < to.count(); done += kLoadedAtOnce) {
    values.resize(static_cast<std::size_t>(std::min(kLoadedAtOnce, to.count() - done)));
    source.read(name, first + done, values);
    device.write(to.slice(0, done, static_cast<std::int64_t>(values.size())), values);
  }
}

}  // namespace

void clear_additive(Device& device, const Unit& unit, const Tensor& flat) {
  const bool embedding = unit.kind == UnitKind::embedding;
  std::int64_t begin = unit.count();
  for (auto it = unit.parameters.rbegin(); it != unit.parameters.rend() && (it->vector() || embedding); ++it)
    begin = it->offset;
  if (begin < flat.count()) device.run(Fill{.to = flat.slice(0, begin, flat.count() - begin)});
}

void initialise(Device& device, const Unit& unit, const Tensor& part, std::int64_t begin, const Initial& initial) {
  const std::int64_t end = begin + part.count();
  for (std::size_t i = 0; i < unit.parameters.size(); ++i) {
    const Parameter& parameter = unit.parameters[i];
    const std::int64_t from = std::max(begin, parameter.offset);
    const std::int64_t to = std::min(end, parameter.offset + parameter.count());
    if (from >= to) continue;
    const Tensor here = part.slice(0, from - begin, to - from);
    if (initial.weights != nullptr)
      load(device, here, *initial.weights, parameter.name, from - parameter.offset);
    else if (parameter.vector())
      device.run(Fill{.to = here, .value = 1.0});
    else
      device.run(Normal{.to = here,
                        .deviation = kInitialDeviation,
                        .seed = initial.seed,
                        .stream = unit.number * kMostParametersOfUnit + i,
                        .first = static_cast<std::uint64_t>(from - parameter.offset)});
  }
  const std::int64_t used = std::clamp<std::int64_t>(unit.count() - begin, 0, part.count());
  if (used < part.count()) device.run(Fill{.to = part.slice(0, used, part.count() - used)});
}

}  // namespace scalebench
