#include "collectives/nccl/log.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

#include <fmt/format.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

namespace scalebench {

namespace {

// Which links the GPUs of a communicator's node have between them, as the worst pair of its rings or trees has it.
// "type NVL/PIX": within nodes, between nodes. LOC: one GPU a node, so there are none.
void add_links(std::string_view line, std::set<std::string>& links) {
  constexpr std::string_view kBefore = ", type ";
  const std::size_t at = line.find(kBefore);
  if (line.find("Pattern ") == line.npos || at == line.npos) return;
  const std::string_view types = line.substr(at + kBefore.size()), type = types.substr(0, types.find('/'));
  if (type == "LOC") return;
  links.insert(type == "NVL" || type == "NVB" || type == "C2C" ? "nvlink" : "pcie");
}

std::string network_of(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower.starts_with("ib") || lower.starts_with("ucx") ? "ib" : lower;
}

// What follows "via ": "P2P/CUMEM/read", "SHM/direct/direct", "NET/IB/0/GDRDMA", "NET/AWS Libfabric/3(2)".
std::string transport_of(std::string_view way) {
  if (way.starts_with("P2P/MNNVL")) return "nvlink";
  if (way.starts_with("P2P/")) return "p2p";
  if (way.starts_with("SHM/")) return "shm";
  if (way.starts_with("COLLNET/")) return "ib";  // SHARP's
  if (!way.starts_with("NET/")) return "";
  const std::string_view name = way.substr(4);
  return network_of(name.substr(0, name.find('/')));
}

std::size_t rank_of(const std::string& transport) {
  constexpr std::string_view kOrder[] = {"nvlink", "pcie", "shm", "ib"};
  const auto* const at = std::ranges::find(kOrder, transport);
  return transport == "socket" ? std::size(kOrder) + 1 : static_cast<std::size_t>(at - std::begin(kOrder));
}

std::string setting(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string short_host() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  const std::string name = host.data();
  return name.substr(0, name.find('.'));
}

bool tells_of_connections(const std::string& level, const std::string& subsystems) {
  const auto is = [&level](const char* name) { return strcasecmp(level.c_str(), name) == 0; };
  return (is("INFO") || is("TRACE")) &&
         (subsystems.empty() || subsystems.find("INIT") != subsystems.npos ||
          subsystems.find("ALL") != subsystems.npos) &&
         !subsystems.starts_with('^');
}

}  // namespace

std::vector<std::string> transports_in(std::string_view log) {
  std::set<std::string> seen, links;
  while (!log.empty()) {
    const std::string_view line = log.substr(0, log.find('\n'));
    log.remove_prefix(std::min(log.size(), line.size() + 1));
    if (line.find(" NCCL INFO ") == line.npos) continue;
    add_links(line, links);
    if (line.find("NVLS comm ") != line.npos) seen.insert("nvlink");  // NVLink SHARP's own connections
    // Symmetric kernels read and write the peers' memory, without channels; this is said where such memory is set up.
    if (line.find("Symmetric VA size=") != line.npos) seen.insert("p2p");
    const std::size_t at = line.rfind(" via ");
    const bool connection = line.find("Channel ") != line.npos || line.find("CollNet ") != line.npos;
    if (connection && at != line.npos) seen.insert(transport_of(line.substr(at + 5)));
  }
  seen.erase("");
  if (seen.erase("p2p") > 0) {
    if (links.empty()) links.insert("p2p");  // between GPUs, over what isn't said
    seen.merge(links);
  }
  std::vector<std::string> transports(seen.begin(), seen.end());
  std::ranges::stable_sort(transports, {}, rank_of);
  return transports;
}

std::string nccl_log_path(std::string_view pattern, std::string_view host, int process) {
  std::string path;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char next = pattern[i] == '%' && i + 1 < pattern.size() ? pattern[++i] : '\0';
    if (next == 'h')
      path += host;
    else if (next == 'p')
      path += std::to_string(process);
    else if (next == '%' || next == '\0')
      path += pattern[i];
    else
      path += {'%', next};
  }
  return path;
}

NcclLog::NcclLog() {
  const std::string level = setting("NCCL_DEBUG"), subsystems = setting("NCCL_DEBUG_SUBSYS"),
                    file = setting("NCCL_DEBUG_FILE");
  if (!level.empty() || !subsystems.empty() || !file.empty()) {
    if (!tells_of_connections(level, subsystems))
      unreadable_ = fmt::format("NCCL_DEBUG={} with NCCL_DEBUG_SUBSYS={} leaves connections out", level, subsystems);
    else if (file.empty())
      unreadable_ = "NCCL_DEBUG is set, so that NCCL's log goes to the output";
    path_ = nccl_log_path(file, short_host(), getpid());
    return;
  }
  file_ = memfd_create("nccl-log", MFD_CLOEXEC);
  path_ = fmt::format("/proc/self/fd/{}", file_);
  if (file_ < 0 || !std::ofstream(path_)) {  // NCCL would write to the output
    unreadable_ = "there is no file for NCCL's log";
    return;
  }
  setenv("NCCL_DEBUG", "INFO", 1);
  setenv("NCCL_DEBUG_SUBSYS", "INIT,GRAPH", 1);
  setenv("NCCL_DEBUG_FILE", path_.c_str(), 1);
}

// NCCL keeps a file open that it has opened.
NcclLog::~NcclLog() {
  if (file_ < 0) return;
  close(file_);
  if (!unreadable_.empty()) return;
  for (const char* name : {"NCCL_DEBUG", "NCCL_DEBUG_SUBSYS", "NCCL_DEBUG_FILE"}) unsetenv(name);
}

std::string NcclLog::text() const {
  std::ifstream in(path_, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace scalebench
