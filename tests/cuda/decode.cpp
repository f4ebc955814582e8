// Decode on CUDA's device: its steps as graphs give the tokens of one rank of the CPU.
#include <boost/test/unit_test.hpp>

#include "collectives/control/mpi_control.hpp"
#include "tests/collectives/tested_backend.hpp"
#include "tests/workloads/decoded.hpp"
#include "workloads/blocks/decoder.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

using Ids = std::vector<std::vector<std::int32_t>>;  // of each request's answer

Ids ids_of(const DecodeRun& run) {
  Ids ids;
  for (const Answer& answer : run.answers) ids.push_back(answer.ids);
  return ids;
}

// Nothing checks or records: so steps of decode are replayed as graphs where the network can.
Ids decode_unseen(Backend& backend, const Assignment& a, std::int64_t& seen) {
  backend.witness->check_waits(false);
  backend.witness->watch([&](std::string_view, std::string_view operation) {
    if (operation == PagedAttention::name) ++seen;
  });
  return ids_of(serve_all(backend, a, [&backend, &seen] {
    seen = 0;
    return AgreedClock{.now = [] { return 0.0; }, .wait_until = [](double) {}};
  }));
}

struct Case {
  Family family;
  Sampling sampling;
};
const std::vector<Case> kCases = {{Family::qwen3, {.temperature = 1, .top_k = 30}}, {Family::mistral, {}}};

struct Crowd {
  MpiSession& session = test_session();
  MpiControl control{session};
  int ranks = control.size();

  // Of few heads and layers, since a GPU's threads come one after another here; from a cache that is too small.
  Assignment assignment(const Case& of, int tp) const {
    ModelSpec model = tiny_model_of(of.family, 2);
    model.layers = 2, model.heads = 4;
    Assignment a = tiny_decode(model, tp);
    a.serving = {.input = {TokenCount::Kind::uniform, 1, 20},
                 .output = {TokenCount::Kind::uniform, 1, 20},
                 .requests = 9,
                 .batch = 5,
                 .concurrency = 9,
                 .prefill_chunk = 16,
                 .kv_dtype = DType::f32,
                 .ignore_eos = true,
                 .sampling = of.sampling};
    a.serving.kv_bytes = 7 * Decoder::bytes_of_block(a.model, a.plan, a.serving.kv_dtype);
    return a;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(cuda_decode, Crowd)

BOOST_AUTO_TEST_CASE(graphs_give_the_tokens_of_one_rank_of_the_cpu) {
  for (const Case& of : kCases) {
    const Assignment a = assignment(of, ranks);
    Backend all = make_tested_backend(session, a.plan);
    std::int64_t seen = 0;
    const Ids drawn = decode_unseen(all, a, seen);
    if (control.rank() != 0) continue;
    Backend cpu = make_cpu_backend(session, 1, Waiting::patient, assignment(of, 1).plan);
    std::int64_t all_steps = 0;
    const Ids wanted = decode_unseen(cpu, assignment(of, 1), all_steps);
    BOOST_TEST_CONTEXT(name_of(of.family) << " on " << ranks) {
      BOOST_CHECK(drawn == wanted);
      // A graph shows no operation.
      if (all.device->prefers_static_shapes()) BOOST_CHECK_LT(seen, all_steps);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
