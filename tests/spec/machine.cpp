#include <filesystem>
#include <fstream>

#include "spec/catalogue.hpp"
#include "tests/spec/refusal.hpp"
#include "tests/spec/temporary_file.hpp"

namespace scalebench {

BOOST_AUTO_TEST_SUITE(machine)

BOOST_AUTO_TEST_CASE(the_catalogue_holds_the_known_machines) {
  BOOST_TEST(machine_names() == (std::vector<std::string>{"a100-80", "b200", "h100-sxm", "h200"}),
             boost::test_tools::per_element());
  for (const std::string& name : machine_names()) {
    BOOST_TEST(find_machine(name).name == name);
    BOOST_TEST(find_machine(name).devices_per_node == 8);
  }
  BOOST_TEST(find_machine("h200").memory == 141e9);
  BOOST_TEST((find_machine("h200").capability == 90 && find_machine("b200").capability == 100));
  const auto peak = [](const char* name, const char* precision) { return find_machine(name).peaks.at(precision); };
  BOOST_TEST((peak("h200", "fp8") == 1979e12 && peak("a100-80", "tf32") == 156e12 && peak("b200", "nvfp4") == 9e15));
  BOOST_TEST(!find_machine("a100-80").peaks.contains("fp8"));  // never somebody else's
  expect_refusal([] { find_machine("h100"); }, "did you mean h100-sxm");
  BOOST_TEST(machine_of_device("NVIDIA H200").value().name == "h200");
  BOOST_TEST(!machine_of_device("NVIDIA H200 NVL"));  // another one, with another peak
  BOOST_TEST(!machine_of_device(""));
}

BOOST_AUTO_TEST_CASE(a_users_machine_is_read) {
  const TemporaryFile file("mine.toml", "name = \"mine\"\nmemory = 1000\ndevices_per_node = 2\n");
  const Machine machine = find_machine(file.path());
  BOOST_TEST(machine.name == "mine");
  BOOST_TEST(machine.memory == 1000.0);
  BOOST_TEST(machine.devices_per_node == 2);
  BOOST_TEST(machine.peaks.empty());
  BOOST_TEST(machine.capability == 0);
}

BOOST_AUTO_TEST_CASE(mistakes_in_a_machine_are_named_with_their_line) {
  const std::string good = "name = \"mine\"\nmemory = \"80GB\"\ndevices_per_node = 8\n";
  const std::pair<std::string, std::string> cases[] = {
      {good + "memery = 3\n", "mine.toml:4: the key memery is not known"},
      {good + "memory = \"81GB\"\n", "mine.toml:4: this is not TOML"},
      {good + "[deep]\n", "the key deep is not known"},
      {"name = \"mine\"\nmemory = \"80GB\"\n", "devices_per_node is missing"},
      {"name = \"mine\"\nmemory = \"80XB\"\ndevices_per_node = 8\n", "mine.toml:2: memory"},
      {"name = \"mine\"\nmemory = -1\ndevices_per_node = 8\n", "mine.toml:2: memory"},
      {"name = \"mine\"\nmemory = nan\ndevices_per_node = 8\n", "mine.toml:2: memory"},
      {"name = \"mine\"\nmemory = 8e9\ndevices_per_node = 8\n", "mine.toml:2: memory"},
      {"name = \"mine\"\nmemory = \"80GB\"\ndevices_per_node = 0\n", "mine.toml:3: devices_per_node"},
      {good + "peaks = 3\n", "mine.toml:4: peaks are no FLOP/s"},
      {good + "peaks = {bf17 = 1e12}\n", "mine.toml:4: peaks are no FLOP/s"},
      {good + "peaks = {bf16 = 0}\n", "mine.toml:4: peaks are no FLOP/s"},
      {good + "peaks = {bf16 = nan}\n", "mine.toml:4: peaks are no FLOP/s"},
      {good + "peaks = {bf16 = \"1T\"}\n", "mine.toml:4: peaks are no FLOP/s"},
      {good + "fp8_scaling = \"tensor\"\n", "mine.toml:4: fp8_scaling is no list"},
      {good + "fp8_scaling = [\"rows\"]\n", "mine.toml:4: fp8_scaling is no list"},
      {good + "capability = 9.0\n", "mine.toml:4: capability is no compute capability"},
      {good + "capability = \"90\"\n", "mine.toml:4: capability is no compute capability"},
      {good + "capability = \"9.x\"\n", "mine.toml:4: capability is no compute capability"},
      {good + "device = 3\n", "mine.toml:4: device is no name"},
      {"name = \"\"\nmemory = \"80GB\"\ndevices_per_node = 8\n", "mine.toml:1: name"},
      {"name = [\n", "this is not TOML"},
      {"\x7f\x45\x4c\x46\x02", "this is not TOML"},
      {"x = " + std::string(10'000, '[') + "\n", "this is not TOML"},
  };
  for (const auto& [text, part] : cases) {
    const TemporaryFile file("mine.toml", text);
    expect_refusal([&] { find_machine(file.path()); }, part);
  }
  expect_refusal([] { find_machine("/nowhere/mine.toml"); }, "is not there");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench
