// The third, small door: agreement, gathering of results, the vote on errors. Host bytes on a communicator of its own,
// never recorded as communication. Waiting ranks sleep: they take no core from those that work.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.hpp"
#include "collectives/group.hpp"

namespace scalebench {

// An error that all ranks of the job throw alike, so that each may leave quietly and rank 0 speaks.
class AgreedError : public Error {
 public:
  using Error::Error;
};

class Control {
 public:
  virtual ~Control() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual int ranks_on_node() const = 0;  // of the world, on this rank's host
  virtual int rank_on_node() const = 0;
  virtual const std::string& host() const = 0;

  // The values of all ranks of the group, one vector a rank in its order; only on its first rank, else empty.
  virtual std::vector<std::vector<double>> gather(std::span<const double> values, const Group& group) = 0;
  virtual std::vector<std::string> gather(std::string_view text, const Group& group) = 0;
  // The first rank's values, on all ranks of the group.
  virtual std::vector<double> broadcast(std::span<const double> values, const Group& group) = 0;
  virtual std::string broadcast(std::string_view text, const Group& group) = 0;
  // Element by element, over the group, on all of its ranks.
  virtual std::vector<double> maximum(std::span<const double> values, const Group& group) = 0;
  virtual void barrier(const Group& group) = 0;

  Group world() const { return {0, size(), 1}; }

  // If any rank brings an error, all ranks throw the first one as AgreedError (lowest rank), which names its rank and
  // host if it is not everybody's. Every rank of the world must take part.
  void vote(const std::optional<Error>& mine);
  // Runs `action` on every rank and votes on what it throws.
  template <class Action>
  void together(Action action) {
    std::optional<Error> mine;
    try {
      action();
    } catch (const Error& error) {
      mine = error;
    } catch (const std::bad_alloc&) {
      mine =
          Error(Exit::unfit, "out of memory (an allocation was refused) use fewer ranks per node or a smaller model");
    }
    vote(mine);
  }
  // Throws on all ranks, naming two that differ and the first line in which they do, unless `value` is the same on
  // every rank of the group.
  void agree(std::string_view what, std::string_view value, Exit code, const Group& group);
};

}  // namespace scalebench
