#include "replica/store/ended_places.h"

#include <algorithm>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "replica/base/status_macros.h"
#include "replica/store/device_keys.h"
#include "replica/store/feed_cover.h"
#include "replica/store/feed_entries.h"

namespace brigada {
namespace {

constexpr size_t kMaxPlaces = 64;

std::string Key() { return NamedMetaKey(kSettingName, kEndedPlaces); }

absl::StatusOr<std::string> StoredText(const KvReader& kv) {
  ASSIGN_OR_RETURN(const std::optional<std::string> text, kv.Get(Table::kMeta, Key()));
  return text.value_or("");
}

std::string TextOf(const std::vector<EndedPlaceNote>& places) {
  std::string text;
  for (const EndedPlaceNote& place : places)
    absl::StrAppend(&text, place.scope, " ", place.records, " ", place.at_ms, "\n");
  return text;
}

bool IsRead(const v1::Feed& place, const v1::Welcome& welcome) {
  return std::any_of(welcome.feeds().begin(), welcome.feeds().end(),
                     [&](const v1::Feed& feed) { return IsPlaceInside(place, feed); });
}

bool IsRead(const EndedPlaceNote& place, const v1::Welcome& welcome) {
  v1::Feed feed;
  feed.set_scope(place.scope);
  feed.set_kind(v1::BELOW);
  return IsRead(feed, welcome);
}

}  // namespace

std::vector<EndedPlaceNote> ParseEndedPlaces(absl::string_view text) {
  std::vector<EndedPlaceNote> places;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> parts = absl::StrSplit(line, ' ');
    EndedPlaceNote place;
    if (parts.size() != 3 || !absl::SimpleAtoi(parts[1], &place.records) ||
        !absl::SimpleAtoi(parts[2], &place.at_ms)) {
      continue;
    }
    place.scope = std::string(parts[0]);
    places.push_back(std::move(place));
  }
  return places;
}

absl::Status StageEndedPlaces(const KvReader& kv, const v1::Welcome& welcome,
                              const v1::Purge& purge, KvBatch* batch) {
  ASSIGN_OR_RETURN(const std::string before, StoredText(kv));
  std::vector<EndedPlaceNote> places = ParseEndedPlaces(before);
  std::erase_if(places, [&](const EndedPlaceNote& place) { return IsRead(place, welcome); });
  for (const v1::Feed& lost : purge.lost()) {
    const bool is_noted = std::any_of(places.begin(), places.end(), [&](const auto& place) {
      return place.scope == lost.scope();
    });
    // What lies above a place comes with it, and goes with it.
    if (is_noted || purge.is_held_back() || lost.kind() != v1::BELOW || IsRead(lost, welcome))
      continue;
    places.push_back({lost.scope(), 0, welcome.server_time_ms()});
  }
  if (places.size() > kMaxPlaces) places.erase(places.begin(), places.end() - kMaxPlaces);
  std::string after = TextOf(places);
  if (after != before) batch->Put(Table::kMeta, Key(), std::move(after));
  return absl::OkStatus();
}

absl::Status StageTakenAway(const KvReader& kv, const std::map<std::string, uint64_t>& taken,
                            KvBatch* batch) {
  if (taken.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string before, StoredText(kv));
  std::vector<EndedPlaceNote> places = ParseEndedPlaces(before);
  for (const auto& one : taken) {
    // The newest: an earlier one that holds it too had ended before.
    const auto place = std::find_if(places.rbegin(), places.rend(), [&](const auto& each) {
      return FeedCovers(each.scope, v1::BELOW, one.first);
    });
    if (place != places.rend()) place->records += one.second;
  }
  std::string after = TextOf(places);
  if (after != before) batch->Put(Table::kMeta, Key(), std::move(after));
  return absl::OkStatus();
}

}  // namespace brigada
