#include "app/guard/flight.hpp"

#include <cmath>
#include <fstream>

#include <nlohmann/json.hpp>

namespace scalebench {
namespace {

using nlohmann::ordered_json;

std::string_view name_of(Activity activity) {
  switch (activity) {
    case Activity::working:
      return "working";
    case Activity::waiting:
      return "waiting";
    case Activity::gone:
      return "gone";
    case Activity::failed:
      return "failed";
  }
  return "?";
}

std::string_view name_of(Life life) {
  switch (life) {
    case Life::alive:
      return "alive";
    case Life::stopped:
      return "stopped";
    case Life::blocked:
      return "blocked";
    case Life::dead:
      return "dead";
    case Life::unknown:
      return "unknown";
  }
  return "?";
}

double seconds_ago(std::int64_t then, std::int64_t now) {
  return std::round(static_cast<double>(now - then) * 1e-6) * 1e-3;
}

ordered_json summary_of(const RankState& state, std::int64_t now) {
  return {{"rank", state.rank},
          {"host", state.host},
          {"pid", state.pid},
          {"process", name_of(state.life)},
          {"activity", name_of(state.activity)},
          {"phase", state.phase},
          {"point", state.point},
          {"iteration", state.iteration},
          {"operations", state.operations},
          {"collectives", state.collectives},
          {"seconds_since_progress", seconds_ago(state.progress, now)}};
}

ordered_json operations_of(const RankState& state, std::int64_t now) {
  ordered_json all = ordered_json::array();
  for (const RecentOperation& o : state.recent)
    all.push_back({{"number", o.number},
                   {"collectives", o.collectives},
                   {"lane", o.lane},
                   {"name", o.name},
                   {"seconds_ago", seconds_ago(o.time, now)}});
  return all;
}

ordered_json threads_of(const std::vector<ThreadStack>& threads) {
  ordered_json all = ordered_json::array();
  for (const ThreadStack& t : threads) all.push_back({{"thread", t.thread}, {"name", t.name}, {"frames", t.frames}});
  return all;
}

}  // namespace

std::string flight_text(const Flight& flight) {
  const RankState& mine = flight.ranks[flight.mine];
  ordered_json json = summary_of(mine, flight.now);
  json["message"] = flight.message;
  json["recent"] = operations_of(mine, flight.now);
  json["threads"] = threads_of(flight.threads);
  for (const RankState& state : flight.ranks) json["node"].push_back(summary_of(state, flight.now));
  return json.dump(1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

bool write_flight(const std::filesystem::path& path, const Flight& flight) {
  std::ofstream file(path, std::ios::trunc);
  file << flight_text(flight);
  file.close();
  return !file.fail();
}

}  // namespace scalebench
