// NCCL's log, which alone says what its connections go over.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace scalebench {

// Of the connections that a log tells of, best first and each once: nvlink, pcie, shm, ib (RoCE, too), socket; the
// network of a plugin by its own name, in lower case. As NCCL 2.28 writes it.
std::vector<std::string> transports_in(std::string_view log);

// NCCL_DEBUG_FILE as NCCL reads it: %h is the host's name up to its first dot, %p the process.
std::string nccl_log_path(std::string_view pattern, std::string_view host, int process);

class NcclLog {
 public:
  // Asks for a log in memory, unless the user has asked for one. Before the first call of NCCL's that logs.
  NcclLog();
  ~NcclLog();
  NcclLog(const NcclLog&) = delete;
  NcclLog& operator=(const NcclLog&) = delete;

  std::string unreadable() const { return unreadable_; }  // why it cannot be read; "" where it can
  std::string text() const;                               // so far

 private:
  std::string path_{}, unreadable_{};
  int file_ = -1;
};

}  // namespace scalebench
