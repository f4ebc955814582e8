#include "app/gpu/open.hpp"

#include <filesystem>

#include <dlfcn.h>

#include "app/build.hpp"
#include "base/check.hpp"

namespace scalebench {

namespace {

constexpr std::string_view kName = "scalebench_cuda.so";

}  // namespace

std::string gpu_module_path() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return "";
  const std::filesystem::path folder = program.parent_path();
  for (const auto& path : {folder / kName, folder.parent_path() / "lib" / "scalebench" / kName})
    if (std::filesystem::exists(path, error)) return path.string();
  return "";
}

// It stays open: objects that it made may outlive every handle.
GpuModule::GpuModule(const std::string& path) : library_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (library_ == nullptr)
    fail(Exit::unfit, "{} cannot be loaded ({}) install the CUDA libraries that it was built with", path, dlerror());
  const auto build = reinterpret_cast<BuildOfModule*>(dlsym(library_, "scalebench_build"));
  const std::string_view found = build == nullptr ? "an unknown one" : build();
  if (found != kGitHash)
    fail(Exit::unfit, "{} is not of this program's build (that is {}, this is {}) build and install both together",
         path, found, kGitHash);
}

int GpuModule::cuda_version() const {
  return reinterpret_cast<CudaVersionOfModule*>(dlsym(library_, "scalebench_cuda_version"))();
}

std::unique_ptr<GpuPair> GpuModule::make_pair(const GpuPairSettings& settings) const {
  return std::unique_ptr<GpuPair>(
      reinterpret_cast<MakeGpuPair*>(dlsym(library_, "scalebench_make_gpu_pair"))(settings));
}

}  // namespace scalebench
