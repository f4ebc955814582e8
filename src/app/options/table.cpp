#include "app/options/table.hpp"

#include "app/options/lists.hpp"
#include "app/options/setters.hpp"

namespace scalebench {

namespace {

constexpr std::int64_t kMostRanks = 10'000'000, kMostSequences = 1'000'000'000, kMostTokens = 1 << 30;
constexpr int kMostRequests = 100'000'000;
constexpr std::int64_t kMostIterations = 1'000'000, kMostBytes = std::int64_t{1} << 50;

template <class Value>
constexpr std::optional<int> is(Value value) {
  return static_cast<int>(value);
}
constexpr std::optional<int> kAbsent{};

constexpr Choice kComm[] = {{"mpi", is(Comm::mpi)}, {"nccl", is(Comm::nccl)}};
constexpr Choice kShard[] = {{"none", is(Shard::none)},
                             {"parameters", is(Shard::parameters)},
                             {"optimizer", is(Shard::optimizer)},
                             {"gradients", is(Shard::gradients)},
                             {"hybrid", is(Shard::hybrid)}};
// What is stored, or how it is multiplied.
constexpr int kProducts = 1 << 8;
constexpr std::optional<int> by(Products products) { return kProducts + static_cast<int>(products); }
constexpr Choice kDtype[] = {{"bf16", is(DType::bf16)},         {"fp32", is(DType::f32)},
                             {"tf32", by(Products::tf32)},      {"fp16", is(DType::f16)},
                             {"fp8", by(Products::fp8_tensor)}, {"mxfp8", by(Products::mxfp8)},
                             {"nvfp4", by(Products::nvfp4)}};
constexpr Choice kFp8Scaling[] = {{"tensor", is(Products::fp8_tensor)}, {"block", is(Products::fp8_block)}};
constexpr Choice kServedDtype[] = {
    {"bf16", is(DType::bf16)}, {"fp16", is(DType::f16)}, {"fp32", is(DType::f32)}, {"int8", kAbsent}, {"fp8", kAbsent}};
constexpr Choice kWeightDtype[] = {{"int8", is(DType::i8)},
                                   {"bf16", is(DType::bf16)},
                                   {"fp16", is(DType::f16)},
                                   {"fp32", is(DType::f32)},
                                   {"fp8", is(DType::e4m3)}};
constexpr Choice kReduceDtype[] = {{"fp32", is(DType::f32)}, {"bf16", is(DType::bf16)}, {"fp16", is(DType::f16)}};
constexpr Choice kStateDtype[] = {
    {"fp32", is(DType::f32)}, {"bf16", is(DType::bf16)}, {"fp8", is(DType::e4m3)}, {"int8", kAbsent}};
constexpr Choice kOptimizer[] = {{"adamw", is(Optimizer::adamw)}, {"sgd", is(Optimizer::sgd)}};
constexpr Choice kRecompute[] = {
    {"none", is(Recompute::none)}, {"full", is(Recompute::full)}, {"attention", is(Recompute::attention)}};
constexpr Choice kScaling[] = {{"weak", is(ScalingKind::weak)}, {"strong", is(ScalingKind::strong)}};
constexpr Choice kFormat[] = {{"table", is(Format::table)}, {"csv", is(Format::csv)}, {"json", is(Format::json)}};
// nccl-tests' names beside ours.
constexpr Choice kType[] = {
    {"fp32", is(DType::f32)},  {"float", is(DType::f32)}, {"bf16", is(DType::bf16)}, {"bfloat16", is(DType::bf16)},
    {"int32", is(DType::i32)}, {"double", kAbsent},       {"half", is(DType::f16)},  {"fp16", is(DType::f16)},
    {"int8", kAbsent},         {"uint8", kAbsent},        {"uint32", kAbsent},       {"int64", kAbsent},
    {"uint64", kAbsent},       {"all", kAbsent}};
constexpr Choice kReduction[] = {{"sum", 0},       {"max", 1},       {"prod", kAbsent},
                                 {"min", kAbsent}, {"avg", kAbsent}, {"all", kAbsent}};

void set_dtype(Options& o, const Given& g) {
  const int chosen = choice_in(g, kDtype);
  o.products = chosen >= kProducts ? static_cast<Products>(chosen - kProducts) : Products::plain;
  o.dtype = chosen >= kProducts ? stored_dtype(o.products) : static_cast<DType>(chosen);
}

void set_device(Options& o, const Given& g) {
  constexpr Choice kDevices[] = {{"cpu", 0}, {"auto", 1}, {"cuda", 2}};
  if (g.value.starts_with("sim:") && g.value.size() > 4 && g.value.find(',') == std::string::npos)
    o.device = g.value;
  else
    choice_in(g, kDevices), o.device = g.value;
}

void set_offload(Options& o, const Given& g) {
  constexpr Choice kOffload[] = {{"optimizer", 1}, {"parameters", kAbsent}, {"activations", kAbsent}};
  o.offload = choice_in(g, kOffload) == 1;
}

void set_shrink(Options& o, const Given& g) {
  constexpr Choice kRules[] = {{"auto", 0}, {"none", 1}, {"FILE.h5", 2}};
  if (!g.value.ends_with(".h5") || g.value == "FILE.h5") choice_in(g, kRules);
  o.shrink = g.value;
}

void set_transport(Options& o, const Given& g) {
  constexpr Choice kTransports[] = {{"nvlink", 0}, {"pcie", 1}, {"shm", 2}, {"ib", 3}, {"socket", 4}};
  choice_in(g, kTransports), o.require_transport = g.value;
}

void set_order(Options& o, const Given& g) {
  const Order orders[] = {{Dimension::tp, Dimension::dp, Dimension::pp}, {Dimension::tp, Dimension::pp, Dimension::dp},
                          {Dimension::dp, Dimension::tp, Dimension::pp}, {Dimension::dp, Dimension::pp, Dimension::tp},
                          {Dimension::pp, Dimension::tp, Dimension::dp}, {Dimension::pp, Dimension::dp, Dimension::tp}};
  constexpr Choice kOrders[] = {{"tp,dp,pp", 0}, {"tp,pp,dp", 1}, {"dp,tp,pp", 2},
                                {"dp,pp,tp", 3}, {"pp,tp,dp", 4}, {"pp,dp,tp", 5}};
  o.order = orders[choice_in(g, kOrders)];
}

void set_target(Options& o, const Given& g) { o.target_ci = real_in(g, 0, 1, "0.02"); }
void set_factor(Options& o, const Given& g) { o.factor = real_in(g, 1, 1e6, "2"); }
void set_scale(Options& o, const Given& g) { o.scale = rising_list(g, static_cast<int>(kMostRanks)); }
void set_batch(Options& o, const Given& g) { o.batch = rising_list(g, kMostRequests); }
void set_concurrency(Options& o, const Given& g) { o.concurrency = rising_list(g, kMostRequests); }
void set_request_rate(Options& o, const Given& g) { o.request_rate = rising_rates(g, 1e6); }
void set_input_tokens(Options& o, const Given& g) { o.input_tokens = token_count_in(g); }
void set_output_tokens(Options& o, const Given& g) { o.output_tokens = token_count_in(g); }
void set_temperature(Options& o, const Given& g) {
  const double temperature = real_in(g, 0, 1000, "0.7");
  if (temperature > 0 && temperature < 1e-6) real_in(g, 1e-6, 1000, "0");  // logits over it would overflow
  o.temperature = temperature;
}
void set_top_p(Options& o, const Given& g) { o.top_p = share_in(g, "0.95"); }
void set_goodput(Options& o, const Given& g) { o.goodput = limits_in(g); }
void set_reduction(Options& o, const Given& g) { o.reduction = choice_in(g, kReduction) == 0 ? "sum" : "max"; }
void set_check(Options& o, const Given& g) { o.check = whole_in(g, 0, 1) == 1; }
void add_fault(Options& o, const Given& g) { o.inject.push_back(text_in(g)); }
void read_already(Options&, const Given&) {}

using O = Options;

constexpr OptionRow kWhat[] = {
    {"workload", ' ', "NAME", "", "what to run; 'scalebench list' shows all", set_text<&O::workload>},
    {"model", ' ', "NAME", "the workload's", "a model of the catalogue, or the path of a config.json",
     set_text<&O::model>},
    {"layers", ' ', "N", "the model's", "cut the depth", set_whole<&O::layers, 1, 100'000>},
    {"shrink", ' ', "RULE", "auto; none on GPUs", "auto: until it fits; none; FILE.h5: as there", set_shrink},
    {"weights", ' ', "DIR", "random", "start from the safetensors of a Hugging Face model; shrinks nothing",
     set_text<&O::weights>},
    {"tokens", ' ', "FILE", "synthetic", "ids of T + 1 a sequence: .txt, one a line; .bin, little-endian int32",
     set_text<&O::tokens>},
    {"dtype", ' ', "TYPE", "the workload's", "bf16, fp16, fp32; with other products: tf32, fp8, mxfp8, nvfp4",
     set_dtype},
    {"fp8-scaling", ' ', "KIND", "tensor", "a scale a tensor, or a block of 128 (Hopper), with --dtype fp8",
     set_choice<&O::fp8_scaling, kFp8Scaling>},
    {"seed", ' ', "N", "0", "of weights and tokens", set_whole<&O::seed, 0, INT64_MAX>},
};
constexpr OptionRow kWhere[] = {
    {"device", ' ', "NAME", "cuda where there are GPUs, else cpu", "cpu, cuda, or with --dry-run sim:MACHINE",
     set_device},
    {"comm", ' ', "NAME", "nccl on GPUs, else mpi", "what carries the collectives: mpi, nccl",
     set_choice<&O::comm, kComm>},
    {"require-transport", ' ', "NAME", "", "nvlink, pcie, shm, ib or socket: 3 where NCCL takes another one",
     set_transport},
    {"threads", ' ', "N", "cores / ranks of the node", "threads per rank, the same at all points",
     set_whole<&O::threads, 1, 4096>},
    {"dry-run", ' ', "", "", "print plan and memory per rank, run nothing", set_yes<&O::dry_run>},
    {"ranks", ' ', "N", "mpirun's", "of the dry run; else it must be what mpirun starts",
     set_whole<&O::ranks, 1, kMostRanks>},
    {"machine", ' ', "NAME", "this one", "of the dry run: one of the catalogue, or a .toml file",
     set_text<&O::machine>},
    {"machine-memory", ' ', "BYTES", "the machine's", "what a rank may take, as 80GB",
     set_bytes<&O::machine_memory, 1, kMostBytes>},
};
constexpr OptionRow kPlan[] = {
    {"dp", ' ', "N", "ranks / tp / pp", "data-parallel ranks", set_whole<&O::dp, 1, kMostRanks>},
    {"tp", ' ', "N", "the workload's", "tensor-parallel ranks", set_whole<&O::tp, 1, kMostRanks>},
    {"pp", ' ', "N", "1", "pipeline stages (1F1B)", set_whole<&O::pp, 1, kMostRanks>},
    {"virtual-stages", ' ', "N", "1", "chunks of the model per stage, interleaved",
     set_whole<&O::virtual_stages, 1, kMostRanks>},
    {"sequence-parallel", ' ', "", "", "tp ranks share the rows between their blocks, too",
     set_yes<&O::sequence_parallel>},
    {"order", ' ', "AXES", "tp,dp,pp", "which ranks are neighbours, innermost first", set_order},
    {"shard", ' ', "WHAT", "the workload's", "none, optimizer, gradients, parameters or hybrid",
     set_choice<&O::shard, kShard>},
    {"shard-group", ' ', "N", "ranks of a node, half of one node's", "ranks that share a copy, with --shard hybrid",
     set_whole<&O::shard_group, 1, kMostRanks>},
    {"reshard-after-forward", ' ', "YES|NO", "yes", "gather parameters again for the backward",
     set_yes<&O::reshard_after_forward>},
    {"prefetch", ' ', "N", "1", "blocks gathered ahead", set_whole<&O::prefetch, 0, 1000>},
    {"no-overlap", ' ', "", "", "communicate and compute one after the other", set_yes<&O::no_overlap>},
    {"bucket", ' ', "BYTES", "25MiB", "of gradients reduced at once, with --shard none or optimizer",
     set_bytes<&O::bucket_bytes, 1, kMostBytes>},
    {"micro-batch", ' ', "N", "1", "sequences of one forward, per rank", set_whole<&O::micro_batch, 1, kMostSequences>},
    {"global-batch", ' ', "N", "dp x micro-batch (x 4 pp)", "sequences of one step, over all ranks",
     set_whole<&O::global_batch, 1, kMostSequences>},
    {"seq", ' ', "N", "the workload's", "tokens of a sequence", set_whole<&O::sequence, 1, kMostTokens>},
    {"recompute", ' ', "WHAT", "the workload's", "none, attention or full: again in the backward",
     set_choice<&O::recompute, kRecompute>},
    {"reduce-dtype", ' ', "TYPE", "fp32", "fp32, bf16 or fp16: of gradients on their way to be summed",
     set_choice<&O::reduce_dtype, kReduceDtype>},
    {"optimizer", ' ', "NAME", "adamw", "what updates the weights: adamw, or sgd without momentum",
     set_choice<&O::optimizer, kOptimizer>},
    {"optimizer-state-dtype", ' ', "TYPE", "fp32", "fp32, bf16 or fp8: of AdamW's moments",
     set_choice<&O::optimizer_state_dtype, kStateDtype>},
    {"offload", ' ', "WHAT", "nothing", "optimizer: masters and moments in the host's memory, beside a GPU's",
     set_offload},
};
constexpr OptionRow kDecode[] = {
    {"input-tokens", ' ', "N", "the workload's", "N, or uniform:64:256, normal:128:32, lognormal:128:0.5",
     set_input_tokens},
    {"output-tokens", ' ', "N", "the workload's", "of an answer, likewise", set_output_tokens},
    {"prompt-tokens", ' ', "FILE.txt", "synthetic", "prompts: a line of ids each, of any length",
     set_text<&O::prompt_tokens>},
    {"requests", ' ', "N", "the workload's", "of all ranks together", set_whole<&O::requests, 1, kMostRequests>},
    {"batch", ' ', "N", "the workload's", "most sequences in one step, per replica; 1,4,16: a sweep", set_batch},
    {"concurrency", ' ', "N", "batch x dp", "requests under way, the next as one is answered; 1,4,16: a sweep",
     set_concurrency},
    {"request-rate", ' ', "X", "", "or: requests/s that come whatever is answered (Poisson); 1,2,4: a sweep",
     set_request_rate},
    {"trace", ' ', "FILE", "", "or: a line for each request: arrival in s, input and output tokens",
     set_text<&O::trace>},
    {"prefill-chunk", ' ', "N", "the workload's", "most prompt tokens in one step, per replica",
     set_whole<&O::prefill_chunk, 1, kMostTokens>},
    {"kv-dtype", ' ', "TYPE", "the workload's", "of the cache: bf16, fp16 or fp32",
     set_choice<&O::kv_dtype, kServedDtype>},
    {"kv-memory", ' ', "BYTES", "for the longest batch", "of the cache per rank, as 1GiB; short of it requests wait",
     set_bytes<&O::kv_memory, 1, kMostBytes>},
    {"weight-dtype", ' ', "TYPE", "--dtype", "of the weights of products: int8 or fp8, a scale a row; else --dtype",
     set_choice<&O::weight_dtype, kWeightDtype>},
    {"temperature", ' ', "X", "the workload's", "0: the best token; above: drawn", set_temperature},
    {"top-k", ' ', "N", "0", "draw from the N best; 0: from all", set_whole<&O::top_k, 0, kMostTokens>},
    {"top-p", ' ', "X", "1", "draw from the fewest that reach this probability", set_top_p},
    {"ignore-eos", ' ', "", "", "answers have their full length", set_yes<&O::ignore_eos>},
    {"goodput", ' ', "LIMITS", "", "as ttft:200ms,tpot:20ms; of ttft, tpot, itl_gap, itl_tok, e2el", set_goodput},
    {"find-rate", ' ', "", "", "find the highest request rate at which 99 % of the requests meet --goodput",
     set_yes<&O::find_rate>},
};
constexpr OptionRow kMeasure[] = {
    {"scale", ' ', "1,2,4", "all ranks", "measure on so many ranks, one point each", set_scale},
    {"scaling", ' ', "KIND", "weak", "weak: the batch per rank stays; strong: the global batch",
     set_choice<&O::scaling, kScaling>},
    {"min-iterations", ' ', "N", "10, or the most if less", "per point",
     set_whole<&O::min_iterations, 1, kMostIterations>},
    {"max-iterations", ' ', "N", "100, or the least if more", "per point",
     set_whole<&O::max_iterations, 1, kMostIterations>},
    {"max-seconds", ' ', "S", "60", "per point; may end it before --min-iterations", set_duration<&O::max_seconds>},
    {"target-ci", ' ', "X", "0.02", "stop when half the 95 % interval is below X x median", set_target},
    {"verify", ' ', "", "", "first train a small model under the plan and on one rank: 4 where they differ",
     set_yes<&O::verify>},
    {"timeout", ' ', "S", "max(60, 20 x median)", "a step that takes longer has hung", set_duration<&O::timeout>},
};
constexpr OptionRow kOutput[] = {
    {"output", ' ', "FILE", "scalebench-WORKLOAD-RANKS-TIME.h5", "the result", set_text<&O::output>},
    {"force", ' ', "", "", "replace an existing result", set_yes<&O::force>},
    {"append", ' ', "", "", "add the points to an existing result", set_yes<&O::append>},
    {"dump", ' ', "FILE.h5", "", "logits, loss and gradients of the first step, to compare with other frameworks",
     set_text<&O::dump>},
    {"format", ' ', "FORM", "table", "table, csv or json, on standard output", set_choice<&O::format, kFormat>},
    {"config", ' ', "FILE", "", "options from a file, one 'name = value' a line", read_already},
};
constexpr OptionRow kCollectives[] = {
    {"minbytes", 'b', "BYTES", "8", "smallest message", set_bytes<&O::begin_bytes, 1, kMostBytes>},
    {"maxbytes", 'e', "BYTES", "128M", "largest message", set_bytes<&O::end_bytes, 1, kMostBytes>},
    {"stepfactor", 'f', "X", "2", "from one message to the next", set_factor},
    {"stepbytes", 'i', "BYTES", "", "added from one message to the next, instead of -f",
     set_bytes<&O::step_bytes, 1, kMostBytes>},
    {"iters", 'n', "N", "", "iterations, least and most", set_whole<&O::collective_iterations, 1, kMostIterations>},
    {"warmup-iters", 'w', "N", "1", "iterations not counted", set_whole<&O::collective_warmup, 0, kMostIterations>},
    {"check", 'c', "0|1", "1", "count wrong elements", set_check},
    {"datatype", 'd', "TYPE", "fp32", "fp32 (float), bf16 (bfloat16), fp16 (half) or int32",
     set_choice<&O::collective_type, kType>},
    {"op", 'o', "OP", "sum", "sum or max", set_reduction},
    {"root", 'r', "RANK", "0", "of rooted collectives", set_whole<&O::root, 0, kMostRanks>},
};
constexpr OptionRow kTests[] = {
    {"inject", ' ', "FAULT", "", "a fault on purpose, as nan:rank=0,step=3; may be repeated", add_fault},
};

constexpr OptionGroup kGroups[] = {
    {"What to run", kWhat},
    {"Where to run it", kWhere},
    {"Parallel plan and step", kPlan},
    {"Decode", kDecode},
    {"Measuring", kMeasure},
    {"Output and settings", kOutput},
    {"Collectives (nccl-tests' letters; K, M, G = 1024, 1024^2, 1024^3)", kCollectives},
    {"For tests", kTests},
};

constexpr AbsentOption kAbsentOptions[] = {
    {"stack", "NAME"}, {"resume", ""}, {"strict", ""}, {"print-config", ""}, {"log-ranks", "RANKS"},
};

}  // namespace

std::span<const OptionGroup> option_groups() { return kGroups; }
std::span<const OptionRow> options_of_collectives() { return kCollectives; }
std::span<const AbsentOption> absent_options() { return kAbsentOptions; }

}  // namespace scalebench
