// OUT.flight.N.json: the last operations of a rank, its threads, and what its node's board showed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app/guard/stacks.hpp"
#include "app/guard/verdict.hpp"

namespace scalebench {

struct Flight {
  std::size_t mine{};              // index of the rank that it is of
  std::vector<RankState> ranks{};  // of the node
  std::vector<ThreadStack> threads{};
  std::string message{};
  std::int64_t now{};  // ns
};

std::string flight_text(const Flight& flight);  // JSON

// False where it cannot be written: then there is nothing else to be done about it.
bool write_flight(const std::filesystem::path& path, const Flight& flight);

}  // namespace scalebench
