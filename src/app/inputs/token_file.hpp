// Token ids that a user brings: text (.txt), a sequence a line, or little-endian int32 (.bin), one sequence behind the
// other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "workloads/sources.hpp"

namespace scalebench {

// `sequence`: T, if the user said it; a .bin is cut into pieces of T + 1 ids and needs it, lines of a .txt must have T
// + 1 ids each. Throws Error(bad_input): unreadable, of another kind, an id that is no id of the vocabulary, lines that
// differ in length, a .bin that doesn't divide.
TokenRows read_token_file(const std::string& path, std::optional<std::int64_t> sequence, std::int64_t vocabulary);

}  // namespace scalebench
