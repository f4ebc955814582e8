// The memory that is registered with one communicator.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "collectives/collective.hpp"
#include "collectives/nccl/handle.hpp"
#include "collectives/nccl/library.hpp"
#include "collectives/nccl/memory.hpp"

namespace scalebench {

// Memory is registered when an operation first touches it. As a symmetric window, where NCCL has those and all ranks
// have asked for the same memory in the same order, which they tell each other before each: then what one rank's
// collectives touch lies at the same offsets on all of them, and all come to each registration. Else, and for transfers
// between two, by itself.
class NcclRegistrations {
 public:
  // Whether all ranks of the communicator bring the same number, in front of what; all of them must come.
  using Agree = std::function<bool(std::uint64_t number, const std::string& what)>;
  NcclRegistrations(NcclMemory& memory, NcclHandle& handle, Agree agree)
      : memory_(memory), handle_(handle), agree_(std::move(agree)) {}
  ~NcclRegistrations();
  NcclRegistrations(const NcclRegistrations&) = delete;
  NcclRegistrations& operator=(const NcclRegistrations&) = delete;

  // Before it is issued as its communicator's `number`th, and not while a graph is captured or a group is open.
  template <class Op>
  void see(const Op& op, std::uint64_t number) {
    constexpr bool transfer = std::is_same_v<Op, Send> || std::is_same_v<Op, Receive>;
    op.operands(Operands{*this, {Op::name, number, transfer}});
  }
  // Before the memory goes; nothing may use it any more.
  void drop(const NcclMemory::Piece& piece);

 private:
  struct Registration {
    void* handle;
    ncclWindow_t window;
    std::size_t bytes;
  };
  struct Use {
    std::string_view name;
    std::uint64_t number;
    bool transfer;  // between two
  };
  struct Operands {
    NcclRegistrations& all;
    Use use;
    void reads(const Tensor& tensor) const { all.see(tensor, use); }
    void writes(const Tensor& tensor) const { all.see(tensor, use); }
  };

  void see(const Tensor& tensor, const Use& use);
  bool alike(const Use& use, bool again);
  Registration make(const NcclMemory::Piece& piece, bool window);
  void unmake(const Registration& registration);

  NcclMemory& memory_;
  NcclHandle& handle_;
  Agree agree_;
  std::optional<bool> alike_{};  // once it is known; no more where it was not once
  std::map<std::byte*, Registration> pieces_{};
};

}  // namespace scalebench
