#include "app/provenance.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <random>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "app/build.hpp"
#include "app/job_serving.hpp"
#include "kernels/cpu/versions.hpp"
#include "spec/flag_name.hpp"

namespace scalebench {

namespace {

constexpr std::array<std::string_view, 8> kAllowed = {"OMP_", "OMPI_MCA_", "SLURM_", "NCCL_",
                                                      "UCX_", "CUDA_",     "KMP_",   "SCALEBENCH_"};
// Names that may carry secrets, even with an allowed prefix.
constexpr std::array<std::string_view, 5> kRefused = {"TOKEN", "SECRET", "PASSWORD", "KEY", "CREDENTIAL"};

std::string utc(const char* format) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), format, &parts);
  return text.data();
}

bool allowed(std::string_view name) {
  return std::any_of(kAllowed.begin(), kAllowed.end(), [&](auto prefix) { return name.starts_with(prefix); }) &&
         std::none_of(kRefused.begin(), kRefused.end(), [&](auto word) { return name.find(word) != name.npos; });
}

void add_settings(Attributes& to) {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != text.npos && allowed(text.substr(0, equals)))
      to["env_" + std::string(text.substr(0, equals))] = std::string(text.substr(equals + 1));
  }
}

std::string yes_no(bool value) { return value ? "yes" : "no"; }

Attributes model_attributes(const ModelSpec& m, const Rung& rung) {
  return {{"name", m.name},
          {"family", std::string(name_of(m.family))},
          {"rung", rung.name},
          {"layers", m.layers},
          {"hidden_size", m.hidden},
          {"intermediate_size", m.feed_forward},
          {"attention_heads", m.heads},
          {"key_value_heads", m.kv_heads},
          {"head_dim", m.head_dim},
          {"vocabulary", m.vocabulary},
          {"rope_theta", m.rope_theta},
          {"rope_type", std::string(name_of(m.rope_scaling.type))},
          {"rope_factor", m.rope_scaling.factor},
          {"rope_low_freq_factor", m.rope_scaling.low_frequency},
          {"rope_high_freq_factor", m.rope_scaling.high_frequency},
          {"rope_original_sequence", m.rope_scaling.original_sequence},
          {"tied_embeddings", yes_no(m.tied_embeddings)},
          {"norm_epsilon", m.norm_epsilon},
          {"max_sequence", m.max_sequence},
          {"sliding_window", m.window},
          {"parameters", parameter_count(m)}};
}

Attributes plan_attributes(const Job& job, const Options& o) {
  const ParallelPlan& p = job.largest().assignment.plan;
  return {{"dp", std::int64_t{p.dp}},
          {"tp", std::int64_t{p.tp}},
          {"pp", std::int64_t{p.pp}},
          {"virtual_stages", std::int64_t{p.virtual_stages}},
          {"order", name_of(p.order)},
          {"sequence_parallel", yes_no(p.sequence_parallel)},
          {"shard", std::string(name_of(p.shard))},
          {"shard_group", std::int64_t{p.shard_group}},
          {"reshard_after_forward", yes_no(p.reshard_after_forward)},
          {"prefetch", std::int64_t{p.prefetch}},
          {"overlap", yes_no(p.overlap)},
          {"bucket_bytes", p.bucket_bytes},
          {"micro_batch", p.micro_batch},
          {"global_batch", p.global_batch},
          {"accumulation", p.accumulation()},
          {"seq", p.sequence},
          {"dtype", std::string(precision_name(p))},
          {"fp8_scaling", std::string(fp8_scaling_name(p.products))},
          {"reduce_dtype", std::string(name_of(p.reduce_dtype))},
          {"recompute", std::string(name_of(p.recompute))},
          {"optimizer", std::string(name_of(p.optimizer.kind))},
          {"optimizer_state_dtype", std::string(flag_name(p.optimizer.state_dtype))},
          {"offload", std::string(p.offload ? "optimizer" : "")},
          {"learning_rate", p.optimizer.learning_rate},
          {"beta1", p.optimizer.beta1},
          {"beta2", p.optimizer.beta2},
          {"epsilon", p.optimizer.epsilon},
          {"weight_decay", p.optimizer.weight_decay},
          {"clip", p.optimizer.clip},
          {"seed", static_cast<std::int64_t>(o.seed)},
          {"threads", std::int64_t{job.threads}}};
}

Attributes decode_attributes(const Job& job, const Options& o) {
  const Assignment& a = job.largest().assignment;
  const ServingPlan& s = a.serving;
  return {{"dp", std::int64_t{a.plan.dp}},
          {"tp", std::int64_t{a.plan.tp}},
          {"pp", std::int64_t{a.plan.pp}},
          {"order", name_of(a.plan.order)},
          {"dtype", std::string(name_of(a.plan.dtype))},
          {"kv_dtype", std::string(name_of(s.kv_dtype))},
          {"weight_dtype", std::string(flag_name(s.weight_dtype.value_or(a.plan.dtype)))},
          {"arrivals", std::string(name_of(o.find_rate ? Arrivals::open : s.arrivals))},
          {"trace", o.trace.value_or("")},
          {"prompt_tokens", o.prompt_tokens.value_or("")},
          {"input_tokens", s.input.text()},
          {"output_tokens", s.output.text()},
          {"batch", std::int64_t{s.batch}},
          {"concurrency", std::int64_t{s.arrivals == Arrivals::closed ? s.concurrency : 0}},
          {"requests", s.requests},
          {"request_rate", s.arrivals == Arrivals::open ? s.request_rate : kUnknown},
          {"prefill_chunk", s.prefill_chunk},
          {"kv_bytes", s.kv_bytes},
          {"temperature", s.sampling.temperature},
          {"top_k", s.sampling.top_k},
          {"top_p", s.sampling.top_p},
          {"ignore_eos", yes_no(s.ignore_eos)},
          {"goodput", text_of(s.limits)},
          {"block_positions", kBlockPositions},
          {"seed", static_cast<std::int64_t>(o.seed)},
          {"threads", std::int64_t{job.threads}}};
}

Attributes collective_attributes(const Job& job, const Options& o) {
  return {{"dp", std::int64_t{job.largest().ranks}},
          {"tp", std::int64_t{1}},
          {"pp", std::int64_t{1}},
          {"dtype", std::string(name_of(o.collective_type))},
          {"reduction", o.reduction},
          {"threads", std::int64_t{job.threads}}};
}

Attributes attributes_of_plan(const Job& job, const Options& o) {
  switch (job.workload.kind) {
    case WorkloadKind::training:
      return plan_attributes(job, o);
    case WorkloadKind::collective:
      return collective_attributes(job, o);
    case WorkloadKind::decode:
      break;
  }
  return decode_attributes(job, o);
}

Attributes environment_attributes(const Host& host, Crew& crew) {
  const auto hosts = crew.control.gather(crew.control.host(), crew.control.world());
  const std::set<std::string> distinct(hosts.begin(), hosts.end());
  Attributes a = {{"version", std::string(kVersion)},
                  {"git", std::string(kGitHash)},
                  {"compiler", std::string(kCompiler)},
                  {"build_type", std::string(kBuildType)},
                  {"architecture", std::string(kArchitecture)},
                  {"mpi", MpiSession::library()},
                  {"onednn", cpu::onednn_version()},
                  {"onednn_isa", cpu::onednn_isa()},
                  {"hosts", fmt::format("{}", fmt::join(distinct, ","))},
                  {"clock_sync", crew.clock.method},
                  {"cpu", host.cpu},
                  {"device", crew.hardware.pair ? "cuda" : "cpu"},
                  {"device_reason", crew.hardware.reason},
                  {"comm", std::string(name_of(crew.hardware.comm))}};
  if (crew.hardware.pair) {
    a["gpus"] = fmt::format("{}", fmt::join(crew.hardware.gpus, "\n"));
    a["affinity"] = fmt::format("{}", fmt::join(crew.hardware.affinities, "\n"));
    a["gpu_sensors"] = crew.hardware.watch ? "nvml" : "absent: " + crew.hardware.sensors_absent;
    if (crew.hardware.watch) a["driver"] = crew.hardware.watch->version();
    for (const auto& [library, version] : crew.hardware.pair->versions()) a[library] = version;
  }
  add_settings(a);
  return a;
}

}  // namespace

std::string utc_now() { return utc("%Y-%m-%dT%H:%M:%SZ"); }
std::string utc_compact() { return utc("%Y%m%dT%H%M%SZ"); }

std::string uuid() {
  std::random_device random;
  std::array<unsigned, 4> w{random(), random(), random(), random()};
  w[1] = (w[1] & 0xFFFF0FFFU) | 0x4000U;
  w[2] = (w[2] & 0x3FFFFFFFU) | 0x80000000U;
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:04x}{:08x}", w[0], w[1] >> 16, w[1] & 0xFFFFU, w[2] >> 16,
                     w[2] & 0xFFFFU, w[3]);
}

Measurement describe_run(const Options& o, const Job& job, const Host& host, Crew& crew) {
  Measurement m{.workload = std::string(job.workload.name),
                .command = o.command_line,
                .shrunk = job.shrunk,
                .run_id = uuid(),
                .created = utc_now(),
                .baseline_ranks = job.points.front().ranks};
  m.scaling = job.scaling == ScalingKind::none ? "none" : job.scaling == ScalingKind::weak ? "weak" : "strong";
  m.environment = environment_attributes(host, crew);
  if (job.workload.kind != WorkloadKind::collective) {
    m.model = model_attributes(job.rung.model, job.rung);
    m.environment["weights"] = o.weights.value_or("random");
  }
  if (job.workload.kind == WorkloadKind::training) m.environment["tokens"] = o.tokens.value_or("synthetic");
  m.plan = attributes_of_plan(job, o);
  m.machine = {{"name", host.cpu},
               {"cores", std::int64_t{host.cores}},
               {"memory", host.memory_total},
               {"ranks_per_node", std::int64_t{crew.control.ranks_on_node()}},
               {"bound_cores", std::int64_t{host.bound_cores}}};
  if (crew.hardware.pair) m.machine["gpu_memory"] = memory_of(crew.hardware, crew.control.size());
  return m;
}

}  // namespace scalebench
