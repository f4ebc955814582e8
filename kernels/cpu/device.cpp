#include "kernels/cpu/device.hpp"

#include <cstdlib>
#include <memory>

#include <sys/mman.h>
#include <unistd.h>

#include "base/check.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/numbers.hpp"

namespace scalebench {

namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::size_t memory_of_host() {
  return static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// Calls visit(offset from the first element) for each element, the last axis fastest.
template <class Visit>
void for_each_element(const Tensor& tensor, const Visit& visit) {
  std::array<std::int64_t, Tensor::kMaxRank> at{};
  for (std::int64_t left = tensor.count(); left > 0; --left) {
    std::int64_t offset = 0;
    for (int axis = 0; axis < tensor.rank(); ++axis) offset += at[static_cast<std::size_t>(axis)] * tensor.stride(axis);
    visit(offset);
    for (int axis = tensor.rank() - 1; axis >= 0 && ++at[static_cast<std::size_t>(axis)] == tensor.dim(axis); --axis)
      at[static_cast<std::size_t>(axis)] = 0;
  }
}

double element(const Tensor& tensor, std::int64_t offset) {
  switch (tensor.dtype()) {
    case DType::f32:
      return cpu::data_of<float>(tensor)[offset];
    case DType::bf16:
      return cpu::to_float(cpu::data_of<cpu::Bf16>(tensor)[offset]);
    case DType::i32:
      return cpu::data_of<std::int32_t>(tensor)[offset];
    case DType::i8:
      return cpu::data_of<std::int8_t>(tensor)[offset];
  }
  return 0;
}

void set_element(const Tensor& tensor, std::int64_t offset, double value) {
  switch (tensor.dtype()) {
    case DType::f32:
      cpu::data_of<float>(tensor)[offset] = static_cast<float>(value);
      break;
    case DType::bf16:
      cpu::data_of<cpu::Bf16>(tensor)[offset] = cpu::from_float<cpu::Bf16>(static_cast<float>(value));
      break;
    case DType::i32:
      cpu::data_of<std::int32_t>(tensor)[offset] = static_cast<std::int32_t>(value);
      break;
    case DType::i8:
      cpu::data_of<std::int8_t>(tensor)[offset] = static_cast<std::int8_t>(value);
      break;
  }
}

}  // namespace

CpuDevice::CpuDevice(Witness& witness, int threads)
    : ImplementedBy<CpuDevice, Device>(witness),
      lane_(witness, LaneKind::compute, "compute"),
      context_(std::make_unique<cpu::CpuContext>(threads)) {}

CpuDevice::~CpuDevice() = default;

int CpuDevice::threads() const { return context_->threads(); }

std::byte* CpuDevice::take(std::size_t bytes) {
  const std::size_t host = memory_of_host();
  const std::size_t alignment = bytes >= 2 * kHugePage ? kHugePage : kLine;
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  // The system promises more than it has and kills later, so that its own refusal comes too late.
  const bool fits = bytes <= host && memory().total <= host - bytes;
  void* place = fits ? std::aligned_alloc(alignment, rounded) : nullptr;
  if (place == nullptr)
    fail(Exit::unfit,
         "{:.2f} GB of memory are refused (the device holds {:.2f} GB already, the host has {:.2f} GB) use a smaller "
         "model, batch or sequence, or more ranks on more hosts",
         static_cast<double>(bytes) * 1e-9, static_cast<double>(memory().total) * 1e-9,
         static_cast<double>(host) * 1e-9);
  if (alignment == kHugePage) madvise(place, rounded, MADV_HUGEPAGE);  // a hint: fewer TLB misses
  return static_cast<std::byte*>(place);
}

void CpuDevice::give_back(std::byte* memory) { std::free(memory); }

Outcome CpuDevice::outcome(const Tensor& values) {
  ensure(witness().tape() == nullptr, "the outcome of {} is asked for inside a repeated step", to_string(values));
  return {[copy = read(values)] { return copy; }, [now = witness().now()] { return now; }};
}

void CpuDevice::write(const Tensor& to, std::span<const double> values) {
  ensure(!to.stale(), "{} is written after it was freed", to_string(to));
  ensure(static_cast<std::int64_t>(values.size()) == to.count(), "{} values for {}", values.size(), to_string(to));
  auto next = values.begin();
  for_each_element(to, [&](std::int64_t offset) { set_element(to, offset, *next++); });
}

std::vector<double> CpuDevice::read(const Tensor& from) {
  ensure(!from.stale(), "{} is read after it was freed", to_string(from));
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(from.count()));
  for_each_element(from, [&](std::int64_t offset) { values.push_back(element(from, offset)); });
  return values;
}

}  // namespace scalebench
