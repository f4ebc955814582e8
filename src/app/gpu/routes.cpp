#include "app/gpu/routes.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace scalebench {

namespace {

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> pieces;
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, text.find(at));
    pieces.emplace_back(piece);
    text.remove_prefix(std::min(text.size(), piece.size() + 1));
  }
  return pieces;
}

// Transports, the reason why they are unknown, then an operation a line.
std::string packed(const NcclUse& use) {
  return fmt::format("{}\n{}\n{}", fmt::join(use.transports, ","), use.unreadable, fmt::join(use.operations, "\n"));
}

NcclUse unpacked(const std::string& text) {
  const std::size_t first = text.find('\n'), second = text.find('\n', first + 1);
  return {split(text.substr(0, first), ','), text.substr(first + 1, second - first - 1),
          split(text.substr(second + 1), '\n')};
}

bool within_a_node(const std::string& transport) {
  return transport == "nvlink" || transport == "pcie" || transport == "p2p" || transport == "shm";
}

// Best first, as each rank's are.
std::size_t order_of(const std::string& transport) {
  constexpr std::string_view kOrder[] = {"nvlink", "pcie", "p2p", "shm", "ib"};
  if (transport == "socket") return std::size(kOrder) + 1;
  return static_cast<std::size_t>(std::ranges::find(kOrder, transport) - std::begin(kOrder));
}

NcclUse united(const std::vector<std::string>& ranks) {
  NcclUse all;
  std::map<std::string, long> operations;
  for (const std::string& rank : ranks) {
    const NcclUse use = unpacked(rank);
    for (const std::string& transport : use.transports)
      if (std::ranges::find(all.transports, transport) == all.transports.end()) all.transports.push_back(transport);
    if (all.unreadable.empty()) all.unreadable = use.unreadable;
    for (const std::string& line : use.operations) {
      const std::size_t count = line.rfind(' ') + 1;
      long& most = operations[line.substr(0, count)];
      most = std::max(most, std::stol(line.substr(count)));
    }
  }
  std::ranges::stable_sort(all.transports, {}, order_of);
  for (const auto& [operation, count] : operations) all.operations.push_back(operation + std::to_string(count));
  return all;
}

std::string remedy_for(const std::string& transport) {
  if (transport == "socket") return "see that the fabric's devices are up, and NCCL_IB_HCA, NCCL_IB_DISABLE, NCCL_NET";
  return within_a_node(transport) ? "let every rank see all GPUs of its node; 'nvidia-smi topo -m' shows their links"
                                  : "NCCL_DEBUG=INFO says what NCCL found";
}

}  // namespace

Routes routes_of(const NcclUse& mine, int nodes, Control& control) {
  const auto all = control.gather(packed(mine), control.world());
  NcclUse use = united(all);
  const std::vector<std::string> operations = std::exchange(use.operations, {});
  use = unpacked(control.broadcast(packed(use), control.world()));
  use.operations = operations;
  return {nodes, use};
}

std::string text_of_transports(const Routes& routes) {
  if (!routes.use.unreadable.empty()) return fmt::format("unknown ({})", routes.use.unreadable);
  return fmt::format("{}", fmt::join(routes.use.transports, ","));
}

std::vector<std::string> warnings_of(const Routes& routes) {
  std::vector<std::string> warnings;
  for (const std::string& transport : routes.use.transports) {
    std::string problem;
    if (transport == "socket" && routes.nodes > 1)
      problem = "NCCL goes through sockets between nodes (it found no InfiniBand or RoCE that it can use)";
    else if (!within_a_node(transport) && routes.nodes == 1)
      problem = fmt::format("NCCL goes through the network ({}) within one node ({})", transport,
                            "it found neither peer access nor shared memory");
    else if (transport == "shm")
      problem = "NCCL goes through the host's memory within nodes (it found no peer access between some GPUs)";
    if (!problem.empty()) warnings.push_back(problem + ' ' + remedy_for(routes.nodes == 1 ? "shm" : transport));
  }
  return warnings;
}

std::optional<Error> obstacle(const std::string& wanted, const Routes& routes) {
  if (!routes.use.unreadable.empty())
    return Error(Exit::unfit, fmt::format("--require-transport {}: what NCCL uses is unknown ({}) unset NCCL_DEBUG, "
                                          "NCCL_DEBUG_SUBSYS and NCCL_DEBUG_FILE",
                                          wanted, routes.use.unreadable));
  for (const std::string& transport : routes.use.transports)
    if (transport != wanted && (routes.nodes == 1 || within_a_node(transport) == within_a_node(wanted)))
      return Error(Exit::unfit, fmt::format("--require-transport {}: {} is used (NCCL chose {}) {}", wanted, transport,
                                            text_of_transports(routes), remedy_for(transport)));
  return std::nullopt;
}

std::optional<Error> absence(const std::string& wanted, const Routes& routes) {
  const auto& transports = routes.use.transports;
  if (transports.empty() || std::ranges::find(transports, wanted) != transports.end()) return std::nullopt;
  return Error(
      Exit::unfit,
      fmt::format("--require-transport {}: no connection goes through it (NCCL chose {}) leave it out, or start "
                  "ranks that it connects",
                  wanted, text_of_transports(routes)));
}

}  // namespace scalebench
