// Numbers with units, as users write them and as reports show them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace scalebench {

// Each takes the whole text or nothing: no rubbish behind, no spaces around, no NaN, no infinity, no overflow.
std::optional<std::int64_t> parse_integer(std::string_view text);
std::optional<double> parse_real(std::string_view text);
// "80GB" is decimal; "25MiB" and the letters of nccl-tests, "25M", are binary; without a unit, bytes. Fractions where
// whole bytes come out ("1.5GiB").
std::optional<std::int64_t> parse_bytes(std::string_view text);
// "200ms"; ns, us, ms, s, min, h; without a unit, s.
std::optional<double> parse_duration(std::string_view text);

// Three significant digits; unknown for NaN.
std::string format_bytes(double bytes);            // decimal: "80 GB"
std::string format_size(std::int64_t bytes);       // binary where it comes out even: "25 MiB", "1000 B"
std::string format_duration(double seconds);       // "12.3 ms"
std::string format_rate(double bytes_per_second);  // "12.3 GB/s"
std::string format_count(double count);            // "70.6 G": a unit may follow at once ("TFLOP")

}  // namespace scalebench
