#include "kernels/cpu/compute.hpp"
#include "kernels/cpu/context.hpp"
#include "kernels/cpu/paged_sequences.hpp"

namespace scalebench::cpu {

namespace {

void check(const PagedAttention& op) {
  const Tensor &query = op.query, &keys = op.key_cache, &values = op.value_cache;
  ensure(query.rank() == 3 && keys.rank() == 4 && keys.dim(1) > 0 && query.dim(1) % keys.dim(1) == 0 &&
             query.dim(2) == keys.dim(3) && query.stride(2) == 1 && op.window >= 0,
         "paged attention of {} over {} with a window of {}", to_string(query), to_string(keys), op.window);
  ensure(values.rank() == 4 && values.dtype() == keys.dtype() && values.dim(1) == keys.dim(1) &&
             values.dim(2) == keys.dim(2) && values.dim(3) == keys.dim(3),
         "paged attention over keys {} and values {}", to_string(keys), to_string(values));
  ensure(op.output.dtype() == query.dtype() && op.output.dim(0) == query.dim(0) && op.output.dim(1) == query.dim(1) &&
             op.output.dim(2) == query.dim(2) && op.output.stride(2) == 1,
         "paged attention of {} to {}", to_string(query), to_string(op.output));
  ensure(op.starts.count() == op.lengths.count() + 1 && op.blocks.rows() == op.lengths.count(),
         "paged attention of sequences {}, {} and {}", to_string(op.starts), to_string(op.lengths),
         to_string(op.blocks));
}

// What a wrong number would let the kernels read elsewhere.
void check(const PagedAttention& op, const PagedSequence& s) {
  const std::int64_t places = op.key_cache.dim(2), first = s.length - s.rows;
  ensure(s.row >= 0 && s.rows >= 0 && s.row + s.rows <= op.query.dim(0) && first >= 0 &&
             s.length <= op.blocks.columns() * places,
         "paged attention of rows [{}, {}) as the last of {} positions", s.row, s.row + s.rows, s.length);
  const std::int64_t begin = op.window == 0 ? 0 : std::max<std::int64_t>(first - op.window + 1, 0);
  for (std::int64_t m = begin / places; s.rows > 0 && m * places < s.length; ++m)
    ensure(s.blocks[m] >= 0 && s.blocks[m] < op.key_cache.dim(0), "paged attention over block {} of {}", s.blocks[m],
           to_string(op.key_cache));
}

}  // namespace

void compute(const PagedAttention& op, CpuContext& context) {
  check(op);
  const PagedSequences sequences(op);
  for (std::int64_t s = 0; s < sequences.count; ++s) check(op, sequences[s]);
  attend_row_by_row(op, sequences, context);
  attend_in_blocks(op, sequences, context);
}

}  // namespace scalebench::cpu
