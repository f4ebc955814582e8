#include "collectives/communicator.hpp"

namespace scalebench {

Communicator::Communicator(Witness& witness, Group group, int rank)
    : CommunicatorDoor(witness), group_(group), rank_(rank) {}

void Communicator::together(const std::function<void()>& issue_all) {
  at_edge(Edge::begin);
  issue_all();
  at_edge(Edge::end);
}

void Communicator::at_edge(Edge edge) {
  if (Tape* const tape = witness().tape()) tape->steps.push_back([this, edge] { at_edge_now(edge); });
  at_edge_now(edge);
}

}  // namespace scalebench
