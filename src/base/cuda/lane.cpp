#include "base/cuda/lane.hpp"

#include <algorithm>
#include <utility>

#include "base/cuda/check.hpp"

namespace scalebench {

CudaLane::CudaLane(Witness& witness, LaneKind kind, std::string name, CudaTimes& times)
    : Lane(witness, kind, std::move(name)), times_(times) {
  // Communication goes first: it needs few of the GPU's processors, and others wait for it.
  int least = 0, greatest = 0;
  check_cuda(cudaDeviceGetStreamPriorityRange(&least, &greatest), "cudaDeviceGetStreamPriorityRange");
  const int priority = kind == LaneKind::communication ? greatest : least;
  check_cuda(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, priority), "cudaStreamCreateWithPriority");
}

CudaLane::~CudaLane() {
  times_.drain(stream_);
  for (const Timed& timed : timed_) times_.give_back(timed.start), times_.give_back(timed.end);
  for (const cudaEvent_t event : marks_) cudaEventDestroy(event);
  cudaStreamDestroy(stream_);
}

void CudaLane::follow(CudaLane& other) {
  check_cuda(cudaStreamWaitEvent(stream_, other.event_of(other.mark()), 0), "cudaStreamWaitEvent");
}

void CudaLane::reach(const Event& event) { times_.await(event_of(event.mark)); }

bool CudaLane::has_come(std::uint64_t point) const {
  if (point > recorded_) return false;
  const bool come = cudaEventQuery(event_of(point)) == cudaSuccess;
  if (!come) cudaGetLastError();
  return come;
}

bool CudaLane::captured() const {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check_cuda(cudaStreamIsCapturing(stream_, &status), "cudaStreamIsCapturing");
  return status != cudaStreamCaptureStatusNone;
}

void CudaLane::settle() {
  times_.await(stream_);
  for (const Timed& timed : std::exchange(timed_, {})) {
    const double start = times_.when(timed.start), length = times_.between(timed.start, timed.end);
    timed.span->start = start + timed.from * length;
    timed.span->end = start + timed.to * length;
    times_.give_back(timed.start), times_.give_back(timed.end);
  }
}

void CudaLane::begin(Span& span) {
  timed_.push_back({&span, times_.borrow(), times_.borrow()});
  check_cuda(cudaEventRecord(timed_.back().start, stream_), "cudaEventRecord");
}

void CudaLane::end(Span& span, double from, double to) {
  const auto timed = std::find_if(timed_.rbegin(), timed_.rend(), [&](const Timed& t) { return t.span == &span; });
  timed->from = from, timed->to = to;
  check_cuda(cudaEventRecord(timed->end, stream_), "cudaEventRecord");
  span.launched = times_.now();
}

std::uint64_t CudaLane::mark() {
  const std::size_t slot = ++recorded_ % kMarks;
  while (marks_.size() <= slot)
    check_cuda(cudaEventCreateWithFlags(&marks_.emplace_back(), cudaEventDisableTiming), "cudaEventCreateWithFlags");
  check_cuda(cudaEventRecord(marks_[slot], stream_), "cudaEventRecord");
  return recorded_;
}

void CudaLane::hold(const Event& event) {
  if (const auto* other = dynamic_cast<const CudaLane*>(event.lane))
    check_cuda(cudaStreamWaitEvent(stream_, other->event_of(event.mark), 0), "cudaStreamWaitEvent");
  else
    event.lane->reach(event);
}

}  // namespace scalebench
