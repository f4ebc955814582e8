// Any bytes as a trace, as prompts and as a law of token counts: what keeps its promises or an Error, never a crash.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "app/inputs/request_file.hpp"
#include "base/check.hpp"

namespace {

void keep(bool promise) {
  if (!promise) std::abort();
}

void fuzz_trace(std::string_view text) {
  double before = 0;
  for (const scalebench::TraceLine& line : scalebench::parse_trace(text, "fuzzed", 4096)) {
    keep(line.arrival >= before && line.input >= 1 && line.output >= 1 && line.input + line.output <= 4096);
    before = line.arrival;
  }
}

void fuzz_prompts(std::string_view text) {
  for (const auto& prompt : scalebench::parse_prompts(text, "fuzzed", 1000, 16)) {
    keep(!prompt.empty() && prompt.size() <= 16);
    for (const std::int32_t id : prompt) keep(id >= 0 && id < 1000);
  }
}

void fuzz_count(std::string_view text) {
  const auto count = scalebench::parse_token_count(text);
  if (!count) return;
  keep(scalebench::parse_token_count(count->text()) == count);
  for (std::int64_t request = 0; request < 20; ++request) {
    const std::int64_t drawn = count->draw(0, 0, request);
    keep(drawn >= 1 && drawn <= count->most());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    fuzz_trace(text);
  } catch (const scalebench::Error&) {  // refused: as it should be
  }
  try {
    fuzz_prompts(text);
  } catch (const scalebench::Error&) {
  }
  fuzz_count(text);
  return 0;
}
