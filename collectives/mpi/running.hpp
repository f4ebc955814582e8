// A collective under way: whoever has the core looks at it until it is done.
#pragma once

#include <cstdint>

namespace scalebench {

enum class Look : std::uint8_t { nothing, moved, done };

class Running {
 public:
  virtual ~Running() = default;
  virtual Look look() = 0;  // never blocks; the first one starts it
};

}  // namespace scalebench
