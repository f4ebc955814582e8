// What NCCL's log says of transports, in lines as NCCL 2.28 prints them, and who gets the log.
#include "collectives/nccl/log.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include <boost/test/unit_test.hpp>
#include <unistd.h>

using namespace scalebench;

namespace {

using Names = std::vector<std::string>;

std::string line(const std::string& text) { return "node1:4711:4733 [0] NCCL INFO " + text + "\n"; }
std::string pattern(const std::string& types) {
  return line("Pattern 4, crossNic 0, nChannels 16, bw 40.000000/40.000000, type " + types + ", sameChannels 1");
}
std::string channel(const std::string& way) { return line("Channel 00/0 : 0[0] -> 1[1] via " + way); }

void check(const std::string& log, const Names& expected) {
  BOOST_TEST_INFO(log);
  BOOST_TEST(transports_in(log) == expected, boost::test_tools::per_element());
}

using List = std::vector<std::pair<std::string, std::string>>;

// Settings of the environment, as long as it lives.
struct Settings {
  explicit Settings(List list) : settings(std::move(list)) {
    for (const auto& [name, value] : settings) setenv(name.c_str(), value.c_str(), 1);
  }
  ~Settings() {
    for (const auto& [name, value] : settings) unsetenv(name.c_str());
  }
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;
  List settings;
};

void check_unreadable(const List& list, const std::string& why) {
  const Settings settings(list);
  const NcclLog log;
  BOOST_TEST(log.unreadable().find(why) != std::string::npos, log.unreadable());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(nccl_log)

BOOST_AUTO_TEST_CASE(each_transport_has_its_words) {
  check("", {});
  check(pattern("NVL/PIX") + channel("P2P/CUMEM/read"), {"nvlink"});
  check(pattern("NVL/PIX") + channel("P2P/IPC/CE"), {"nvlink"});
  check(pattern("PHB/PIX") + channel("P2P/CUMEM"), {"pcie"});
  check(pattern("SYS/PIX") + channel("P2P/indirect/2[2]"), {"pcie"});
  const std::string windows = line("Symmetric VA size=128GB");  // and kernels that need no channels
  check(pattern("NVL/PIX") + windows, {"nvlink"});
  check(pattern("PHB/PIX") + windows, {"pcie"});
  check(channel("P2P/MNNVL"), {"nvlink"});
  check(channel("P2P/direct pointer"), {"p2p"});
  check(pattern("PHB/PHB") + line("Channel 01 : 3[3] -> 0[0] via SHM/direct/direct"), {"shm"});
  check(line("Channel 00/0 : 1[1] -> 2[0] [send] via NET/IB/0/GDRDMA"), {"ib"});
  check(line("Channel 00/0 : 1[1] -> 2[0] [receive] via NET/IB/0(3)/GDRDMA(PCI)/Shared"), {"ib"});
  check(line("Channel 00/0 : 1[1] -> 2[0] [send] via NET/IBext_v10/1"), {"ib"});
  check(line("Channel 00/0 : 1[1] -> 2[0] [send] via NET/Socket/0"), {"socket"});
  check(line("Channel 00/0 : 1[1] -> 2[0] [send] via NET/AWS Libfabric/0/GDRDMA"), {"aws libfabric"});
  check(line("CollNet 00/0 : 0 [send] via COLLNET/SHARP/0/GDRDMA"), {"ib"});
  check(line("NVLS comm 0x55d0 headRank 0 nHeads 8 nvlsRanks 8 buffSize 1048576 nvlsPerRankSize 1 nvlsTotalSize 8"),
        {"nvlink"});
}

BOOST_AUTO_TEST_CASE(they_come_once_and_the_best_first) {
  check(pattern("NVL/PIX") + channel("NET/Socket/0") + channel("SHM/direct/direct") + channel("NET/Fast/0") +
            channel("NET/IB/0") + channel("P2P/CUMEM") + channel("P2P/CUMEM"),
        {"nvlink", "shm", "ib", "fast", "socket"});
  check(pattern("NVL/PIX") + pattern("SYS/PIX") + channel("P2P/CUMEM"), {"nvlink", "pcie"});
  check(pattern("LOC/PIX") + pattern("NVL/PIX") + channel("P2P/CUMEM"), {"nvlink"});
}

BOOST_AUTO_TEST_CASE(other_lines_say_nothing) {
  check("Channel 00/0 : 0[0] -> 1[1] via NET/Socket/0\n", {});
  check(pattern("NVL/PIX") + line("Bootstrap: Using eth0:10.0.0.1<0>") +
            line("NET/Socket : Using [0]eth0:10.0.0.1<0>") + line("Using network Socket") +
            line("RAS connected with 10.0.0.2 via a socket that's no longer current!"),
        {});
  const std::string cut = channel("NET/IB/0");
  for (std::size_t length = 0; length < cut.size(); ++length) transports_in(cut.substr(0, length));
  transports_in("node1:1:1 [0] NCCL INFO Pattern 4, type ");
}

BOOST_AUTO_TEST_CASE(a_pattern_of_a_file_is_filled_in) {
  BOOST_TEST(nccl_log_path("/tmp/nccl.%h.%p.log", "node1", 71) == "/tmp/nccl.node1.71.log");
  BOOST_TEST(nccl_log_path("100%%", "node1", 71) == "100%");
  BOOST_TEST(nccl_log_path("a%q%", "node1", 71) == "a%q%");
}

BOOST_AUTO_TEST_CASE(without_a_wish_the_log_is_ours_and_in_no_folder) {
  {
    const NcclLog log;
    BOOST_REQUIRE(log.unreadable().empty());
    BOOST_TEST(std::getenv("NCCL_DEBUG") == std::string("INFO"));
    BOOST_TEST(log.text().empty());
    std::ofstream(std::getenv("NCCL_DEBUG_FILE")) << channel("NET/Socket/0") << std::flush;
    check(log.text(), {"socket"});
  }
  BOOST_TEST(std::getenv("NCCL_DEBUG") == nullptr);
}

BOOST_AUTO_TEST_CASE(a_wish_of_the_users_is_followed) {
  const auto folder = std::filesystem::temp_directory_path() / ("nccl-log-" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  const Settings settings(List{{"NCCL_DEBUG", "info"}, {"NCCL_DEBUG_FILE", (folder / "%p.log").string()}});
  const NcclLog log;
  std::ofstream(folder / (std::to_string(getpid()) + ".log")) << channel("NET/IB/0");
  BOOST_TEST(log.unreadable().empty());
  check(log.text(), {"ib"});
  BOOST_TEST(std::getenv("NCCL_DEBUG_SUBSYS") == nullptr);
  std::filesystem::remove_all(folder);
}

BOOST_AUTO_TEST_CASE(a_log_that_says_nothing_is_not_taken_for_silence) {
  check_unreadable({{"NCCL_DEBUG", "INFO"}}, "goes to the output");
  check_unreadable({{"NCCL_DEBUG", "WARN"}, {"NCCL_DEBUG_FILE", "x"}}, "NCCL_DEBUG=WARN");
  check_unreadable({{"NCCL_DEBUG_FILE", "x"}}, "leaves connections out");
  check_unreadable({{"NCCL_DEBUG", "INFO"}, {"NCCL_DEBUG_SUBSYS", "COLL,TUNING"}, {"NCCL_DEBUG_FILE", "x"}}, "COLL");
}

BOOST_AUTO_TEST_SUITE_END()
