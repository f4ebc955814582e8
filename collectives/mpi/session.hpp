// MPI's life in this process: one initialisation, one lock around all calls (MPI_THREAD_SERIALIZED), errors as Error.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include <mpi.h>

#include "base/check.hpp"

namespace scalebench {

// Throws Error(peer_lost) with MPI's own text where a call did not succeed.
void check_mpi(int code, std::string_view call);

class MpiSession {
 public:
  MpiSession(int* argc, char*** argv);
  ~MpiSession();  // finalises, unless the process is on its way out by an exception
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  std::mutex& lock() { return lock_; }
  // Whether addresses of a GPU's memory may be given to MPI's calls, as far as it says (CUDA-aware).
  static bool takes_gpu_memory();
  static std::string library();  // "Open MPI v4.1.4, ..."
  // Ends all ranks of the job. Does not return.
  [[noreturn]] static void abort(int code);

 private:
  std::mutex lock_{};
  int rank_{}, size_{};
};

// How a rank waits: `patient` gives its core to those that work, as it must where ranks outnumber cores.
enum class Waiting : bool { eager, patient };

class Pause {
 public:
  explicit Pause(Waiting waiting) : waiting_(waiting) {}
  void operator()();  // longer the more often it is called

 private:
  Waiting waiting_;
  int calls_ = 0;
};

}  // namespace scalebench
