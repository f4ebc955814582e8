// Hugging Face's safetensors: 8 bytes little-endian length N, N bytes of JSON that name each tensor's dtype, shape and
// place, then the tensors' bytes without gaps. https://huggingface.co/docs/safetensors (format)
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace scalebench {

struct StoredTensor {
  std::string name{}, dtype{};  // dtype as written: "F32", "BF16"
  std::vector<std::int64_t> shape{};
  std::size_t begin{}, end{};  // bytes from the start of the file
};

// All tensors of a file, by place. Everything that the text claims is checked against the bytes that are there.
// Throws Error(bad_input), with `where` naming the file.
std::vector<StoredTensor> read_safetensors_header(std::span<const std::byte> file, std::string_view where);

// model.safetensors.index.json: the file of each tensor, in the same folder. Throws Error(bad_input).
std::map<std::string, std::string> read_safetensors_index(std::string_view json, std::string_view where);

}  // namespace scalebench
