#include "tests/app/gpu/machines.hpp"

#include <fmt/format.h>

namespace scalebench::test {

namespace {

class Writer {
 public:
  void open(const std::string& type, const std::string& attributes) {
    text_ += fmt::format("<object type=\"{}\" gp_index=\"{}\" {}>\n", type, ++count_, attributes);
  }
  void close() { text_ += "</object>\n"; }
  std::string text() const { return text_; }

 private:
  std::string text_{};
  int count_ = 0;
};

std::string sets(unsigned cores, unsigned nodes, unsigned number) {
  return fmt::format(
      "os_index=\"{2}\" cpuset=\"{0:#010x}\" complete_cpuset=\"{0:#010x}\" nodeset=\"{1:#010x}\" "
      "complete_nodeset=\"{1:#010x}\"",
      cores, nodes, number);
}

void write_device(Writer& w, const PciDevice& device) {
  const bool gpu = device.nic.empty();
  w.open("PCIDev", fmt::format("pci_busid=\"{}\" pci_type=\"{} [{}] [0000:0000] a1\" pci_link_speed=\"63.0\"",
                               device.address, gpu ? "0302" : "0207", gpu ? "10de:2330" : "15b3:1021"));
  if (!gpu) {
    w.open("OSDev", fmt::format("name=\"{}\" osdev_type=\"{}\"", device.nic, device.type));
    w.close();
  }
  w.close();
}

void write_switches(Writer& w, const Socket& socket, std::size_t number) {
  w.open("Bridge", fmt::format("bridge_type=\"0-1\" depth=\"0\" bridge_pci=\"0000:[{:02x}-{:02x}]\"", 16 * number,
                               16 * number + 15));
  for (std::size_t i = 0; i < socket.switches.size(); ++i) {
    w.open("Bridge", fmt::format("bridge_type=\"1-1\" depth=\"1\" bridge_pci=\"0000:[{0:02x}-{0:02x}]\" "
                                 "pci_busid=\"0000:{1:02x}:{2:02x}.0\" pci_type=\"0604 [8086:0000] [0000:0000] 00\" "
                                 "pci_link_speed=\"63.0\"",
                                 16 * number + i + 1, 16 * number, i + 1));
    for (const PciDevice& device : socket.switches[i]) write_device(w, device);
    w.close();
  }
  w.close();
}

}  // namespace

std::string machine_xml(const std::vector<Socket>& sockets, Memory memory, Devices devices) {
  const auto count = static_cast<unsigned>(sockets.size());
  const bool each = memory == Memory::of_each_socket;
  const unsigned cores = (1U << (4 * count)) - 1, nodes = each ? (1U << count) - 1 : 1;
  Writer w;
  const auto write_node = [&w](const std::string& of) {
    w.open("NUMANode", of + " local_memory=\"1000000000\"");
    w.close();
  };
  w.open("Machine", sets(cores, nodes, 0) +
                        fmt::format(" allowed_cpuset=\"{:#010x}\" allowed_nodeset=\"{:#010x}\"", cores, nodes));
  if (!each) write_node(sets(cores, nodes, 0));
  for (unsigned socket = 0; socket < count; ++socket) {
    const unsigned mine = 0xFU << (4 * socket), node = each ? 1U << socket : 1;
    w.open("Package", sets(mine, node, socket));
    if (each) write_node(sets(mine, node, socket));
    for (unsigned core = 4 * socket; core < 4 * socket + 4; ++core) {
      w.open("Core", sets(1U << core, node, core));
      w.open("PU", sets(1U << core, node, core));
      w.close();
      w.close();
    }
    if (devices == Devices::of_their_sockets) write_switches(w, sockets[socket], socket);
    w.close();
  }
  if (devices == Devices::of_the_machine)
    for (std::size_t socket = 0; socket < count; ++socket) write_switches(w, sockets[socket], socket);
  w.close();
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n"
         "<topology version=\"2.0\">\n" +
         w.text() + "</topology>\n";
}

}  // namespace scalebench::test
