#include "base/cuda/times.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <sched.h>

#include "base/cuda/check.hpp"

namespace scalebench {

namespace {

constexpr double kMostDistance = 1;  // s: CUDA tells distances in ms, as floats of 24 bits
constexpr int kMostTries = 5;
constexpr double kLookEvery = 1e-3;  // s
constexpr double kLongestDrain = 5;  // s

}  // namespace

CudaTimes::CudaTimes(Clock clock) : clock_(std::move(clock)) {
  check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  for (cudaEvent_t* event : {&anchor_, &next_anchor_}) check_cuda(cudaEventCreate(event), "cudaEventCreate");
  anchor();
}

CudaTimes::~CudaTimes() {
  for (const cudaEvent_t event : all_) cudaEventDestroy(event);
  cudaEventDestroy(anchor_), cudaEventDestroy(next_anchor_);
  cudaStreamDestroy(stream_);
}

cudaEvent_t CudaTimes::borrow() {
  if (free_.empty()) {
    check_cuda(cudaEventCreate(&all_.emplace_back()), "cudaEventCreate");
    free_.push_back(all_.back());
  }
  const cudaEvent_t event = free_.back();
  free_.pop_back();
  return event;
}

double CudaTimes::when(cudaEvent_t event) {
  if (clock_() - anchored_ > kMostDistance) anchor();
  return anchored_ + between(anchor_, event);
}

double CudaTimes::between(cudaEvent_t first, cudaEvent_t second) const {
  float distance = 0;  // ms
  check_cuda(cudaEventElapsedTime(&distance, first, second), "cudaEventElapsedTime");
  return static_cast<double>(distance) * 1e-3;
}

void CudaTimes::await(cudaEvent_t event) const {
  if (!look_) return check_cuda(cudaEventSynchronize(event), "cudaEventSynchronize");
  poll([event] { return cudaEventQuery(event); }, "cudaEventQuery");
}

void CudaTimes::await(cudaStream_t stream) const {
  if (!look_) return check_cuda(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  poll([stream] { return cudaStreamQuery(stream); }, "cudaStreamQuery");
}

void CudaTimes::drain(cudaStream_t stream) const noexcept {
  if (std::uncaught_exceptions() == 0) {
    cudaStreamSynchronize(stream);
    drained_by_ = std::numeric_limits<double>::infinity();
    return;
  }
  drained_by_ = std::min(drained_by_, monotonic_seconds() + kLongestDrain);
  while (cudaStreamQuery(stream) == cudaErrorNotReady && monotonic_seconds() < drained_by_) sched_yield();
  cudaGetLastError();
}

void CudaTimes::poll(const std::function<cudaError_t()>& query, const char* call) const {
  const double began = monotonic_seconds();
  double looked = began;
  cudaError_t status = query();
  if (status != cudaErrorNotReady) return check_cuda(status, call);
  for (; status == cudaErrorNotReady; status = query()) {
    const double time = monotonic_seconds();
    if (time - looked > kLookEvery) look_(time - began), looked = time;
    sched_yield();
  }
  check_cuda(status, call);
  cudaGetLastError();  // "not ready" was one
}

// Halfway between two looks at the host's clock; once more where they lie further apart than they must, and the best
// of some tries where none is good.
void CudaTimes::anchor() {
  double best = std::numeric_limits<double>::infinity();
  for (int tries = 1; tries <= kMostTries; ++tries) {
    const double before = clock_();
    check_cuda(cudaEventRecord(next_anchor_, stream_), "cudaEventRecord");
    check_cuda(cudaEventSynchronize(next_anchor_), "cudaEventSynchronize");
    const double apart = clock_() - before;
    if (apart < best) best = apart, anchored_ = before + apart / 2, std::swap(anchor_, next_anchor_);
    least_apart_ = std::min(least_apart_, apart);
    if (tries > 1 && best <= 2 * least_apart_) break;
  }
}

}  // namespace scalebench
