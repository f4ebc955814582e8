#include "collectives/nccl/invitation.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/check.hpp"
#include "base/clock.hpp"
#include "collectives/nccl/handle.hpp"

namespace scalebench {

namespace {

constexpr int kTag = 4711;  // of MPI_COMM_WORLD: nobody else's

// What the first rank answers: the id, and where a version differs from its own.
struct Invitation {
  ncclUniqueId id{};
  int version{}, other_version{}, other_rank{};
};

void call(const char* name, MpiSession& session, auto&& mpi) {
  const std::lock_guard held(session.lock());
  check_mpi(mpi(), name);
}

// The indices of those that have not finished: nothing is received for them any more.
std::vector<int> cancel(MpiSession& session, std::vector<MPI_Request>& requests) {
  std::vector<int> late;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    int done = 0;
    call("MPI_Test", session, [&] { return MPI_Test(&requests[i], &done, MPI_STATUS_IGNORE); });
    if (done != 0) continue;
    late.push_back(static_cast<int>(i));
    const std::lock_guard held(session.lock());
    MPI_Cancel(&requests[i]);
    MPI_Request_free(&requests[i]);
  }
  return late;
}

// The indices of requests that did not finish within the limit; they are cancelled.
std::vector<int> unfinished(MpiSession& session, std::vector<MPI_Request>& requests, double limit,
                            const std::function<void()>& meanwhile = {}) {
  const double began = monotonic_seconds();
  for (Pause pause(Waiting::patient);; pause()) {
    int done = 0;
    call("MPI_Testall", session,
         [&] { return MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE); });
    if (done != 0) return {};
    try {
      if (meanwhile) meanwhile();
    } catch (...) {
      cancel(session, requests);
      throw;
    }
    if (monotonic_seconds() - began > limit) break;
  }
  return cancel(session, requests);
}

[[noreturn]] void fail_absent(const std::string& who, const std::vector<int>& ranks, double limit) {
  fail(Exit::timeout, "{}: no answer from rank {} after {:g} s (it is gone, or does something else) {}", who,
       fmt::join(ranks, ", "), limit, "see its messages");
}

std::vector<int> versions_of_others(MpiSession& session, const Group& group, const std::string& who, double limit) {
  std::vector<int> versions(static_cast<std::size_t>(group.size - 1));
  std::vector<MPI_Request> requests(versions.size(), MPI_REQUEST_NULL);
  for (std::size_t i = 0; i < versions.size(); ++i)
    call("MPI_Irecv", session, [&] {
      return MPI_Irecv(&versions[i], 1, MPI_INT, group.member(static_cast<int>(i) + 1), kTag, MPI_COMM_WORLD,
                       &requests[i]);
    });
  std::vector<int> absent = unfinished(session, requests, limit);
  for (int& index : absent) index = group.member(index + 1);
  if (!absent.empty()) fail_absent(who, absent, limit);
  return versions;
}

Invitation write_invitation(MpiSession& session, const Group& group, const std::string& who, int version,
                            double limit) {
  Invitation invitation{.version = version, .other_version = version};
  const std::vector<int> versions = versions_of_others(session, group, who, limit);
  for (std::size_t i = versions.size(); i-- > 0;)
    if (versions[i] != version)
      invitation.other_version = versions[i], invitation.other_rank = group.member(static_cast<int>(i) + 1);
  const ncclResult_t made = ncclGetUniqueId(&invitation.id);
  if (made != ncclSuccess) throw error_of(made, who + ": ncclGetUniqueId", nullptr);
  for (int index = 1; index < group.size; ++index)  // some hundred bytes: MPI takes them at once
    call("MPI_Send", session, [&] {
      return MPI_Send(&invitation, sizeof(invitation), MPI_BYTE, group.member(index), kTag, MPI_COMM_WORLD);
    });
  return invitation;
}

Invitation receive_invitation(MpiSession& session, const Group& group, const std::string& who, int version,
                              double limit) {
  Invitation invitation;
  std::vector<MPI_Request> requests(1, MPI_REQUEST_NULL);
  call("MPI_Irecv", session, [&] {
    return MPI_Irecv(&invitation, sizeof(invitation), MPI_BYTE, group.first, kTag, MPI_COMM_WORLD, requests.data());
  });
  call("MPI_Send", session, [&] { return MPI_Send(&version, 1, MPI_INT, group.first, kTag, MPI_COMM_WORLD); });
  if (!unfinished(session, requests, limit).empty()) fail_absent(who, {group.first}, limit);
  return invitation;
}

constexpr int kAgreementTag = kTag + 1;

}  // namespace

std::string nccl_version(int version) {
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

ncclUniqueId invite(MpiSession& session, const Group& group, const std::string& who, double limit) {
  int version = 0;
  const ncclResult_t asked = ncclGetVersion(&version);
  if (asked != ncclSuccess) throw error_of(asked, who + ": ncclGetVersion", nullptr);
  const Invitation invitation = session.rank() == group.first ? write_invitation(session, group, who, version, limit)
                                                              : receive_invitation(session, group, who, version, limit);
  if (invitation.other_version != invitation.version)
    fail(Exit::unfit, "NCCL is {} on rank {} and {} on rank {} (they would not understand each other) {}",
         nccl_version(invitation.version), group.first, nccl_version(invitation.other_version), invitation.other_rank,
         "let all ranks find the same libnccl.so.2");
  return invitation.id;
}

// The first rank compares and answers.
bool agree(MpiSession& session, const Group& group, const std::string& who, double limit, std::uint64_t number,
           const std::function<void()>& meanwhile) {
  const bool first = session.rank() == group.first;
  std::vector<std::uint64_t> received(first ? static_cast<std::size_t>(group.size - 1) : 1);
  std::vector<MPI_Request> requests(received.size(), MPI_REQUEST_NULL);
  const auto from = [&](std::size_t i) { return first ? group.member(static_cast<int>(i) + 1) : group.first; };
  for (std::size_t i = 0; i < received.size(); ++i)
    call("MPI_Irecv", session, [&] {
      return MPI_Irecv(&received[i], 1, MPI_UINT64_T, from(i), kAgreementTag, MPI_COMM_WORLD, &requests[i]);
    });
  const auto send = [&](int to, std::uint64_t what) {
    call("MPI_Send", session, [&] { return MPI_Send(&what, 1, MPI_UINT64_T, to, kAgreementTag, MPI_COMM_WORLD); });
  };
  if (!first) send(group.first, number);
  std::vector<int> absent = unfinished(session, requests, limit, meanwhile);
  for (int& index : absent) index = from(static_cast<std::size_t>(index));
  if (!absent.empty()) fail_absent(who, absent, limit);
  if (!first) return received[0] != 0;
  const bool same = std::ranges::all_of(received, [number](std::uint64_t other) { return other == number; });
  for (std::size_t i = 0; i < received.size(); ++i) send(from(i), same ? 1 : 0);
  return same;
}

}  // namespace scalebench
