#include "app/gpu/affinity.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <hwloc.h>

#include "base/check.hpp"

namespace scalebench {

namespace {

class Set {
 public:
  Set() : set_(hwloc_bitmap_alloc()) {}
  explicit Set(hwloc_const_bitmap_t of) : set_(hwloc_bitmap_dup(of)) {}
  explicit Set(const std::string& list) : Set() { hwloc_bitmap_list_sscanf(set_, list.c_str()); }
  ~Set() { hwloc_bitmap_free(set_); }
  Set(const Set&) = delete;
  Set& operator=(const Set&) = delete;
  hwloc_bitmap_t get() const { return set_; }
  std::string text() const {
    char* list = nullptr;
    if (hwloc_bitmap_list_asprintf(&list, set_) < 0) return "";
    const std::string text = list;
    std::free(list);
    return text;
  }

 private:
  hwloc_bitmap_t set_;
};

// Those that look into GPUs would take time and memory of them, and we know them already.
constexpr const char* kUnwanted[] = {"cuda", "nvml", "opencl", "rsmi", "levelzero", "gl"};

hwloc_topology* made() {
  hwloc_topology_t topology = nullptr;
  hwloc_topology_init(&topology);
  for (const char* component : kUnwanted)
    hwloc_topology_set_components(topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, component);
  hwloc_topology_set_io_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
  return topology;
}

// NUMA nodes that have cores: a GPU's memory may be a node without any.
int nodes_with_cores(hwloc_topology_t topology) {
  int count = 0;
  for (hwloc_obj_t node = nullptr; (node = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, node)) != nullptr;)
    if (hwloc_bitmap_iszero(node->cpuset) == 0) ++count;
  return count;
}

std::string nodes_of(hwloc_topology_t topology, hwloc_const_bitmap_t cores) {
  const Set nodes;
  for (hwloc_obj_t node = nullptr; (node = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, node)) != nullptr;)
    if (hwloc_bitmap_intersects(node->cpuset, cores) != 0) hwloc_bitmap_set(nodes.get(), node->os_index);
  return nodes.text();
}

bool is_nic(const hwloc_obj& device) {
  return device.attr->osdev.type == HWLOC_OBJ_OSDEV_NETWORK || device.attr->osdev.type == HWLOC_OBJ_OSDEV_OPENFABRICS;
}

// How far up from the GPU the first thing is that both hang on: a switch, a bridge, a NUMA node, the machine.
int distance(hwloc_obj_t gpu, hwloc_obj_t other) {
  int up = 0;
  for (hwloc_obj_t above = gpu; above != nullptr; above = above->parent, ++up)
    for (hwloc_obj_t its = other; its != nullptr; its = its->parent)
      if (its == above) return up;
  return up;
}

std::string nearest_nics(hwloc_topology_t topology, hwloc_obj_t gpu) {
  std::vector<std::string> names;
  int nearest = 0;
  for (hwloc_obj_t device = nullptr; (device = hwloc_get_next_osdev(topology, device)) != nullptr;) {
    if (!is_nic(*device) || device->name == nullptr) continue;
    const int up = distance(gpu, device);
    if (!names.empty() && up > nearest) continue;
    if (up < nearest) names.clear();
    nearest = up;
    names.emplace_back(device->name);
  }
  std::ranges::sort(names);
  return fmt::format("{}", fmt::join(names, ","));
}

std::string cores_of_process(hwloc_topology_t topology) {
  const Set cores;
  return hwloc_get_cpubind(topology, cores.get(), HWLOC_CPUBIND_THREAD) == 0 ? cores.text() : "";
}

bool within(const std::string& inner, const std::string& outer) {
  return hwloc_bitmap_isincluded(Set(inner).get(), Set(outer).get()) != 0;
}

std::string_view name_of(BoundBy by) {
  return by == BoundBy::nobody ? "no" : by == BoundBy::launcher ? "launcher" : "scalebench";
}

}  // namespace

Topology::Topology(hwloc_topology* topology) : topology_(topology) {
  if (hwloc_topology_load(topology) != 0)
    fail(Exit::unfit, "the machine's topology cannot be read (hwloc refuses) look at it with lstopo");
}

void Topology::Destroy::operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }

Topology Topology::of_machine() { return Topology(made()); }

Topology Topology::of_xml(const std::string& xml) {
  hwloc_topology_t topology = made();
  hwloc_topology_set_xmlbuffer(topology, xml.c_str(), static_cast<int>(xml.size()) + 1);
  return Topology(topology);
}

Affinity plan_affinity(const Topology& machine, const std::string& cores, const std::string& gpu) {
  hwloc_topology_t topology = machine.get();
  const Set mine(cores);
  const bool bound = hwloc_bitmap_isincluded(hwloc_topology_get_allowed_cpuset(topology), mine.get()) == 0;
  Affinity a{.by = bound ? BoundBy::launcher : BoundBy::nobody,
             .cores = cores,
             .numa = nodes_of(topology, mine.get()),
             .gpu = gpu};
  hwloc_obj_t device = gpu.empty() ? nullptr : hwloc_get_pcidev_by_busidstring(topology, gpu.c_str());
  if (device == nullptr) return a;
  a.nics = nearest_nics(topology, device);
  hwloc_const_bitmap_t near = hwloc_get_non_io_ancestor_obj(topology, device)->cpuset;
  if (nodes_with_cores(topology) < 2 || hwloc_bitmap_isequal(near, hwloc_get_root_obj(topology)->cpuset) != 0 ||
      hwloc_bitmap_iszero(near) != 0)
    return a;  // near to all cores, or to nobody knows which
  a.gpu_cores = Set(near).text();
  a.gpu_numa = nodes_of(topology, near);
  if (!bound) {
    a.by = BoundBy::scalebench;
    a.cores = a.gpu_cores;
    a.numa = a.gpu_numa;
  }
  a.far = !within(a.cores, a.gpu_cores);
  return a;
}

Affinity bind_near_gpu(const std::string& gpu) {
  const Topology machine = Topology::of_machine();
  const std::string cores = cores_of_process(machine.get());
  Affinity a = plan_affinity(machine, cores, gpu);
  if (a.by != BoundBy::scalebench) return a;
  if (hwloc_set_cpubind(machine.get(), Set(a.cores).get(), HWLOC_CPUBIND_PROCESS) == 0) return a;
  a.by = BoundBy::nobody;
  a.cores = cores;
  a.numa = nodes_of(machine.get(), Set(cores).get());
  a.far = !within(a.cores, a.gpu_cores);
  return a;
}

std::string text_of(const Affinity& a) {
  const auto known = [](const std::string& text) { return text.empty() ? "unknown" : text; };
  return fmt::format("cores={} bound={} numa={} gpu={} gpu_numa={} nics={}", known(a.cores), name_of(a.by),
                     known(a.numa), known(a.gpu), known(a.gpu_numa), a.nics.empty() ? "none" : a.nics);
}

}  // namespace scalebench
