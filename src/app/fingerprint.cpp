#include "app/fingerprint.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/job_serving.hpp"
#include "spec/flag_name.hpp"

namespace scalebench {

namespace {

class Lines {
 public:
  template <class T>
  void add(std::string_view name, const T& value) {
    text_ += fmt::format("{} {}\n", name, value);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_{};
};

void add_measuring(Lines& lines, const Options& o, const Job& job) {
  lines.add("--workload", job.workload.name);
  lines.add("--scale", fmt::format("{}", fmt::join(o.scale, ",")));
  lines.add("--scaling", static_cast<int>(job.scaling));
  lines.add("--threads", job.threads);
  lines.add("--seed", o.seed);
  lines.add("--weights", o.weights.value_or(""));
  lines.add("--tokens", o.tokens.value_or(""));
  lines.add("--dump", o.dump.value_or(""));
  lines.add("--min-iterations", o.min_iterations);
  lines.add("--max-iterations", o.max_iterations);
  lines.add("--max-seconds", o.max_seconds);
  lines.add("--target-ci", o.target_ci);
  lines.add("--timeout", o.timeout.value_or(0));
  lines.add("--verify", o.verify);
  lines.add("--force", o.force);
  lines.add("--append", o.append);
  lines.add("--output", o.output.value_or(""));
  lines.add("--inject", fmt::format("{}", fmt::join(o.inject, " ")));
}

void add_collective(Lines& lines, const Options& o) {
  lines.add("-b", o.begin_bytes);
  lines.add("-e", o.end_bytes);
  lines.add("-i", o.step_bytes);
  lines.add("-f", o.factor);
  lines.add("-n", o.collective_iterations.value_or(0));
  lines.add("-w", o.collective_warmup);
  lines.add("-c", o.check);
  lines.add("-d", name_of(o.collective_type));
  lines.add("-o", o.reduction);
  lines.add("-r", o.root);
}

void add_model(Lines& lines, const Job& job) {
  const ModelSpec& m = job.rung.model;
  lines.add("--shrink", job.rung.name);
  lines.add("model", m.name);
  lines.add("model_type", name_of(m.family));
  lines.add("num_hidden_layers", m.layers);
  lines.add("hidden_size", m.hidden);
  lines.add("intermediate_size", m.feed_forward);
  lines.add("num_attention_heads", m.heads);
  lines.add("num_key_value_heads", m.kv_heads);
  lines.add("head_dim", m.head_dim);
  lines.add("vocab_size", m.vocabulary);
  lines.add("rope_theta", m.rope_theta);
  lines.add("rope_type", name_of(m.rope_scaling.type));
  lines.add("factor of rope_type", m.rope_scaling.factor);
  lines.add("low_freq_factor", m.rope_scaling.low_frequency);
  lines.add("high_freq_factor", m.rope_scaling.high_frequency);
  lines.add("original_max_position_embeddings", m.rope_scaling.original_sequence);
  lines.add("rms_norm_eps", m.norm_epsilon);
  lines.add("tie_word_embeddings", m.tied_embeddings);
  lines.add("max_position_embeddings", m.max_sequence);
  lines.add("sliding_window", m.window);
}

void add_plan(Lines& lines, const PointPlan& point) {
  const ParallelPlan& p = point.assignment.plan;
  lines.add("ranks", point.ranks);
  lines.add("--dp", p.dp);
  lines.add("--tp", p.tp);
  lines.add("--pp", p.pp);
  lines.add("--virtual-stages", p.virtual_stages);
  lines.add("--order", name_of(p.order));
  lines.add("--sequence-parallel", p.sequence_parallel);
  lines.add("--shard", name_of(p.shard));
  lines.add("--shard-group", p.shard_group);
  lines.add("--reshard-after-forward", p.reshard_after_forward);
  lines.add("--prefetch", p.prefetch);
  lines.add("overlap", p.overlap);
  lines.add("--bucket", p.bucket_bytes);
  lines.add("--micro-batch", p.micro_batch);
  lines.add("--global-batch", p.global_batch);
  lines.add("--seq", p.sequence);
  lines.add("--dtype", precision_name(p));
  lines.add("--fp8-scaling", fp8_scaling_name(p.products));
  lines.add("--recompute", name_of(p.recompute));
  lines.add("--reduce-dtype", name_of(p.reduce_dtype));
  lines.add("--optimizer", name_of(p.optimizer.kind));
  lines.add("--optimizer-state-dtype", flag_name(p.optimizer.state_dtype));
  lines.add("--offload", p.offload);
}

void add_serving(Lines& lines, const Options& o, const ServingPlan& s) {
  lines.add("--input-tokens", s.input.text());
  lines.add("--output-tokens", s.output.text());
  lines.add("--prompt-tokens", o.prompt_tokens.value_or(""));
  lines.add("--trace", o.trace.value_or(""));
  lines.add("--requests", s.requests);
  lines.add("--batch", fmt::format("{} {}", s.batch, fmt::join(o.batch, ",")));
  lines.add("--concurrency", fmt::format("{} {}", s.concurrency, fmt::join(o.concurrency, ",")));
  lines.add("--request-rate", fmt::format("{} {}", s.request_rate, fmt::join(o.request_rate, ",")));
  lines.add("--prefill-chunk", s.prefill_chunk);
  lines.add("--kv-dtype", name_of(s.kv_dtype));
  lines.add("--kv-memory", s.kv_bytes);
  lines.add("--weight-dtype", s.weight_dtype ? flag_name(*s.weight_dtype) : "");
  lines.add("--ignore-eos", s.ignore_eos);
  lines.add("--temperature", s.sampling.temperature);
  lines.add("--top-k", s.sampling.top_k);
  lines.add("--top-p", s.sampling.top_p);
  lines.add("--goodput", text_of(s.limits));
  lines.add("--find-rate", o.find_rate);
}

}  // namespace

std::string where_to_compute(const Options& o) {
  Lines lines;
  lines.add("--device", o.device);
  lines.add("--comm", o.comm ? name_of(*o.comm) : "");
  lines.add("--require-transport", o.require_transport.value_or(""));
  return lines.text();
}

std::string fingerprint(const Options& o, const Job& job) {
  Lines lines;
  add_measuring(lines, o, job);
  if (job.workload.kind == WorkloadKind::collective)
    add_collective(lines, o);
  else
    add_model(lines, job);
  if (job.workload.kind == WorkloadKind::decode) add_serving(lines, o, job.largest().assignment.serving);
  add_plan(lines, job.largest());
  return lines.text();
}

}  // namespace scalebench
