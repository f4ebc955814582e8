#include "kernels/cuda/device.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <exception>
#include <map>

#include <nvtx3/nvToolsExt.h>

#include "base/check.hpp"
#include "base/cuda/check.hpp"
#include "base/cuda/lane.hpp"
#include "base/cuda/memory.hpp"
#include "kernels/cuda/compute.hpp"
#include "kernels/cuda/context.hpp"
#include "kernels/cuda/copies.hpp"
#include "kernels/cuda/scaled_products.hpp"
#include "kernels/elements.hpp"
#include "kernels/workspace.hpp"

namespace scalebench {

namespace {

// Host memory that a GPU copies to on its own, and the event after the copy.
class Landing {
 public:
  Landing(CudaTimes& times, std::size_t bytes) : times_(times), bytes_(bytes), event_(times.borrow()) {
    check_cuda(cudaMallocHost(&memory_, bytes), "cudaMallocHost");
  }
  ~Landing() {
    if (std::uncaught_exceptions() > 0) return;  // what it waits for may never come
    cudaEventSynchronize(event_);
    times_.give_back(event_);
    cudaFreeHost(memory_);
  }
  Landing(const Landing&) = delete;
  Landing& operator=(const Landing&) = delete;

  std::size_t bytes() const { return bytes_; }
  void take(const std::byte* from, std::size_t bytes, cudaStream_t stream) {
    check_cuda(cudaMemcpyAsync(memory_, from, bytes, cudaMemcpyDeviceToHost, stream), "cudaMemcpyAsync");
    mark(stream);
  }
  void mark(cudaStream_t stream) { check_cuda(cudaEventRecord(event_, stream), "cudaEventRecord"); }
  const std::byte* wait() const {
    times_.await(event_);
    return static_cast<const std::byte*>(memory_);
  }
  double time() const { return times_.when(event_); }

 private:
  CudaTimes& times_;
  std::size_t bytes_;
  void* memory_ = nullptr;
  cudaEvent_t event_;
};

class CudaDevice final : public Device::ImplementedBy<CudaDevice, Device> {
 public:
  CudaDevice(Witness& witness, CudaTimes& times, Graphs graphs, CudaMemory& source)
      : ImplementedBy<CudaDevice, Device>(witness),
        source_(source),
        times_(times),
        lane_(witness, LaneKind::compute, "compute", times),
        context_(lane_.stream(), [this](cudaEvent_t event) { times_.await(event); }),
        graphs_on_(graphs == Graphs::yes) {
    prefer_static_shapes(graphs_on_);
  }

  bool multiplies(Scaling scaling) const override {
    const auto [major, minor] = context_.capability();
    return std::ranges::count(cuda::scaled_products_of(major, minor), scaling) > 0;
  }
  bool loads_late() const override { return true; }
  std::size_t workspace() const override { return kProductWorkspace + context_.scratch_bytes(); }
  ~CudaDevice() override {
    times_.drain(lane_.stream());
    forget_graphs();
  }

  Lane& lane() override { return lane_; }
  std::unique_ptr<Copies> make_copies(const std::string& lane) override {
    return make_cuda_copies(witness(), times_, lane);
  }

  std::function<double()> moment() override {
    const std::shared_ptr<Landing> landing = borrow(0);
    landing->mark(lane_.stream());
    return [landing] { return landing->wait(), landing->time(); };
  }

  Outcome outcome(const Tensor& values) override {
    ensure(witness().tape() == nullptr, "the outcome of {} is asked for inside a repeated step", to_string(values));
    ensure(values.contiguous(), "the outcome of {}, whose rows are apart", to_string(values));
    const auto landing = borrow(values.bytes());
    landing->take(values.address(), values.bytes(), lane_.stream());
    return {[landing, dtype = values.dtype(), count = values.count()]() -> Outcome::Values {
              return read_elements(landing->wait(), dtype, count);
            },
            [landing] { return landing->time(); }};
  }

  void write(const Tensor& to, std::span<const double> values) override {
    ensure(!to.stale(), "{} is written after it was freed", to_string(to));
    ensure(static_cast<std::int64_t>(values.size()) == to.count(), "{} values for {}", values.size(), to_string(to));
    std::vector<std::byte> image = image_of(to);
    write_elements(image.data(), to, values);
    // On the stream, since a plain copy may still be on its way to the GPU when it comes back.
    check_cuda(cudaMemcpyAsync(start_of(to), image.data(), image.size(), cudaMemcpyDefault, lane_.stream()),
               "cudaMemcpyAsync");
    times_.await(lane_.stream());
  }

  std::vector<double> read(const Tensor& from) override {
    ensure(!from.stale(), "{} is read after it was freed", to_string(from));
    return read_elements(image_of(from).data(), from);
  }

  template <class Op>
  void perform(const Op& op, Span* span) {
    nvtxRangePushA(Op::name.data());
    if (span != nullptr) lane_.begin(*span);
    cuda::compute(op, context_);
    check_cuda(cudaGetLastError(), Op::name.data());
    if (span != nullptr) lane_.end(*span);
    nvtxRangePop();
  }

 private:
  std::byte* take(std::size_t bytes) override {
    if (std::byte* const place = source_.take(bytes)) return place;
    std::size_t free = 0, total = 0;
    check_cuda(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    fail(Exit::unfit,
         "{:.2f} GB of memory are refused (the rank holds {:.2f} GB already, {:.2f} of the GPU's {:.2f} GB are free) "
         "use a smaller model, batch or sequence, or more GPUs",
         static_cast<double>(bytes) * 1e-9, static_cast<double>(memory().total) * 1e-9,
         static_cast<double>(free) * 1e-9, static_cast<double>(total) * 1e-9);
  }
  void give_back(std::byte* memory) override { source_.give_back(memory); }

  std::byte* take_on_host(std::size_t bytes) override {
    void* place = nullptr;
    if (cudaMallocHost(&place, bytes) == cudaSuccess) return static_cast<std::byte*>(place);
    cudaGetLastError();
    fail(Exit::unfit,
         "{:.2f} GB of the host's memory can't be pinned (the rank holds {:.2f} GB of it already) leave --offload out, "
         "or use fewer ranks on a host",
         static_cast<double>(bytes) * 1e-9, static_cast<double>(host_memory().total) * 1e-9);
  }
  void give_back_on_host(std::byte* memory) override {
    if (std::uncaught_exceptions() == 0) cudaFreeHost(memory);
  }

  // A graph keeps the addresses of what it works on: scratch memory that has grown since is elsewhere. All ranks
  // capture alike, since NCCL may have them meet at that.
  struct Graph {
    cudaGraphExec_t executable = nullptr;
    std::uint64_t scratch_growths = 0;
  };

  void forget_graphs() override {
    for (const auto& [tape, graph] : graphs_) cudaGraphExecDestroy(graph.executable);
    graphs_.clear();
  }

  bool launch(const Tape& tape) override {
    if (!graphs_on_) return false;
    Graph& graph = graphs_[&tape];
    if (graph.executable == nullptr || graph.scratch_growths != context_.scratch_growths()) {
      if (graph.executable != nullptr) check_cuda(cudaGraphExecDestroy(graph.executable), "cudaGraphExecDestroy");
      graph = {nullptr, context_.scratch_growths()};
      graph.executable = capture(tape);
    }
    check_cuda(cudaGraphLaunch(graph.executable, lane_.stream()), "cudaGraphLaunch");
    return true;
  }

  // Every stream is forked from this one and joined to it, whatever waits the step itself holds: one that had nothing
  // to wait for would else do its work now instead of in the graph.
  cudaGraphExec_t capture(const Tape& tape) {
    check_cuda(cudaStreamBeginCapture(lane_.stream(), cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    for_others([this](CudaLane& other) { other.follow(lane_); });
    for (const auto& play : tape.steps) play();
    for_others([this](CudaLane& other) { lane_.follow(other); });
    cudaGraph_t graph{};
    check_cuda(cudaStreamEndCapture(lane_.stream(), &graph), "cudaStreamEndCapture");
    cudaGraphExec_t executable{};
    check_cuda(cudaGraphInstantiate(&executable, graph, cudaGraphInstantiateFlagUseNodePriority),
               "cudaGraphInstantiate");
    cudaGraphDestroy(graph);
    return executable;
  }
  void for_others(const auto& visit) {
    for (Lane* lane : witness().lanes())
      if (auto* other = dynamic_cast<CudaLane*>(lane); other != nullptr && other != &lane_) visit(*other);
  }

  // The bytes of a view, from its first to its last, as they are now.
  static std::byte* start_of(const Tensor& view) { return view.storage().data + view.box().begin; }
  std::vector<std::byte> image_of(const Tensor& view) {
    times_.await(lane_.stream());
    std::vector<std::byte> image(view.box().end() - view.box().begin);
    check_cuda(cudaMemcpy(image.data(), start_of(view), image.size(), cudaMemcpyDefault), "cudaMemcpy");
    return image;
  }

  // A landing that nobody looks at any more, or a new one.
  std::shared_ptr<Landing> borrow(std::size_t bytes) {
    for (const auto& landing : landings_)
      if (landing.use_count() == 1 && landing->bytes() >= bytes) return landing;
    return landings_.emplace_back(std::make_shared<Landing>(times_, bytes));
  }

  CudaMemory& source_;
  CudaTimes& times_;
  CudaLane lane_;
  cuda::CudaContext context_;
  bool graphs_on_;
  std::map<const Tape*, Graph> graphs_{};
  std::deque<std::shared_ptr<Landing>> landings_{};
};

}  // namespace

std::unique_ptr<Device> make_cuda_device(Witness& witness, CudaTimes& times, Graphs graphs, CudaMemory* memory) {
  static CudaMemory plain;
  return std::make_unique<CudaDevice>(witness, times, graphs, memory == nullptr ? plain : *memory);
}

}  // namespace scalebench
