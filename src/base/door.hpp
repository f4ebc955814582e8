// The base of both doors, Device and Communicator: the only way an operation reaches a backend.
#pragma once

#include <concepts>

#include "base/lane.hpp"
#include "base/witness.hpp"

namespace scalebench {

// What a backend must be able to do with one kind of operation. It fills in the times of the span, if there is one.
template <class Op>
class Executes {
 public:
  virtual ~Executes() = default;

 private:
  template <class... Ops>
  friend class Door;
  virtual void execute(const Op& op, Span* span) = 0;
};

template <class... Ops>
class Door : public Executes<Ops>... {
 public:
  Event record() { return lane().record(); }
  void wait(const Event& event) { lane().wait(event); }
  virtual Lane& lane() = 0;
  Witness& witness() const { return witness_; }

 protected:
  template <class Op>
  static constexpr bool knows = (std::same_as<Op, Ops> || ...);

  explicit Door(Witness& witness) : witness_(witness) {}

  template <class Op>
  void issue(const Op& op) {
    if (Tape* tape = witness_.tape()) tape->steps.push_back([this, op] { issue_now(op); });
    issue_now(op);
  }

  // Fills in `execute` for each operation by calling Derived::perform(op, span): one overload set, or one template.
  template <class Derived, class Base, class... Rest>
  class Chain : public Base {
   protected:
    using Base::Base;
  };
  template <class Derived, class Base, class Op, class... Rest>
  class Chain<Derived, Base, Op, Rest...> : public Chain<Derived, Base, Rest...> {
   protected:
    using Chain<Derived, Base, Rest...>::Chain;

   private:
    void execute(const Op& op, Span* span) final { static_cast<Derived*>(this)->perform(op, span); }
  };

 public:
  template <class Derived, class Base>
  using ImplementedBy = Chain<Derived, Base, Ops...>;

 private:
  template <class Op>
  void issue_now(const Op& op) {
    Span* span = witness_.see(lane(), op);
    static_cast<Executes<Op>*>(this)->execute(op, span);
  }

  Witness& witness_;
};

}  // namespace scalebench
