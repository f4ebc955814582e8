#define BOOST_TEST_MODULE scalebench
#include <boost/test/unit_test.hpp>
