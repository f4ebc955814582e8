#include "kernels/cuda/copies.hpp"

#include "base/check.hpp"
#include "base/cuda/check.hpp"
#include "base/cuda/lane.hpp"

namespace scalebench {

namespace {

class CudaCopies final : public Copies::ImplementedBy<CudaCopies, Copies> {
 public:
  CudaCopies(Witness& witness, CudaTimes& times, const std::string& name)
      : ImplementedBy<CudaCopies, Copies>(witness), lane_(witness, LaneKind::copy, name, times) {}
  Lane& lane() override { return lane_; }

  void perform(const Fetch& op, Span* span) { copy(op.from, op.to, cudaMemcpyHostToDevice, span); }
  void perform(const Store& op, Span* span) { copy(op.from, op.to, cudaMemcpyDeviceToHost, span); }

 private:
  void copy(const Tensor& from, const Tensor& to, cudaMemcpyKind kind, Span* span) {
    ensure(from.contiguous() && to.contiguous() && from.dtype() == to.dtype() && from.count() == to.count(),
           "{} is copied to {}: both must be alike", to_string(from), to_string(to));
    if (span != nullptr) lane_.begin(*span);
    check_cuda(cudaMemcpyAsync(to.address(), from.address(), from.bytes(), kind, lane_.stream()), "cudaMemcpyAsync");
    if (span != nullptr) lane_.end(*span);
  }

  CudaLane lane_;
};

}  // namespace

std::unique_ptr<Copies> make_cuda_copies(Witness& witness, CudaTimes& times, const std::string& lane) {
  return std::make_unique<CudaCopies>(witness, times, lane);
}

}  // namespace scalebench
