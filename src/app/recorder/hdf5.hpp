// HDF5 as the recorder needs it: owners over the serial C library, every return code checked.
//
// Files are composed in memory and read from disk. All text is variable-length UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "app/measure/measurement.hpp"

namespace scalebench::hdf5 {

// What HDF5 could not do, with the deepest message of its error stack.
class Fault : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// `text` as HDF5 can keep it: bytes that are not UTF-8, and NUL, become U+FFFD.
std::string to_utf8(std::string_view text);

// Owner of an HDF5 identifier.
class Handle {
 public:
  using Id = std::int64_t;
  Handle(Id id, int (*close)(Id), std::string_view doing);  // throws Fault if `id` is none: could not do `doing`
  ~Handle();
  Handle(Handle&& other) noexcept;
  Handle& operator=(Handle&&) = delete;
  Id id() const { return id_; }

 private:
  Id id_;
  int (*close_)(Id);
};

// Name, unit in udunits' spelling ("" for text), and meaning of a dataset.
struct Label {
  std::string name{}, units{}, long_name{};
};

enum class Type : std::uint8_t { real, integer, text, real32, integer32 };
enum class Rows : std::uint8_t { all, some };  // some: rows that are never written are NaN and take no space

class Dataset {
 public:
  Dataset(Handle handle, std::string name);

  const Handle& handle() const { return handle_; }
  std::vector<std::size_t> dimensions() const;

  void write(std::span<const double> values);
  void write(std::span<const std::int64_t> values);
  void write(std::span<const std::string> values);
  void write_row(std::size_t row, std::span<const double> values);

  // All elements, row-major. Numbers are converted; text is read from variable-length strings only.
  std::vector<double> reals() const;
  std::vector<std::int64_t> integers() const;
  std::vector<std::string> texts() const;
  std::vector<double> row(std::size_t row) const;

 private:
  std::size_t count() const;
  std::size_t row_count() const;  // elements of one row

  Handle handle_;
  std::string name_;
};

using Axes = std::vector<std::reference_wrapper<const Dataset>>;  // the dimension scale of each axis

class Group {
 public:
  Group(Handle handle, std::string name);

  bool has(const std::string& name) const;
  Group create_group(const std::string& name);
  Group group(const std::string& name) const;

  // A dimension scale: a dataset that says what an axis means.
  Dataset scale(const Label& label, std::span<const std::int64_t> values);
  Dataset scale(const Label& label, std::span<const std::string> values);
  // The extents are those of its axes. Small ones are contiguous, others chunked and compressed.
  Dataset create(const Label& label, Type type, const Axes& axes, Rows rows = Rows::all);
  Dataset create(const Label& label, Type type, std::span<const std::size_t> extents, Rows rows = Rows::all);
  Dataset dataset(const std::string& name) const;

  void set(const std::string& name, const Attribute& value);
  void set(const Attributes& values);
  bool has_attribute(const std::string& name) const;
  Attribute attribute(const std::string& name) const;
  Attributes attributes() const;  // those that are a number or a text

 private:
  Handle handle_;
  std::string name_;
};

class File {
 public:
  static File in_memory();
  static File open(const std::filesystem::path& path);  // to read, without a lock: results are never written in place

  Group root() const;
  std::vector<std::byte> image() const;  // of a file in memory: what goes to disk

 private:
  explicit File(Handle handle) : handle_(std::move(handle)) {}
  Handle handle_;
};

}  // namespace scalebench::hdf5
