// Control over MPI point-to-point messages on a communicator of its own.
#pragma once

#include "collectives/control.hpp"
#include "collectives/mpi/session.hpp"

namespace scalebench {

class MpiControl final : public Control {
 public:
  explicit MpiControl(MpiSession& session);
  ~MpiControl() override;

  int rank() const override { return session_.rank(); }
  int size() const override { return session_.size(); }
  int ranks_on_node() const override { return ranks_on_node_; }
  int rank_on_node() const override { return rank_on_node_; }
  const std::string& host() const override { return host_; }

  std::vector<std::vector<double>> gather(std::span<const double> values, const Group& group) override;
  std::vector<std::string> gather(std::string_view text, const Group& group) override;
  std::vector<double> broadcast(std::span<const double> values, const Group& group) override;
  std::string broadcast(std::string_view text, const Group& group) override;
  std::vector<double> maximum(std::span<const double> values, const Group& group) override;
  void barrier(const Group& group) override;

 private:
  void wait(MPI_Request& request);
  void send(std::string_view bytes, int to);
  std::string receive(int from);

  MpiSession& session_;
  MPI_Comm comm_ = MPI_COMM_NULL;
  int ranks_on_node_{}, rank_on_node_{};
  std::string host_{};
};

}  // namespace scalebench
