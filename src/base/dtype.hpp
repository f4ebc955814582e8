// Element types of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace scalebench {

// e4m3, e5m2: FP8 of Micikevicius et al. 2022, e4m3 without infinities (OCP's OFP8).
enum class DType : std::uint8_t { f32, bf16, i32, i8, f16, e4m3, e5m2 };

constexpr std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::bf16:
    case DType::f16:
      return 2;
    case DType::i8:
    case DType::e4m3:
    case DType::e5m2:
      return 1;
  }
  return 0;
}

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
    case DType::f16:
      return "fp16";
    case DType::e4m3:
      return "fp8_e4m3";
    case DType::e5m2:
      return "fp8_e5m2";
  }
  return "?";
}

}  // namespace scalebench
