#include "app/gpu/driver.hpp"

#include <array>
#include <cstddef>
#include <cstdlib>
#include <memory>

#include <dlfcn.h>
#include <fmt/format.h>

namespace scalebench {

namespace {

// The few calls of libcuda.so.1 that are needed, as cuda.h of CUDA 13 declares them.
struct Calls {
  int (*init)(unsigned flags);
  int (*driver_version)(int*);
  int (*device_count)(int*);
  int (*device)(int* device, int ordinal);
  int (*device_name)(char*, int bytes, int device);
  int (*device_uuid)(std::array<unsigned char, 16>*, int device);
  int (*device_memory)(std::size_t*, int device);
  int (*device_pci)(char*, int bytes, int device);
};

enum : int { kSuccess = 0, kNoDevice = 100, kStub = 34 };  // of CUresult

template <class Call>
bool find(void* library, Call& call, const char* name) {
  return (call = reinterpret_cast<Call>(dlsym(library, name))) != nullptr;
}

bool find_all(void* library, Calls& c) {
  return find(library, c.init, "cuInit") && find(library, c.driver_version, "cuDriverGetVersion") &&
         find(library, c.device_count, "cuDeviceGetCount") && find(library, c.device, "cuDeviceGet") &&
         find(library, c.device_name, "cuDeviceGetName") && find(library, c.device_uuid, "cuDeviceGetUuid_v2") &&
         find(library, c.device_memory, "cuDeviceTotalMem_v2") && find(library, c.device_pci, "cuDeviceGetPCIBusId");
}

std::string uuid_text(const std::array<unsigned char, 16>& bytes, bool slice) {
  std::string text = slice ? "MIG" : "GPU";
  for (std::size_t i = 0; i < bytes.size(); ++i)
    text += fmt::format("{}{:02x}", i == 0 || i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
  return text;
}

Gpu describe(const Calls& c, int ordinal) {
  int device = 0;
  std::array<char, 256> name{};
  std::array<char, 64> pci{};
  std::array<unsigned char, 16> uuid{};
  std::size_t memory = 0;
  c.device(&device, ordinal);
  c.device_name(name.data(), static_cast<int>(name.size()), device);
  c.device_uuid(&uuid, device);
  c.device_memory(&memory, device);
  if (c.device_pci(pci.data(), static_cast<int>(pci.size()), device) != kSuccess) pci[0] = 0;
  const std::string text = name.data();
  return {text, uuid_text(uuid, text.find(" MIG ") != std::string::npos), static_cast<double>(memory), pci.data()};
}

}  // namespace

Driver look_for_driver() {
  void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);  // stays: the runtime will use it
  if (library == nullptr) return {.absent = "no NVIDIA driver is installed: libcuda.so.1 is not found"};
  Calls c{};
  if (!find_all(library, c)) return {.absent = "libcuda.so.1 lacks calls that every driver since CUDA 11 has"};
  // Queues of the GPU, for all streams: where two streams share one of the 8 that are usual, a wait of one holds up the
  // other, which may have to send what the first waits for.
  setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);
  Driver driver;
  const int status = c.init(0);
  if (status == kStub) return {.absent = "libcuda.so.1 is the stub that programs are linked with, not a driver"};
  c.driver_version(&driver.version);
  if (status == kNoDevice) {
    driver.absent = "the NVIDIA driver sees no GPU";
  } else if (status != kSuccess) {
    driver.absent = fmt::format("the NVIDIA driver does not start: cuInit gives error {}", status);
  } else {
    int count = 0;
    c.device_count(&count);
    for (int i = 0; i < count; ++i) driver.gpus.push_back(describe(c, i));
    if (count == 0) driver.absent = "the NVIDIA driver lets this process see no GPU (CUDA_VISIBLE_DEVICES)";
  }
  return driver;
}

std::string cuda_version_text(int version) { return fmt::format("{}.{}", version / 1000, version % 1000 / 10); }

}  // namespace scalebench
