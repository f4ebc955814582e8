#include "collectives/nccl/memory.hpp"

#include <algorithm>
#include <exception>
#include <iterator>

#include <fmt/format.h>

#include "collectives/nccl/library.hpp"
#include "collectives/nccl/registrations.hpp"

namespace scalebench {

namespace {

constexpr std::size_t kAlignment = 4096;  // NCCL_WIN_REQUIRED_ALIGNMENT

std::size_t rounded_up(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

// The smallest gap that is large enough, the first of those.
auto best_gap(NcclMemory::Piece& piece, std::size_t bytes) {
  auto best = piece.free.end();
  for (auto gap = piece.free.begin(); gap != piece.free.end(); ++gap)
    if (gap->second >= bytes && (best == piece.free.end() || gap->second < best->second)) best = gap;
  return best;
}

void add_gap(NcclMemory::Piece& piece, std::size_t offset, std::size_t bytes) {
  const auto next = piece.free.lower_bound(offset);
  if (next != piece.free.end() && offset + bytes == next->first) {
    bytes += next->second;
    piece.free.erase(next);
  }
  const auto after = piece.free.lower_bound(offset);
  if (after != piece.free.begin())
    if (const auto before = std::prev(after); before->first + before->second == offset) {
      before->second += bytes;
      return;
    }
  piece.free[offset] = bytes;
}

}  // namespace

NcclMemory::~NcclMemory() {
  if (std::uncaught_exceptions() > 0) return;
  for (const auto& piece : pieces_) ncclMemFree(piece->begin);
}

std::byte* NcclMemory::take(std::size_t bytes) {
  if (!wanted_ || ncclMemAlloc == nullptr) return CudaMemory::take(bytes);
  note(bytes);
  const std::size_t size = rounded_up(std::max<std::size_t>(bytes, 1), kAlignment);
  Piece* piece = nullptr;
  for (const auto& one : pieces_) {
    const auto gap = best_gap(*one, size);
    if (gap != one->free.end() && (piece == nullptr || gap->second < best_gap(*piece, size)->second)) piece = one.get();
  }
  if (piece == nullptr) piece = new_piece_for(size);
  if (piece == nullptr) return relied_on_ ? nullptr : CudaMemory::take(bytes);
  const auto [offset, length] = *best_gap(*piece, size);
  piece->free.erase(offset);
  if (length > size) piece->free[offset + size] = length - size;
  taken_[piece->begin + offset] = size;
  return piece->begin + offset;
}

NcclMemory::Piece* NcclMemory::new_piece_for(std::size_t size) {
  const std::size_t least = rounded_up(size, grain_);
  Piece* piece = size <= piece_bytes_ / 2 ? add_piece(piece_bytes_) : nullptr;
  if (piece == nullptr && (size > piece_bytes_ / 2 || least < piece_bytes_)) piece = add_piece(least);
  note(piece == nullptr ? 0 : piece->bytes);
  return piece;
}

NcclMemory::Piece* NcclMemory::add_piece(std::size_t bytes) {
  void* place = nullptr;
  if (const ncclResult_t result = ncclMemAlloc(&place, bytes); result != ncclSuccess) {
    note_refused(fmt::format("ncclMemAlloc of {} bytes: {}", bytes, ncclGetErrorString(result)));
    return nullptr;
  }
  auto* const begin = static_cast<std::byte*>(place);
  return pieces_.emplace_back(new Piece{begin, bytes, {{0, bytes}}}).get();
}

// What the GPU still does with it must be done before anybody else gets it.
void NcclMemory::give_back(std::byte* memory) {
  if (std::uncaught_exceptions() > 0) return;  // the GPU may never come to the end of its work; the process ends, too
  const auto taken = taken_.find(memory);
  if (taken == taken_.end()) return CudaMemory::give_back(memory);
  cudaDeviceSynchronize();
  Piece& piece = *piece_of(memory);
  add_gap(piece, static_cast<std::size_t>(memory - piece.begin), taken->second);
  note(~std::uint64_t{taken->second});
  taken_.erase(taken);
  if (taken_.empty()) history_ = 0, relied_on_ = false;
  if (piece.free.begin()->second < piece.bytes) return;
  for (NcclRegistrations* const user : std::exchange(piece.users, {})) user->drop(piece);
  ncclMemFree(piece.begin);
  std::erase_if(pieces_, [&](const auto& one) { return one.get() == &piece; });
}

NcclMemory::Piece* NcclMemory::piece_of(const void* address) {
  const auto* const at = static_cast<const std::byte*>(address);
  for (const auto& piece : pieces_)
    if (at >= piece->begin && at < piece->begin + piece->bytes) return piece.get();
  return nullptr;
}

void NcclMemory::note(std::uint64_t event) { history_ = (history_ ^ event) * 1099511628211ULL + 1; }  // as FNV-1a

void NcclMemory::note_registered(std::size_t bytes) { registered_ = std::max(registered_, bytes); }
void NcclMemory::note_refused(const std::string& why) {
  if (refused_.empty()) refused_ = why;
}

std::string NcclMemory::registered() const {
  if (registered_ > 0) return std::to_string(registered_);
  if (!refused_.empty()) return fmt::format("0 ({})", refused_);
  return wanted_ ? "0 (no collective has been done yet)" : "0 (one rank communicates with nobody)";
}

}  // namespace scalebench
