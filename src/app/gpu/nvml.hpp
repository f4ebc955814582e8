// What NVIDIA's management library says of a GPU. It comes with the driver and is opened at run time; what it or the
// GPU doesn't know is absent, never 0.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace scalebench {

struct GpuReading {
  double time{};                                     // s, monotonic: when it was taken
  std::optional<double> sm_clock{}, memory_clock{};  // Hz
  std::optional<double> power{};                     // W, the driver's own mean of a part of the time: a hint
  std::optional<double> temperature{};               // degrees Celsius
  std::optional<double> energy{};                    // J since the driver was loaded
  std::optional<std::uint64_t> throttle_reasons{};   // bits, as in nvml.h
  std::optional<double> uncorrected_errors{};        // ECC, since the driver was loaded
};

class GpuSensors {
 public:
  virtual ~GpuSensors() = default;
  virtual GpuReading read() = 0;            // by one thread at a time
  virtual std::string version() const = 0;  // "580.65.06", of the driver
};

struct FoundSensors {
  std::unique_ptr<GpuSensors> sensors{};
  std::string absent{};  // why there are none
};

// Of the GPU that CUDA gives this UUID, "GPU-5a3c…"; of a slice, "MIG-…", the energy is absent: it is the whole GPU's.
FoundSensors open_sensors(const std::string& uuid);

// Whether these reasons slow the GPU against its will: power, heat, brakes. Idle clocks and those that somebody has set
// do not.
bool slows(std::uint64_t throttle_reasons);
std::string throttle_text(std::uint64_t throttle_reasons);  // "power cap, heat"; "" where nothing slows

}  // namespace scalebench
