// The calls of the CUDA runtime that the device makes: memory is the host's, work is done when it is issued; only that
// it is, shows late behind what holds a stream.
#include <algorithm>
#include <chrono>
#include <vector>

#include <cuda_runtime.h>

using Holds = std::vector<std::shared_ptr<bool>>;

struct ShimGraph {
  std::vector<std::function<void()>> works;
};
struct ShimStream {
  Holds behind{};
};
struct ShimEvent {
  double time = -1;  // s; -1: never recorded
  Holds behind{};
};

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

ShimGraph* captured = nullptr;  // the graph that is being captured

bool held(const Holds& holds) {
  return std::any_of(holds.begin(), holds.end(), [](const auto& hold) { return *hold; });
}

// Where a GPU would keep the host waiting for ever.
cudaError_t wait_for(const Holds& holds) { return held(holds) ? cudaErrorUnknown : cudaSuccess; }

}  // namespace

void scalebench::shim::issue(std::function<void()> work) {
  if (captured != nullptr)
    captured->works.push_back(std::move(work));
  else
    work();
}

std::shared_ptr<bool> scalebench::shim::hold(cudaStream_t stream) {
  return stream->behind.emplace_back(std::make_shared<bool>(true));
}

cudaError_t cudaGetLastError() { return cudaSuccess; }
const char* cudaGetErrorName(cudaError_t) { return "error"; }
const char* cudaGetErrorString(cudaError_t) { return "of the stand-in"; }
cudaError_t cudaGetDevice(int* device) { return *device = 0, cudaSuccess; }
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  *value = attribute == cudaDevAttrMultiProcessorCount ? 2 : 48 * 1024;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  return *least = 0, *greatest = -1, cudaSuccess;
}
// As far apart as cudaMalloc's; filled, so that reading what nobody wrote shows.
cudaError_t cudaMalloc(void** place, std::size_t bytes) {
  if (captured != nullptr) return cudaErrorUnknown;
  *place = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  if (*place == nullptr) return cudaErrorMemoryAllocation;
  std::memset(*place, 0xFF, bytes);
  return cudaSuccess;
}
cudaError_t cudaFree(void* place) { return std::free(place), cudaSuccess; }
cudaError_t cudaMallocHost(void** place, std::size_t bytes) { return cudaMalloc(place, bytes); }
cudaError_t cudaFreeHost(void* place) { return cudaFree(place); }
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  return *free = *total = std::size_t{8} << 30, cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind) {
  return std::memcpy(to, from, bytes), cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t) {
  return scalebench::shim::issue([=] { std::memcpy(to, from, bytes); }), cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t) {
  return scalebench::shim::issue([=] { std::memset(to, value, bytes); }), cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) {
  return captured = new ShimGraph, cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  return *graph = std::exchange(captured, nullptr), cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  return *executable = new ShimGraph(*graph), cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) { return cudaGraphDestroy(executable); }
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t) {
  for (const auto& work : executable->works) work();
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) { return *stream = new ShimStream, cudaSuccess; }
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned, int) {
  return *stream = new ShimStream, cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}
// What would wait for the GPU, or takes memory, is forbidden while a graph is captured.
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return captured != nullptr ? cudaErrorUnknown : wait_for(stream->behind);
}
cudaError_t cudaStreamQuery(cudaStream_t stream) { return held(stream->behind) ? cudaErrorNotReady : cudaSuccess; }
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (event->time < 0) return cudaErrorInvalidValue;
  if (held(event->behind)) stream->behind.insert(stream->behind.end(), event->behind.begin(), event->behind.end());
  return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t, cudaStreamCaptureStatus* status) {
  return *status = captured != nullptr ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone, cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return *event = new ShimEvent, cudaSuccess; }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) { return cudaEventCreate(event); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  event->time = now(), event->behind = stream->behind;
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return event->time < 0 ? cudaErrorInvalidValue : wait_for(event->behind);
}
cudaError_t cudaEventQuery(cudaEvent_t event) { return held(event->behind) ? cudaErrorNotReady : cudaSuccess; }
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t from, cudaEvent_t to) {
  *ms = static_cast<float>((to->time - from->time) * 1e3);
  return cudaSuccess;
}
