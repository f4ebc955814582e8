// Where the memory of a GPU comes from. Without fmt, which nvcc cannot read.
#pragma once

#include <cstddef>

namespace scalebench {

class CudaMemory {
 public:
  virtual ~CudaMemory() = default;
  // Aligned to 256 bytes; null where there is none left.
  virtual std::byte* take(std::size_t bytes);
  // After all that the GPU has been given.
  virtual void give_back(std::byte* memory);
};

}  // namespace scalebench
