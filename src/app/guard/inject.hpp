// Faults put in on purpose, for tests: "KIND[:ms]:rank=R,step=S[,point=P][,ms=N]".
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scalebench {

enum class Fault : std::uint8_t { kill, stop, segv, fpe, abort, exit, sleep, hang, no_memory, uncaught, nan, flip };

// What is to go wrong, on which rank, before which step of which point (of every point where none is said).
struct Injected {
  Fault fault{};
  int rank = 0;
  std::int64_t step = 0;
  std::optional<int> point{};
  int milliseconds = 0;                            // of a sleep
  static Injected parse(const std::string& text);  // throws Error(bad_input)
  bool operator==(const Injected&) const = default;
};

class Injection {
 public:
  using Sleep = std::function<void(int milliseconds)>;
  // Throws Error(bad_input) for text that names no fault, on all ranks alike. `sleep`: another clock's, for tests.
  Injection(const std::vector<std::string>& texts, int rank, Sleep sleep = {});

  // Called before each step. Steps are counted from 0 within a point, warm-up included. May not return. `damage`: does
  // what befalls the data (nan, flip).
  void before_step(int point, std::int64_t step, const std::function<void(Fault)>& damage);

 private:
  std::vector<Injected> mine_{};
  Sleep sleep_;
};

}  // namespace scalebench
