#include "app/gpu/choose.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <ranges>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/gpu/affinity.hpp"
#include "app/gpu/driver.hpp"
#include "app/gpu/open.hpp"

namespace scalebench {

namespace {

// How many ranks of the world have it.
int count(bool mine, Control& control) {
  const double flags[] = {mine ? 1.0 : 0.0};
  const auto all = control.gather(flags, control.world());
  double sum = 0;
  for (const auto& rank : all) sum += rank[0];
  return static_cast<int>(control.broadcast({&sum, 1}, control.world())[0]);
}

// What keeps this rank from its GPU, before anything is opened.
std::optional<Error> obstacle(const Options& o, const Driver& driver, bool module) {
  if (driver.gpus.empty())
    return Error(Exit::unfit, fmt::format("{} ({}) use --device cpu",
                                          o.device == "cuda" ? "--device cuda without a GPU"
                                                             : "a rank has no GPU, though others have",
                                          driver.absent));
  if (!module)
    return Error(Exit::unfit,
                 fmt::format("{} but this program has no CUDA (it was built without: no {} beside it) "
                             "build it with 'cmake --preset cuda', or use --device cpu",
                             o.device == "cuda" ? "--device cuda" : "GPUs are seen", "scalebench_cuda.so"));
  return std::nullopt;
}

void check_version(const Driver& driver, const GpuModule& module) {
  if (driver.version < module.cuda_version())
    fail(Exit::unfit,
         "the NVIDIA driver is too old (it brings CUDA {}, this program was built with {}) update the driver, or use "
         "--device cpu",
         cuda_version_text(driver.version), cuda_version_text(module.cuda_version()));
}

// "host uuid name" of every rank, on every rank.
std::vector<std::string> all_of(const std::string& mine, Control& control) {
  const auto lines = control.gather(mine, control.world());
  const std::string joined = control.broadcast(fmt::format("{}", fmt::join(lines, "\n")), control.world());
  std::vector<std::string> all;
  for (std::size_t at = 0; at <= joined.size();) {
    const std::size_t end = std::min(joined.find('\n', at), joined.size());
    all.push_back(joined.substr(at, end - at));
    at = end + 1;
  }
  return all;
}

// "host uuid name" as its parts.
std::string host_of(const std::string& line) { return line.substr(0, line.find(' ')); }
std::string host_and_uuid_of(const std::string& line) { return line.substr(0, line.find(' ', line.find(' ') + 1)); }

// NCCL takes one GPU a rank (nccl's "Duplicate GPU detected"); over MPI ranks may share one.
void check_sharing(const std::vector<std::string>& all, Comm comm) {
  std::map<std::string, std::pair<int, std::set<std::string>>> hosts;  // ranks and their GPUs
  for (const std::string& line : all)
    ++hosts[host_of(line)].first, hosts[host_of(line)].second.insert(host_and_uuid_of(line));
  std::vector<std::string> crowded;
  for (const auto& [host, held] : hosts)
    if (held.first > static_cast<int>(held.second.size()))
      crowded.push_back(fmt::format("{}: {} ranks, {} GPU{}", host, held.first, held.second.size(),
                                    held.second.size() == 1 ? "" : "s"));
  if (!crowded.empty() && comm == Comm::nccl)
    fail(
        Exit::unfit,
        "ranks would share GPUs ({}; NCCL takes one GPU a rank) start as many ranks as there are GPUs, share them with "
        "--comm mpi, or use --device cpu",
        fmt::join(crowded, "; "));
}

void check_slices(const std::string& mine, int ranks, Comm comm) {
  if (comm == Comm::nccl && ranks > 1 && mine.find(" MIG ") != std::string::npos)
    fail(Exit::unfit,
         "a rank's GPU is a slice of one ({}; NCCL knows whole GPUs alone) turn MIG off, or use --comm mpi",
         mine.substr(mine.find(' ') + 1));
}

bool hidden_from_peers(const Driver& driver, Control& control) {
  const double alone[] = {driver.gpus.size() == 1 && control.ranks_on_node() > 1 ? 1.0 : 0.0};
  return control.maximum(alone, control.world())[0] > 0;
}

// Before the GPU is opened, so that what it takes of the host's memory lies near.
void place_near_gpu(const std::string& pci, Hardware& hardware, Control& control) {
  Affinity mine;
  control.together([&] { mine = bind_near_gpu(pci); });
  hardware.affinities = control.gather(text_of(mine), control.world());
  const std::string line = mine.far ? fmt::format("rank {}: cores {} of node {}, GPU at node {}", control.rank(),
                                                  mine.cores, mine.numa, mine.gpu_numa)
                                    : "";
  std::vector<std::string> far = control.gather(line, control.world());
  std::erase(far, "");
  if (!far.empty())
    hardware.warnings.push_back(
        fmt::format("{} of {} ranks run on cores of another NUMA node than their GPU's ({}: launches and copies cross "
                    "the machine) add --bind-to none to mpirun, and each is bound near its GPU",
                    far.size(), control.size(), far.front()));
}

void watch_sensors(const std::string& uuid, Hardware& hardware) {
  FoundSensors found = open_sensors(uuid);
  hardware.sensors_absent = found.absent;
  if (found.sensors) hardware.watch = std::make_unique<GpuWatch>(std::move(found.sensors));
}

}  // namespace

// The rest is for NCCL's buffers and channels, plans and kernels that are loaded late.
double memory_of(const Hardware& hardware, int ranks) {
  constexpr double kShare = 0.95;
  const auto sharers = std::ranges::count(hardware.gpus | std::views::take(ranks), hardware.id, host_and_uuid_of);
  return kShare * hardware.pair->free_memory() / static_cast<double>(std::max<std::ptrdiff_t>(sharers, 1));
}

int gpu_of_rank(int rank_on_node, int gpus) { return rank_on_node % gpus; }

Hardware choose_hardware(const Options& o, Control& control) {
  Hardware hardware{.comm = o.comm.value_or(Comm::mpi)};
  if (o.device == "cpu") return hardware;
  const Driver driver = look_for_driver();
  const std::string path = gpu_module_path();
  const int with_gpu = count(!driver.gpus.empty(), control), with_module = count(!path.empty(), control);
  if (o.device == "auto" && (with_gpu == 0 || with_module == 0)) {
    control.together([&] {
      const std::string wish = o.comm == Comm::nccl ? "--comm" : o.require_transport ? "--require-transport" : "";
      if (!wish.empty())
        fail(Exit::unfit, "{} {} on the CPU ({}) leave {} out", wish, wish == "--comm" ? "nccl" : *o.require_transport,
             with_gpu == 0 ? driver.absent : "this program was built without CUDA", wish);
    });
    hardware.surprising = with_gpu > 0 || with_module > 0;
    hardware.reason = control.broadcast(
        with_gpu == 0
            ? driver.absent
            : fmt::format("{} of {} ranks see GPUs, but this program was built without CUDA: cmake --preset cuda",
                          with_gpu, control.size()),
        control.world());
    return hardware;
  }
  hardware.comm = o.comm.value_or(Comm::nccl);
  std::optional<GpuModule> module;
  std::string mine;
  const int number =
      driver.gpus.empty() ? 0 : gpu_of_rank(control.rank_on_node(), static_cast<int>(driver.gpus.size()));
  control.together([&] {
    if (const auto problem = obstacle(o, driver, !path.empty())) throw *problem;
    module.emplace(path);
    check_version(driver, *module);
    const Gpu& gpu = driver.gpus[static_cast<std::size_t>(number)];
    mine = fmt::format("{} {} {}", control.host(), gpu.uuid, gpu.name);
  });
  hardware.gpus = all_of(mine, control);
  control.together([&] {
    check_sharing(hardware.gpus, hardware.comm);
    check_slices(mine, control.size(), hardware.comm);
  });
  if (hardware.comm == Comm::nccl && hidden_from_peers(driver, control))
    hardware.warnings.push_back(
        "each rank sees one GPU alone (as with --gpus-per-task=1: NCCL then goes through shared memory or the network "
        "instead of NVLink) let every rank see all GPUs of its node, for instance with --gpus-per-node");
  const Gpu& gpu = driver.gpus[static_cast<std::size_t>(number)];
  hardware.name = gpu.name;
  hardware.id = host_and_uuid_of(mine);
  place_near_gpu(gpu.pci, hardware, control);
  control.together([&] { hardware.pair = module->make_pair({.gpu = number, .over_mpi = hardware.comm == Comm::mpi}); });
  watch_sensors(gpu.uuid, hardware);
  return hardware;
}

}  // namespace scalebench
