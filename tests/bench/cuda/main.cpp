// scalebench-bench-cuda: the kernels of one GPU beside its limits. Run by hand, where a GPU is; steps of training and
// of decode beside PyTorch's are measured by against_pytorch.py.
#include <cstdlib>
#include <exception>
#include <string>

#include <fmt/format.h>

#include "base/check.hpp"
#include "base/cuda/times.hpp"
#include "kernels/cuda/choices.hpp"
#include "tests/bench/cuda/parts.hpp"

namespace scalebench::bench {

namespace {

std::int64_t tokens_of(int argc, char** argv) {
  if (argc == 1) return 4096;
  const std::string word = argc == 3 ? argv[1] : "", value = argc == 3 ? argv[2] : "";
  const std::int64_t tokens = word == "--tokens" ? std::strtoll(value.c_str(), nullptr, 10) : 0;
  if (tokens < 16 || tokens % 16 != 0)
    fail(Exit::bad_input, "these arguments are not understood (there is only one) write --tokens N, a multiple of 16");
  return tokens;
}

void measure_all(std::int64_t tokens) {
  Witness witness;
  CudaTimes times(monotonic_seconds);
  Gpu gpu(witness, times, tokens);
  put_text(heading());
  put_row(copy_row(gpu));
  put_row(read_row(gpu));
  for (const Row& row : product_rows(gpu)) put_row(row);
  for (const Row& row : attention_rows(gpu)) put_row(row);
  for (const Row& row : memory_bound_rows(gpu)) put_row(row);
  for (const Row& row : decode_rows(gpu)) put_row(row);
  put_row(communicator_row(gpu, witness, times));
  put_text("Chosen by measurement:");
  for (const std::string& line : cuda::choices()) put_text("  " + line);
}

}  // namespace

}  // namespace scalebench::bench

int main(int argc, char** argv) {
  try {
    scalebench::bench::measure_all(scalebench::bench::tokens_of(argc, argv));
  } catch (const std::exception& error) {
    fmt::print(stderr, "scalebench-bench-cuda: error: {}\n", error.what());
    return 1;
  }
  return 0;
}
