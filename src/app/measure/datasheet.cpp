#include "app/measure/datasheet.hpp"

#include "app/measure/measurement.hpp"
#include "spec/catalogue.hpp"

namespace scalebench {

std::pair<double, double> peaks_of_datasheet(std::string_view device, const ParallelPlan& plan) {
  const auto machine = machine_of_device(device);
  if (!machine) return {kUnknown, kUnknown};
  const auto peak = [&](std::string_view precision) {
    const auto found = machine->peaks.find(precision);
    return found == machine->peaks.end() ? kUnknown : found->second;
  };
  return {peak(name_of(plan.dtype)), plan.products == Products::plain ? kUnknown : peak(precision_name(plan))};
}

}  // namespace scalebench
