#include "app/recorder/output_file.hpp"

#include <cerrno>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include <fcntl.h>

#include "app/recorder/descriptor.hpp"
#include "app/recorder/temporary.hpp"
#include "base/check.hpp"

namespace scalebench {
namespace {

namespace fs = std::filesystem;

// The file that is meant: absolute, links followed, so that rename replaces a result and not a link to it.
fs::path resolve(const fs::path& path) {
  std::error_code error;
  const fs::path resolved = fs::weakly_canonical(fs::absolute(path), error);
  return error ? fs::absolute(path) : resolved;
}

// Throws unless a result may be put at `path`.
fs::path checked(const fs::path& path) {
  std::error_code error;
  if (path.filename().empty() || fs::is_directory(path, error))
    fail(Exit::output, "--output {} is a folder (a result is one file) add a name that ends in .h5", path.string());
  const fs::path whole = resolve(path), folder = whole.parent_path();
  const fs::file_status status = fs::status(folder, error);
  if (status.type() == fs::file_type::not_found)
    fail(Exit::output, "the folder {} does not exist (the result is to be written there) mkdir -p it", folder.string());
  if (error)
    fail(Exit::output, "the folder {} cannot be looked at ({}) give another --output", folder.string(),
         error.message());
  if (!fs::is_directory(status))
    fail(Exit::output, "{} is no folder (the result is to be written there) give another --output", folder.string());
  const fs::file_type there = fs::status(whole, error).type();
  if (there == fs::file_type::none)
    fail(Exit::output, "--output {} cannot be looked at ({}) give another name", path.string(), error.message());
  if (there != fs::file_type::not_found && there != fs::file_type::regular)
    fail(Exit::output, "--output {} is no regular file (a result is renamed over it) give another name", path.string());
  return whole;
}

// After a rename; some file systems have no such thing.
void flush_folder(const fs::path& file) try {
  Descriptor(file.parent_path(), O_RDONLY | O_DIRECTORY).flush();
} catch (const std::system_error& error) {
  if (error.code().value() == EINVAL || error.code().value() == ENOTSUP) return;
  fail(Exit::output, "{} is whole, but may be gone after a power loss (flushing its folder: {}) check the disk",
       file.string(), error.code().message());
}

}  // namespace

OutputFile::OutputFile(const fs::path& path) : path_(checked(path)), lock_(path_) {
  remove_temporaries_of(path_);  // we hold the lock: whoever made them is dead
  probe();
}

bool OutputFile::exists() const {
  std::error_code none;
  return fs::exists(path_, none);
}

void OutputFile::refuse_what_is_no_result() const {
  constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";
  std::error_code none;
  if (!exists() || fs::file_size(path_, none) == 0) return;
  std::string begin(kSignature.size(), '\0');
  std::ifstream(path_, std::ios::binary).read(begin.data(), static_cast<std::streamsize>(begin.size()));
  if (begin != kSignature)
    fail(Exit::output, "{} is no HDF5 file (--force replaces results, nothing else) give another name, or remove it",
         path_.string());
}

void OutputFile::probe() const try {
  const Temporary first(path_), second(path_);
  first.write({});
  first.rename_to(second.path());
} catch (const std::system_error& error) {
  fail(Exit::output, "{} cannot be written (making and renaming a file beside it failed: {}) give another --output",
       path_.string(), error.code().message());
}

void OutputFile::replace(std::span<const std::byte> bytes, const std::function<void(const fs::path&)>& verify) const
    try {
  const Temporary made(path_);
  made.write(bytes);
  if (!made.holds(bytes))
    fail(Exit::output,
         "{} was not written (what was read back differs from what was written) check the disk, or give "
         "an --output on another",
         path_.string());
  verify(made.path());
  made.rename_to(path_);
  flush_folder(path_);
} catch (const std::system_error& error) {
  fail(Exit::output,
       "{} was not written ({}) what was there before is unchanged; make room, or give an --output on "
       "another disk",
       path_.string(), error.code().message());
}

}  // namespace scalebench
