// Opens the module that the CUDA + NCCL pair lives in.
#pragma once

#include <memory>

#include "app/gpu/pair.hpp"

namespace scalebench {

// Where it must be: beside the program, or where `make install` puts it. Empty: it was not built.
std::string gpu_module_path();

class GpuModule {
 public:
  // Throws Error(unfit) where it cannot be loaded.
  explicit GpuModule(const std::string& path);
  int cuda_version() const;  // that it was built with, 13000 for 13.0
  std::unique_ptr<GpuPair> make_pair(const GpuPairSettings& settings) const;

 private:
  void* library_;
};

}  // namespace scalebench
