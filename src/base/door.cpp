#include "base/door.hpp"

namespace scalebench {

void AnyDoor::issue(std::size_t number, const void* op) {
  if (Tape* const tape = witness_.tape())
    tape->steps.push_back([this, number, kept = kinds_[number].copy(op)] { issue_now(number, kept.get()); });
  issue_now(number, op);
}

void AnyDoor::issue_now(std::size_t number, const void* op) {
  Span* const span = witness_.see(lane(), kinds_[number], op);
  execute(number, op, span);
}

}  // namespace scalebench
