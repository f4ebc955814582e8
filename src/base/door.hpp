// The base of all doors (Device, Copies, Communicator): the only way an operation reaches a backend.
#pragma once

#include <concepts>
#include <span>

#include "base/lane.hpp"
#include "base/operation.hpp"
#include "base/witness.hpp"

namespace scalebench {

// A door as far as it doesn't depend on which operations it takes: they have numbers here.
class AnyDoor {
 public:
  AnyDoor(Witness& witness, std::span<const Kind> kinds) : witness_(witness), kinds_(kinds) {}
  virtual ~AnyDoor() = default;
  AnyDoor(const AnyDoor&) = delete;
  AnyDoor& operator=(const AnyDoor&) = delete;

  Event record() { return lane().record(); }
  void wait(const Event& event) { lane().wait(event); }
  virtual Lane& lane() = 0;
  Witness& witness() const { return witness_; }

 protected:
  void issue(std::size_t number, const void* op);

 private:
  void issue_now(std::size_t number, const void* op);
  // What a backend does. It fills in the times of the span, if there is one.
  virtual void execute(std::size_t number, const void* op, Span* span) = 0;

  Witness& witness_;
  std::span<const Kind> kinds_;
};

// Compiled once for a door: its constructor belongs into a .cpp file.
template <class... Ops>
class Door : public AnyDoor {
 protected:
  template <class Op>
  static constexpr bool knows = (std::same_as<Op, Ops> || ...);

  explicit Door(Witness& witness) : AnyDoor(witness, kinds()) {}

  template <class Op>
  void issue(const Op& op) {
    AnyDoor::issue(number_of<Op>(), &op);
  }

 public:
  // Executes each operation by calling Derived::perform(op, span): one overload set, or one template.
  template <class Derived, class Base>
  class ImplementedBy : public Base {
   protected:
    using Base::Base;

   private:
    template <class Op>
    static void perform(Derived& self, const void* op, Span* span) {
      self.perform(*static_cast<const Op*>(op), span);
    }
    void execute(std::size_t number, const void* op, Span* span) final {
      using Perform = void (*)(Derived&, const void*, Span*);
      static constexpr Perform kPerform[] = {&ImplementedBy::template perform<Ops>...};
      kPerform[number](static_cast<Derived&>(*this), op, span);
    }
  };

 private:
  static std::span<const Kind> kinds() {
    static constexpr Kind kKinds[] = {kKind<Ops>...};
    return kKinds;
  }
  template <class Op>
  static constexpr std::size_t number_of() {
    constexpr bool kIsIt[] = {std::same_as<Op, Ops>...};
    std::size_t number = 0;
    while (!kIsIt[number]) ++number;
    return number;
  }
};

}  // namespace scalebench
