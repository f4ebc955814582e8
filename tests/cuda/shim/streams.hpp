// What the files of the stand-in for CUDA's runtime share.
#pragma once

#include <memory>

namespace scalebench::shim {

bool capturing();                                // a graph
void keep_in_graph(std::shared_ptr<void> what);  // that is being captured, and in all that is made of it

}  // namespace scalebench::shim
