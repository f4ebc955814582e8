// A lane as a CUDA stream.
#pragma once

#include <string>
#include <vector>

#include "base/cuda/times.hpp"
#include "base/lane.hpp"
#include "base/timeline.hpp"

namespace scalebench {

class CudaLane final : public Lane {
 public:
  // `times` must outlive it.
  CudaLane(Witness& witness, LaneKind kind, std::string name, CudaTimes& times);
  ~CudaLane() override;

  cudaStream_t stream() const { return stream_; }
  // Later work of this stream comes after all that the other one has been given so far.
  void follow(CudaLane& other);
  void reach(const Event& event) override;
  void settle() override;
  // Points are numbered from 1, as they are recorded.
  std::uint64_t recorded() const { return recorded_; }
  bool has_come(std::uint64_t point) const;
  void drain() const noexcept { times_.drain(stream_); }  // of a lane that ends
  bool captured() const;                                  // what it's given now becomes a part of a graph

  // Around the work of an operation; the span gets the GPU's times when settle() has waited for them.
  void begin(Span& span);
  void end(Span& span) { end(span, 0, 1); }
  // Of several operations that are done as one: this one's share of their time, from .. to of 0 .. 1.
  void end(Span& span, double from, double to);

 private:
  // Points that were recorded: a ring of events. One that is used again stands for a later point, which is late enough.
  static constexpr std::size_t kMarks = 1024;
  struct Timed {
    Span* span;
    cudaEvent_t start, end;
    double from = 0, to = 1;
  };

  std::uint64_t mark() override;
  void hold(const Event& event) override;
  cudaEvent_t event_of(std::uint64_t mark) const { return marks_[mark % kMarks]; }

  CudaTimes& times_;
  cudaStream_t stream_{};
  std::vector<cudaEvent_t> marks_{};
  std::uint64_t recorded_ = 0;
  std::vector<Timed> timed_{};
};

}  // namespace scalebench
