// What signals ask for. Handlers only set a flag; the run looks at it between iterations.
#pragma once

namespace scalebench {

// USR1: finish the point, write, leave with 9. TERM, INT: stop at once, leave with 9; a second one ends the process.
enum class Stop : int { none, after_point, now };

// Handlers are in place as long as it lives; one at a time. SIGPIPE is ignored: a closed stdout must not end a run.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  Stop requested() const;
};

}  // namespace scalebench
