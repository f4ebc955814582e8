// The yardstick of memory: copying and reading far more than the caches hold.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>

namespace scalebench::bench {

class Bandwidth {
 public:
  explicit Bandwidth(int threads);
  double copy();  // B/s, read and written bytes together; one pass
  double read();  // B/s; one pass

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  using Memory = std::unique_ptr<std::byte[], Free>;
  static Memory memory(int threads);

  int threads_;
  Memory from_, to_;
};

}  // namespace scalebench::bench
