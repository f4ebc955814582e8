// The file of --dump: what the first step computed, for comparison with another framework.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "app/recorder/output_file.hpp"

namespace scalebench {

// Whole, in the order of the sequences and of the model.
struct Dump {
  struct Named {
    std::string name{};                // Hugging Face's
    std::vector<std::size_t> shape{};  // Hugging Face's
    std::vector<double> values{};      // row by row
  };
  std::size_t sequences{}, length{}, vocabulary{};  // B, T, V
  std::vector<double> tokens{}, targets{};          // [B, T]
  std::vector<double> logits{};                     // [B, T, V]
  double loss{}, gradient_norm{};                   // mean over tokens; L2 norm of all gradients
  std::vector<Named> gradients{};                   // before clipping
};

class DumpFile {
 public:
  // Locks the name. Throws Error(output): the file is there and may not be replaced, or none can be made.
  DumpFile(const std::filesystem::path& path, bool replace);

  // /tokens, /targets int32 [B, T]; /logits fp32 [B, T, V]; /loss, /gradient_norm; /gradients/<name> fp32.
  void write(const Dump& dump) const;
  const std::filesystem::path& path() const { return output_.path(); }

 private:
  OutputFile output_;
};

}  // namespace scalebench
