// The command line as plain data. Precedence: command line > SCALEBENCH_* variables > --config file > default.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.hpp"
#include "spec/plan.hpp"
#include "spec/serving.hpp"

namespace scalebench {

enum class Command : std::uint8_t { run, list, describe, doctor, calibrate, help, help_all, version };
enum class ScalingKind : std::uint8_t { none, strong, weak };
enum class Format : std::uint8_t { table, csv, json };
enum class Comm : std::uint8_t { mpi, nccl };
constexpr std::string_view name_of(Comm comm) { return comm == Comm::nccl ? "nccl" : "mpi"; }

// What a user did not say is std::nullopt: then the workload's default holds.
struct Options {
  Command command = Command::run;
  std::string subject{};  // of `describe NAME`
  std::string workload{};
  std::optional<std::string> model{};
  std::optional<std::int64_t> layers{};
  std::optional<std::string> weights{}, tokens{}, dump{};
  std::string device = "auto";  // auto, cpu, cuda, sim:<machine>
  std::optional<Comm> comm{};
  std::optional<std::string> require_transport{};  // nvlink, pcie, shm, ib, socket
  std::optional<int> ranks{};
  bool dry_run = false;
  std::optional<std::string> machine{};
  std::optional<double> machine_memory{};  // bytes

  std::optional<int> dp{}, tp{}, pp{}, virtual_stages{};
  bool sequence_parallel = false;
  std::optional<Order> order{};
  std::optional<Shard> shard{};
  std::optional<int> shard_group{};
  std::optional<bool> reshard_after_forward{};
  std::optional<int> prefetch{};
  bool no_overlap = false;
  std::optional<std::int64_t> bucket_bytes{};
  std::optional<std::int64_t> micro_batch{}, global_batch{}, sequence{};
  std::optional<DType> dtype{};
  Products products = Products::plain;  // of --dtype tf32, fp8 and the like, whose `dtype` is what is stored
  std::optional<Products> fp8_scaling{};
  std::optional<Recompute> recompute{};
  std::optional<DType> reduce_dtype{};
  std::optional<Optimizer> optimizer{};
  std::optional<DType> optimizer_state_dtype{};
  bool offload = false;                 // of the optimizer's states
  std::optional<std::string> shrink{};  // auto, none, or FILE.h5; unsaid: auto on a CPU, none on GPUs

  std::vector<int> scale{};  // empty: one point of all ranks
  ScalingKind scaling = ScalingKind::none;
  std::optional<int> threads{};
  int min_iterations = 10, max_iterations = 100;
  double max_seconds = 60, target_ci = 0.02;
  std::optional<double> timeout{};  // s, of a step
  std::optional<std::string> output{};
  bool verify = false;
  bool force = false, append = false;
  std::uint64_t seed = 0;
  Format format = Format::table;
  std::vector<std::string> inject{};  // faults put in on purpose, for tests: "nan:rank=0,step=3"

  // Collectives, nccl-tests' letters.
  std::int64_t begin_bytes = 8, end_bytes = 128 << 20, step_bytes = 0;  // -b -e -i
  double factor = 2;                                                    // -f
  std::optional<int> collective_iterations{};                           // -n
  int collective_warmup = 1;                                            // -w
  bool check = true;                                                    // -c
  DType collective_type = DType::f32;                                   // -d
  std::string reduction = "sum";                                        // -o
  int root = 0;                                                         // -r
  std::vector<std::string> of_collectives{};                            // which of these were given, as written

  // Decode.
  std::vector<int> batch{}, concurrency{};  // of more than one value: a sweep, one point each
  std::vector<double> request_rate{};       // requests/s, likewise
  std::optional<TokenCount> input_tokens{}, output_tokens{};
  std::optional<std::int64_t> requests{}, prefill_chunk{};
  std::optional<std::string> trace{}, prompt_tokens{};
  std::optional<DType> kv_dtype{}, weight_dtype{};
  std::optional<std::int64_t> kv_memory{};  // bytes per rank
  std::optional<bool> ignore_eos{};
  std::optional<double> temperature{};
  std::optional<std::int64_t> top_k{};  // 0: all
  std::optional<double> top_p{};
  std::vector<LatencyLimit> goodput{};
  bool find_rate = false;

  std::string command_line{};  // as typed, for the file
};

// Throws Error(bad_input): "problem (why it is a problem) suggestion".
Options parse_options(int argc, const char* const* argv);

std::string help_text();      // <= 24 lines, with examples
std::string help_all_text();  // every option
std::string version_text();

}  // namespace scalebench
