// The collectives: operands, bytes on the wire, bus-bandwidth factors. As nccl-tests defines them (doc/PERFORMANCE.md).
//
// n ranks. S, the size that bandwidths are reckoned from: bytes of one rank's buffer for all_reduce,
// broadcast, send and receive, the whole array for all_gather and reduce_scatter. busbw = S / t * factor(n).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/tensor.hpp"
#include "base/timeline.hpp"

namespace scalebench {

enum class Reduction : std::uint8_t { sum, maximum };

// output = reduction over ranks of input; in place where both are the same tensor.
struct AllReduce {
  static constexpr std::string_view name = "all_reduce";
  static constexpr Part part = Part::communication;
  Tensor input, output;  // fp32, i32, bf16 or fp16 of one shape, contiguous
  Reduction reduction = Reduction::sum;
  static double factor(int ranks) { return 2.0 * (ranks - 1) / ranks; }
  std::size_t size() const { return input.bytes(); }
  void operands(auto&& see) const { see.reads(input), see.writes(output); }
};

// full = the shards of all ranks, in their order; in place where shard is the rank's own part of full.
struct AllGather {
  static constexpr std::string_view name = "all_gather";
  static constexpr Part part = Part::communication;
  Tensor shard;  // [P / n], contiguous
  Tensor full;   // [P]
  static double factor(int ranks) { return static_cast<double>(ranks - 1) / ranks; }
  std::size_t size() const { return full.bytes(); }
  void operands(auto&& see) const { see.reads(shard), see.writes(full); }
};

// shard = the rank's own part of the sum of `full` over all ranks; in place where it is that part of full.
struct ReduceScatter {
  static constexpr std::string_view name = "reduce_scatter";
  static constexpr Part part = Part::communication;
  Tensor full;   // [P], contiguous
  Tensor shard;  // [P / n]
  static double factor(int ranks) { return static_cast<double>(ranks - 1) / ranks; }
  std::size_t size() const { return full.bytes(); }
  void operands(auto&& see) const { see.reads(full), see.writes(shard); }
};

// values = those of the first rank of the group, on all of its ranks.
struct Broadcast {
  static constexpr std::string_view name = "broadcast";
  static constexpr Part part = Part::communication;
  Tensor values;  // contiguous
  static double factor(int) { return 1; }
  std::size_t size() const { return values.bytes(); }
  void operands(auto&& see) const { see.reads(values), see.writes(values); }
};

// Point to point: what one rank sends another one receives. The calls of a pair are matched in their order.
struct Send {
  static constexpr std::string_view name = "send";
  static constexpr std::string_view order_name = "transfer";  // alike on both ends
  static constexpr Part part = Part::communication;
  Tensor values;  // contiguous
  int to = 0;     // rank within the group
  static double factor(int) { return 1; }
  std::size_t size() const { return values.bytes(); }
  void operands(auto&& see) const { see.reads(values); }
};

struct Receive {
  static constexpr std::string_view name = "receive";
  static constexpr std::string_view order_name = "transfer";
  static constexpr Part part = Part::communication;
  Tensor values;  // contiguous
  int from = 0;
  static double factor(int) { return 1; }
  std::size_t size() const { return values.bytes(); }
  void operands(auto&& see) const { see.writes(values); }
};

}  // namespace scalebench
