// What a call costs the host, through the Communicator and bare. One rank's reduction in place moves nothing, so that
// all of it is the host's time.
#include "collectives/nccl/communicator.hpp"

#include <vector>

#include <fmt/format.h>

#include "app/measure/statistics.hpp"
#include "base/clock.hpp"
#include "base/cuda/check.hpp"
#include "tests/bench/cuda/parts.hpp"

namespace scalebench::bench {

namespace {

constexpr int kRows = 9, kCalls = 1000;
constexpr double kBar = 5;      // us
constexpr double kLimit = 120;  // s, to connect

void check_nccl(ncclResult_t result, const char* call) {
  if (result != ncclSuccess) throw error_of(result, call, nullptr);
}

struct NoRoll final : NcclRoll {
  void enrol(NcclCommunicator&) override {}
  void dismiss(NcclCommunicator&) override {}
};

// s of one call.
double time_of_calls(cudaStream_t stream, const auto& call) {
  std::vector<double> rows;
  for (int row = 0; row <= kRows; ++row) {
    const double begin = monotonic_seconds();
    for (int i = 0; i < kCalls; ++i) call();
    const double taken = monotonic_seconds() - begin;
    check_cuda(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
    if (row > 0) rows.push_back(taken / kCalls);
  }
  return median(rows);
}

}  // namespace

Row communicator_row(Gpu& gpu, Witness& witness, CudaTimes& times) {
  const Tensor numbers = gpu.operand(DType::bf16, {4096});
  ncclUniqueId id{};
  check_nccl(ncclGetUniqueId(&id), "ncclGetUniqueId");
  const NcclHandle::Terms terms{"the bench's only rank", kLimit};
  NcclHandle root(id, 1, 0, terms);
  NoRoll roll;
  const Group alone{0, 1, 1};
  NcclCommunicator communicator(roll, witness, times, alone, 0, "bench", std::make_unique<NcclHandle>(root, 0, terms),
                                nullptr, nullptr);
  witness.check_waits(false);  // as in measured steps
  const ncclComm_t comm = communicator.handle().get();
  cudaStream_t stream{};
  check_cuda(cudaStreamCreate(&stream), "cudaStreamCreate");
  const double bare = time_of_calls(stream, [&] {
    check_nccl(ncclAllReduce(numbers.address(), numbers.address(), static_cast<std::size_t>(numbers.count()),
                             ncclBfloat16, ncclSum, comm, stream),
               "ncclAllReduce");
  });
  check_cuda(cudaStreamDestroy(stream), "cudaStreamDestroy");
  const auto& lane = dynamic_cast<const CudaLane&>(communicator.lane());
  const AllReduce op{.input = numbers, .output = numbers};
  const double ours = time_of_calls(lane.stream(), [&] { communicator.run(op); });
  gpu.forget_operands();
  return {.name = "the Communicator's own time of a call",
          .value = 1e6 * (ours - bare),
          .unit = "us",
          .bar = kBar,
          .sense = Bar::at_most,
          .remark = fmt::format("{:.2f} us; bare {:.2f} us", 1e6 * ours, 1e6 * bare)};
}

}  // namespace scalebench::bench
