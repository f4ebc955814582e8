// What is known of an operation when its type is not. An operation is a struct with `name`, `part`, operands(visitor)
// and, where they are not the usual, flops(), bytes(), label() and order_name.
#pragma once

#include <memory>
#include <string_view>

#include "base/tensor.hpp"
#include "base/timeline.hpp"

namespace scalebench {

// Called with each operand.
class OperandVisitor {
 public:
  using Visit = void (*)(void* self, const Tensor& tensor, bool written);
  OperandVisitor(void* self, Visit visit) : self_(self), visit_(visit) {}
  template <class... T>
  void reads(const T&... tensors) const {
    (visit_(self_, tensors, false), ...);
  }
  template <class... T>
  void writes(const T&... tensors) const {
    (visit_(self_, tensors, true), ...);
  }

 private:
  void* self_;
  Visit visit_;
};

struct Kind {
  std::string_view name;
  std::string_view order_name;  // in digests: the two ends of one transfer have one name
  Part part;
  void (*operands)(const void* op, const OperandVisitor& visitor);
  std::string_view (*label)(const void* op);  // in the timeline: some have several forms
  double (*flops)(const void* op);
  double (*bytes)(const void* op);  // read and written: the sum of its operands, unless it tells them itself
  std::shared_ptr<const void> (*copy)(const void* op);
};

template <class Op>
double bytes_of(const Op& op) {
  if constexpr (requires { op.bytes(); }) {
    return op.bytes();
  } else {
    double bytes = 0;
    op.operands(OperandVisitor(&bytes, [](void* sum, const Tensor& tensor, bool) {
      *static_cast<double*>(sum) += static_cast<double>(tensor.bytes());
    }));
    return bytes;
  }
}

template <class Op>
constexpr Kind kind_of() {
  Kind kind{.name = Op::name,
            .order_name = Op::name,
            .part = Op::part,
            .operands = [](const void* op, const OperandVisitor& to) { static_cast<const Op*>(op)->operands(to); },
            .label = [](const void*) { return Op::name; },
            .flops = [](const void*) { return 0.0; },
            .bytes = [](const void* op) { return bytes_of(*static_cast<const Op*>(op)); },
            .copy = [](const void* op) -> std::shared_ptr<const void> {
              return std::make_shared<const Op>(*static_cast<const Op*>(op));
            }};
  if constexpr (requires { Op::order_name; }) kind.order_name = Op::order_name;
  if constexpr (requires(const Op& op) { op.label(); })
    kind.label = [](const void* op) { return static_cast<const Op*>(op)->label(); };
  if constexpr (requires(const Op& op) { op.flops(); })
    kind.flops = [](const void* op) { return static_cast<const Op*>(op)->flops(); };
  return kind;
}
template <class Op>
inline constexpr Kind kKind = kind_of<Op>();

}  // namespace scalebench
