// Element types of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace scalebench {

enum class DType : std::uint8_t { f32, bf16, i32, i8 };

constexpr std::size_t size_of(DType dtype) { return dtype == DType::i8 ? 1 : dtype == DType::bf16 ? 2 : 4; }

// The names of the command line and of the result file.
constexpr std::string_view name_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "fp32";
    case DType::bf16:
      return "bf16";
    case DType::i32:
      return "int32";
    case DType::i8:
      return "int8";
  }
  return "?";
}

}  // namespace scalebench
