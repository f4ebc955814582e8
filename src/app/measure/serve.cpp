#include "app/measure/serve.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <thread>

#include <fmt/format.h>

namespace scalebench {

namespace {

constexpr double kLongestWait = 0.25;  // s: then all look at the clock again
constexpr double kSpun = 1e-4;         // s before the time, since a sleeping thread wakes late
constexpr double kBetweenLooks = 0.5;  // s: whether anybody wants to stop

void sleep_until(const Witness& witness, double time) {
  if (const double left = time - witness.now() - kSpun; left > 0)
    std::this_thread::sleep_for(std::chrono::duration<double>(left));
  while (witness.now() < time) continue;
}

// How many steps until the ranks of a replica ask each other again: the same on all of them.
class Looks {
 public:
  Looks(Crew& crew, Group replica, double begin, double max_seconds)
      : crew_(crew), replica_(replica), begin_(begin), max_seconds_(max_seconds) {}

  // `idle`: nothing ran, so that a look costs no time, and the next one may be far away.
  bool due(bool idle) { return ++steps_ >= next_ || idle; }
  void look(double now) {
    const double mine[] = {now - begin_, crew_.signals.requested() == Stop::now ? 1.0 : 0.0};
    const std::vector<double> most = crew_.control.maximum(mine, replica_);
    const double each = most[0] / static_cast<double>(steps_);
    next_ =
        steps_ + std::clamp<std::int64_t>(static_cast<std::int64_t>(kBetweenLooks / std::max(each, 1e-6)), 1, 10000);
    over_ = most[0] > max_seconds_;
    stopped_ = most[1] > 0;
  }
  bool over() const { return over_; }
  bool stopped() const { return stopped_; }

 private:
  Crew& crew_;
  Group replica_;
  double begin_, max_seconds_;
  std::int64_t steps_ = 0, next_ = 1;
  bool over_ = false, stopped_ = false;
};

std::int64_t answered(const Service& service) {
  return std::ranges::count_if(service.answers(), [](const Answer& a) { return a.ended; });
}

std::string progress_text(const ServeSettings& s, const Service& service, double elapsed) {
  const std::int64_t done = answered(service);
  const double left = done == 0 ? s.max_seconds - elapsed
                                : elapsed * static_cast<double>(s.requests - done) / static_cast<double>(done);
  return fmt::format("{}: {} of {} requests of a replica answered, {} steps, at most {:.0f} s left", s.label, done,
                     s.requests, service.steps().size(), std::clamp(left, 0.0, std::max(0.0, s.max_seconds - elapsed)));
}

// All ranks start at one time of rank 0's clock: here in terms of this rank's own.
double common_start(const Backend& backend, Crew& crew, const Group& group) {
  crew.control.barrier(group);
  const double now = backend.witness->now() + crew.clock.seconds;
  return crew.control.broadcast({&now, 1}, group)[0] - crew.clock.seconds;
}

// Where arrivals decide what a step holds, the ranks of a replica take their first one's time.
AgreedClock agreed_clock(Backend& backend, Crew& crew, Arrivals arrivals, double begin) {
  const Witness& witness = *backend.witness;
  const auto own = [&witness, begin] { return witness.now() - begin; };
  const Group replica = backend.mesh->group(Axis::tp);
  if (arrivals == Arrivals::closed || replica.size == 1)
    return {.now = own, .wait_until = [&witness, begin, own](double time) {
              sleep_until(witness, begin + std::min(time, own() + kLongestWait));
            }};
  const auto last = std::make_shared<double>(0);
  return {.now =
              [&crew, own, replica, last] {
                const double now = own();
                return *last = crew.control.broadcast({&now, 1}, replica)[0];
              },
          .wait_until = [&witness, begin,
                         last](double time) { sleep_until(witness, begin + std::min(time, *last + kLongestWait)); }};
}

}  // namespace

Served serve(Backend& backend, Step& step, Crew& crew, const ServeSettings& s) {
  Service& service = *step.service();
  const double begin = common_start(backend, crew, s.group);
  service.begin_serving(begin, agreed_clock(backend, crew, s.arrivals, begin));
  Looks looks(crew, backend.mesh->group(Axis::tp), begin, s.max_seconds);
  bool cut = false;
  for (std::int64_t number = 0;; ++number) {
    crew.injection.before_step(s.point, number, [&](Fault fault) {
      if (fault == Fault::nan) step.corrupt();
      if (fault == Fault::flip) step.flip();
    });
    const std::size_t before = service.steps().size();
    if (!service.step()) break;
    crew.watchdog.beat(number);
    if (!looks.due(service.steps().size() == before)) continue;
    const double now = backend.witness->now();
    looks.look(now);
    if (looks.stopped()) return {"stopped"};
    if (looks.over() && service.send_no_more() > 0) cut = true;
    crew.progress.update(progress_text(s, service, now - begin));
  }
  return {cut ? "max_seconds" : "requests"};
}

}  // namespace scalebench
