#include "collectives/staged/alone.hpp"

#include "base/check.hpp"
#include "base/cuda/check.hpp"
#include "base/cuda/lane.hpp"

namespace scalebench {

namespace {

void copy(const Tensor& from, const Tensor& to, cudaStream_t stream) {
  if (from.same_place(to)) return;
  check_cuda(cudaMemcpyAsync(to.address(), from.address(), from.bytes(), cudaMemcpyDeviceToDevice, stream),
             "cudaMemcpyAsync");
}

void copy_alone(const AllReduce& op, cudaStream_t stream) { copy(op.input, op.output, stream); }
void copy_alone(const AllGather& op, cudaStream_t stream) { copy(op.shard, op.full, stream); }
void copy_alone(const ReduceScatter& op, cudaStream_t stream) { copy(op.full, op.shard, stream); }
void copy_alone(const Broadcast&, cudaStream_t) {}
void copy_alone(const Send& op, cudaStream_t) { ensure(false, "send of {} by a rank alone", to_string(op.values)); }
void copy_alone(const Receive& op, cudaStream_t) {
  ensure(false, "receive of {} by a rank alone", to_string(op.values));
}

class CommunicatorAlone final : public Communicator::ImplementedBy<CommunicatorAlone, Communicator> {
 public:
  CommunicatorAlone(Witness& witness, CudaTimes& times, Group group, int rank, const std::string& name)
      : ImplementedBy<CommunicatorAlone, Communicator>(witness, group, rank),
        lane_(witness, LaneKind::communication, name, times) {}
  Lane& lane() override { return lane_; }

  template <class Op>
  void perform(const Op& op, Span* span) {
    if (span != nullptr) span->bytes = wire_bytes(op);
    if (muted()) {
      if (span != nullptr) span->launched = span->start = span->end = span->issued;
      return;
    }
    if (span != nullptr) lane_.begin(*span);
    copy_alone(op, lane_.stream());
    if (span != nullptr) lane_.end(*span);
  }

 private:
  CudaLane lane_;
};

}  // namespace

std::unique_ptr<Communicator> make_communicator_alone(Witness& witness, CudaTimes& times, Group group, int rank,
                                                      const std::string& name) {
  return std::make_unique<CommunicatorAlone>(witness, times, group, rank, name);
}

}  // namespace scalebench
