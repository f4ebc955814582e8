#pragma once

namespace scalebench {

// The largest power of two up to 8 that divides `ranks`: beyond 8 a head of Llama's 8 would be cut.
inline int tensor_ranks(int ranks) {
  const auto power = static_cast<int>(static_cast<unsigned>(ranks) & -static_cast<unsigned>(ranks));
  return power < 8 ? power : 8;
}

}  // namespace scalebench
