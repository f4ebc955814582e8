// Nothing: what CMake compiles the tests' headers with.
