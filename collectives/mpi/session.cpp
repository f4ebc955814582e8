#include "collectives/mpi/session.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <string>
#include <thread>

#include <sched.h>
#include <unistd.h>

// Open MPI's (mpi-ext.h), and that of MPICH from 4.0 on; null where there is none.
extern "C" int MPIX_Query_cuda_support() __attribute__((weak));

namespace scalebench {

void check_mpi(int code, std::string_view call) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  fail(Exit::peer_lost, "{} failed ({}) see the launcher's messages for the rank that was lost", call,
       std::string_view(text.data(), static_cast<std::size_t>(length)));
}

MpiSession::MpiSession(int* argc, char*** argv) {
  int provided = 0;
  check_mpi(MPI_Init_thread(argc, argv, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
  if (provided < MPI_THREAD_SERIALIZED)
    fail(Exit::unfit,
         "this MPI allows one thread only (a communication thread serves collectives beside the compute "
         "thread) use an MPI built with thread support");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
}

MpiSession::~MpiSession() {
  if (std::uncaught_exceptions() == 0) MPI_Finalize();
}

// Those that have no such call are asked by their settings (Cray MPICH, MVAPICH).
bool MpiSession::takes_gpu_memory() {
  if (MPIX_Query_cuda_support != nullptr && MPIX_Query_cuda_support() == 1) return true;
  for (const char* name : {"MPICH_GPU_SUPPORT_ENABLED", "MV2_USE_CUDA", "MVP_USE_CUDA"})
    if (const char* const value = std::getenv(name); value != nullptr && std::string_view(value) == "1") return true;
  return false;
}

std::string MpiSession::library() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  const std::string whole(text.data(), static_cast<std::size_t>(length));
  return whole.substr(0, whole.find_first_of(",\n"));
}

void MpiSession::abort(int code) {
  std::thread([code] {  // MPI_Abort itself may hang
    std::this_thread::sleep_for(std::chrono::seconds(5));
    _exit(code);
  })
      .detach();
  MPI_Abort(MPI_COMM_WORLD, code);
  _exit(code);
}

void Pause::operator()() {
  ++calls_;
  if (waiting_ == Waiting::eager || calls_ < 4) {
    sched_yield();
  } else {
    std::this_thread::sleep_for(std::chrono::microseconds(std::min(5 * calls_, 50)));
  }
}

}  // namespace scalebench
