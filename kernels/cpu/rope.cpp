#include <numbers>

#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/rows.hpp"

namespace scalebench::cpu {

namespace {

struct Turns {
  float *cosines, *sines;  // [D / 2]
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

}  // namespace

void compute(const Rope& op, CpuContext& context) {
  const std::int64_t rows = op.heads.dim(0), heads = op.heads.dim(1), pairs = op.heads.dim(2) / 2;
  ensure(op.heads.rank() == 3 && op.heads.dim(2) == 2 * pairs && op.frequencies.count() == pairs && op.sequence > 0 &&
             rows % op.sequence == 0,
         "rope of {} by {} with sequences of {}", to_string(op.heads), to_string(op.frequencies), op.sequence);
  const float* const frequencies = rows_of<const float>(op.frequencies).data;
  const std::int64_t pitch = op.heads.stride(1);
  for_dtype(op.heads, [&]<class T>(T) {
    const auto input = rows_of<T>(op.heads);
    const auto body = [&](std::int64_t begin, std::int64_t end, int thread) {
      context.arena(thread).reset();
      const Turns turns{context.arena(thread).take<float>(pairs), context.arena(thread).take<float>(pairs)};
      for (std::int64_t position = begin; position < end; ++position) {
        find_turns(turns, frequencies, pairs, position, op.backward ? -1 : 1);
        for (std::int64_t row = position; row < rows; row += op.sequence)
          for (std::int64_t head = 0; head < heads; ++head) turn(input[row] + head * pitch, turns, pairs);
      }
    };
    context.split(op.sequence, rows_per_thread(rows / op.sequence * heads * pairs), body);
  });
}

}  // namespace scalebench::cpu
