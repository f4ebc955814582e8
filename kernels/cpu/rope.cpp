#include <numbers>

#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/rows.hpp"

namespace scalebench::cpu {

namespace {

constexpr std::int64_t kTurnCost = 8;  // finding the turns of a position, in heads that are turned by them

struct Turns {
  float *cosines, *sines;  // [D / 2]

  Turns(Arena& arena, std::int64_t pairs) {
    arena.reset();
    cosines = arena.take<float>(pairs), sines = arena.take<float>(pairs);
  }
};

// The angle is reduced to half a turn in double: in fp32 a position of 8192 would cost 4 of 7 digits.
void find_turns(const Turns& turns, const float* frequencies, std::int64_t pairs, std::int64_t position, double sign) {
  const double scale = static_cast<double>(position) / (2 * std::numbers::pi);
#pragma omp simd
  for (std::int64_t i = 0; i < pairs; ++i) {
    const double angle = scale * static_cast<double>(frequencies[i]);  // in turns
    const double turn = angle - std::nearbyint(angle);
    turns.cosines[i] = static_cast<float>(cosine_of(turn));
    turns.sines[i] = static_cast<float>(sign * sine_of(turn));
  }
}

template <class T>
void turn(T* head, const Turns& turns, std::int64_t pairs) {
  T* const second = head + pairs;
#pragma omp simd
  for (std::int64_t i = 0; i < pairs; ++i) {
    const float x = to_float(head[i]), y = to_float(second[i]);
    head[i] = from_float<T>(x * turns.cosines[i] - y * turns.sines[i]);
    second[i] = from_float<T>(y * turns.cosines[i] + x * turns.sines[i]);
  }
}

// Rows of any sequences: those of one position that follow each other share its turns.
template <class T>
void turn_rows(const Rope& op, CpuContext& context) {
  const std::int64_t rows = op.heads.dim(0), heads = op.heads.dim(1), pairs = op.heads.dim(2) / 2;
  ensure(op.positions.count() == rows, "rope of {} at {}", to_string(op.heads), to_string(op.positions));
  const auto input = rows_of<T>(op.heads);
  const auto* const frequencies = rows_of<const float>(op.frequencies).data;
  const auto* const positions = rows_of<const std::int32_t>(op.positions).data;
  context.split(rows, rows_per_thread((heads + kTurnCost) * pairs),
                [&](std::int64_t begin, std::int64_t end, int thread) {
                  const Turns turns(context.arena(thread), pairs);
                  for (std::int64_t row = begin; row < end; ++row) {
                    if (row == begin || positions[row] != positions[row - 1])
                      find_turns(turns, frequencies, pairs, positions[row], op.backward ? -1 : 1);
                    for (std::int64_t head = 0; head < heads; ++head)
                      turn(input[row] + head * op.heads.stride(1), turns, pairs);
                  }
                });
}

template <class T>
void turn_sequences(const Rope& op, CpuContext& context) {
  const std::int64_t rows = op.heads.dim(0), heads = op.heads.dim(1), pairs = op.heads.dim(2) / 2;
  ensure(op.sequence > 0 && rows % op.sequence == 0, "rope of {} with sequences of {}", to_string(op.heads),
         op.sequence);
  const auto input = rows_of<T>(op.heads);
  const auto* const frequencies = rows_of<const float>(op.frequencies).data;
  const auto body = [&](std::int64_t begin, std::int64_t end, int thread) {
    const Turns turns(context.arena(thread), pairs);
    for (std::int64_t position = begin; position < end; ++position) {
      find_turns(turns, frequencies, pairs, position, op.backward ? -1 : 1);
      for (std::int64_t row = position; row < rows; row += op.sequence)
        for (std::int64_t head = 0; head < heads; ++head) turn(input[row] + head * op.heads.stride(1), turns, pairs);
    }
  };
  context.split(op.sequence, rows_per_thread(rows / op.sequence * heads * pairs), body);
}

}  // namespace

void compute(const Rope& op, CpuContext& context) {
  ensure(op.heads.rank() == 3 && op.heads.dim(2) % 2 == 0 && op.frequencies.count() == op.heads.dim(2) / 2,
         "rope of {} by {}", to_string(op.heads), to_string(op.frequencies));
  for_dtype(op.heads, [&]<class T>(T) {
    if (op.positions.defined())
      turn_rows<T>(op, context);
    else
      turn_sequences<T>(op, context);
  });
}

}  // namespace scalebench::cpu
