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

  // Blocks until it has come, or all that the stream was given is done.
  void await(cudaEvent_t event) const;
  void await(cudaStream_t stream) const;
  // Called now and then while the host waits, with the seconds so far: to throw where it would wait for ever.
  void while_waiting(std::function<void(double waited)> look) { look_ = std::move(look); }

 private:
  void anchor();
  void poll(const std::function<cudaError_t()>& query, const char* call) const;

  Clock clock_;
  std::function<void(double)> look_{};
  cudaStream_t stream_{};
  cudaEvent_t anchor_{};
  double anchored_{};                                             // s
  double least_apart_ = std::numeric_limits<double>::infinity();  // s, that the host takes to see an event come
  std::vector<cudaEvent_t> all_{}, free_{};
};

}  // namespace scalebench
