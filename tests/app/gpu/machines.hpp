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

enum class Memory { of_each_socket, of_the_machine };     // NUMA nodes
enum class Devices { of_their_sockets, of_the_machine };  // as far as the firmware tells

// Of each socket four cores of one processing unit each, numbered through.
std::string machine_xml(const std::vector<Socket>& sockets, Memory memory = Memory::of_each_socket,
                        Devices devices = Devices::of_their_sockets);

}  // namespace scalebench::test
