// The library behind the matrix products, for the record.
#pragma once

#include <string>

namespace scalebench::cpu {

std::string onednn_version();  // "2.6.3"
std::string onednn_isa();      // the instructions that it uses here, "avx512_core_amx"

}  // namespace scalebench::cpu
