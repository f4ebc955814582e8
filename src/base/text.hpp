// Names that a user may have meant, and text made fit for a message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace scalebench {

// Insertions, deletions, replacements and swaps of neighbours; '-' equals '_', capitals equal small letters.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The closest of `names`, best first: at least one unless there are none. A name that `name` begins comes before
// others.
std::vector<std::string> nearest(std::string_view name, const std::vector<std::string>& names, std::size_t most = 3);

// One line of at most `most` characters of printable ASCII; what is something else becomes '?', what is more becomes
// "...".
std::string printable(std::string_view text, std::size_t most = 80);

// As a shell would take it for one word.
std::string shell_quoted(std::string_view word);

}  // namespace scalebench
