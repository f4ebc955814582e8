// The HDF5 file of a run. The final name always holds the last complete state: each save writes the whole file anew
// under a temporary name in the same folder, reads it back, and renames it over the final one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "app/measure/measurement.hpp"

namespace scalebench {

enum class Existing : std::uint8_t { refuse, replace, append };

class Recorder {
 public:
  // Before anything is timed: locks the output against a second run (OUT.h5.lock, O_EXCL, with host, pid, job), refuses
  // an existing result unless told otherwise, probes that files can be made and renamed there. Throws Error(output).
  Recorder(std::filesystem::path output, Existing existing);
  ~Recorder();  // removes its lock

  const std::filesystem::path& path() const;  // as given
  // Existing::append: throws Error(output) naming the first difference, unless `planned` (its points may not be known
  // yet) is of the same workload, model, plan, shrink and threads as the file found.
  void expect(const Measurement& planned) const;
  // With Existing::append, behind the points of the file found, after expect().
  void save(const Measurement& measurement);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The rung that a file was shrunk to ("" for the full model), for --shrink FILE.h5. Throws Error(bad_input).
std::string stored_rung(const std::filesystem::path& file);

}  // namespace scalebench
