// A process that crashes says where: on stderr and in OUT.error.json. Then it dies of its signal, as it would have.
#pragma once

#include <atomic>
#include <filesystem>
#include <string_view>

#include "collectives/control/slot.hpp"

namespace scalebench {

// SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT and uncaught exceptions. Once, first thing in main; then from its thread
// also an overflow of the stack is reported.
void install_crash_handlers();

// What the report will hold besides. `speaker`: the one of the node, so that no other rank speaks as well.
void describe_process(int rank, std::string_view host, const std::filesystem::path& stem, Slot& slot, Speaker& speaker);
void forget_process();  // before the slot is gone

}  // namespace scalebench
