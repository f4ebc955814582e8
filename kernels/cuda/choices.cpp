#include "kernels/cuda/choices.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

namespace scalebench::cuda {

namespace {

struct Noted {
  std::mutex mutex{};
  std::vector<std::string> lines{};
};
Noted& noted() {
  static Noted all;
  return all;
}

}  // namespace

void note_choice(std::string line) {
  const std::lock_guard lock(noted().mutex);
  if (std::ranges::find(noted().lines, line) == noted().lines.end()) noted().lines.push_back(std::move(line));
}

std::vector<std::string> choices() {
  const std::lock_guard lock(noted().mutex);
  return noted().lines;
}

}  // namespace scalebench::cuda
