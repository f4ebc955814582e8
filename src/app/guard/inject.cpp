#include "app/guard/inject.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <thread>

#include <signal.h>
#include <unistd.h>

#include "base/check.hpp"

namespace scalebench {
namespace {

constexpr std::array<std::pair<std::string_view, Fault>, 12> kNames = {{{"kill", Fault::kill},
                                                                        {"stop", Fault::stop},
                                                                        {"segv", Fault::segv},
                                                                        {"fpe", Fault::fpe},
                                                                        {"abort", Fault::abort},
                                                                        {"exit", Fault::exit},
                                                                        {"sleep", Fault::sleep},
                                                                        {"hang", Fault::hang},
                                                                        {"throw", Fault::no_memory},
                                                                        {"uncaught", Fault::uncaught},
                                                                        {"nan", Fault::nan},
                                                                        {"flip", Fault::flip}}};

[[noreturn]] void refuse(const std::string& text, std::string_view why) {
  fail(Exit::bad_input, "--inject {} ({}) write KIND:rank=R,step=S[,point=P][,ms=N] with one of {}", text, why,
       "kill, stop, segv, fpe, abort, exit, sleep, hang, throw, uncaught, nan, flip");
}

std::vector<std::string_view> cut(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (std::size_t end = text.find(at); end != std::string_view::npos; end = text.find(at)) {
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  parts.push_back(text);
  return parts;
}

int number(const std::string& text, std::string_view digits) {
  int value = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (problem != std::errc() || end != digits.data() + digits.size() || value < 0)
    refuse(text, fmt::format("'{}' is no number from 0 on", digits));
  return value;
}

void set(Injected& injected, const std::string& text, std::string_view name, int value) {
  if (name == "rank")
    injected.rank = value;
  else if (name == "step")
    injected.step = value;
  else if (name == "point")
    injected.point = value;
  else if (name == "ms" && injected.fault == Fault::sleep)
    injected.milliseconds = value;
  else
    refuse(text, fmt::format("'{}' is unknown here", name));
}

// Volatile twice: the compiler may neither know the address nor leave the write out.
void write_to_null() {
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
}

void sleep_for_real(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

void happen(const Injected& injected, const Injection::Sleep& sleep, const std::function<void(Fault)>& damage) {
  switch (injected.fault) {
    case Fault::kill:
      raise(SIGKILL);
      break;
    case Fault::stop:
      kill(getpid(), SIGSTOP);
      break;  // all threads
    case Fault::segv:
      write_to_null();
      break;
    case Fault::fpe:
      raise(SIGFPE);
      break;
    case Fault::abort:
      std::abort();
    case Fault::exit:
      std::_Exit(0);
    case Fault::sleep:
      sleep(injected.milliseconds);
      break;
    case Fault::hang:
      for (;;) pause();
    case Fault::no_memory:
      throw std::bad_alloc();
    case Fault::uncaught:
      std::thread([] { throw std::runtime_error("thrown on purpose"); }).join();
      break;
    case Fault::nan:
    case Fault::flip:
      damage(injected.fault);
      break;
  }
}

}  // namespace

Injected Injected::parse(const std::string& text) {
  const std::vector<std::string_view> halves = cut(text, ':');
  Injected injected;
  bool known = false;
  for (const auto& [name, fault] : kNames)
    if (name == halves.front()) injected.fault = fault, known = true;
  if (!known) refuse(text, fmt::format("'{}' is no kind of fault", halves.front()));
  std::size_t next = 1;
  if (injected.fault == Fault::sleep && halves.size() > 1 && halves[1].find('=') == std::string_view::npos)
    injected.milliseconds = number(text, halves[next++]);
  if (halves.size() > next + 1) refuse(text, "there is a colon too many");
  if (halves.size() == next) return injected;
  for (const std::string_view part : cut(halves[next], ',')) {
    const std::size_t equal = part.find('=');
    if (equal == std::string_view::npos) refuse(text, fmt::format("'{}' has no value", part));
    set(injected, text, part.substr(0, equal), number(text, part.substr(equal + 1)));
  }
  return injected;
}

Injection::Injection(const std::vector<std::string>& texts, int rank, Sleep sleep)
    : sleep_(sleep ? std::move(sleep) : sleep_for_real) {
  for (const std::string& text : texts)
    if (const Injected injected = Injected::parse(text); injected.rank == rank) mine_.push_back(injected);
}

void Injection::before_step(int point, std::int64_t step, const std::function<void(Fault)>& damage) {
  for (const Injected& injected : mine_)
    if (injected.step == step && injected.point.value_or(point) == point) happen(injected, sleep_, damage);
}

}  // namespace scalebench
