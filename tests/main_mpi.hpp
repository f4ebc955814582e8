// What tests on several ranks share.
#pragma once

namespace scalebench {
class MpiSession;
}

namespace scalebench::test {

MpiSession& test_session();

}  // namespace scalebench::test
