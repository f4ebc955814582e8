#include "app/transport_watch.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/gpu/routes.hpp"
#include "app/warnings.hpp"

namespace scalebench {

namespace {

int nodes_of(const std::vector<std::string>& gpus) {
  std::set<std::string> hosts;
  for (const std::string& gpu : gpus) hosts.insert(gpu.substr(0, gpu.find(' ')));
  return static_cast<int>(hosts.size());
}

}  // namespace

std::optional<Error> TransportWatch::follow(int ranks, Crew& crew, Measurement& m) {
  const Hardware& hardware = crew.hardware;
  if (!hardware.pair || hardware.comm != Comm::nccl) return std::nullopt;
  Routes routes = routes_of(hardware.pair->nccl_use(), nodes_of(hardware.gpus), crew.control);
  if (ranks > 1 && routes.use.transports.empty() && routes.use.unreadable.empty())
    routes.use.unreadable = "NCCL's log tells of no connection";
  m.environment["nccl_transports"] = text_of_transports(routes);
  m.environment["nccl_registered"] = hardware.pair->nccl_use().registered;
  m.environment["nccl_operations"] = fmt::format("{}", fmt::join(routes.use.operations, "\n"));
  for (const std::string& warning : warnings_of(routes))
    if (said_.insert(warning).second) warn(crew, warning);
  if (!wanted_) return std::nullopt;
  if (auto error = obstacle(*wanted_, routes)) return error;
  return ranks == crew.control.size() ? absence(*wanted_, routes) : std::nullopt;  // fewer may need no such connection
}

}  // namespace scalebench
