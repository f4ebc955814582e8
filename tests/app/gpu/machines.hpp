// Machines as hwloc describes them, for tests on a machine that has neither GPUs nor several NUMA nodes.
#pragma once

#include <string>
#include <vector>

namespace scalebench::test {

struct PciDevice {
  std::string address{};  // "0000:10:00.0"
  std::string nic{};      // its name; "": a GPU
  int type = 2;           // of the adapter: 2 network, 3 OpenFabrics
};

struct Socket {
  std::vector<std::vector<PciDevice>> switches{};  // what hangs on each
};

// Of each socket four cores of one processing unit each, numbered through, and a NUMA node of its own.
std::string machine_xml(const std::vector<Socket>& sockets);

}  // namespace scalebench::test
