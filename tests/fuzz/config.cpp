// Any bytes as a config.json: a model or an Error, never a crash.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "spec/catalogue.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    scalebench::parse_hugging_face_config({reinterpret_cast<const char*>(data), size}, "fuzzed", "fuzzed");
  } catch (const scalebench::Error&) {  // refused: as it should be
  }
  return 0;
}
