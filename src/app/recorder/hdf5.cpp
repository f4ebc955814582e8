#include "app/recorder/hdf5.hpp"

#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "app/recorder/hdf5_detail.hpp"

namespace scalebench::hdf5 {

static_assert(std::is_same_v<hid_t, Handle::Id>);

namespace {

herr_t keep_first(unsigned /*depth*/, const H5E_error2_t* error, void* text) {
  auto& kept = *static_cast<std::string*>(text);
  if (kept.empty() && error->desc != nullptr) kept = error->desc;
  return 0;
}

std::string deepest_message() {
  std::string text;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &text);
  return text.empty() ? "no reason given" : text;
}

// HDF5 prints its error stack by itself otherwise.
void silence() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

Handle access_properties() {
  silence();
  return {H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "make access properties"};
}

// The function is there since HDF5 1.10.7; before, HDF5_USE_FILE_LOCKING alone decides.
template <class Id>
void use_no_lock(Id access) {
  if constexpr (requires { H5Pset_file_locking(access, false, true); })
    check(H5Pset_file_locking(access, false, true), "turn file locking off");
}

// Length of the UTF-8 sequence at the start of `text`, 0 if there is none (RFC 3629: the shortest form, no surrogates).
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const unsigned lead = byte(0);
  if (lead == 0) return 0;
  if (lead < 0x80) return 1;
  const std::size_t length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  const unsigned second = byte(1);
  const bool wrong = (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
                     (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F);
  return wrong ? 0 : length;
}

}  // namespace

std::string to_utf8(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    clean += length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return clean;
}

void throw_fault(std::string_view doing) {
  std::string reason = deepest_message();
  if (reason.find("lock") != std::string::npos)
    reason += "; HDF5_USE_FILE_LOCKING=FALSE in the environment turns locks off";
  throw Fault(fmt::format("HDF5 could not {}: {}", doing, reason));
}

Handle::Handle(Id id, int (*close)(Id), std::string_view doing) : id_(check(id, doing)), close_(close) {}

Handle::~Handle() {
  if (id_ >= 0) close_(id_);
}

Handle::Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}

File File::in_memory() {
  constexpr std::size_t kGrowth = 1 << 20;  // bytes
  const Handle access = access_properties();
  check(H5Pset_fapl_core(access.id(), kGrowth, false), "choose memory");
  return File({H5Fcreate("result", H5F_ACC_EXCL, H5P_DEFAULT, access.id()), H5Fclose, "begin a file"});
}

File File::open(const std::filesystem::path& path) {
  const Handle access = access_properties();
  use_no_lock(access.id());
  return File({H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.id()), H5Fclose, "open the file"});
}

Group File::root() const { return {{H5Gopen2(handle_.id(), "/", H5P_DEFAULT), H5Gclose, "open the root"}, ""}; }

std::vector<std::byte> File::image() const {
  check(H5Fflush(handle_.id(), H5F_SCOPE_GLOBAL), "flush the file");
  const ssize_t size = check(H5Fget_file_image(handle_.id(), nullptr, 0), "tell the size of the file");
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  check(H5Fget_file_image(handle_.id(), bytes.data(), bytes.size()), "copy the file");
  return bytes;
}

}  // namespace scalebench::hdf5
