#include "app/guard/inject.hpp"

#include <new>

#include <boost/test/unit_test.hpp>

#include "base/check.hpp"

using namespace scalebench;

namespace {

bool is_bad_input(const Error& error) {
  return error.code() == Exit::bad_input && std::string(error.what()).find("KIND:rank=R") != std::string::npos;
}

// How often the parameters were corrupted in the steps [0, 5) of the points [0, 3).
int corruptions(const std::string& text, int rank) {
  Injection injection({text}, rank);
  int count = 0;
  for (int point = 0; point < 3; ++point)
    for (int step = 0; step < 5; ++step) injection.before_step(point, step, [&](Fault) { ++count; });
  return count;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(inject)

BOOST_AUTO_TEST_CASE(all_that_is_said_is_understood) {
  const Injected all{.fault = Fault::sleep, .rank = 2, .step = 3, .point = 1, .milliseconds = 50};
  BOOST_CHECK(Injected::parse("sleep:rank=2,step=3,point=1,ms=50") == all);
  BOOST_CHECK(Injected::parse("sleep:50:point=1,step=3,rank=2") == all);
  BOOST_CHECK(Injected::parse("kill") == Injected{.fault = Fault::kill});
  BOOST_CHECK(Injected::parse("throw:rank=1") == (Injected{.fault = Fault::no_memory, .rank = 1}));
}

BOOST_AUTO_TEST_CASE(what_is_no_fault_is_refused) {
  for (const char* text :
       {"", "kil", "kill:", "kill:rank", "kill:rank=", "kill:rank=x", "kill:rank=-1", "kill:rank=1,",
        "kill:rank=99999999999", "kill:where=1", "kill:rank=1:step=2", "kill:ms=5", "sleep:5:5", "KILL:rank=1"})
    BOOST_CHECK_EXCEPTION(Injected::parse(text), Error, is_bad_input);
}

BOOST_AUTO_TEST_CASE(bad_text_is_refused_on_every_rank) {
  for (const int rank : {0, 1}) BOOST_CHECK_EXCEPTION(Injection({"kill:rank=1", "oops"}, rank), Error, is_bad_input);
}

BOOST_AUTO_TEST_CASE(a_fault_happens_at_its_step_and_rank_only) {
  BOOST_CHECK_EQUAL(corruptions("nan:rank=1,step=2,point=1", 1), 1);
  BOOST_CHECK_EQUAL(corruptions("nan:rank=1,step=2", 1), 3);  // in every point
  BOOST_CHECK_EQUAL(corruptions("nan:rank=1,step=2", 0), 0);
  BOOST_CHECK_EQUAL(corruptions("nan:rank=1,step=9", 1), 0);
}

BOOST_AUTO_TEST_CASE(what_befalls_the_data_is_told_apart) {
  for (const auto& [text, fault] : {std::pair("nan", Fault::nan), std::pair("flip", Fault::flip)})
    Injection({text}, 0).before_step(0, 0, [&](Fault told) { BOOST_CHECK(told == fault); });
  BOOST_CHECK_EQUAL(corruptions("flip:rank=1,step=2", 1), 3);
}

BOOST_AUTO_TEST_CASE(a_sleep_can_pass_on_another_clock) {
  int slept = 0;
  Injection injection({"sleep:rank=0,step=1,ms=50", "sleep:rank=1,step=1,ms=7"}, 0, [&](int ms) { slept += ms; });
  for (int step = 0; step < 3; ++step) injection.before_step(0, step, [](Fault) {});
  BOOST_CHECK_EQUAL(slept, 50);
}

BOOST_AUTO_TEST_CASE(an_allocation_can_be_refused) {
  Injection injection({"throw:rank=0,step=1"}, 0);
  BOOST_CHECK_NO_THROW(injection.before_step(0, 0, [](Fault) {}));
  BOOST_CHECK_THROW(injection.before_step(0, 1, [](Fault) {}), std::bad_alloc);
}

BOOST_AUTO_TEST_SUITE_END()
