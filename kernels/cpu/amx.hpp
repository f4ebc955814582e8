// Whether the processor and the system let us use AMX for bf16, and its state, which belongs to a thread. While it is
// ready, oneDNN must not run on this thread: it has tiles of its own.
#pragma once

namespace scalebench::cpu {

bool has_amx();
void ready_amx();
void leave_amx();

}  // namespace scalebench::cpu
