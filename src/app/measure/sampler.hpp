// Runs iterations of one step on one rank of a point, and keeps what they took.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "app/backend.hpp"
#include "app/crew.hpp"
#include "app/measure/measurement.hpp"

namespace scalebench {

// This rank's part of an iteration.
struct LocalIteration {
  std::int64_t index{};  // from 0, warm-ups included
  IterationKind kind{};
  double seconds{};
  Phases phases{};          // of marked and muted iterations
  double begin = kUnknown;  // on this rank's clock
};

class Sampler {
 public:
  Sampler(Backend& backend, Step& step, Crew& crew, const Group& group, int point);

  // `count` iterations, one after the other without a barrier. What all ranks learn from it: the longest of each.
  std::vector<double> run(IterationKind kind, int count);

  // Iterations that were run elsewhere, their begin and end; ranks bring different numbers of them, which are filled up
  // with NaN.
  void add_counted(const std::vector<std::pair<double, double>>& times, std::string trouble);

  const std::vector<LocalIteration>& iterations() const { return iterations_; }
  const std::vector<StepValues>& values() const { return values_; }
  std::vector<SpanRow> last_spans() const { return spans_; }
  // "" or why the point is over before its time, as in Point::stop_reason; the same on all ranks.
  const std::string& trouble() const { return trouble_; }

 private:
  std::vector<double> run_freely(IterationKind kind, int count);
  std::vector<double> run_recorded(IterationKind kind, int count);
  LocalIteration run_and_split(IterationKind kind, double begin);
  void prepare(std::int64_t index);
  void read_gpu() const;
  Phases split(double begin, double end, bool muted);
  struct Arrivals {
    std::vector<double> of_all{}, of_stage{};  // by call
  };
  Arrivals last_arrivals(Communicator& communicator);
  void keep_spans(double begin);
  void exchange(std::vector<double>& samples);

  Backend& backend_;
  Step& step_;
  Crew& crew_;
  Group group_;
  int point_;
  PromptLane host_;  // what the host does itself between operations
  std::vector<LocalIteration> iterations_{};
  std::vector<StepValues> values_{};
  std::vector<SpanRow> spans_{};
  std::string trouble_{};
};

}  // namespace scalebench
