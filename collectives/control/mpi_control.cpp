#include "collectives/control/mpi_control.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>

#include <unistd.h>

namespace scalebench {

namespace {

constexpr int kTag = 7;

std::string_view bytes_of(std::span<const double> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

std::vector<double> doubles_of(const std::string& bytes) {
  std::vector<double> values(bytes.size() / sizeof(double));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(double));
  return values;
}

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

// The binomial tree over a group: whom a member hears from, and whom it tells.
int parent_of(int index) { return index & (index - 1); }
std::vector<int> children_of(int index, int size) {
  std::vector<int> children;
  for (int bit = 1; index + bit < size && (index & bit) == 0; bit *= 2) children.push_back(index + bit);
  std::reverse(children.begin(), children.end());  // the deepest subtree first
  return children;
}

}  // namespace

MpiControl::MpiControl(MpiSession& session) : session_(session), host_(host_name()) {
  const std::lock_guard held(session_.lock());
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &comm_), "MPI_Comm_dup");
  MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN);
  MPI_Comm node = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(comm_, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node), "MPI_Comm_split_type");
  MPI_Comm_size(node, &ranks_on_node_);
  MPI_Comm_rank(node, &rank_on_node_);
  MPI_Comm_free(&node);
}

MpiControl::~MpiControl() {
  if (std::uncaught_exceptions() == 0) MPI_Comm_free(&comm_);
}

void MpiControl::wait(MPI_Request& request) {
  Pause pause(Waiting::patient);
  for (;;) {
    int done = 0;
    {
      const std::lock_guard held(session_.lock());
      check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    }
    if (done != 0) return;
    pause();
  }
}

void MpiControl::send(std::string_view bytes, int to) {
  const auto count = static_cast<std::uint64_t>(bytes.size());
  MPI_Request size = MPI_REQUEST_NULL, body = MPI_REQUEST_NULL;
  {
    const std::lock_guard held(session_.lock());
    check_mpi(MPI_Isend(&count, 1, MPI_UINT64_T, to, kTag, comm_, &size), "MPI_Isend");
    check_mpi(MPI_Isend(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, to, kTag, comm_, &body), "MPI_Isend");
  }
  wait(size);
  wait(body);
}

std::string MpiControl::receive(int from) {
  std::uint64_t count = 0;
  MPI_Request request = MPI_REQUEST_NULL;
  {
    const std::lock_guard held(session_.lock());
    check_mpi(MPI_Irecv(&count, 1, MPI_UINT64_T, from, kTag, comm_, &request), "MPI_Irecv");
  }
  wait(request);
  std::string bytes(count, '\0');
  {
    const std::lock_guard held(session_.lock());
    check_mpi(MPI_Irecv(bytes.data(), static_cast<int>(count), MPI_BYTE, from, kTag, comm_, &request), "MPI_Irecv");
  }
  wait(request);
  return bytes;
}

std::vector<std::string> MpiControl::gather(std::string_view text, const Group& group) {
  if (rank() != group.first) {
    send(text, group.first);
    return {};
  }
  std::vector<std::string> all{std::string(text)};
  for (int index = 1; index < group.size; ++index) all.push_back(receive(group.member(index)));
  return all;
}

std::vector<std::vector<double>> MpiControl::gather(std::span<const double> values, const Group& group) {
  std::vector<std::vector<double>> all;
  for (const std::string& bytes : gather(bytes_of(values), group)) all.push_back(doubles_of(bytes));
  return all;
}

std::string MpiControl::broadcast(std::string_view text, const Group& group) {
  const int index = group.index_of(rank());
  const std::string bytes = index == 0 ? std::string(text) : receive(group.member(parent_of(index)));
  for (const int child : children_of(index, group.size)) send(bytes, group.member(child));
  return bytes;
}

std::vector<double> MpiControl::broadcast(std::span<const double> values, const Group& group) {
  return doubles_of(broadcast(bytes_of(values), group));
}

std::vector<double> MpiControl::maximum(std::span<const double> values, const Group& group) {
  std::vector<double> most;
  for (const std::vector<double>& row : gather(values, group)) {
    if (most.empty()) most = row;
    ensure(row.size() == most.size(), "a maximum over ranks of {} and {} values", most.size(), row.size());
    std::transform(most.begin(), most.end(), row.begin(), most.begin(),
                   [](double a, double b) { return std::max(a, b); });
  }
  return broadcast(most, group);
}

void MpiControl::barrier(const Group& group) {
  gather(std::string_view(), group);
  broadcast(std::string_view(), group);
}

}  // namespace scalebench
