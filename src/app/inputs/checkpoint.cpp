#include "app/inputs/checkpoint.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <set>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/check.hpp"
#include "base/text.hpp"
#include "base/text_file.hpp"

namespace scalebench {

namespace {

constexpr const char* kOne = "model.safetensors";
constexpr const char* kHead = "lm_head.weight";
constexpr const char* kIndex = "model.safetensors.index.json";

double from_half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const double sign = bits >> 15 != 0 ? -1 : 1;
  if (exponent == 31) return mantissa != 0 ? std::nan("") : sign * std::numeric_limits<double>::infinity();
  return sign * (exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25));
}

double from_bf16(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

// The bytes may lie at any address.
template <class Stored, class Convert>
void convert(const std::byte* from, std::span<double> to, Convert value_of) {
  for (std::size_t i = 0; i < to.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, from + i * sizeof stored, sizeof stored);
    to[i] = value_of(stored);
  }
}

bool readable(const std::string& dtype) { return dtype == "F32" || dtype == "BF16" || dtype == "F16"; }

// Of older checkpoints; computed from the configuration, no parameter: frequencies, and masks of gpt2.
bool derived(const std::string& name) {
  return name.ends_with(".rotary_emb.inv_freq") || name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias");
}

// Also where it can't be looked at: opening it says why.
bool named(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error) || error;
}

}  // namespace

Checkpoint::Checkpoint(const std::string& folder, const std::vector<Unit>& units) {
  const auto inside = [&](const char* name) { return (std::filesystem::path(folder) / name).string(); };
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error))
    fail(Exit::bad_input, "--weights '{}' is no folder ({}) name a folder with {}", printable(folder),
         error ? error.message() : "the weights and their index lie in one", kOne);
  const bool one = named(inside(kOne)), many = named(inside(kIndex));
  if (!one && !many)
    fail(Exit::bad_input, "--weights '{}' has neither {} nor {} (only safetensors are read) name another folder",
         printable(folder), kOne, kIndex);
  if (one)
    open(inside(kOne));
  else
    open_all(folder, read_safetensors_index(read_text_file(inside(kIndex), "--weights"), inside(kIndex)));
  complete_names(units);
  check(folder, units);
}

void Checkpoint::open(const std::string& path) {
  files_.emplace_back(path, "--weights");
  for (StoredTensor& tensor : read_safetensors_header(files_.back().bytes(), path)) {
    const std::string name = tensor.name;
    if (!places_.try_emplace(name, Place{files_.size() - 1, std::move(tensor)}).second)
      fail(Exit::bad_input, "{}: \"{}\" is in {} too (which one holds is not clear) save the checkpoint anew", path,
           printable(name), files_[places_.at(name).file].path());
  }
}

void Checkpoint::open_all(const std::string& folder, const std::map<std::string, std::string>& index) {
  std::set<std::string> files;
  for (const auto& [name, file] : index) files.insert(file);
  for (const std::string& file : files) open((std::filesystem::path(folder) / file).string());
  for (const auto& [name, file] : index) {
    const auto found = places_.find(name);
    if (found == places_.end() || std::filesystem::path(files_[found->second.file].path()).filename() != file)
      fail(Exit::bad_input,
           "{}: \"{}\" is not in {}, where the index has it (the download is not whole) fetch it again", folder,
           printable(name), printable(file));
  }
}

// Hugging Face saves the model without its head under names that lack the first word.
void Checkpoint::complete_names(const std::vector<Unit>& units) {
  const std::string& first = units.front().parameters.front().name;
  const std::string word = first.substr(0, first.find('.') + 1);
  if (word.empty() || !places_.contains(first.substr(word.size()))) return;
  std::map<std::string, Place> complete;
  for (auto& [name, place] : places_)
    complete.try_emplace(name.starts_with(word) || name == kHead ? name : word + name, std::move(place));
  places_ = std::move(complete);
}

void Checkpoint::check(const std::string& folder, const std::vector<Unit>& units) const {
  std::set<std::string> wanted;
  for (const Unit& unit : units)
    for (const Parameter& parameter : unit.parameters) {
      wanted.insert(parameter.name);
      const auto found = places_.find(parameter.name);
      if (found == places_.end())
        fail(Exit::bad_input, "--weights {} lacks {} (the model has it) name the model of these weights with --model",
             folder, parameter.name);
      const StoredTensor& tensor = found->second.tensor;
      if (tensor.shape != parameter.stored_shape())
        fail(Exit::bad_input,
             "--weights {}: {} is [{}] (the model has [{}]) name the model of these weights with --model", folder,
             parameter.name, fmt::join(tensor.shape, ", "), fmt::join(parameter.stored_shape(), ", "));
      if (!readable(tensor.dtype))
        fail(Exit::bad_input, "--weights {}: {} is {} (F32, F16 and BF16 are read) convert the checkpoint", folder,
             parameter.name, tensor.dtype);
    }
  for (const auto& [name, place] : places_)
    if (!wanted.contains(name) && !derived(name) && !repeats_the_embedding(place))
      fail(Exit::bad_input,
           "--weights {} has {} (the model has no such parameter) name the model of these weights with --model", folder,
           printable(name));
}

// A tied head that was saved all the same.
bool Checkpoint::repeats_the_embedding(const Place& place) const {
  auto embedding = places_.find("model.embed_tokens.weight");
  if (embedding == places_.end()) embedding = places_.find("transformer.wte.weight");
  if (place.tensor.name != kHead || embedding == places_.end()) return false;
  return std::ranges::equal(bytes_of(place), bytes_of(embedding->second));
}

std::span<const std::byte> Checkpoint::bytes_of(const Place& place) const {
  return files_[place.file].bytes().subspan(place.tensor.begin, place.tensor.end - place.tensor.begin);
}

void Checkpoint::read(const std::string& name, std::int64_t first, std::span<double> to) const {
  const Place& place = places_.at(name);
  const std::size_t size = place.tensor.dtype == "F32" ? 4 : 2;
  const auto bytes = bytes_of(place);
  ensure((static_cast<std::size_t>(first) + to.size()) * size <= bytes.size(), "{} elements from {} on of {}",
         to.size(), first, name);
  const std::byte* const from = bytes.data() + static_cast<std::size_t>(first) * size;
  if (place.tensor.dtype == "F32")
    convert<float>(from, to, [](float value) { return static_cast<double>(value); });
  else if (place.tensor.dtype == "BF16")
    convert<std::uint16_t>(from, to, from_bf16);
  else
    convert<std::uint16_t>(from, to, from_half);
}

}  // namespace scalebench
