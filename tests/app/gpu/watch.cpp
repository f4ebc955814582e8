// The thread that reads sensors.
#include "app/gpu/watch.hpp"

#include <boost/test/unit_test.hpp>

#include "base/clock.hpp"

using namespace scalebench;

namespace {

class Counting final : public GpuSensors {
 public:
  GpuReading read() override { return {.time = monotonic_seconds(), .energy = ++count_}; }
  std::string version() const override { return "1"; }

 private:
  double count_ = 0;
};

void sleep_for(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

}  // namespace

BOOST_AUTO_TEST_SUITE(gpu_watch)

BOOST_AUTO_TEST_CASE(it_reads_by_itself_and_when_asked) {
  GpuWatch watch(std::make_unique<Counting>(), 0.01);
  watch.begin();
  watch.read();
  sleep_for(0.2);
  watch.read();
  const auto readings = watch.end();
  BOOST_TEST(readings.size() > 3U);
  for (std::size_t i = 1; i < readings.size(); ++i) {
    BOOST_TEST(readings[i].time >= readings[i - 1].time);
    BOOST_TEST(*readings[i].energy == *readings[i - 1].energy + 1);
  }
}

BOOST_AUTO_TEST_CASE(each_point_begins_without_those_of_the_one_before) {
  GpuWatch watch(std::make_unique<Counting>(), 1000);
  BOOST_TEST(watch.end().empty());
  for (const std::size_t count : {2U, 1U}) {
    watch.begin();
    for (std::size_t i = 0; i < count; ++i) watch.read();
    BOOST_TEST(watch.end().size() == count);
  }
  watch.begin();
  watch.read();
  watch.begin();  // of a point that came to no end
  BOOST_TEST(watch.end().empty());
  watch.begin();  // ends with the watch
}

BOOST_AUTO_TEST_SUITE_END()
