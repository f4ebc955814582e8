#include "collectives/nccl/profiler.hpp"

#include <array>
#include <bit>
#include <climits>
#include <cstdlib>
#include <mutex>
#include <new>
#include <string_view>

#include <dlfcn.h>
#include <fmt/format.h>

#include "collectives/nccl/profiler_interface.hpp"

namespace scalebench {

namespace {

using namespace nccl_profiler;

constexpr std::size_t kLongestPath = 254;  // that NCCL can open

struct Row {
  const char *function, *algorithm, *protocol;
  std::uint64_t bytes;
  int channels;
  std::uint64_t times;

  bool is_of(const Row& other) const {
    return bytes == other.bytes && channels == other.channels && same(function, other.function) &&
           same(algorithm, other.algorithm) && same(protocol, other.protocol);
  }
  static bool same(const char* a, const char* b) { return a == b || std::string_view(a) == b; }
};

// NCCL calls from its own threads, too, and cannot take an exception. Its texts are constants.
class Table {
 public:
  void add(const Row& row) noexcept {
    const std::lock_guard held(lock_);
    for (std::size_t i = 0; i < used_; ++i)
      if (rows_[i].is_of(row)) {
        ++rows_[i].times;
        return;
      }
    if (used_ < rows_.size()) rows_[used_++] = row;
  }

  std::vector<std::string> lines() const {
    const std::lock_guard held(lock_);
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < used_; ++i) {
      const Row& row = rows_[i];
      lines.push_back(fmt::format("{} {} {} {} {} {}", row.function, row.bytes, row.algorithm, row.protocol,
                                  row.channels, row.times));
    }
    return lines;
  }

 private:
  mutable std::mutex lock_{};
  std::array<Row, 512> rows_{};  // more kinds than a job has sizes
  std::size_t used_ = 0;
};

// NCCL may still call while the process ends.
Table& table() {
  static Table* const table = new Table;
  return *table;
}

const char* text(const char* given) { return given == nullptr ? "-" : given; }

std::uint64_t bytes_of(std::string_view type) {
  return type.ends_with("64") ? 8 : type.ends_with("32") ? 4 : type.ends_with("16") ? 2 : 1;
}

void note(const Collective& c, std::uint64_t ranks) {
  const std::string_view function = text(c.function);
  const std::uint64_t shares = function == "AllGather" || function == "ReduceScatter" ? ranks : 1;
  table().add({text(c.function), text(c.algorithm), text(c.protocol),
               std::bit_ceil(c.count * bytes_of(text(c.type)) * shares), c.channels, 1});
}

void note(const PointToPoint& p) {
  table().add({text(p.function), "-", "-", std::bit_ceil(p.count * bytes_of(text(p.type))), p.channels, 1});
}

struct Context {
  std::uint64_t ranks;
};

int begin(void** context, int* wanted, int ranks) {
  *wanted = kCollective | kPointToPoint;
  *context = new (std::nothrow) Context{static_cast<std::uint64_t>(ranks)};
  return 0;
}

// Other events come, too, where they are on the way to those that are wanted.
template <class Event>
int start(void* context, void** handle, const Event* event) {
  *handle = nullptr;
  if (event->kind == kCollective && context != nullptr) note(event->collective, static_cast<Context*>(context)->ranks);
  if (event->kind == kPointToPoint) note(event->point_to_point);
  return 0;
}

int stop(void*) { return 0; }
int state(void*, int, const void*) { return 0; }
int finalize(void* context) {
  delete static_cast<Context*>(context);
  return 0;
}

std::string own_path() {
  Dl_info info{};
  std::array<char, PATH_MAX> path{};
  if (dladdr(reinterpret_cast<const void*>(&own_path), &info) == 0 || info.dli_fname == nullptr ||
      realpath(info.dli_fname, path.data()) == nullptr)
    return "";
  return path.data();
}

}  // namespace

void offer_nccl_profiler() {
  const std::string path = own_path();
  if (!path.empty() && path.size() <= kLongestPath) setenv("NCCL_PROFILER_PLUGIN", path.c_str(), 0);
}

std::vector<std::string> nccl_operations() { return table().lines(); }

}  // namespace scalebench

// The names that NCCL looks for.
extern "C" {
[[gnu::visibility("default")]] extern const scalebench::nccl_profiler::Profiler5 ncclProfiler_v5;
[[gnu::visibility("default")]] extern const scalebench::nccl_profiler::Profiler4 ncclProfiler_v4;
const scalebench::nccl_profiler::Profiler5 ncclProfiler_v5 = {
    "scalebench",
    [](void** context, std::uint64_t, int* wanted, const char*, int, int ranks, int, void (*)()) {
      return scalebench::begin(context, wanted, ranks);
    },
    scalebench::start<scalebench::nccl_profiler::Event5>,
    scalebench::stop,
    scalebench::state,
    scalebench::finalize};
const scalebench::nccl_profiler::Profiler4 ncclProfiler_v4 = {
    "scalebench",
    [](void** context, int* wanted, const char*, std::uint64_t, int, int ranks, int, void (*)()) {
      return scalebench::begin(context, wanted, ranks);
    },
    scalebench::start<scalebench::nccl_profiler::Event4>,
    scalebench::stop,
    scalebench::state,
    scalebench::finalize};
}
