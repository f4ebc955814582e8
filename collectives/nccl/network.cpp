#include "collectives/nccl/network.hpp"

#include <array>

#include <fmt/format.h>
#include <unistd.h>

#include "base/check.hpp"
#include "collectives/nccl/invitation.hpp"
#include "collectives/staged/alone.hpp"

namespace scalebench {

namespace {

std::string name_of(int rank) {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return fmt::format("rank {} ({})", rank, host.data());
}

std::string name_of(const Group& group) {
  if (group.size == 2) return fmt::format("ranks {} and {}", group.first, group.member(1));
  return fmt::format("ranks {}, {}, .. {}", group.first, group.member(1), group.member(group.size - 1));
}

std::string describe(const std::optional<IssuedCollective>& op) {
  if (!op) return "no operation";
  return fmt::format("{} number {} of {:.0f} bytes", op->name, op->number, op->bytes);
}

}  // namespace

NcclNetwork::NcclNetwork(MpiSession& session, CudaTimes& times, double limit)
    : session_(session), times_(times), limit_(limit), me_(name_of(session.rank())) {
  times_.while_waiting([this](double waited) { look(waited); });
}

NcclNetwork::~NcclNetwork() { times_.while_waiting({}); }

// A group's ranks meet once; its communicators are split from the first one. The ranks of different groups that this
// process is in meet in one order everywhere, since all groups come in one order.
std::unique_ptr<NcclHandle> NcclNetwork::connect(const Group& group, const std::string& name) {
  const NcclHandle::Terms terms{fmt::format("{}: '{}' of {}", me_, name, name_of(group)), limit_};
  const int rank = group.index_of(session_.rank());
  std::unique_ptr<NcclHandle>& root = roots_[{group.first, group.size, group.stride}];
  if (root == nullptr)
    root = std::make_unique<NcclHandle>(invite(session_, group, terms.who, limit_), group.size, rank, terms);
  return std::make_unique<NcclHandle>(*root, rank, terms);
}

std::unique_ptr<Communicator> NcclNetwork::make(Witness& witness, Lane& compute, Group group, const std::string& name,
                                                Overlap overlap) {
  ensure(group.holds(rank()), "rank {} makes communicator '{}' of a group that it is not in", rank(), name);
  auto* const lane = dynamic_cast<CudaLane*>(&compute);
  ensure(lane != nullptr, "communicator '{}' of NCCL beside lane '{}', which is no GPU's", name, compute.name());
  if (group.size == 1) return make_communicator_alone(witness, times_, group, rank(), name);
  NcclRoll& roll = *this;
  return std::make_unique<NcclCommunicator>(roll, witness, times_, group, rank(), name, connect(group, name),
                                            overlap == Overlap::yes ? nullptr : lane);
}

void NcclNetwork::look(double waited) {
  for (const NcclCommunicator* const communicator : communicators_) {
    const NcclHandle& handle = communicator->handle();
    const ncclResult_t state = handle.state();
    const bool failed = state != ncclSuccess && state != ncclInProgress;
    if (!failed && waited < limit_) continue;
    const auto op = communicator->unfinished();
    if (!failed && !op) continue;
    const std::string who = handle.who(), what = describe(op);
    const std::string cause = failed ? fmt::format("{}, {}", ncclGetErrorString(state), ncclGetLastError(handle.get()))
                                     : fmt::format("not after {:g} s of waiting", waited);
    abort_all();
    fail(failed ? Exit::peer_lost : Exit::timeout, "{}: {} will not end ({}) see the messages of the other ranks", who,
         what, cause);
  }
}

void NcclNetwork::abort_all() {
  std::vector<NcclHandle*> handles;
  for (const NcclCommunicator* const communicator : communicators_) handles.push_back(&communicator->handle());
  for (const auto& [group, root] : roots_)
    if (root != nullptr) handles.push_back(root.get());
  NcclHandle::abort(handles);
}

}  // namespace scalebench
