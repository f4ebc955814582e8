// Streams as queues of work: what can be done at once is done at once, by the thread that issues it; what waits for
// other ranks, and all behind it, goes on whenever the host asks for something. Nothing has a thread of its own, so a
// rank that waits elsewhere, in MPI, makes the others wait, too.
#include "tests/cuda/shim/streams.hpp"

#include <chrono>
#include <deque>
#include <map>
#include <vector>

#include <cuda_runtime.h>
#include <unistd.h>

using scalebench::shim::Pending;
using Begin = std::function<Pending()>;
using Hold = std::shared_ptr<std::atomic<bool>>;

namespace {

constexpr unsigned kPause = 50;  // us

// A point of a stream, made when it is asked for.
struct Moment {
  bool come = false;
  double time = 0;  // s
};

struct Work {
  Begin begin;
  Pending pending{};
  bool begun = false;
};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

}  // namespace

struct ShimStream {
  std::deque<Work> queue{};
};
struct ShimEvent {
  std::shared_ptr<Moment> moment{};  // null: never recorded
  bool captured = false;             // its last record is a part of a graph
};
// In the order of capture: work, or an event that is recorded or waited for.
struct ShimGraph {
  struct Node {
    cudaStream_t stream;
    Begin begin{};
    cudaEvent_t recorded = nullptr, awaited = nullptr;
  };
  std::vector<Node> nodes{};
  std::vector<std::shared_ptr<void>> kept{};
};

namespace {

ShimGraph* captured = nullptr;  // the graph that is being captured
std::vector<cudaStream_t> streams;
std::vector<Hold> holds;

bool holding() {
  std::erase_if(holds, [](const Hold& hold) { return !*hold; });
  return !holds.empty();
}

// Whether any work came to its end.
bool advance(ShimStream& stream) {
  bool any = false;
  for (; !stream.queue.empty(); stream.queue.pop_front(), any = true) {
    Work& work = stream.queue.front();
    if (!work.begun) work.begun = true, work.pending = work.begin();
    if (work.pending && !work.pending()) break;
  }
  return any;
}

void advance_all() {
  for (bool any = true; any;) {
    any = false;
    for (const cudaStream_t stream : streams) any = advance(*stream) || any;
  }
}

// Whoever asks in a loop leaves the core to those that have work.
cudaError_t ready_or_pause(bool ready) {
  if (!ready) usleep(kPause);
  return ready ? cudaSuccess : cudaErrorNotReady;
}

// Until `done`; an error where a GPU would keep the host waiting for ever, or a graph is being captured.
template <class Done>
cudaError_t wait(Done done) {
  if (captured != nullptr) return cudaErrorUnknown;
  for (advance_all(); !done(); advance_all()) {
    if (holding()) return cudaErrorUnknown;
    usleep(kPause);
  }
  return cudaSuccess;
}

cudaError_t new_stream(cudaStream_t* stream) {
  streams.push_back(*stream = new ShimStream);
  return cudaSuccess;
}

cudaStream_t stream_or_default(cudaStream_t stream) {
  static cudaStream_t usual = [] {
    cudaStream_t made = nullptr;
    new_stream(&made);
    return made;
  }();
  return stream == nullptr ? usual : stream;
}

void give(cudaStream_t stream, Begin begin) {
  ShimStream& to = *stream_or_default(stream);
  const bool idle = to.queue.empty();
  to.queue.push_back({std::move(begin)});
  if (idle)
    advance(to);
  else
    advance_all();
}

Begin recording(const std::shared_ptr<Moment>& moment) {
  return [moment] { return moment->come = true, moment->time = now(), Pending(); };
}
Begin awaiting(const std::shared_ptr<Moment>& moment) {
  return [moment] { return [moment] { return moment->come; }; };
}

bool recorded_in(const ShimGraph& graph, cudaEvent_t event) {
  for (const auto& node : graph.nodes)
    if (node.recorded == event) return true;
  return false;
}

}  // namespace

bool scalebench::shim::capturing() { return captured != nullptr; }
void scalebench::shim::keep_in_graph(std::shared_ptr<void> what) { captured->kept.push_back(std::move(what)); }

void scalebench::shim::issue(cudaStream_t stream, std::function<Pending()> begin) {
  if (captured != nullptr)
    captured->nodes.push_back({stream, std::move(begin)});
  else
    give(stream, std::move(begin));
}

Hold scalebench::shim::hold(cudaStream_t stream) {
  const Hold hold = holds.emplace_back(std::make_shared<std::atomic<bool>>(true));
  issue(stream, std::function<Pending()>([hold] { return [hold] { return !*hold; }; }));
  return hold;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) { return new_stream(stream); }
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned, int) { return new_stream(stream); }
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  std::erase(streams, stream);
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return wait([&] { return stream_or_default(stream)->queue.empty(); });
}
cudaError_t cudaDeviceSynchronize() {
  return wait([] {
    for (const cudaStream_t stream : streams)
      if (!stream->queue.empty()) return false;
    return true;
  });
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  advance_all();
  return ready_or_pause(stream_or_default(stream)->queue.empty());
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return *event = new ShimEvent, cudaSuccess; }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) { return cudaEventCreate(event); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  event->captured = captured != nullptr;
  if (captured != nullptr) {
    captured->nodes.push_back({.stream = stream, .recorded = event});
  } else {
    event->moment = std::make_shared<Moment>();
    give(stream, recording(event->moment));
  }
  return cudaSuccess;
}
// Within a graph only for what the graph holds itself, and the reverse.
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (captured != nullptr) {
    if (!recorded_in(*captured, event)) return cudaErrorInvalidValue;
    captured->nodes.push_back({.stream = stream, .awaited = event});
    return cudaSuccess;
  }
  if (event->captured || event->moment == nullptr) return cudaErrorInvalidValue;
  if (!event->moment->come) give(stream, awaiting(event->moment));
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (event->captured || event->moment == nullptr) return cudaErrorInvalidValue;
  return wait([&] { return event->moment->come; });
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (event->captured) return cudaErrorInvalidValue;
  advance_all();
  return ready_or_pause(event->moment == nullptr || event->moment->come);
}
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t from, cudaEvent_t to) {
  for (const cudaEvent_t event : {from, to}) {
    if (event->captured || event->moment == nullptr) return cudaErrorInvalidValue;
    if (!event->moment->come) return cudaErrorNotReady;
  }
  *ms = static_cast<float>((to->moment->time - from->moment->time) * 1e3);
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) {
  return captured = new ShimGraph, cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  return *graph = std::exchange(captured, nullptr), cudaSuccess;
}
// Without the priorities of its streams, communication would not go first.
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags) {
  if (flags != cudaGraphInstantiateFlagUseNodePriority) return cudaErrorInvalidValue;
  return *executable = new ShimGraph(*graph), cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) { return cudaGraphDestroy(executable); }
// Each stream of the graph goes on beside the others, from where `stream` is now; that goes on after all of them.
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const auto begun = std::make_shared<Moment>();
  give(stream, recording(begun));
  std::map<cudaStream_t, bool> seen;
  std::map<cudaEvent_t, std::shared_ptr<Moment>> moments;
  for (const auto& node : executable->nodes) {
    if (!std::exchange(seen[node.stream], true)) give(node.stream, awaiting(begun));
    if (node.recorded != nullptr)
      give(node.stream, recording(moments[node.recorded] = std::make_shared<Moment>()));
    else if (node.awaited != nullptr)
      give(node.stream, awaiting(moments.at(node.awaited)));
    else
      give(node.stream, node.begin);
  }
  for (const auto& [other, _] : seen) {
    const auto ended = std::make_shared<Moment>();
    give(other, recording(ended));
    give(stream, awaiting(ended));
  }
  return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t, cudaStreamCaptureStatus* status) {
  *status = captured != nullptr ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}
