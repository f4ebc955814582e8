#include "kernels/device.hpp"

#include <algorithm>
#include <ranges>
#include <tuple>
#include <utility>

#include "base/check.hpp"

namespace scalebench {

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(allocation_, other.allocation_);
  std::swap(whole_, other.whole_);
  return *this;
}

Buffer::~Buffer() {
  if (device_ != nullptr) device_->release(*allocation_);
}

Device::Device(Witness& witness) : DeviceDoor(witness) {}

Buffer Device::allocate(DType dtype, std::initializer_list<std::int64_t> shape, Use use, std::string label) {
  return allocate_in(false, dtype, shape, use, std::move(label));
}

Buffer Device::allocate_on_host(DType dtype, std::initializer_list<std::int64_t> shape, Use use, std::string label) {
  return allocate_in(true, dtype, shape, use, std::move(label));
}

Buffer Device::allocate_in(bool on_host, DType dtype, std::span<const std::int64_t> shape, Use use, std::string label) {
  ensure(witness().tape() == nullptr, "'{}' is allocated inside a repeated step", label);
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  const std::size_t bytes = static_cast<std::size_t>(std::max<std::int64_t>(count, 1)) * size_of(dtype);

  auto slot = std::find_if(slots_.begin(), slots_.end(), [](const auto& free) { return free->storage.bytes == 0; });
  if (slot == slots_.end()) slot = slots_.insert(slots_.end(), std::make_unique<Allocation>());
  (*slot)->use = use;
  (*slot)->on_host = on_host;
  Storage& storage = (*slot)->storage;
  storage.data = on_host ? take_on_host(bytes) : take(bytes);
  storage.bytes = bytes;
  ++storage.generation;
  storage.label = std::move(label);
  storage.accesses.clear();

  MemoryUse& memory = memory_of(**slot);
  memory.now[static_cast<std::size_t>(use)] += bytes;
  memory.total += bytes;
  if (memory.total > memory.peak) memory.peak = memory.total, memory.at_peak = memory.now;
  return {*this, **slot, Tensor(storage, dtype, shape)};
}

void Device::release(Allocation& allocation) noexcept {
  Storage& storage = allocation.storage;
  if (witness().checking())
    if (auto fault = witness().still_used(storage, lane().knows())) witness().note_fault(std::move(*fault));
  if (storage.data != nullptr) allocation.on_host ? give_back_on_host(storage.data) : give_back(storage.data);
  MemoryUse& memory = memory_of(allocation);
  memory.now[static_cast<std::size_t>(allocation.use)] -= storage.bytes;
  memory.total -= storage.bytes;
  storage.data = nullptr;
  storage.bytes = 0;
}

namespace {

[[noreturn]] void refuse_second_memory() {
  fail(Exit::bad_input, "--offload optimizer on this device (its memory is the host's) leave it out, or run on a GPU");
}

}  // namespace

Copies::Copies(Witness& witness) : CopiesDoor(witness) {}

std::byte* Device::take_on_host(std::size_t) { refuse_second_memory(); }

std::unique_ptr<Copies> Device::make_copies(const std::string&) { refuse_second_memory(); }

std::vector<MemoryItem> Device::memory_items() const {
  std::map<std::tuple<Use, std::string, bool>, MemoryItem> by_name;
  for (const auto& [storage, use, on_host] :
       slots_ | std::views::transform([](const auto& slot) -> const Allocation& { return *slot; })) {
    if (storage.bytes == 0) continue;
    MemoryItem& item = by_name[{use, storage.label, on_host}];
    item = {storage.label, use, item.count + 1, item.bytes + storage.bytes, on_host};
  }
  std::vector<MemoryItem> items;
  for (const auto& [name, item] : by_name) items.push_back(item);
  std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  return items;
}

// Inside a repeated step every communication lane is joined to compute before the end.
void Device::check_joined() {
  for (Lane* other : witness().lanes())
    ensure(other == nullptr || lane().knows()[other->index()] >= other->tick(),
           "a repeated step ends while lane '{}' still works: the compute lane does not wait for it", other->name());
}

void Device::repeat(const std::string& key, const std::function<void()>& step) {
  ensure(witness().tape() == nullptr, "a repeated step inside a repeated step");
  if (!replaying_) return step();
  auto& tape = tapes_[key];
  if (tape != nullptr) {
    // What is recorded or checked must be seen, operation by operation.
    const bool unseen = !witness().checking() && !witness().timeline().recording();
    if (unseen && launch(*tape)) {
      witness().tell(lane().name(), "repeated_step");
      return lane().advance();
    }
    for (const auto& play : tape->steps) play();
    return;
  }
  tape = std::make_unique<Tape>();
  witness().write_tape(tape.get());
  try {
    step();
    check_joined();
  } catch (...) {
    witness().write_tape(nullptr);
    tapes_.erase(key);
    throw;
  }
  witness().write_tape(nullptr);
}

}  // namespace scalebench
