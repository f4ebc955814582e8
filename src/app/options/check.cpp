#include "app/options/check.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "app/options/names.hpp"
#include "app/options/table.hpp"
#include "base/check.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

namespace scalebench {

namespace {

// A default gives way to what was said.
void settle_iterations(Options& o, const Names& names) {
  if (!names.hold("min-iterations")) o.min_iterations = std::min(o.min_iterations, o.max_iterations);
  if (!names.hold("max-iterations")) o.max_iterations = std::max(o.min_iterations, o.max_iterations);
  if (o.min_iterations > o.max_iterations)
    fail(Exit::bad_input, "{} {} is more than {} {} (no point could end) raise the second or lower the first",
         names.where("min-iterations"), o.min_iterations, names.where("max-iterations"), o.max_iterations);
}

void settle_scaling(Options& o, const Names& names) {
  if (o.scale.empty() && names.hold("scaling"))
    fail(Exit::bad_input, "{} is given without --scale (there is one point only) add for example --scale 1,2,4",
         names.where("scaling"));
  if (!o.scale.empty() && !names.hold("scaling")) o.scaling = ScalingKind::weak;
}

void settle_sizes(Options& o, const Names& names) {
  for (const OptionRow& row : options_of_collectives())
    if (names.hold(row.name)) o.of_collectives.push_back(names.where(row.name));
  if (o.begin_bytes > o.end_bytes)
    fail(Exit::bad_input, "-b {} is more than -e {} (no size is between) raise -e or lower -b",
         format_size(o.begin_bytes), format_size(o.end_bytes));
  if (names.hold("stepbytes") && names.hold("stepfactor"))
    fail(Exit::bad_input, "{} and {} contradict each other (sizes are added to or multiplied) give one of them",
         names.where("stepbytes"), names.where("stepfactor"));
  if (o.factor <= 1)
    fail(Exit::bad_input, "{} is {} (sizes would never grow) write a number above 1", names.where("stepfactor"),
         o.factor);
}

// Weights are of one model of one size.
void settle_inputs(Options& o, const Names& names) {
  if (!o.weights) return;
  if (o.shrink && o.shrink != "none")
    fail(Exit::bad_input, "{} {} with --weights (the weights are of the whole model) leave it out",
         names.where("shrink"), *o.shrink);
  if (o.layers)
    fail(Exit::bad_input, "{} with --weights (the weights are of the whole model) leave it out", names.where("layers"));
  o.shrink = "none";
}

std::filesystem::path whole_path(const std::string& path) {
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::weakly_canonical(std::filesystem::absolute(path, error), error);
  return error ? std::filesystem::path(path) : whole;
}

void check_dump(const Options& o, const Names& names) {
  if (!o.dump) return;
  if (!o.dump->ends_with(".h5"))
    fail(Exit::bad_input, "{} is '{}' (it is written as HDF5) write a name that ends in .h5", names.where("dump"),
         printable(*o.dump));
  if (o.dry_run) fail(Exit::bad_input, "{} with --dry-run (nothing is computed) leave one out", names.where("dump"));
  if (o.scale.size() > 1)
    fail(Exit::bad_input, "{} with --scale (it is of one point) leave --scale out", names.where("dump"));
  if (o.output && whole_path(*o.output) == whole_path(*o.dump))
    fail(Exit::bad_input, "{} and {} name one file (each is a file of its own) give two names", names.where("dump"),
         names.where("output"));
}

// sim:h100-sxm names the machine of a dry run. Whether a model fits on a stated machine is asked of the whole model.
void settle_machine(Options& o, const Names& names) {
  if (!o.device.starts_with("sim:")) return;
  const std::string machine = o.device.substr(4);
  if (o.machine && *o.machine != machine)
    fail(Exit::bad_input, "{} {} and {} {} name two machines (a run has one) give one of them", names.where("device"),
         o.device, names.where("machine"), *o.machine);
  o.machine = machine;
}

void check_device(const Options& o, const Names& names) {
  if (o.device.starts_with("sim:") && !o.dry_run)
    fail(Exit::bad_input, "{} {} without --dry-run is not in this version (it predicts no times yet) add --dry-run",
         names.where("device"), o.device);
  if (o.comm == Comm::nccl && o.device == "cpu")
    fail(Exit::bad_input, "{} nccl with {} cpu (NCCL moves the memory of GPUs) leave {} out", names.where("comm"),
         names.where("device"), names.where("comm"));
  if (o.dry_run && o.device == "cuda" && !o.machine && !o.machine_memory)
    fail(Exit::bad_input,
         "{} cuda with --dry-run (it uses no GPU, so it must know which it is for) write --machine h200",
         names.where("device"));
  if (o.dry_run && o.require_transport)
    fail(Exit::bad_input, "{} with --dry-run (nothing is connected) leave it out", names.where("require-transport"));
  if (o.require_transport && (o.device == "cpu" || o.comm == Comm::mpi))
    fail(Exit::bad_input, "{} {} with {} (only NCCL says what it goes through) leave one of them out",
         names.where("require-transport"), *o.require_transport,
         o.device == "cpu" ? names.where("device") + " cpu" : names.where("comm") + " mpi");
}

void check_output(const Options& o) {
  if (o.force && o.append)
    fail(Exit::bad_input,
         "--force and --append contradict each other (one replaces the file, one adds to it) give one");
}

void check_command(const Options& o) {
  if (o.command == Command::run && o.workload.empty())
    fail(Exit::bad_input,
         "no workload is named (there is more than one) write --workload fsdp70b; 'scalebench list' shows all");
}

}  // namespace

void settle(Options& options, const std::vector<Given>& given) {
  const Names names(given);
  settle_iterations(options, names);
  settle_scaling(options, names);
  settle_machine(options, names);
  settle_inputs(options, names);
  settle_sizes(options, names);
  check_device(options, names);
  check_output(options);
  check_dump(options, names);
  check_decode(options, names);
  check_command(options);
}

}  // namespace scalebench
