// The main of tests that run on several ranks: every rank leaves with the worst exit code of all.
#include "tests/main_mpi.hpp"

#define BOOST_TEST_NO_MAIN
#define BOOST_TEST_ALTERNATIVE_INIT_API
#include <boost/test/unit_test.hpp>

#include "collectives/control/mpi_control.hpp"

namespace scalebench::test {

namespace {
MpiSession* session = nullptr;
}

MpiSession& test_session() { return *session; }

}  // namespace scalebench::test

int main(int argc, char** argv) {
  using namespace scalebench;
  MpiSession session(&argc, &argv);
  test::session = &session;
  MpiControl control(session);
  const double mine = boost::unit_test::unit_test_main([] { return true; }, argc, argv);
  return static_cast<int>(control.maximum({&mine, 1}, control.world())[0]);
}
