// Where a rank is put, on machines of one and two NUMA nodes.
#include "app/gpu/affinity.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/app/gpu/machines.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

const std::string kFirst = "0000:01:00.0", kSecond = "0000:11:00.0";

// A GPU on either socket; the first shares its switch with an adapter, the second has two on the next switch.
std::string two_sockets() {
  return machine_xml(
      {{{{{kFirst}, {"0000:01:01.0", "mlx5_0", 3}, {"0000:01:02.0", "ib0"}}, {{"0000:02:00.0", "eth0"}}}},
       {{{{kSecond}}, {{"0000:12:00.0", "mlx5_1", 3}, {"0000:12:01.0", "ib1"}}}}});
}

Affinity planned(const std::string& cores, const std::string& gpu) {
  return plan_affinity(Topology::of_xml(two_sockets()), cores, gpu);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gpu_affinity)

BOOST_AUTO_TEST_CASE(a_rank_that_nobody_bound_is_put_next_to_its_gpu) {
  const Affinity first = planned("0-7", kFirst), second = planned("0-7", kSecond);
  BOOST_TEST((first.by == BoundBy::scalebench));
  BOOST_TEST(first.cores == "0-3");
  BOOST_TEST(first.numa == "0");
  BOOST_TEST(second.cores == "4-7");
  BOOST_TEST(second.numa == "1");
  BOOST_TEST(second.gpu_numa == "1");
  BOOST_TEST(!first.far);
  BOOST_TEST(!second.far);
}

BOOST_AUTO_TEST_CASE(what_the_launcher_bound_stays_and_is_judged) {
  const Affinity near = planned("5", kSecond), far = planned("2-3", kSecond), both = planned("3-4", kSecond);
  for (const Affinity* a : {&near, &far, &both}) BOOST_TEST((a->by == BoundBy::launcher));
  BOOST_TEST(near.cores == "5");
  BOOST_TEST(!near.far);
  BOOST_TEST(far.cores == "2-3");
  BOOST_TEST(far.numa == "0");
  BOOST_TEST(far.far);
  BOOST_TEST(both.numa == "0-1");
  BOOST_TEST(both.far);
}

BOOST_AUTO_TEST_CASE(the_nearest_adapters_are_those_of_the_same_switch_then_of_the_same_socket) {
  BOOST_TEST(planned("0-7", kFirst).nics == "ib0,mlx5_0");
  BOOST_TEST(planned("0-7", kSecond).nics == "ib1,mlx5_1");
}

BOOST_AUTO_TEST_CASE(an_adapter_of_the_other_socket_is_better_than_none) {
  const std::string xml = machine_xml({{{{{kFirst}}}}, {{{{"0000:11:01.0", "mlx5_9", 3}}}}});
  BOOST_TEST(plan_affinity(Topology::of_xml(xml), "0-7", kFirst).nics == "mlx5_9");
}

BOOST_AUTO_TEST_CASE(on_one_node_nobody_is_bound) {
  const Topology one = Topology::of_xml(machine_xml({{{{{kFirst}}}}}));
  const Affinity a = plan_affinity(one, "0-3", kFirst);
  BOOST_TEST((a.by == BoundBy::nobody));
  BOOST_TEST(a.cores == "0-3");
  BOOST_TEST(a.gpu_numa == "");
  BOOST_TEST(!a.far);
  BOOST_TEST(!plan_affinity(one, "2", kFirst).far);
}

BOOST_AUTO_TEST_CASE(where_memory_or_devices_are_the_whole_machines_nobody_is_bound) {
  const std::vector<Socket> sockets = {{{{{kFirst}}}}, {{{{kSecond}}}}};
  for (const std::string& xml : {machine_xml(sockets, Memory::of_the_machine),
                                 machine_xml(sockets, Memory::of_each_socket, Devices::of_the_machine)}) {
    const Affinity a = plan_affinity(Topology::of_xml(xml), "0-7", kSecond);
    BOOST_TEST((a.by == BoundBy::nobody));
    BOOST_TEST(a.gpu_numa == "");
    BOOST_TEST(!plan_affinity(Topology::of_xml(xml), "0", kSecond).far);
  }
}

BOOST_AUTO_TEST_CASE(a_gpu_that_is_not_to_be_found_binds_nobody) {
  for (const char* gpu : {"", "0000:99:00.0", "nonsense"}) {
    const Affinity a = planned("0-7", gpu);
    BOOST_TEST((a.by == BoundBy::nobody), gpu);
    BOOST_TEST(a.cores == "0-7");
    BOOST_TEST(!a.far);
    BOOST_TEST(!planned("0", gpu).far);
  }
}

BOOST_AUTO_TEST_CASE(the_text_says_what_is_not_known) {
  BOOST_TEST(text_of(planned("0-7", kSecond)) ==
             "cores=4-7 bound=scalebench numa=1 gpu=0000:11:00.0 gpu_numa=1 nics=ib1,mlx5_1");
  BOOST_TEST(text_of(planned("0-1", "")) == "cores=0-1 bound=launcher numa=0 gpu=unknown gpu_numa=unknown nics=none");
}

BOOST_AUTO_TEST_CASE(this_machine_can_be_read) {
  const Affinity a = bind_near_gpu("");
  BOOST_TEST((a.by != BoundBy::scalebench));
  BOOST_TEST(!a.cores.empty());
}

BOOST_AUTO_TEST_SUITE_END()
