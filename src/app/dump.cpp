#include "app/dump.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <span>

#include "base/check.hpp"
#include "workloads/blocks/layout.hpp"

namespace scalebench {

namespace {

constexpr std::size_t kPiece = std::size_t{1} << 24;  // values: MPI counts the bytes of a message in an int

// As Control::gather, of as many values as there may be.
std::vector<std::vector<double>> gather_all(const std::vector<double>& mine, Control& control, const Group& group) {
  std::vector<std::vector<double>> all;
  const auto own = static_cast<double>(mine.size());
  const auto most = static_cast<std::size_t>(control.maximum({&own, 1}, group)[0]);
  for (std::size_t begin = 0; begin < most; begin += kPiece) {
    const std::size_t first = std::min(begin, mine.size());
    const auto piece = std::span(mine).subspan(first, std::min(kPiece, mine.size() - first));
    const auto rows = control.gather(piece, group);
    all.resize(rows.size());
    for (std::size_t rank = 0; rank < rows.size(); ++rank)
      all[rank].insert(all[rank].end(), rows[rank].begin(), rows[rank].end());
  }
  return all;
}

// Rows of `width` that every rank brings in its own order, put where `sequences` say, from column `first` on.
std::vector<double> in_order(const std::vector<std::vector<double>>& parts,
                             const std::vector<std::vector<double>>& sequences, std::size_t rows, std::size_t pitch,
                             std::size_t first, std::size_t width) {
  std::vector<double> whole(rows * width);
  for (std::size_t rank = 0; rank < parts.size(); ++rank)
    for (std::size_t i = 0; i < sequences[rank].size(); ++i) {
      const auto* const from = parts[rank].data() + i * pitch + first;
      std::copy(from, from + width, whole.data() + static_cast<std::size_t>(sequences[rank][i]) * width);
    }
  return whole;
}

// As Hugging Face stores them: those that lie in one tensor follow each other here.
std::vector<Dump::Named> named(const std::vector<Unit>& units, const std::vector<std::vector<double>>& gradients) {
  std::vector<Dump::Named> all;
  for (std::size_t unit = 0; unit < units.size(); ++unit)
    for (const Parameter& p : units[unit].parameters) {
      if (all.empty() || all.back().name != p.name) {
        const std::vector<std::int64_t> shape = p.stored_shape();
        const auto count = std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
        all.push_back({p.name, {shape.begin(), shape.end()}, std::vector<double>(static_cast<std::size_t>(count))});
      }
      const double* from = gradients[unit].data() + p.offset;
      for (std::int64_t row = 0; row < p.rows; ++row)
        for (std::int64_t column = 0; column < std::max<std::int64_t>(p.columns, 1); ++column)
          all.back().values[static_cast<std::size_t>(p.stored_place(row, column))] = *from++;
    }
  return all;
}

}  // namespace

void dump_first_step(Step& step, const PointPlan& point, Control& control, const DumpFile* file) {
  const Group group{0, point.ranks, 1};
  const FirstStep mine = step.first_step();
  const auto gradients = step.gradients();
  const auto sequences = control.gather(std::vector<double>(mine.sequences.begin(), mine.sequences.end()), group);
  const auto tokens = gather_all(mine.tokens, control, group), logits = gather_all(mine.logits, control, group);
  if (file == nullptr) return;
  const ModelSpec& model = point.assignment.model;
  const ParallelPlan& plan = point.assignment.plan;
  Dump dump{.sequences = static_cast<std::size_t>(plan.global_batch),
            .length = static_cast<std::size_t>(plan.sequence),
            .vocabulary = static_cast<std::size_t>(model.vocabulary),
            .loss = mine.loss,
            .gradient_norm = mine.gradient_norm,
            .gradients = named(units_of(model), gradients)};
  const std::size_t rows = dump.sequences, length = dump.length, scores = length * dump.vocabulary;
  dump.tokens = in_order(tokens, sequences, rows, length + 1, 0, length);
  dump.targets = in_order(tokens, sequences, rows, length + 1, 1, length);
  dump.logits = in_order(logits, sequences, rows, scores, 0, scores);
  file->write(dump);
}

}  // namespace scalebench
