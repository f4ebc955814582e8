#include "kernels/cpu/device.hpp"

#include <cstdlib>
#include <memory>

#include <sys/mman.h>
#include <unistd.h>

#include "base/check.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/elements.hpp"

namespace scalebench {

namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::size_t memory_of_host() {
  return static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
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
  write_elements(to.address(), to, values);
}

std::vector<double> CpuDevice::read(const Tensor& from) {
  ensure(!from.stale(), "{} is read after it was freed", to_string(from));
  return read_elements(from.address(), from);
}

}  // namespace scalebench
