#include "app/inputs/safetensors.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/check.hpp"
#include "base/text.hpp"

namespace scalebench {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kLargestHeader = 100'000'000;  // bytes, as the format's own library has it
constexpr int kDeepest = 4;

// Refuses what the library would take silently: a key twice, and depth without end.
class Strict {
 public:
  explicit Strict(std::string_view where) : where_(where) {}

  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kDeepest)
      fail(Exit::bad_input, "{}: JSON nested more than {} deep (no such file is) name the right file", where_,
           kDeepest);
    if (event == Json::parse_event_t::object_start) keys_.emplace_back();
    if (event == Json::parse_event_t::object_end) keys_.pop_back();
    if (event == Json::parse_event_t::key && !keys_.back().insert(parsed.get<std::string>()).second)
      fail(Exit::bad_input, "{}: \"{}\" is there twice (which one holds is not clear) save the file anew", where_,
           printable(parsed.get<std::string>()));
    return true;
  }

 private:
  std::string_view where_;
  std::vector<std::set<std::string>> keys_{};
};

Json parse(std::string_view text, std::string_view where) {
  try {
    Json json = Json::parse(text, Strict(where));
    if (json.is_object()) return json;
  } catch (const Json::exception&) {  // said below
  }
  fail(Exit::bad_input, "{}: this is not a JSON object (the file is damaged, or another kind) fetch it again", where);
}

// 0: not known.
std::size_t bits_of(std::string_view dtype) {
  constexpr std::pair<std::string_view, std::size_t> kKnown[] = {
      {"F64", 64}, {"F32", 32}, {"F16", 16}, {"BF16", 16}, {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"I64", 64}, {"I32", 32},
      {"I16", 16}, {"I8", 8},   {"U64", 64}, {"U32", 32},  {"U16", 16},    {"U8", 8},      {"BOOL", 8}};
  const auto* found = std::find_if(std::begin(kKnown), std::end(kKnown), [&](auto& row) { return row.first == dtype; });
  return found == std::end(kKnown) ? 0 : found->second;
}

std::optional<std::uint64_t> whole(const Json& json) {
  if (!json.is_number_unsigned()) return std::nullopt;
  return json.get<std::uint64_t>();
}

// Bytes of a tensor; nothing where they are no number of 62 bits.
std::optional<std::uint64_t> bytes_of(const StoredTensor& tensor) {
  std::uint64_t bytes = bits_of(tensor.dtype) / 8;
  for (const std::int64_t extent : tensor.shape)
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes) || bytes >> 62 != 0)
      return std::nullopt;
  return bytes;
}

class Header {
 public:
  Header(std::span<const std::byte> file, std::string_view where) : where_(where) {
    std::uint64_t length = 0;
    if (file.size() < sizeof length) refuse("it has {} bytes, not even the 8 of a length", file.size());
    std::memcpy(&length, file.data(), sizeof length);
    if (length > kLargestHeader)
      refuse("its header claims {} bytes, more than {} MB", length, kLargestHeader / 1000000);
    if (length > file.size() - sizeof length)
      refuse("its header claims {} bytes, {} are left", length, file.size() - sizeof length);
    data_ = sizeof length + length;
    size_ = file.size();
    text_ = {reinterpret_cast<const char*>(file.data()) + sizeof length, length};
  }

  std::vector<StoredTensor> tensors() const {
    std::vector<StoredTensor> all;
    const Json header = parse(text_, where_);
    for (const auto& [name, value] : header.items())
      if (name != "__metadata__")
        all.push_back(tensor(name, value));
      else if (!is_text(value))
        refuse("__metadata__ is no map of strings");
    std::sort(all.begin(), all.end(),
              [](const auto& a, const auto& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
    check_places(all);
    return all;
  }

 private:
  static bool is_text(const Json& metadata) {
    return metadata.is_object() &&
           std::all_of(metadata.begin(), metadata.end(), [](const Json& v) { return v.is_string(); });
  }
  template <class... Values>
  [[noreturn]] void refuse(fmt::format_string<Values...> problem, Values&&... values) const {
    fail(Exit::bad_input, "{}: {} (the file is cut short, damaged, or no safetensors) fetch it again", where_,
         fmt::format(problem, std::forward<Values>(values)...));
  }

  StoredTensor tensor(const std::string& name, const Json& value) const {
    const auto member = [&](const char* key) -> const Json& {
      if (!value.is_object() || !value.contains(key)) refuse("tensor \"{}\" has no {}", printable(name), key);
      return value[key];
    };
    StoredTensor tensor{.name = name};
    const Json &dtype = member("dtype"), &shape = member("shape"), &places = member("data_offsets");
    if (!dtype.is_string() || bits_of(dtype.get<std::string>()) == 0)
      refuse("tensor \"{}\" has the dtype {}, which is not known", printable(name),
             printable(dtype.dump(-1, ' ', true), 40));
    tensor.dtype = dtype.get<std::string>();
    if (!shape.is_array()) refuse("tensor \"{}\" has no array as shape", printable(name));
    for (const Json& extent : shape) {
      const auto count = whole(extent);
      if (!count || *count >> 62 != 0) refuse("tensor \"{}\" has an extent that is no count", printable(name));
      tensor.shape.push_back(static_cast<std::int64_t>(*count));
    }
    place(tensor, places);
    return tensor;
  }

  void place(StoredTensor& tensor, const Json& places) const {
    const std::string name = printable(tensor.name);
    if (!places.is_array() || places.size() != 2 || !whole(places[0]) || !whole(places[1]))
      refuse("the data_offsets of tensor \"{}\" are not two counts", name);
    const std::uint64_t begin = *whole(places[0]), end = *whole(places[1]), room = size_ - data_;
    if (begin > end || end > room)
      refuse("tensor \"{}\" lies at bytes {} to {} of {} that are there", name, begin, end, room);
    const auto due = bytes_of(tensor);
    if (!due || *due != end - begin)
      refuse("tensor \"{}\" has {} bytes, not what its dtype and shape make", name, end - begin);
    tensor.begin = data_ + begin;
    tensor.end = data_ + end;
  }

  void check_places(const std::vector<StoredTensor>& sorted) const {
    std::size_t next = data_;
    for (const StoredTensor& tensor : sorted) {
      if (tensor.begin < next) refuse("tensor \"{}\" overlaps another", printable(tensor.name));
      if (tensor.begin > next)
        refuse("{} bytes before tensor \"{}\" are nobody's", tensor.begin - next, printable(tensor.name));
      next = tensor.end;
    }
    if (next != size_) refuse("{} bytes at its end are nobody's", size_ - next);
  }

  std::string_view where_, text_{};
  std::size_t data_ = 0, size_ = 0;  // where the tensors begin, and end
};

bool leaves_its_folder(const std::string& file) {
  return file.empty() || file == ".." || file == "." ||
         file.find_first_of(std::string("/\\\0", 3)) != std::string::npos;
}

}  // namespace

std::vector<StoredTensor> read_safetensors_header(std::span<const std::byte> file, std::string_view where) {
  return Header(file, where).tensors();
}

std::map<std::string, std::string> read_safetensors_index(std::string_view text, std::string_view where) {
  const Json json = parse(text, where);
  if (!json.contains("weight_map") || !json["weight_map"].is_object() || json["weight_map"].empty())
    fail(Exit::bad_input, "{}: there is no weight_map (it names the file of each tensor) fetch the file again", where);
  std::map<std::string, std::string> files;
  for (const auto& [name, file] : json["weight_map"].items()) {
    if (!file.is_string() || leaves_its_folder(file.get<std::string>()))
      fail(Exit::bad_input, "{}: the file of \"{}\" is {} (it must be a name in the same folder) fetch the index again",
           where, printable(name), printable(file.dump(-1, ' ', true), 60));
    files[name] = file.get<std::string>();
  }
  return files;
}

}  // namespace scalebench
