// Whether GPUs are to be had: asked of NVIDIA's driver, which is opened for it and needs no library of ours.
#pragma once

#include <string>
#include <vector>

namespace scalebench {

struct Gpu {
  std::string name{}, uuid{};  // "NVIDIA H200", "GPU-5a3c…"; of a slice "… MIG 1g.18gb", "MIG-…"
  double memory{};             // bytes
  std::string pci{};           // "0000:3b:00.0"; "": not known
};

struct Driver {
  int version = 0;          // of CUDA that it brings, 13000 for 13.0; 0: there is no driver
  std::vector<Gpu> gpus{};  // that this process may use, in CUDA's order
  std::string absent{};     // why there are none; "" where there are some
};

Driver look_for_driver();

std::string cuda_version_text(int version);  // "13.0"

}  // namespace scalebench
