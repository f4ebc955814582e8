#include "base/witness.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.hpp"

namespace scalebench {

void OrderDigest::add(std::string_view text) {
  for (const char c : text) value_ = (value_ ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
}

void OrderDigest::add(std::uint64_t number) {
  for (int byte = 0; byte < 8; ++byte) value_ = (value_ ^ ((number >> (8 * byte)) & 255U)) * 1099511628211ULL;
}

void Witness::note_fault(std::string fault) {
  if (fault_.empty()) fault_ = std::move(fault);
}

void Witness::throw_noted_fault() {
  if (!fault_.empty()) throw BrokenContract(std::exchange(fault_, {}));
}

std::uint8_t Witness::enrol(Lane& lane) {
  ensure(lanes_.size() < kMaxLanes, "more than {} lanes", kMaxLanes);
  lanes_.push_back(&lane);
  return static_cast<std::uint8_t>(lanes_.size() - 1);
}

void Witness::dismiss(Lane& lane) { std::replace(lanes_.begin(), lanes_.end(), &lane, static_cast<Lane*>(nullptr)); }

std::optional<std::string> Witness::still_used(const Storage& storage, const VectorClock& known) const {
  for (const Access& access : storage.accesses)
    if (known[access.lane] < access.tick)
      return fmt::format("'{}' is freed while lane '{}' may still {} it", storage.label,
                         lanes_[access.lane] ? lanes_[access.lane]->name() : "(gone)", access.write ? "write" : "read");
  return std::nullopt;
}

Span* Witness::see(Lane& lane, const Kind& kind, const void* op) {
  if (serve_) serve_();
  if (observer_) observer_(lane.name(), kind.name);
  if (!fault_.empty()) throw_noted_fault();
  lane.advance();
  if (lane.kind() == LaneKind::communication) {
    const auto bytes = static_cast<std::uint64_t>(kind.bytes(op));
    order_.add(lane.name());
    for (OrderDigest* const order : {&order_, &orders_[lane.index()]}) order->add(kind.order_name), order->add(bytes);
  }
  if (checking_) {
    struct Check {
      Witness& witness;
      Lane& lane;
      std::string_view name;
    } check{*this, lane, kind.name};
    kind.operands(op, OperandVisitor(&check, [](void* self, const Tensor& tensor, bool written) {
                    const Check& c = *static_cast<const Check*>(self);
                    c.witness.check(c.lane, tensor, written, c.name);
                  }));
  }
  if (!timeline_.recording()) return nullptr;
  const double issued = now();
  return &timeline_.add({.lane = lane.index(),
                         .part = kind.part,
                         .name = kind.label(op),
                         .issued = issued,
                         .flops = kind.flops(op),
                         .bytes = kind.bytes(op)});
}

void Witness::check(Lane& lane, const Tensor& tensor, bool write, std::string_view name) {
  ensure(tensor.defined(), "{} is given an operand that does not exist", name);
  ensure(!tensor.stale(), "{} uses {} after it was freed", name, to_string(tensor));
  std::vector<Access>& accesses = tensor.storage().accesses;
  const Box box = tensor.box();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < accesses.size(); ++i) {
    const Access& earlier = accesses[i];
    const bool known = lane.knows()[earlier.lane] >= earlier.tick;
    if (!known && (write || earlier.write) && box.overlaps(earlier.box))
      throw BrokenContract(fmt::format("{} on lane '{}' {} {} before waiting for the {} on lane '{}'", name,
                                       lane.name(), write ? "writes" : "reads", to_string(tensor),
                                       earlier.write ? "write" : "read",
                                       lanes_[earlier.lane] ? lanes_[earlier.lane]->name() : "(gone)"));
    // What this access covers and already waited for can't matter to anybody who waits for this one.
    const bool superseded = known && box.contains(earlier.box) && (write || !earlier.write);
    if (!superseded) accesses[kept++] = earlier;
  }
  accesses.resize(kept);
  accesses.push_back({lane.index(), write, lane.tick(), box});
}

}  // namespace scalebench
