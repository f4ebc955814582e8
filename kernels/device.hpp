// The door to compute: memory, the compute lane, operations, and the only way by which values come back to the host.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/door.hpp"
#include "kernels/copies.hpp"
#include "kernels/ops.hpp"

namespace scalebench {

class Device;

// What memory is for, in the order in which a dry run prints it.
enum class Use : std::uint8_t { states, activations, gathered, gradients, logits, buffers, cache, workspaces };
inline constexpr std::size_t kUses = 8;
constexpr std::string_view name_of(Use use) {
  constexpr std::string_view names[] = {"states", "activations", "gathered", "gradients",
                                        "logits", "buffers",     "cache",    "workspaces"};
  return names[static_cast<std::size_t>(use)];
}

// Bytes allocated now and at most so far, by use.
struct MemoryUse {
  std::array<std::size_t, kUses> now{}, at_peak{};  // at_peak: when the total was highest
  std::size_t total{}, peak{};
};

// Memory and what it is for.
struct Allocation {
  Storage storage{};
  Use use{};
  bool on_host = false;
};

// Allocations of one name, in bytes together.
struct MemoryItem {
  std::string label{};
  Use use{};
  std::size_t count{}, bytes{};
  bool on_host = false;
};

// Owns one allocation of a device; frees it when it dies, which must be after every use of it.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Device& device, Allocation& allocation, Tensor whole)
      : device_(&device), allocation_(&allocation), whole_(whole) {}
  Buffer(Buffer&& other) noexcept { *this = std::move(other); }
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();
  operator const Tensor&() const { return whole_; }  // NOLINT: a buffer is used as its whole view
  const Tensor& tensor() const { return whole_; }

 private:
  Device* device_ = nullptr;
  Allocation* allocation_ = nullptr;
  Tensor whole_{};
};

// Values on their way to the host: read them one step late. A simulated device has none.
class Outcome {
 public:
  using Values = std::optional<std::vector<double>>;
  Outcome() = default;
  Outcome(std::function<Values()> read, std::function<double()> time)
      : read_(std::move(read)), time_(std::move(time)) {}
  bool pending() const { return static_cast<bool>(read_); }
  Values look() const { return read_ ? read_() : std::nullopt; }
  double time() const { return time_(); }  // s on the witness's clock, when the values were there; after look()

 private:
  std::function<Values()> read_{};
  std::function<double()> time_{};
};

using DeviceDoor =
    Door<Fill, Normal, Convert, Add, Advance, Gemm, GemmBias, SampleTokens, PickTokens, Embed, EmbedBackward,
         AddPositions, PositionsBackward, RmsNorm, RmsNormBackward, LayerNorm, LayerNormBackward, HeadNorm,
         HeadNormBackward, Rope, Attention, AttentionBackward, SwiGlu, SwiGluBackward, Gelu, GeluBackward, AddBias,
         BiasGradient, CrossEntropy, LogitMaximum, LogitSums, CrossEntropyOfPart, SumOfSquares, AdamW, MultiAdamW, Sgd,
         UpdateLossScale, VerifiableInput, CountWrong, Upload, NextTokens, StoreKeyValue, PagedAttention, GatherRows,
         DrawTokens, Quantize, GemmQuantized, QuantizeScaled, GemmScaled>;

class Device : public DeviceDoor {
 public:
  explicit Device(Witness& witness);

  template <class Op>
  requires(DeviceDoor::knows<Op>) void run(const Op& op) { issue(op); }

  // Memory is aligned to 64 bytes and not initialised. Throws Error(unfit) when there is none left.
  Buffer allocate(DType dtype, std::initializer_list<std::int64_t> shape, Use use, std::string label);
  const MemoryUse& memory() const { return memory_; }
  // The same of a device with a memory of its own in the host's (pinned): for copies at full speed; operations reach
  // it, too, slowly. It counts apart.
  Buffer allocate_on_host(DType dtype, std::initializer_list<std::int64_t> shape, Use use, std::string label);
  const MemoryUse& host_memory() const { return host_memory_; }
  // Copies between the two, on a new lane.
  virtual std::unique_ptr<Copies> make_copies(const std::string& lane);

  // Bytes that its libraries have taken beside that, so far; of a simulated GPU, what they may take.
  virtual std::size_t workspace() const { return 0; }

  void restart_peak() { memory_.peak = memory_.total, memory_.at_peak = memory_.now; }  // from what is allocated now
  std::vector<MemoryItem> memory_items() const;                                         // allocated now, largest first

  // Whether its hardware has products of matrices that are scaled so.
  virtual bool multiplies(Scaling) const { return true; }

  // Whether the first run of an operation may wait for all that the device has under way: CUDA loads kernels, and its
  // libraries take memory, when they are first used.
  virtual bool loads_late() const { return false; }

  // The point that the compute lane has come to; called, it waits for it and tells its time: s on the witness's clock.
  virtual std::function<double()> moment() {
    return [now = witness().now()] { return now; };
  }
  // The values of a small tensor (fp32 or i32) as of now in the compute lane.
  virtual Outcome outcome(const Tensor& values) = 0;
  // For set-up and tests, never for a step: copies the host's elements to `to`, or a tensor (fp32, bf16, i32) back.
  virtual void write(const Tensor& to, std::span<const double> values) = 0;
  virtual std::vector<double> read(const Tensor& from) = 0;  // empty on sim

  // Runs `step`; from the second call with a key on, replays the operations that the first call issued. Inside a step:
  // no allocation, no outcome, no event that crosses its border.
  void repeat(const std::string& key, const std::function<void()>& step);
  // Replays that a backend has made of its own hold what they work with, communicators too: these may go when no step
  // is repeated any more.
  void forget_repeated() { forget_graphs(), tapes_.clear(); }
  // With replays off, a repeated step is called afresh each time: what replays are compared with.
  void replay(bool on) { replaying_ = on; }
  // Whether a repeated step is so much faster that it is worth to fill up a step to the shape of another.
  bool prefers_static_shapes() const { return static_shapes_; }
  void prefer_static_shapes(bool on) { static_shapes_ = on; }

 private:
  friend class Buffer;
  virtual std::byte* take(std::size_t bytes) = 0;  // null on sim
  virtual std::byte* take_on_host(std::size_t bytes);
  // Does what the tape holds in a faster way of the backend's own, in which no operation is seen; false: it has none.
  virtual bool launch(const Tape& /*tape*/) { return false; }
  virtual void forget_graphs() {}
  virtual void give_back(std::byte* memory) = 0;
  virtual void give_back_on_host(std::byte* /*memory*/) {}
  Buffer allocate_in(bool on_host, DType dtype, std::span<const std::int64_t> shape, Use use, std::string label);
  MemoryUse& memory_of(const Allocation& allocation) { return allocation.on_host ? host_memory_ : memory_; }
  void release(Allocation& allocation) noexcept;
  void check_joined();

  std::vector<std::unique_ptr<Allocation>> slots_{};
  MemoryUse memory_{}, host_memory_{};
  bool replaying_ = true, static_shapes_ = false;
  std::map<std::string, std::unique_ptr<Tape>> tapes_{};
};

}  // namespace scalebench
