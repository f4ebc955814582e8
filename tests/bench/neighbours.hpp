// Whether somebody else computed on this machine while a part was measured.
#pragma once

namespace scalebench::bench {

class Neighbours {
 public:
  Neighbours();
  // Cores that others kept busy, on average since then; this process's finished children are not others. 0 where the
  // system doesn't say.
  double busy_cores() const;

 private:
  double begin_, of_machine_, own_;
};

}  // namespace scalebench::bench
