// Spans as text, for their way between ranks: a row a line, fields by tabs.
#pragma once

#include <string>
#include <vector>

#include "app/measure/measurement.hpp"

namespace scalebench {

std::string packed_spans(const std::vector<SpanRow>& spans);
std::vector<SpanRow> unpacked_spans(const std::string& text);

}  // namespace scalebench
