// What scalebench-bench-cuda measures. A row's value is a share of a yardstick that was measured in the same run.
#pragma once

#include <vector>

#include "tests/bench/cuda/gpu.hpp"
#include "tests/bench/row.hpp"

namespace scalebench::bench {

void put_row(const Row& row);

Row copy_row(Gpu& gpu);
Row read_row(Gpu& gpu);
// Products of Llama-3-8B through the device, of the same called bare: cuBLASLt's heuristic's first choice.
std::vector<Row> product_rows(Gpu& gpu);
// Heads of 128, forward and backward: FLOP/s of the best product's.
std::vector<Row> attention_rows(Gpu& gpu);
// Bytes that an operation must move over its time, of the copy bandwidth.
std::vector<Row> memory_bound_rows(Gpu& gpu);
// One sequence's products and attention over its cache, of the read bandwidth.
std::vector<Row> decode_rows(Gpu& gpu);
// The host's time of a call through NcclCommunicator, less that of NCCL's own.
Row communicator_row(Gpu& gpu, Witness& witness, CudaTimes& times);

}  // namespace scalebench::bench
