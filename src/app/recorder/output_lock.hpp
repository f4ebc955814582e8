// The lock of an output: OUT.h5.lock beside it, with host, process and job of the run that holds it.
#pragma once

#include <filesystem>
#include <string>

#include <sys/types.h>

#include "app/recorder/temporary.hpp"

namespace scalebench {

// Who holds a lock. Processes can be told apart within one host and process namespace only.
struct LockHolder {
  std::string host{}, space{};  // name; process namespace (containers have their own)
  pid_t pid{};
  std::string job{};  // SLURM_JOB_ID, or ""
  int restart{};      // SLURM_RESTART_COUNT
  static LockHolder self();
  static LockHolder parse(const std::string& text);
  std::string text() const;
  bool gone() const;  // surely: a dead process of this host, or this job before it was requeued
};

class OutputLock {
 public:
  // Throws Error(output) if another run holds it; takes over what a dead run left.
  explicit OutputLock(const std::filesystem::path& output);
  ~OutputLock();
  OutputLock(const OutputLock&) = delete;
  OutputLock& operator=(const OutputLock&) = delete;

 private:
  void take_over(const Temporary& ours) const;

  std::filesystem::path output_, path_;
  LockHolder holder_;
};

}  // namespace scalebench
