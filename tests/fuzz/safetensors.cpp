// Any bytes as a safetensors file, and as an index: tensors within the bytes that are there or an Error, never a crash.
#include "app/inputs/safetensors.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "base/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    for (const auto& tensor : scalebench::read_safetensors_header(std::as_bytes(std::span(data, size)), "fuzzed"))
      if (tensor.begin > tensor.end || tensor.end > size) std::abort();
  } catch (const scalebench::Error&) {  // refused: as it should be
  }
  try {
    for (const auto& [name, file] :
         scalebench::read_safetensors_index({reinterpret_cast<const char*>(data), size}, "fuzzed"))
      if (file.find('/') != std::string::npos) std::abort();
  } catch (const scalebench::Error&) {
  }
  return 0;
}
