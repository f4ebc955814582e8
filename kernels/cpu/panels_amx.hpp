// bf16 tiles on Intel's matrix unit (AMX): sums of 16 x 16 fp32 from 16 x 32 and 32 x 16 bf16.
#pragma once

#include "kernels/cpu/panels.hpp"

namespace scalebench::cpu {

struct AmxKernel {
  using Element = Bf16;
  static constexpr std::int64_t kRows = 32, kColumns = 32, kDepth = 512, kInner = 1024;
  static constexpr std::int64_t kStep = 32;  // k of one tile
  static constexpr std::int64_t padded(std::int64_t depth) { return ceil_div(depth, kStep) * kStep; }

  // Whether this build, CPU and kernel of the system can.
  static bool available();

  // The calling thread's tiles are set up while it lives.
  struct Session {
    Session();
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
  };

  // [step][2][16 i][32 k] and [step][2][16 k pairs][16 i][2], zeros where i or k end.
  static void pack_rows(const Side<Bf16>& from, Range i, Range k, Bf16* to);
  static void pack_columns(const Side<Bf16>& from, Range i, Range k, Bf16* to);
  // c (+)= rows columns, of which one is read from the second-level cache each time; with what the next ones need.
  template <bool StreamRows>
  static void multiply(const Bf16* rows, const Bf16* columns, std::int64_t depth, float* c, std::int64_t pitch,
                       bool add, const Ahead& ahead);
};

}  // namespace scalebench::cpu
