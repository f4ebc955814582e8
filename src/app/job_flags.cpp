#include "app/job_flags.hpp"

#include "base/check.hpp"

namespace scalebench {

namespace {

struct Flag {
  std::string name;
  bool given;
};

void refuse_any(const std::vector<Flag>& flags, const std::string& workload, std::string_view why,
                std::string_view instead) {
  for (const Flag& flag : flags)
    if (flag.given) fail(Exit::bad_input, "{} with {} ({}) leave it out{}", flag.name, workload, why, instead);
}

std::vector<Flag> flags_of_training(const Options& o) {
  return {{"--seq", o.sequence.has_value()},
          {"--micro-batch", o.micro_batch.has_value()},
          {"--global-batch", o.global_batch.has_value()},
          {"--shard", o.shard.has_value()},
          {"--sequence-parallel", o.sequence_parallel},
          {"--virtual-stages", o.virtual_stages.has_value()},
          {"--shard-group", o.shard_group.has_value()},
          {"--reshard-after-forward", o.reshard_after_forward.has_value()},
          {"--prefetch", o.prefetch.has_value()},
          {"--bucket", o.bucket_bytes.has_value()},
          {"--reduce-dtype", o.reduce_dtype.has_value()},
          {"--dtype tf32", o.products == Products::tf32},
          {"--dtype fp8", is_fp8(o.products)},
          {"--dtype mxfp8", o.products == Products::mxfp8},
          {"--dtype nvfp4", o.products == Products::nvfp4},
          {"--fp8-scaling", o.fp8_scaling.has_value()},
          {"--optimizer", o.optimizer.has_value()},
          {"--optimizer-state-dtype", o.optimizer_state_dtype.has_value()},
          {"--offload", o.offload},
          {"--verify", o.verify},
          {"--tokens", o.tokens.has_value()},
          {"--dump", o.dump.has_value()},
          {"--recompute", o.recompute.has_value()}};
}

std::vector<Flag> flags_of_models(const Options& o) {
  return {{"--model", o.model.has_value()},     {"--layers", o.layers.has_value()},
          {"--dp", o.dp.has_value()},           {"--tp", o.tp.has_value()},
          {"--pp", o.pp.has_value()},           {"--order", o.order.has_value()},
          {"--weights", o.weights.has_value()}, {"--shrink", o.shrink.has_value()},
          {"--no-overlap", o.no_overlap},       {"--dtype", o.dtype.has_value() || o.products != Products::plain}};
}

std::vector<Flag> flags_of_decode(const Options& o) {
  return {{"--batch", !o.batch.empty()},
          {"--concurrency", !o.concurrency.empty()},
          {"--request-rate", !o.request_rate.empty()},
          {"--input-tokens", o.input_tokens.has_value()},
          {"--output-tokens", o.output_tokens.has_value()},
          {"--requests", o.requests.has_value()},
          {"--prefill-chunk", o.prefill_chunk.has_value()},
          {"--trace", o.trace.has_value()},
          {"--prompt-tokens", o.prompt_tokens.has_value()},
          {"--kv-dtype", o.kv_dtype.has_value()},
          {"--kv-memory", o.kv_memory.has_value()},
          {"--weight-dtype", o.weight_dtype.has_value()},
          {"--ignore-eos", o.ignore_eos.has_value()},
          {"--temperature", o.temperature.has_value()},
          {"--top-k", o.top_k.has_value()},
          {"--top-p", o.top_p.has_value()},
          {"--goodput", !o.goodput.empty()},
          {"--find-rate", o.find_rate}};
}

std::vector<Flag> flags_of_collectives(const Options& o) {
  std::vector<Flag> flags;
  for (const std::string& name : o.of_collectives) flags.push_back({name, true});
  return flags;
}

}  // namespace

void refuse_flags_of_others(const Options& o, WorkloadKind kind) {
  constexpr std::string_view kNoModel = "a collective has no model",
                             kSteps = "it is of collectives: all_reduce, all_gather and so on",
                             kSizes = "; sizes are said with -b and -e, the type with -d";
  if (kind != WorkloadKind::collective) refuse_any(flags_of_collectives(o), o.workload, kSteps, "");
  switch (kind) {
    case WorkloadKind::training:
      return refuse_any(flags_of_decode(o), o.workload, "it is of workloads that decode",
                        ", or write --workload decode_qwen3_8b");
    case WorkloadKind::collective:
      for (const auto& flags : {flags_of_models(o), flags_of_training(o), flags_of_decode(o)})
        refuse_any(flags, o.workload, kNoModel, kSizes);
      return;
    case WorkloadKind::decode:
      return refuse_any(flags_of_training(o), o.workload, "it is of workloads that train", "");
  }
}

}  // namespace scalebench
