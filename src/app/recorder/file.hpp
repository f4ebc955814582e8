// The bytes of a result file, and what they say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "app/measure/measurement.hpp"
#include "app/recorder/hdf5.hpp"

namespace scalebench {

inline constexpr int kSchemaMajor = 1, kSchemaMinor = 0;

// The file of a run: `run` without its points, and the points. Throws hdf5::Fault.
std::vector<std::byte> encode(const Measurement& run, std::span<const Point* const> points);

// All that a file of this schema holds. Throws hdf5::Fault: it is none, is damaged, or is of a newer schema.
Measurement read_measurement(const std::filesystem::path& file);
void check_schema(const hdf5::Group& root);

std::string point_name(std::size_t index);  // "000"

// FNV-1a over the counts of points and iterations, their kinds and known samples: equal where a file was read back
// rightly.
std::uint64_t digest(std::span<const Point* const> points);
std::vector<const Point*> addresses(std::span<const Point> points);

}  // namespace scalebench
