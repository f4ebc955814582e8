// What the parts of the HDF5 owners share. Not for others.
#pragma once

#include <string>
#include <string_view>

#include <hdf5.h>

#include "app/recorder/hdf5.hpp"

namespace scalebench::hdf5 {

[[noreturn]] void throw_fault(std::string_view doing);  // with HDF5's reason

template <class Code>
Code check(Code code, std::string_view doing) {
  if (code < 0) throw_fault(doing);
  return code;
}

Handle text_type(H5T_cset_t set = H5T_CSET_UTF8);
// Variable-length text as `stored`, so that HDF5 has nothing to convert. Throws Fault where `stored` is something else.
Handle text_type_like(const Handle& stored, std::string_view what);

void set_attribute(const Handle& object, const std::string& name, const Attribute& value);

// Strings that HDF5 allocated; it frees them.
class Strings {
 public:
  Strings(const Handle& type, const Handle& space, std::size_t count) : type_(type), space_(space), read_(count) {}
  ~Strings() { H5Dvlen_reclaim(type_.id(), space_.id(), H5P_DEFAULT, read_.data()); }
  Strings(const Strings&) = delete;
  Strings& operator=(const Strings&) = delete;
  char** data() { return read_.data(); }
  std::vector<std::string> copy() const {
    std::vector<std::string> texts;
    for (const char* text : read_) texts.emplace_back(text == nullptr ? "" : text);
    return texts;
  }

 private:
  const Handle& type_;
  const Handle& space_;
  std::vector<char*> read_;
};

}  // namespace scalebench::hdf5
