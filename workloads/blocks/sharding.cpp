#include "workloads/blocks/sharding.hpp"

#include <algorithm>

namespace scalebench {

namespace {

constexpr double kInitialDeviation = 0.02;
constexpr std::uint64_t kMostParametersOfUnit = 16;  // streams of the generator per unit

constexpr std::int64_t kLoadedAtOnce = 1 << 20;  // elements

// Where a parameter's part lies in the whole: its element r width + c is the whole's element first + r pitch + c.
struct Place {
  std::int64_t first, width, pitch;
  explicit Place(const Parameter& p)
      : first(p.vector()              ? p.stored_place(0, 0)
              : p.cut == Cut::rows    ? p.first * p.columns
              : p.cut == Cut::columns ? p.first
                                      : 0),
        width(p.vector() ? p.rows : p.columns),
        pitch(p.cut == Cut::columns ? p.whole : width) {}
};

// The same of a matrix whose rows run along the columns where it is stored.
void read_transposed(const ParameterSource& source, const Parameter& p, std::int64_t begin, std::span<double> values) {
  const auto end = begin + static_cast<std::int64_t>(values.size());
  const std::int64_t first = begin / p.columns, behind = (end + p.columns - 1) / p.columns;
  std::vector<double> run(static_cast<std::size_t>(behind - first));
  for (std::int64_t column = 0; column < p.columns; ++column) {
    source.read(p.name, p.stored_place(first, column), run);
    for (std::int64_t row = first; row < behind; ++row) {
      const std::int64_t at = row * p.columns + column;
      if (at >= begin && at < end)
        values[static_cast<std::size_t>(at - begin)] = run[static_cast<std::size_t>(row - first)];
    }
  }
}

// The elements [begin, begin + values.size()) of a part.
void read_part(const ParameterSource& source, const Parameter& p, std::int64_t begin, std::span<double> values) {
  if (p.transposed) return read_transposed(source, p, begin, values);
  const Place place(p);
  if (place.pitch == place.width) return source.read(p.name, place.first + begin, values);
  while (!values.empty()) {
    const std::int64_t row = begin / place.width, column = begin % place.width;
    const auto count = std::min(values.size(), static_cast<std::size_t>(place.width - column));
    source.read(p.name, place.first + row * place.pitch + column, values.first(count));
    values = values.subspan(count);
    begin += static_cast<std::int64_t>(count);
  }
}

void load(Device& device, const Tensor& to, const ParameterSource& source, const Parameter& p, std::int64_t begin) {
  std::vector<double> values;
  for (std::int64_t done = 0; done < to.count(); done += kLoadedAtOnce) {
    values.resize(static_cast<std::size_t>(std::min(kLoadedAtOnce, to.count() - done)));
    read_part(source, p, begin + done, values);
    device.write(to.slice(0, done, static_cast<std::int64_t>(values.size())), values);
  }
}

void draw(Device& device, const Tensor& to, const Initial& initial, const Parameter& p, std::uint64_t stream,
          std::int64_t begin) {
  const Place place(p);
  device.run(Normal{.to = to,
                    .deviation = kInitialDeviation,
                    .seed = initial.seed,
                    .stream = stream,
                    .first = static_cast<std::uint64_t>(place.first),
                    .width = place.width,
                    .pitch = place.pitch,
                    .skip = begin});
}

}  // namespace

Buffer make_master(Device& device, const ParallelPlan& plan, std::int64_t count) {
  if (masters_on_host(plan)) return device.allocate_on_host(DType::f32, {count}, Use::states, "master");
  return device.allocate(DType::f32, {count}, Use::states, "master");
}

Moments make_moments(Device& device, const ParallelPlan& plan, std::int64_t count) {
  const DType dtype = plan.optimizer.state_dtype;
  if (plan.optimizer.kind == Optimizer::sgd) return {};
  const auto zeros = [&](DType of, std::int64_t size, const char* label) {
    Buffer buffer = plan.offload ? device.allocate_on_host(of, {size}, Use::states, label)
                                 : device.allocate(of, {size}, Use::states, label);
    device.run(Fill{.to = buffer});
    return buffer;
  };
  Moments moments{.first = zeros(dtype, count, "moment1"), .second = zeros(dtype, count, "moment2")};
  if (dtype != DType::e4m3) return moments;
  moments.scale1 = zeros(DType::f32, count / kMomentBlock, "scale1");
  moments.scale2 = zeros(DType::f32, count / kMomentBlock, "scale2");
  return moments;
}

void hand_out(const Moments& moments, std::int64_t begin, std::int64_t count, OptimizerState& to) {
  const auto part = [&](const Buffer& all, std::int64_t grain) {
    return all.tensor().defined() ? all.tensor().slice(0, begin / grain, count / grain) : Tensor{};
  };
  to.moment1 = part(moments.first, 1), to.moment2 = part(moments.second, 1);
  to.scale1 = part(moments.scale1, kMomentBlock), to.scale2 = part(moments.scale2, kMomentBlock);
}

void add_runs(const ParallelPlan& plan, const Unit& unit, std::int64_t begin, std::int64_t count, std::int64_t at,
              std::vector<ElementRun>& to) {
  if (plan.optimizer.kind != Optimizer::adamw || plan.optimizer.state_dtype != DType::bf16) return;
  const std::int64_t end = begin + count;
  for (std::size_t i = 0; i < unit.parameters.size(); ++i) {
    const Parameter& parameter = unit.parameters[i];
    // Padding, which is 0 and stays so, goes with the last one.
    const std::int64_t behind = i + 1 < unit.parameters.size() ? unit.parameters[i + 1].offset : end;
    const std::int64_t from = std::max(begin, parameter.offset), last = std::min(end, behind);
    if (from >= last) continue;
    const Place place(parameter);
    to.push_back({.begin = at + from - begin,
                  .count = last - from,
                  .stream = unit.number * kMostParametersOfUnit + i,
                  .first = place.first,
                  .width = place.width,
                  .pitch = place.pitch,
                  .skip = from - parameter.offset});
  }
}

void add_held(std::vector<HeldGradient>& to, const Unit& unit, const Tensor& part, std::int64_t begin, int copies,
              int tp) {
  const std::int64_t own = std::clamp<std::int64_t>(unit.replicated_from() - begin, 0, part.count());
  const std::int64_t used = std::clamp<std::int64_t>(unit.count() - begin, own, part.count());  // without padding
  if (own > 0) to.push_back({part.slice(0, 0, own), copies * unit.stages});
  if (own < used) to.push_back({part.slice(0, own, used - own), copies * unit.stages * tp});
}

void clear_additive(Device& device, const Unit& unit, const Tensor& flat) {
  const bool embedding = unit.kind == UnitKind::embedding;
  std::int64_t begin = unit.count();
  for (auto it = unit.parameters.rbegin(); it != unit.parameters.rend() && (it->vector() || it->added_to || embedding);
       ++it)
    begin = it->offset;
  if (begin < flat.count()) device.run(Fill{.to = flat.slice(0, begin, flat.count() - begin)});
}

void initialise(Device& device, const Unit& unit, const Tensor& part, std::int64_t begin, const Initial& initial) {
  const std::int64_t end = begin + part.count();
  for (std::size_t i = 0; i < unit.parameters.size(); ++i) {
    const Parameter& parameter = unit.parameters[i];
    const std::int64_t from = std::max(begin, parameter.offset);
    const std::int64_t held = parameter.vector() ? parameter.rows : parameter.held_rows() * parameter.columns;
    const std::int64_t last = std::min(end, parameter.offset + parameter.count());
    const std::int64_t to = std::clamp(parameter.offset + held, from, std::max(from, last));
    if (to < last) device.run(Fill{.to = part.slice(0, to - begin, last - to)});
    if (from >= to) continue;
    const Tensor here = part.slice(0, from - begin, to - from);
    if (initial.weights != nullptr)
      load(device, here, *initial.weights, parameter, from - parameter.offset);
    else if (parameter.vector())
      device.run(Fill{.to = here, .value = parameter.start});
    else
      draw(device, here, initial, parameter, unit.number * kMostParametersOfUnit + i, from - parameter.offset);
  }
  const std::int64_t used = std::clamp<std::int64_t>(unit.count() - begin, 0, part.count());
  if (used < part.count()) device.run(Fill{.to = part.slice(0, used, part.count() - used)});
}

}  // namespace scalebench
