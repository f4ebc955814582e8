// Where a rank runs, and where its GPU and its nearest network adapters are: cores and NUMA nodes, by hwloc.
#pragma once

#include <memory>
#include <string>

struct hwloc_topology;

namespace scalebench {

// A machine with its PCI devices.
class Topology {
 public:
  static Topology of_machine();
  static Topology of_xml(const std::string& xml);  // as of `lstopo --of xml`
  explicit Topology(hwloc_topology* topology);
  hwloc_topology* get() const { return topology_.get(); }

 private:
  struct Destroy {
    void operator()(hwloc_topology* topology) const;
  };
  std::unique_ptr<hwloc_topology, Destroy> topology_;
};

enum class BoundBy { nobody, launcher, scalebench };

// Lists as "0-3,8": of processing units and of NUMA nodes, in the system's numbers. "": not known.
struct Affinity {
  BoundBy by = BoundBy::nobody;
  std::string cores{}, numa{};                 // where this rank runs
  std::string gpu{}, gpu_cores{}, gpu_numa{};  // PCI address; the cores and nodes next to it
  std::string nics{};                          // nearest to the GPU: "mlx5_0,ib0"
  bool far = false;                            // runs on cores that are not next to its GPU
};

// Where a rank that is on `cores` should be: next to its GPU, where nobody has bound it, the machine has several NUMA
// nodes, and the GPU is nearer to some.
Affinity plan_affinity(const Topology& topology, const std::string& cores, const std::string& gpu);

// Binds this process, all its threads, as planned. Where the system refuses it stays where it was.
Affinity bind_near_gpu(const std::string& gpu);

std::string text_of(const Affinity& affinity);  // "cores=0-3 bound=launcher numa=0 gpu=0000:3b:00.0 ..."

}  // namespace scalebench
