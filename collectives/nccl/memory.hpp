// GPU memory that NCCL itself gives, so that it may be registered with communicators: then other GPUs and network
// adapters read and write it in place, without copies through NCCL's own buffers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/cuda/memory.hpp"

namespace scalebench {

class NcclRegistrations;

// Where it's refused, memory is cudaMalloc's, and is never registered.
class NcclMemory final : public CudaMemory {
 public:
  // Memory is taken in pieces and cut here: of kGrain at least, which is what ncclMemAlloc rounds up to where GPUs
  // multicast (NVLink SHARP; allocator.cc of 2.28), and of many of those while there is room, so that little is left
  // over. Ranks that ask for the same sizes in one order get the same offsets.
  static constexpr std::size_t kGrain = std::size_t{512} << 20, kPiece = 8 * kGrain;

  struct Piece {
    std::byte* begin;
    std::size_t bytes;
    std::map<std::size_t, std::size_t> free{};  // offset and bytes of each gap
    std::vector<NcclRegistrations*> users{};    // that must be told before it goes
  };

  explicit NcclMemory(std::size_t piece = kPiece, std::size_t grain = kGrain)
      : piece_bytes_(piece), grain_(std::min(grain, piece)) {}
  ~NcclMemory() override;

  // Whether there is anybody to communicate with; what is there stays as it is.
  void wanted(bool wanted) { wanted_ = wanted; }
  std::byte* take(std::size_t bytes) override;
  void give_back(std::byte* memory) override;
  Piece* piece_of(const void* address);  // null: not NCCL's
  // Of all sizes that were asked for, and of what was got for them, since nothing was taken: where it's the same on two
  // ranks, so are the offsets.
  std::uint64_t history() const { return history_; }
  // Ranks rely on that: from now on what NCCL refuses is not to be had elsewhere.
  void rely() { relied_on_ = true; }

  // Registered at most so far with any communicator, in bytes; and why less than all, "" where nothing was refused.
  void note_registered(std::size_t bytes);
  void note_refused(const std::string& why);
  std::string registered() const;  // "1048576", or "0 (why)"

 private:
  Piece* new_piece_for(std::size_t size);
  Piece* add_piece(std::size_t bytes);
  void note(std::uint64_t event);

  std::size_t piece_bytes_, grain_;
  bool wanted_ = false, relied_on_ = false;
  std::vector<std::unique_ptr<Piece>> pieces_{};  // as they were taken: addresses differ between ranks
  std::map<std::byte*, std::size_t> taken_{};     // bytes, of each allocation within a piece
  std::uint64_t history_ = 0;
  std::size_t registered_ = 0;
  std::string refused_{};
};

}  // namespace scalebench
