#include "workloads/blocks/schedule.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace scalebench {

namespace {

// The n-th passage of a stage in one direction.
Action passage(Direction direction, std::int64_t n, int stages, int chunks) {
  if (chunks == 1) return {direction, 0, n};
  const std::int64_t round = n / (std::int64_t{stages} * chunks), within = n % (std::int64_t{stages} * chunks);
  const auto chunk = static_cast<std::size_t>(within / stages);
  return {direction, direction == Direction::forward ? chunk : static_cast<std::size_t>(chunks) - 1 - chunk,
          round * stages + within % stages};
}

}  // namespace

std::vector<Action> schedule_of(int stages, int stage, int chunks, std::int64_t micro_batches) {
  ensure(chunks == 1 || micro_batches % stages == 0, "{} micro-batches interleaved over {} stages", micro_batches,
         stages);
  const std::int64_t passages = micro_batches * chunks, behind = stages - 1 - stage;  // stages behind this one
  const std::int64_t ahead =
      std::min(passages, chunks == 1 ? behind : 2 * behind + (std::int64_t{chunks} - 1) * stages);
  std::vector<Action> actions;
  for (std::int64_t n = 0; n < passages + ahead; ++n) {
    if (n < passages) actions.push_back(passage(Direction::forward, n, stages, chunks));
    if (n >= ahead) actions.push_back(passage(Direction::backward, n - ahead, stages, chunks));
  }
  return actions;
}

}  // namespace scalebench
