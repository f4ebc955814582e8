#include "workloads/blocks/offload.hpp"

#include <algorithm>

namespace scalebench {

namespace {

// Long enough for the full speed of a link, short enough that the first and the last piece, which nothing hides, are a
// small part: 50 MB with fp32 moments, 1 ms of PCIe 5.
constexpr std::int64_t kMostElements = 1 << 22;
constexpr std::int64_t kLeastPieces = 8;
// One computes, one comes, one goes.
constexpr std::size_t kSlots = 3;

std::int64_t pieces_for(std::int64_t count, std::int64_t size) { return (count + size - 1) / size; }

}  // namespace

Tensor OffloadedUpdate::Moved::of(const AdamW& op, std::int64_t begin, std::int64_t count) const {
  return (op.*tensor).slice(0, begin / grain, pieces_for(count, grain));
}

OffloadedUpdate::OffloadedUpdate(Device& device, std::vector<AdamW> whole, bool masters, bool overlap)
    : device_(device),
      to_device_(device.make_copies("to_device")),
      to_host_(device.make_copies("to_host")),
      whole_(std::move(whole)),
      moved_({{&AdamW::moment1, 1}, {&AdamW::moment2, 1}}) {
  if (masters) moved_.push_back({&AdamW::master, 1});
  if (whole_.front().scale1.defined())
    moved_.insert(moved_.end(), {{&AdamW::scale1, kMomentBlock}, {&AdamW::scale2, kMomentBlock}});
  std::int64_t count = 0;
  for (const AdamW& op : whole_) count += op.master.count();
  const std::int64_t wanted = std::clamp<std::int64_t>(count / kLeastPieces, 1, kMostElements);
  const std::int64_t size = pieces_for(wanted, kMomentBlock) * kMomentBlock;
  cut(size);
  allocate(size, overlap ? kSlots : 1);
}

void OffloadedUpdate::cut(std::int64_t size) {
  for (std::size_t update = 0; update < whole_.size(); ++update)
    for (std::int64_t begin = 0; begin < whole_[update].master.count(); begin += size)
      pieces_.push_back({update, begin, std::min(size, whole_[update].master.count() - begin)});
}

void OffloadedUpdate::allocate(std::int64_t size, std::size_t slots) {
  slots_.resize(slots);
  for (Slot& slot : slots_)
    for (const Moved& moved : moved_)
      slot.memory.push_back(device_.allocate((whole_.front().*moved.tensor).dtype(), {size / moved.grain}, Use::buffers,
                                             "offloaded_piece"));
}

Tensor OffloadedUpdate::in_slot(std::size_t piece, std::size_t moved) {
  const std::int64_t count = pieces_for(pieces_[piece].count, moved_[moved].grain);
  return slot_of(piece).memory[moved].tensor().slice(0, 0, count);
}

void OffloadedUpdate::fetch(std::size_t piece) {
  const auto& [update, begin, count] = pieces_[piece];
  for (std::size_t i = 0; i < moved_.size(); ++i)
    to_device_->run(Fetch{.from = moved_[i].of(whole_[update], begin, count), .to = in_slot(piece, i)});
  slot_of(piece).fetched = to_device_->record();
}

void OffloadedUpdate::update(std::size_t piece) {
  const auto& [update, begin, count] = pieces_[piece];
  AdamW op = whole_[update];
  for (Tensor* const tensor : {&op.gradient, &op.master, &op.copy})
    if (tensor->defined()) *tensor = tensor->slice(0, begin, count);
  for (std::size_t i = 0; i < moved_.size(); ++i) op.*moved_[i].tensor = in_slot(piece, i);
  op.offset = begin;
  device_.wait(slot_of(piece).fetched);
  device_.run(op);
}

Event OffloadedUpdate::store(std::size_t piece) {
  const auto& [update, begin, count] = pieces_[piece];
  to_host_->wait(device_.record());
  for (std::size_t i = 0; i < moved_.size(); ++i)
    to_host_->run(Store{.from = in_slot(piece, i), .to = moved_[i].of(whole_[update], begin, count)});
  return to_host_->record();
}

void OffloadedUpdate::prefetch() {
  to_device_->wait(device_.record());
  for (std::size_t piece = 0; piece < std::min(slots_.size(), pieces_.size()); ++piece) fetch(piece);
}

void OffloadedUpdate::run() {
  for (std::size_t piece = 0; piece < pieces_.size(); ++piece) {
    update(piece);
    const Event stored = store(piece);
    if (piece + slots_.size() >= pieces_.size()) continue;
    to_device_->wait(stored);
    fetch(piece + slots_.size());
  }
  device_.wait(to_host_->record());
  device_.wait(to_device_->record());
}

}  // namespace scalebench
