#include "app/guard/stacks.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace scalebench {
namespace {

constexpr int kMostFrames = 64;
constexpr auto kPatience = std::chrono::milliseconds(100);  // with one thread; some block all signals
constexpr auto kLook = std::chrono::milliseconds(1);

int stack_signal() { return SIGRTMIN + 5; }

// Static, since a handler reaches nothing else. `wanted` is the thread that may fill it in.
struct Answer {
  std::atomic<pid_t> wanted{0};
  std::atomic<bool> filled{false};
  std::array<void*, kMostFrames> frames{};
  int count = 0;
};
constinit Answer answer;

pid_t this_thread() { return static_cast<pid_t>(syscall(SYS_gettid)); }

void fill_in(int) {
  const int kept = errno;
  pid_t mine = this_thread();
  if (answer.wanted.compare_exchange_strong(mine, 0)) {
    answer.count = backtrace(answer.frames.data(), kMostFrames);
    answer.filled = true;
  }
  errno = kept;
}

std::vector<std::string> texts_of(const std::array<void*, kMostFrames>& frames, int count) {
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i) texts.push_back(frame_text(frames[static_cast<std::size_t>(i)]));
  return texts;
}

std::vector<std::string> own_frames() {
  std::array<void*, kMostFrames> frames{};
  return texts_of(frames, backtrace(frames.data(), kMostFrames));
}

std::vector<std::string> frames_of(pid_t thread) {
  answer.filled = false;
  answer.wanted = thread;
  if (syscall(SYS_tgkill, getpid(), thread, stack_signal()) != 0) return {};
  for (auto waited = kLook; waited < kPatience && !answer.filled; waited += kLook) std::this_thread::sleep_for(kLook);
  pid_t unanswered = thread;
  if (answer.wanted.compare_exchange_strong(unanswered, 0)) return {};  // too late: it must not write any more
  while (!answer.filled) std::this_thread::sleep_for(kLook);            // it is writing
  return texts_of(answer.frames, answer.count);
}

std::string name_of_thread(const std::filesystem::path& task) {
  std::ifstream file(task / "comm");
  std::string name;
  std::getline(file, name);
  return name;
}

}  // namespace

std::string frame_text(const void* address) {
  Dl_info info{};
  if (dladdr(address, &info) == 0 || info.dli_fname == nullptr) return fmt::format("{}", address);
  const auto offset = [&](const void* base) {
    return static_cast<const char*>(address) - static_cast<const char*>(base);
  };
  const std::string module = fmt::format("({}+{:#x})", info.dli_fname, offset(info.dli_fbase));
  if (info.dli_sname == nullptr) return module;
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> plain(
      abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status), std::free);
  return fmt::format("{}+{:#x} {}", status == 0 ? plain.get() : info.dli_sname, offset(info.dli_saddr), module);
}

void prepare_stacks() {
  own_frames();  // the first use of the unwinder loads a library, which no handler may do
  struct sigaction action {};
  action.sa_handler = fill_in;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(stack_signal(), &action, nullptr);
}

std::vector<ThreadStack> all_stacks() {
  std::vector<ThreadStack> stacks;
  std::error_code error;
  for (std::filesystem::directory_iterator task("/proc/self/task", error), end; !error && task != end;
       task.increment(error)) {
    const auto thread = static_cast<pid_t>(std::atoi(task->path().filename().c_str()));
    stacks.push_back({.thread = thread,
                      .name = name_of_thread(task->path()),
                      .frames = thread == this_thread() ? own_frames() : frames_of(thread)});
  }
  return stacks;
}

}  // namespace scalebench
