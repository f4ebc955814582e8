// The door to communication: a group of ranks with a lane and a communicator of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/door.hpp"
#include "collectives/collective.hpp"
#include "collectives/group.hpp"

namespace scalebench {

using CommunicatorDoor = Door<AllReduce, AllGather, ReduceScatter, Broadcast, Send, Receive>;

class Communicator : public CommunicatorDoor {
 public:
  Communicator(Witness& witness, Group group, int rank);

  const Group& group() const { return group_; }
  int size() const { return group_.size; }
  int rank() const { return group_.index_of(rank_); }  // within the group

  // Returns the event after the operation.
  template <class Op>
  requires(CommunicatorDoor::knows<Op>) Event run(const Op& op) {
    issue(op);
    return record();
  }

  // What `issue_all` issues may be launched as one when it comes back: within it nothing of that is waited for.
  void together(const std::function<void()>& issue_all);

  // While muted, operations do nothing: the step without communication, on the last valid data.
  void mute(bool on) { muted_ = on; }
  bool muted() const { return muted_; }

 protected:
  enum class Edge : bool { begin, end };
  virtual void at_edge_now(Edge /*of together()*/) {}

  // What a rank sends through its link: busbw is this over the time.
  template <class Op>
  double wire_bytes(const Op& op) const {
    return static_cast<double>(op.size()) * Op::factor(size());
  }

 private:
  void at_edge(Edge edge);

  Group group_;
  int rank_;
  bool muted_ = false;
};

// Whether collectives run beside the compute lane, or one after another with it (then they may run in its thread);
// never: nothing could run beside them and they are small, or measured: the library's own calls. in_turn: as `no`, but
// what other communicators have under way goes on meanwhile (a neighbour may wait for it). link: as yes, between two
// stages, whose operations last until the other one comes.
// A static property of a communicator, since it may choose between calls that don't match each other across ranks.
enum class Overlap : std::uint8_t { never, no, in_turn, yes, link };

// Makes the communicators of one backend. The ranks of a group call make() with the same name, and all groups of the
// world come in one order.
class Network {
 public:
  virtual ~Network() = default;
  virtual int rank() const = 0;  // in the world
  virtual int size() const = 0;
  virtual std::unique_ptr<Communicator> make(Witness& witness, Lane& compute, Group group, const std::string& name,
                                             Overlap overlap) = 0;
  // Called now and then while the rank waits for something else, so that what is under way moves on.
  virtual void serve() {}
};

}  // namespace scalebench
