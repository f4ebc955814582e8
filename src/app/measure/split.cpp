#include "app/measure/split.hpp"

#include <algorithm>
#include <array>

namespace scalebench {

namespace {

// In the order of precedence.
constexpr std::array kPrecedence = {Phase::optimizer, Phase::input,   Phase::compute, Phase::imbalance,
                                    Phase::bubble,    Phase::exposed, Phase::host};

struct Edge {
  double time;
  std::size_t category;  // into kPrecedence
  int step;              // +1 begins, -1 ends
};

std::size_t category_of(Phase phase) {
  return static_cast<std::size_t>(std::find(kPrecedence.begin(), kPrecedence.end(), phase) - kPrecedence.begin());
}

double& at(Phases& phases, Phase phase) { return phases[static_cast<std::size_t>(phase)]; }

class Edges {
 public:
  Edges(double begin, double end) : begin_(begin), end_(end) {}
  void add(Phase phase, double from, double to) {
    from = std::clamp(from, begin_, end_);
    to = std::clamp(to, begin_, end_);
    if (!(from < to)) return;
    edges_.push_back({from, category_of(phase), +1});
    edges_.push_back({to, category_of(phase), -1});
  }
  void add(const Work& work) {
    add(Phase::host, work.issued, work.launched);
    switch (work.part) {
      case Part::compute:
        add(Phase::compute, work.start, work.end);
        break;
      case Part::optimizer:
        add(Phase::optimizer, work.start, work.end);
        break;
      case Part::input:
        add(Phase::input, work.start, work.end);
        break;
      case Part::host:
        add(Phase::host, work.start, work.end);
        break;
      case Part::communication:
        add(Phase::exposed, work.start, work.end);
        add_waiting(work);
        break;
    }
  }
  std::vector<Edge> sorted() {
    std::sort(edges_.begin(), edges_.end(), [](const Edge& a, const Edge& b) { return a.time < b.time; });
    return edges_;
  }

 private:
  // First for this rank's stage, then for others.
  void add_waiting(const Work& work) {
    const double own = std::max(work.start, std::min(work.last_of_stage, work.end));
    if (work.last_of_stage > work.start) add(Phase::imbalance, work.start, own);
    if (work.last_arrival > own) add(Phase::bubble, own, std::min(work.last_arrival, work.end));
  }

  double begin_, end_;
  std::vector<Edge> edges_{};
};

}  // namespace

Phases split_step(const std::vector<Work>& works, double begin, double end) {
  Edges edges(begin, end);
  for (const Work& work : works) edges.add(work);

  Phases phases{};
  std::array<int, kPrecedence.size()> open{};
  double time = begin, accounted = 0;
  for (const Edge& edge : edges.sorted()) {
    const auto first = std::find_if(open.begin(), open.end(), [](int count) { return count > 0; });
    if (first != open.end()) {
      at(phases, kPrecedence[static_cast<std::size_t>(first - open.begin())]) += edge.time - time;
      accounted += edge.time - time;
    }
    time = edge.time;
    open[edge.category] += edge.step;
  }
  at(phases, Phase::residue) = (end - begin) - accounted;
  return phases;
}

void charge_interference(Phases& phases, double muted_compute) {
  at(phases, Phase::interference) = at(phases, Phase::compute) - muted_compute;
  at(phases, Phase::compute) = muted_compute;
}

}  // namespace scalebench
