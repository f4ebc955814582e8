// Readings of the stand-in for NVML: units, and what is absent.
#include "app/gpu/nvml.hpp"

#include <cstdlib>

#include <boost/test/unit_test.hpp>
#include <dlfcn.h>

using namespace scalebench;

namespace {

const std::string kGpu = "GPU-00000000-0000-0000-0000-000000000001",
                  kSlice = "MIG-00000000-0000-0000-0000-000000000001";

// Loaded by its path first: who then asks for the name alone gets the one that is there.
struct StandIn {
  StandIn() {
    BOOST_REQUIRE(dlopen(STAND_IN_NVML, RTLD_NOW | RTLD_LOCAL) != nullptr);
    for (const char* name : {"FAULTS_UNKNOWN", "FAULTS_NVMLINIT", "FAULTS_WATTS", "FAULTS_REASONS"}) unsetenv(name);
  }
  GpuReading reading(const std::string& uuid = kGpu) { return open_sensors(uuid).sensors->read(); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(gpu_nvml, StandIn)

BOOST_AUTO_TEST_CASE(all_are_in_si_units) {
  setenv("FAULTS_WATTS", "250.5", 1);
  setenv("FAULTS_REASONS", "36", 1);
  const auto sensors = open_sensors(kGpu).sensors;
  BOOST_REQUIRE(sensors != nullptr);
  const GpuReading r = sensors->read();
  BOOST_TEST(*r.sm_clock == 1980e6);
  BOOST_TEST(*r.memory_clock == 2619e6);
  BOOST_TEST(*r.power == 250.5, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(*r.temperature == 61);
  BOOST_TEST(*r.throttle_reasons == 36U);
  BOOST_TEST(*r.uncorrected_errors == 2);
  BOOST_TEST(*r.energy == 250.5 * r.time, boost::test_tools::tolerance(1e-3));
  BOOST_TEST(sensors->version() == "580.65.06");
}

BOOST_AUTO_TEST_CASE(what_the_gpu_does_not_know_is_absent) {
  setenv("FAULTS_UNKNOWN", "energy,clock,errors,reasons,power,temperature", 1);
  const GpuReading r = reading();
  BOOST_TEST(!r.energy);
  BOOST_TEST(!r.sm_clock);
  BOOST_TEST(!r.memory_clock);
  BOOST_TEST(!r.uncorrected_errors);
  BOOST_TEST(!r.throttle_reasons);
  BOOST_TEST(!r.power);
  BOOST_TEST(!r.temperature);
}

BOOST_AUTO_TEST_CASE(a_slice_has_no_energy_of_its_own) {
  const GpuReading r = reading(kSlice);
  BOOST_TEST(!r.energy);
  BOOST_TEST(*r.temperature == 61);
}

BOOST_AUTO_TEST_CASE(without_sensors_it_is_said_why) {
  BOOST_TEST(open_sensors("GPU-ffff").absent.find("does not find GPU-ffff") != std::string::npos);
  setenv("FAULTS_NVMLINIT", "9", 1);
  const FoundSensors found = open_sensors(kGpu);
  BOOST_TEST((found.sensors == nullptr));
  BOOST_TEST(found.absent.find("nvmlInit gives error 9") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(idle_and_wanted_clocks_slow_nothing) {
  for (const std::uint64_t reasons : {0x0, 0x1, 0x2, 0x10, 0x100, 0x113}) BOOST_TEST(!slows(reasons), reasons);
  for (const std::uint64_t reasons : {0x4, 0x8, 0x20, 0x40, 0x80, 0x5}) BOOST_TEST(slows(reasons), reasons);
  BOOST_TEST(throttle_text(0x45) == "power cap, heat (hardware)");
}

BOOST_AUTO_TEST_SUITE_END()
