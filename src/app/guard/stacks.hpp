// Where the threads of this process are.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace scalebench {

struct ThreadStack {
  pid_t thread{};
  std::string name{};                 // as the system knows it
  std::vector<std::string> frames{};  // innermost first, "function+0x12 (module+0x3456)"; empty: no answer in time
};

// Has the unwinder loaded, and takes a real-time signal: to be called once, before anything hangs.
void prepare_stacks();

// Of all threads, each asked by a signal. Not from a signal handler; one call at a time.
std::vector<ThreadStack> all_stacks();

// "function+0x12 (module+0x3456)": the second form is what addr2line takes.
std::string frame_text(const void* address);

}  // namespace scalebench
