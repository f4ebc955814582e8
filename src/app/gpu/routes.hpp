// What carries a job's collectives between GPUs: told in the result, warned of where it is slow, refused where another
// transport was asked for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/gpu/pair.hpp"
#include "base/check.hpp"
#include "collectives/control.hpp"

namespace scalebench {

// Of all ranks together.
struct Routes {
  int nodes = 1;
  NcclUse use{};
};

// By all ranks. Operations come to rank 0 alone; each with the count of the rank that did most of them.
Routes routes_of(const NcclUse& mine, int nodes, Control& control);

// "nvlink,ib", or "unknown (why)".
std::string text_of_transports(const Routes& routes);

std::vector<std::string> warnings_of(const Routes& routes);

// Whether another transport than the wanted one carries something. On several nodes a wish for nvlink, pcie or shm is
// about the ranks of a node, one for ib or socket about those of different nodes.
std::optional<Error> obstacle(const std::string& wanted, const Routes& routes);
// Whether nothing goes through it, though something goes somewhere.
std::optional<Error> absence(const std::string& wanted, const Routes& routes);

}  // namespace scalebench
