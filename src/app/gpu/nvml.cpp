#include "app/gpu/nvml.hpp"

#include <array>
#include <string_view>

#include <dlfcn.h>
#include <fmt/format.h>

#include "base/clock.hpp"

namespace scalebench {

namespace {

using Handle = void*;

// The few calls of libnvidia-ml.so.1 that are needed, as nvml.h of CUDA 13 declares them. Those after `find` may be
// absent: older drivers lack some.
struct Calls {
  int (*init)();
  int (*shutdown)();
  int (*find)(const char* uuid, Handle* device);
  int (*whole)(Handle slice, Handle* device);
  int (*driver_version)(char*, unsigned bytes);
  int (*clock)(Handle, int type, unsigned* megahertz);
  int (*power)(Handle, unsigned* milliwatts);
  int (*temperature)(Handle, int sensor, unsigned* degrees);
  int (*energy)(Handle, unsigned long long* millijoules);
  int (*reasons)(Handle, unsigned long long* bits);
  int (*errors)(Handle, int type, int counter, unsigned long long* count);
};

enum : int { kSuccess = 0 };                    // nvmlReturn_t
enum : int { kClockSm = 1, kClockMemory = 2 };  // nvmlClockType_t
enum : int { kTemperatureGpu = 0 };             // nvmlTemperatureSensors_t
enum : int { kUncorrected = 1 };                // nvmlMemoryErrorType_t
enum : int { kVolatile = 0 };                   // nvmlEccCounterType_t

template <class Call>
bool find(void* library, Call& call, const char* name) {
  return (call = reinterpret_cast<Call>(dlsym(library, name))) != nullptr;
}

bool find_all(void* library, Calls& c) {
  find(library, c.whole, "nvmlDeviceGetDeviceHandleFromMigDeviceHandle");
  find(library, c.driver_version, "nvmlSystemGetDriverVersion");
  find(library, c.clock, "nvmlDeviceGetClockInfo");
  find(library, c.power, "nvmlDeviceGetPowerUsage");
  find(library, c.temperature, "nvmlDeviceGetTemperature");
  find(library, c.energy, "nvmlDeviceGetTotalEnergyConsumption");
  find(library, c.errors, "nvmlDeviceGetTotalEccErrors");
  if (!find(library, c.reasons, "nvmlDeviceGetCurrentClocksEventReasons"))
    find(library, c.reasons, "nvmlDeviceGetCurrentClocksThrottleReasons");  // its name before driver 535
  return find(library, c.init, "nvmlInit_v2") && find(library, c.shutdown, "nvmlShutdown") &&
         find(library, c.find, "nvmlDeviceGetHandleByUUID");
}

// What a call gives, times its unit; absent where it or its answer is.
template <class Number, class Call, class... Arguments>
std::optional<double> asked(Call call, double unit, Handle device, Arguments... arguments) {
  Number value{};
  if (call == nullptr || call(device, arguments..., &value) != kSuccess) return std::nullopt;
  return unit * static_cast<double>(value);
}

class NvmlSensors final : public GpuSensors {
 public:
  NvmlSensors(const Calls& calls, Handle device, bool slice) : c_(calls), device_(device), slice_(slice) {}
  ~NvmlSensors() override { c_.shutdown(); }
  NvmlSensors(const NvmlSensors&) = delete;
  NvmlSensors& operator=(const NvmlSensors&) = delete;

  GpuReading read() override {
    GpuReading reading{.time = monotonic_seconds()};
    if (!slice_) reading.energy = asked<unsigned long long>(c_.energy, 1e-3, device_);
    if (unsigned long long bits = 0; c_.reasons != nullptr && c_.reasons(device_, &bits) == kSuccess)
      reading.throttle_reasons = bits;
    reading.sm_clock = asked<unsigned>(c_.clock, 1e6, device_, kClockSm);
    reading.memory_clock = asked<unsigned>(c_.clock, 1e6, device_, kClockMemory);
    reading.power = asked<unsigned>(c_.power, 1e-3, device_);
    reading.temperature = asked<unsigned>(c_.temperature, 1, device_, kTemperatureGpu);
    reading.uncorrected_errors = asked<unsigned long long>(c_.errors, 1, device_, kUncorrected, kVolatile);
    return reading;
  }

  std::string version() const override {
    std::array<char, 80> text{};
    if (c_.driver_version == nullptr || c_.driver_version(text.data(), text.size()) != kSuccess) return "unknown";
    return text.data();
  }

 private:
  Calls c_;
  Handle device_;
  bool slice_;
};

struct Reason {
  std::uint64_t bit;
  std::string_view words;
};
// nvmlClocksEventReason*, of which these slow a GPU that has work.
constexpr std::array kReasons = {Reason{0x04, "power cap"}, Reason{0x08, "hardware slowdown"},
                                 Reason{0x20, "heat (software)"}, Reason{0x40, "heat (hardware)"},
                                 Reason{0x80, "power brake"}};

}  // namespace

FoundSensors open_sensors(const std::string& uuid) {
  void* const library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);  // stays: NCCL uses it too
  if (library == nullptr) return {.absent = "libnvidia-ml.so.1 is not found"};
  Calls c{};
  if (!find_all(library, c)) return {.absent = "libnvidia-ml.so.1 lacks calls that every driver since CUDA 11 has"};
  if (const int status = c.init(); status != kSuccess)
    return {.absent = fmt::format("libnvidia-ml.so.1 does not start: nvmlInit gives error {}", status)};
  Handle device = nullptr;
  if (const int status = c.find(uuid.c_str(), &device); status != kSuccess) {
    c.shutdown();
    return {.absent = fmt::format("libnvidia-ml.so.1 does not find {}: error {}", uuid, status)};
  }
  const bool slice = uuid.starts_with("MIG-");
  if (Handle whole = nullptr; slice && c.whole != nullptr && c.whole(device, &whole) == kSuccess) device = whole;
  return {.sensors = std::make_unique<NvmlSensors>(c, device, slice)};
}

bool slows(std::uint64_t throttle_reasons) { return !throttle_text(throttle_reasons).empty(); }

std::string throttle_text(std::uint64_t throttle_reasons) {
  std::string text;
  for (const Reason& reason : kReasons)
    if ((throttle_reasons & reason.bit) != 0) text += fmt::format("{}{}", text.empty() ? "" : ", ", reason.words);
  return text;
}

}  // namespace scalebench
