// Which of several ways to compute was chosen by measurement, for the result file: "attention backward 2 x 4096, heads
// 32 / 8 of 128: own 0.55 ms, cuDNN 0.41 ms". One line for each shape, of all devices of the process.
#pragma once

#include <string>
#include <vector>

namespace scalebench::cuda {

void note_choice(std::string line);
std::vector<std::string> choices();

}  // namespace scalebench::cuda
