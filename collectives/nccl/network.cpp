#include "collectives/nccl/network.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "base/check.hpp"
#include "collectives/nccl/invitation.hpp"
#include "collectives/staged/alone.hpp"

namespace scalebench {

namespace {

// An operation between stages holds its multiprocessors until the other stage comes to it. So that all that a GPU may
// have under way (four links, and three others with NCCL's most, 32) is there at once, whatever the order: 4 * 8 + 3 *
// 32 = 128 of an H100's 132.
constexpr int kLinkCtas = 8;

std::string name_of(int rank) {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return fmt::format("rank {} ({})", rank, host.data());
}

std::string name_of(const Group& group) {
  if (group.size == 2) return fmt::format("ranks {} and {}", group.first, group.member(1));
  return fmt::format("ranks {}, {}, .. {}", group.first, group.member(1), group.member(group.size - 1));
}

std::string describe(const IssuedCollective& op, const IssuedCollective& last) {
  if (!op.in_graph || op.number == last.number) return op.text();
  return fmt::format("{} or another up to {} number {}, in a step repeated as a graph,", op.text(), last.name,
                     last.number);
}

}  // namespace

NcclNetwork::NcclNetwork(MpiSession& session, CudaTimes& times, double limit, NcclMemory* memory)
    : session_(session), times_(times), limit_(limit), memory_(memory), me_(name_of(session.rank())) {
  if (memory_ != nullptr) memory_->wanted(session.size() > 1);
  times_.while_waiting([this](double waited) { look(waited); });
}

NcclNetwork::~NcclNetwork() { times_.while_waiting({}); }

// A group's ranks meet once; its communicators are split from the first one. The ranks of different groups that this
// process is in meet in one order everywhere, since all groups come in one order.
std::unique_ptr<NcclHandle> NcclNetwork::connect(const Group& group, const std::string& name, Overlap overlap) {
  const NcclHandle::Terms terms{fmt::format("{}: '{}' of {}", me_, name, name_of(group)), limit_,
                                overlap == Overlap::link ? kLinkCtas : 0};
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
  std::unique_ptr<NcclHandle> handle = connect(group, name, overlap);
  auto registrations = registrations_for(*handle, group);
  const bool beside = overlap == Overlap::yes || overlap == Overlap::link;
  auto communicator = std::make_unique<NcclCommunicator>(roll, witness, times_, group, rank(), name, std::move(handle),
                                                         beside ? nullptr : lane, std::move(registrations));
  if (overlap == Overlap::link) communicator->connect_with_peer();
  return communicator;
}

std::unique_ptr<NcclRegistrations> NcclNetwork::registrations_for(NcclHandle& handle, const Group& group) {
  if (memory_ == nullptr) return nullptr;
  return std::make_unique<NcclRegistrations>(
      *memory_, handle, [this, &handle, group](std::uint64_t number, const std::string& what) {
        return agree(session_, group, fmt::format("{}: {}", handle.who(), what), std::min(limit_, times_.patience()),
                     number, [this] { look(0); });
      });
}

void NcclNetwork::look(double waited) {
  for (const NcclCommunicator* const communicator : communicators_) {
    const NcclHandle& handle = communicator->handle();
    const ncclResult_t state = handle.state();
    if (state == ncclSuccess || state == ncclInProgress) continue;
    const auto op = communicator->unfinished();
    give_up(exit_of(state),
            fmt::format("{}: {}", handle.who(), op ? describe(*op, communicator->last_issued()) : "no operation"),
            fmt::format("{}, {}", ncclGetErrorString(state), ncclGetLastError(handle.get())));
  }
  if (waited < std::min(limit_, times_.patience())) return;
  // Of steps that are repeated as graphs nobody knows how far they came: then all that could be it are named.
  std::vector<std::string> late, in_graphs;
  for (const NcclCommunicator* const communicator : communicators_)
    if (const auto op = communicator->unfinished())
      (op->in_graph ? in_graphs : late)
          .push_back(fmt::format("{}: {}", communicator->handle().who(), describe(*op, communicator->last_issued())));
  if (late.empty() && in_graphs.empty()) return;
  give_up(Exit::timeout, late.empty() ? fmt::format("{}", fmt::join(in_graphs, "; or ")) : late.front(),
          fmt::format("not after {:g} s of waiting", waited));
}

void NcclNetwork::give_up(Exit exit, const std::string& what, const std::string& cause) {
  abort_all();
  fail(exit, "{} will not end ({}) see the messages of the other ranks", what, cause);
}

void NcclNetwork::abort_all() {
  std::vector<NcclHandle*> handles;
  for (const NcclCommunicator* const communicator : communicators_) handles.push_back(&communicator->handle());
  for (const auto& [group, root] : roots_)
    if (root != nullptr) handles.push_back(root.get());
  NcclHandle::abort(handles);
}

}  // namespace scalebench
