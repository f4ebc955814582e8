// Rows that decode: all query heads of a key-value head share what is read of the cache. The keys of a row are cut into
// pieces of a fixed length, whose softmaxes are put together in their order: so threads share the work on one long
// sequence, and a row's result depends neither on their number nor on what else is in the batch.
#include <limits>
#include <vector>

#include "kernels/cpu/context.hpp"
#include "kernels/cpu/paged_sequences.hpp"
#include "kernels/cpu/split_rows.hpp"

namespace scalebench::cpu {

namespace {

constexpr std::int64_t kPiece = 256;  // keys

// Keys [begin, end) of one row, for one key-value head.
struct Task {
  std::int64_t row, head;
  const std::int32_t* blocks;
  std::int64_t begin, end;
  std::int64_t pieces;  // that follow from this one on
};

// Of a piece: weights are 2^(score - highest).
struct Piece {
  float *highest, *sum;  // [G]
  float* output;         // [G][width], split

  Piece(float* data, std::int64_t group, std::int64_t)
      : highest(data), sum(data + group), output(data + (2 * group + kLanes - 1) / kLanes * kLanes) {}
  static std::int64_t size(std::int64_t group, std::int64_t width) {
    return (2 * group + kLanes - 1) / kLanes * kLanes + group * width;
  }
};

template <class C>
class RowByRow {
 public:
  RowByRow(const PagedAttention& op, const PagedSequences& sequences, CpuContext& context)
      : op_(op),
        context_(context),
        keys_(op.key_cache),
        values_(op.value_cache),
        group_(op.query.dim(1) / op.key_cache.dim(1)),
        size_(op.query.dim(2)),
        width_(stepped<C>(size_)) {
    for (std::int64_t s = 0; s < sequences.count; ++s)
      for (std::int64_t n = 0; sequences[s].rows <= kMostRowsAlone && n < sequences[s].rows; ++n)
        add_row(sequences[s], n);
    context.shared_arena().reset();
    pieces_ = context.shared_arena().template take<float>(static_cast<std::int64_t>(tasks_.size()) * piece_size());
  }

  void run() const {
    const auto count = static_cast<std::int64_t>(tasks_.size());
    if (count == 0) return;
    context_.each(count, [&](std::int64_t i, int thread) {
      attend(task(i), piece(i), context_.arena(thread));
      if (task(i).pieces == 1 && (i == 0 || task(i - 1).pieces == 1)) finish(i);
    });
    if (several_)
      context_.each(count, [&](std::int64_t i, int) {
        if (task(i).pieces > 1 && (i == 0 || task(i - 1).pieces == 1)) finish(i);
      });
  }

 private:
  const Task& task(std::int64_t i) const { return tasks_[static_cast<std::size_t>(i)]; }
  std::int64_t piece_size() const { return Piece::size(group_, width_); }
  Piece piece(std::int64_t i) const { return {pieces_ + i * piece_size(), group_, width_}; }

  void add_row(const PagedSequence& sequence, std::int64_t n) {
    const std::int64_t end = sequence.length - sequence.rows + n + 1;
    const std::int64_t begin = op_.window == 0 ? 0 : std::max<std::int64_t>(end - op_.window, 0);
    const std::int64_t pieces = (end + kPiece - 1) / kPiece - begin / kPiece;
    for (std::int64_t head = 0; head < op_.key_cache.dim(1); ++head)
      for (std::int64_t i = 0; i < pieces; ++i) {
        const std::int64_t first = (begin / kPiece + i) * kPiece;
        tasks_.push_back({sequence.row + n, head, sequence.blocks, std::max(begin, first),
                          std::min(end, first + kPiece), pieces - i});
      }
    several_ = several_ || pieces > 1;
  }

  static const C* at(const PagedCache<const C>& cache, const Task& task, std::int64_t key) {
    return cache.at(task.blocks[key / cache.positions], task.head, key % cache.positions);
  }

  // visit(first element of a run of keys or values, position of the first, their count, elements to the next run, in
  // the end to what is `behind`)
  template <class Visit>
  static void for_each_run(const PagedCache<const C>& cache, const Task& task, const C* behind, const Visit& visit) {
    const C* from = at(cache, task, task.begin);
    for (std::int64_t key = task.begin; key < task.end;) {
      const std::int64_t count = std::min(cache.positions - key % cache.positions, task.end - key);
      const C* const next = key + count < task.end ? at(cache, task, key + count) : behind;
      visit(from, key, count, next - from);
      from = next, key += count;
    }
  }

  void attend(const Task& task, const Piece& piece, Arena& arena) const {
    arena.reset();
    auto *const queries = arena.take<float>(group_ * width_), *const scores = arena.take<float>(group_ * kPiece);
    for_dtype(op_.query, [&]<class T>(T) {
      const T* const query = data_of<const T>(op_.query) + task.row * op_.query.stride(0);
      for (std::int64_t g = 0; g < group_; ++g)
        split_row<C>(query + (task.head * group_ + g) * op_.query.stride(1), size_,
                     static_cast<float>(op_.scale) * kLog2E, queries + g * width_);
    });
    std::fill_n(piece.output, group_ * width_, 0.0F);
    const C* const first = at(values_, task, task.begin);
    for (std::int64_t g = 0; g < group_; g += kMostFew) {
      const int few = static_cast<int>(std::min<std::int64_t>(kMostFew, group_ - g));
      float* const some = scores + g * kPiece;
      for_each_run(keys_, task, first, [&](const C* from, std::int64_t key, std::int64_t count, std::int64_t next) {
        multiply_few(few, count,
                     Dots<C>{from, keys_.pitch, size_, queries + g * width_, nullptr, some + key - task.begin, kPiece},
                     next);
      });
      for (int f = 0; f < few; ++f)
        weigh(some + f * kPiece, task.end - task.begin, piece.highest[g + f], piece.sum[g + f]);
      for_each_run(values_, task, first, [&](const C* from, std::int64_t key, std::int64_t count, std::int64_t next) {
        add_few(few, Blend<C>{from, count, values_.pitch, size_, some + key - task.begin, kPiece,
                              piece.output + g * width_, next});
      });
    }
  }

  // Scores become weights.
  static void weigh(float* scores, std::int64_t count, float& highest, float& sum) {
    const std::int64_t end = (count + kLanes - 1) / kLanes * kLanes;
    std::fill(scores + count, scores + end, -std::numeric_limits<float>::infinity());
    Floats most = load<Floats>(scores), sums{};
    for (std::int64_t i = kLanes; i < end; i += kLanes) most = larger(load<Floats>(scores + i), most);
    highest = most[0];
    for (std::int64_t lane = 1; lane < kLanes; ++lane) highest = most[lane] > highest ? most[lane] : highest;
    for (std::int64_t i = 0; i < end; i += kLanes) {
      const Floats weight = exp2_of_negative<6>(load<Floats>(scores + i) - highest);
      store(weight, scores + i);
      sums += weight;
    }
    sum = sum_of(sums);
  }

  // Puts the pieces of one row and head together, of which `first` is the first.
  void finish(std::int64_t first) const {
    const std::int64_t count = task(first).pieces;
    for (std::int64_t g = 0; g < group_; ++g) {
      const Piece whole = piece(first);
      float* const sums = whole.output + g * width_;
      for (std::int64_t i = first + 1; i < first + count; ++i) join(piece(i), g, whole);
      for_dtype(op_.output, [&]<class T>(T) {
        T* const output = data_of<T>(op_.output) + task(first).row * op_.output.stride(0);
        join_row<C>(sums, size_, 1.0F / whole.sum[g], output + (task(first).head * group_ + g) * op_.output.stride(1));
      });
    }
  }

  void join(const Piece& piece, std::int64_t g, const Piece& whole) const {
    const float highest = std::max(whole.highest[g], piece.highest[g]);
    const float before = exp2_below(whole.highest[g] - highest), now = exp2_below(piece.highest[g] - highest);
    const float* const from = piece.output + g * width_;
    float* const to = whole.output + g * width_;
#pragma omp simd
    for (std::int64_t d = 0; d < width_; ++d) to[d] = before * to[d] + now * from[d];
    whole.sum[g] = before * whole.sum[g] + now * piece.sum[g];
    whole.highest[g] = highest;
  }

  const PagedAttention& op_;
  CpuContext& context_;
  PagedCache<const C> keys_, values_;
  std::int64_t group_, size_, width_;
  std::vector<Task> tasks_{};
  bool several_ = false;
  float* pieces_ = nullptr;
};

}  // namespace

void attend_row_by_row(const PagedAttention& op, const PagedSequences& sequences, CpuContext& context) {
  for_dtype(op.key_cache, [&]<class C>(C) { RowByRow<C>(op, sequences, context).run(); });
}

}  // namespace scalebench::cpu
