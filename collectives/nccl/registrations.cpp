#include "collectives/nccl/registrations.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>

#include <fmt/format.h>

namespace scalebench {

namespace {

// Where NCCL registers nothing and calls that a success, it follows a setting or what the GPUs can.
std::string why_nothing() {
  for (const char* name : {"NCCL_LOCAL_REGISTER", "NCCL_WIN_ENABLE", "NCCL_CUMEM_ENABLE"})
    if (const char* const value = std::getenv(name); value != nullptr && std::string_view(value) == "0")
      return fmt::format("{}=0", name);
  return "NCCL registers nothing between these GPUs";
}

}  // namespace

// What an abort has ended holds nothing any more.
NcclRegistrations::~NcclRegistrations() {
  for (const auto& [begin, registration] : pieces_) {
    if (handle_.get() != nullptr) unmake(registration);
    if (NcclMemory::Piece* const piece = memory_.piece_of(begin)) std::erase(piece->users, this);
  }
}

void NcclRegistrations::see(const Tensor& tensor, const Use& use) {
  const bool asked = !use.transfer && !alike_;
  if (!use.transfer && !alike(use, false)) return;
  NcclMemory::Piece* const piece = memory_.piece_of(tensor.address());
  if (piece == nullptr || pieces_.contains(piece->begin)) return;
  if (!use.transfer && !asked && !alike(use, true)) return;
  const Registration made = make(*piece, !use.transfer);
  pieces_[piece->begin] = made;
  piece->users.push_back(this);
  std::size_t bytes = 0;
  for (const auto& [_, one] : pieces_) bytes += one.bytes;
  memory_.note_registered(bytes);
}

bool NcclRegistrations::alike(const Use& use, bool again) {
  if (!alike_ || (again && *alike_)) {
    alike_ = agree_(memory_.history(), fmt::format("memory of {} number {}", use.name, use.number));
    if (*alike_)
      memory_.rely();
    else
      memory_.note_refused("ranks of a communicator hold their memory at different places");
  }
  return *alike_;
}

NcclRegistrations::Registration NcclRegistrations::make(const NcclMemory::Piece& piece, bool window) {
  Registration r{};
  ncclResult_t result = ncclSuccess;
  if (window && ncclCommWindowRegister != nullptr)
    result = ncclCommWindowRegister(handle_.get(), piece.begin, piece.bytes, &r.window, NCCL_WIN_COLL_SYMMETRIC);
  if (r.window == nullptr && ncclCommRegister != nullptr)
    result = ncclCommRegister(handle_.get(), piece.begin, piece.bytes, &r.handle);
  if (r.window != nullptr || r.handle != nullptr)
    r.bytes = piece.bytes;
  else
    memory_.note_refused(result == ncclSuccess ? why_nothing()
                                               : fmt::format("ncclCommRegister: {}", ncclGetErrorString(result)));
  return r;
}

void NcclRegistrations::unmake(const Registration& r) {
  if (r.window != nullptr) ncclCommWindowDeregister(handle_.get(), r.window);
  if (r.handle != nullptr) ncclCommDeregister(handle_.get(), r.handle);
}

void NcclRegistrations::drop(const NcclMemory::Piece& piece) {
  const auto found = pieces_.find(piece.begin);
  if (found == pieces_.end()) return;
  if (handle_.get() != nullptr) unmake(found->second);
  pieces_.erase(found);
}

}  // namespace scalebench
