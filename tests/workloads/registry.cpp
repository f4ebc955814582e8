// Every file of workloads/ registers one workload.
#include "workloads/registry.hpp"

#include <boost/test/unit_test.hpp>

#include "base/check.hpp"

using namespace scalebench;

BOOST_AUTO_TEST_CASE(as_many_workloads_are_registered_as_there_are_files) {
  BOOST_CHECK_EQUAL(workloads().size(), static_cast<std::size_t>(SCALEBENCH_WORKLOAD_COUNT));
}

BOOST_AUTO_TEST_CASE(an_unknown_workload_is_refused_with_the_nearest) {
  BOOST_CHECK_EXCEPTION(find_workload("fsdp71b"), Error, [](const Error& e) {
    return e.code() == Exit::bad_input && std::string(e.what()).find("did you mean fsdp70b") != std::string::npos;
  });
}
