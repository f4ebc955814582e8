#include "app/measure/span_text.hpp"

#include <sstream>

#include <fmt/format.h>

namespace scalebench {

std::string packed_spans(const std::vector<SpanRow>& spans) {
  std::string text;
  for (const SpanRow& s : spans)
    text += fmt::format("{}\t{}\t{}\t{}\t{:.17g}\t{:.17g}\t{:.17g}\t{:.17g}\t{:.17g}\t{:.17g}\n", s.rank, s.lane,
                        s.name, s.part, s.issued, s.launched, s.start, s.end, s.flops, s.bytes);
  return text;
}

std::vector<SpanRow> unpacked_spans(const std::string& text) {
  std::vector<SpanRow> spans;
  std::istringstream lines(text);
  for (SpanRow s; lines >> s.rank >> s.lane >> s.name >> s.part >> s.issued >> s.launched >> s.start >> s.end >>
                  s.flops >> s.bytes;)
    spans.push_back(s);
  return spans;
}

}  // namespace scalebench
