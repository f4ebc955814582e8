// What the files of the stand-in for CUDA's runtime share.
#pragma once

namespace scalebench::shim {

bool capturing();  // a graph

}  // namespace scalebench::shim
