#include "app/guard/crash.hpp"

#include <array>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

#include <execinfo.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include "app/guard/first_failure.hpp"

namespace scalebench {
namespace {

constexpr std::array kSignals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr int kMostFrames = 64;

// Static, since a handler reaches nothing else; filled in beforehand, since it may not allocate.
struct Description {
  std::array<char, 4096> error_path{};
  std::array<char, 256> host{};
  std::array<char, 512> exception{};  // of std::terminate
  std::array<char, 65536> stack{};    // of the handler: the thread's own may be what overflowed
  int rank = -1;
  std::atomic<Slot*> slot{nullptr};
  std::atomic<Speaker*> speaker{nullptr};
  std::atomic<bool> crashed{false};
};
constinit Description description;

template <std::size_t N>
void keep(std::array<char, N>& to, std::string_view text) {
  to.fill('\0');
  std::memcpy(to.data(), text.data(), std::min(text.size(), N - 1));
}

// Text put together in a handler.
class Line {
 public:
  Line& operator<<(std::string_view text) {
    const std::size_t count = std::min(text.size(), text_.size() - size_);
    std::memcpy(text_.data() + size_, text.data(), count);
    size_ += count;
    return *this;
  }
  Line& operator<<(int value) {
    if (value >= 10) *this << value / 10;
    const char digit = static_cast<char>('0' + value % 10);
    return *this << std::string_view(&digit, 1);
  }
  std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::array<char, 1500> text_{};
  std::size_t size_ = 0;
};

std::string_view name_of_signal(int signal) {
  switch (signal) {
    case SIGSEGV:
      return "SIGSEGV, a wrong memory access or an overflow of the stack";
    case SIGBUS:
      return "SIGBUS, memory that is not there, as in a full /dev/shm or a shortened file";
    case SIGFPE:
      return "SIGFPE, a division by zero of integers";
    case SIGILL:
      return "SIGILL, an instruction that this processor lacks";
    default:
      return "SIGABRT";
  }
}

Line message_about(int signal) {
  Line line;
  line << "this process crashed (";
  if (signal == SIGABRT && description.exception[0] != '\0')
    line << "uncaught exception: " << description.exception.data();
  else
    line << name_of_signal(signal);
  return line << ") the backtrace above is what a report of the bug needs";
}

void put(std::string_view text) {
  [[maybe_unused]] const ssize_t ignored = write(STDERR_FILENO, text.data(), text.size());
}

void write_report(int signal) {
  std::array<void*, kMostFrames> frames{};
  const int count = backtrace(frames.data(), kMostFrames);
  backtrace_symbols_fd(frames.data(), count, STDERR_FILENO);
  Speaker* speaker = description.speaker;
  const Line message = message_about(signal);
  if (description.error_path[0] != '\0')
    write_first_failure(description.error_path.data(),
                        {.rank = description.rank,
                         .host = description.host.data(),
                         .phase = "crash",
                         .message = message.view(),
                         .exit_code = 128 + signal},
                        frames.data(), count);
  if (speaker != nullptr && !speaker->claim(description.rank)) return;
  Line line;
  line << "scalebench: error: " << message.view();
  if (description.rank >= 0) line << " [rank " << description.rank << " on " << description.host.data() << "]";
  line << "\n";
  put(line.view());
}

void handle(int signal) {
  if (!description.crashed.exchange(true)) write_report(signal);  // a crash of the report itself just ends
  if (Slot* slot = description.slot) slot->activity = Activity::failed;
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  sigemptyset(&usual.sa_mask);
  sigaction(signal, &usual, nullptr);
  raise(signal);
}

[[noreturn]] void terminate() {
  std::string_view text = "of unknown kind";
  if (const std::exception_ptr exception = std::current_exception()) try {
      std::rethrow_exception(exception);
    } catch (const std::exception& known) {
      text = known.what();
      keep(description.exception, text);
    } catch (...) {
      keep(description.exception, text);
    }
  std::abort();
}

}  // namespace

void install_crash_handlers() {
  std::array<void*, 1> frame{};
  backtrace(frame.data(), 1);  // the first use of the unwinder loads a library, which no handler may do
  stack_t stack{};
  stack.ss_sp = description.stack.data();
  stack.ss_size = description.stack.size();
  sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_handler = handle;
  action.sa_flags = SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (const int signal : kSignals) sigaction(signal, &action, nullptr);
  std::set_terminate(terminate);
}

void describe_process(int rank, std::string_view host, const std::filesystem::path& stem, Slot& slot,
                      Speaker& speaker) {
  keep(description.error_path, std::filesystem::absolute(failure_path(stem)).string());
  keep(description.host, host);
  description.rank = rank;
  description.slot = &slot;
  description.speaker = &speaker;
}

void forget_process() {
  description.slot = nullptr;
  description.speaker = nullptr;
}

}  // namespace scalebench
