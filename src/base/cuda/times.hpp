// Points in time on a GPU, in terms of the clock of the host.
#pragma once

#include <functional>
#include <limits>
#include <vector>

#include <cuda_runtime.h>

#include "base/clock.hpp"

namespace scalebench {

// Lends events that tell their time. An event's time is its distance from the youngest anchor: an event on a stream of
// its own, which nothing else keeps busy, so that it comes as the host records it. Where the host does not wait for the
// GPU anyway, an anchor costs some 10 us.
class CudaTimes {
 public:
  explicit CudaTimes(Clock clock);
  ~CudaTimes();
  CudaTimes(const CudaTimes&) = delete;
  CudaTimes& operator=(const CudaTimes&) = delete;

  cudaEvent_t borrow();
  void give_back(cudaEvent_t event) { free_.push_back(event); }
  double now() const { return clock_(); }
  // s on the host's clock; the event must have come.
  double when(cudaEvent_t event);
  double between(cudaEvent_t first, cudaEvent_t second) const;  // s, of two that have come

  // Blocks until it has come, or all that the stream was given is done.
  void await(cudaEvent_t event) const;
  void await(cudaStream_t stream) const;
  // Called now and then while the host waits, with the seconds so far: to throw where it would wait for ever.
  void while_waiting(std::function<void(double waited)> look) { look_ = std::move(look); }
  // s that the host waits at most for what others have a part in, before it gives up (while_waiting()).
  double patience() const { return patience_; }
  void be_patient(double seconds) { patience_ = seconds; }
  // For the end of a stream. While an error is on its way, nothing may block for ever: then all drains together take
  // some seconds at most.
  void drain(cudaStream_t stream) const noexcept;

 private:
  void anchor();
  void poll(const std::function<cudaError_t()>& query, const char* call) const;

  Clock clock_;
  std::function<void(double)> look_{};
  mutable double drained_by_ = std::numeric_limits<double>::infinity();  // s, of an error's drains
  double patience_ = std::numeric_limits<double>::infinity();
  cudaStream_t stream_{};
  cudaEvent_t anchor_{}, next_anchor_{};
  double anchored_{};                                             // s
  double least_apart_ = std::numeric_limits<double>::infinity();  // s, that the host takes to see an event come
  std::vector<cudaEvent_t> all_{}, free_{};
};

}  // namespace scalebench
