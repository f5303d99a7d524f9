#include "replica/store/grant_cover.h"

#include <algorithm>
#include <string>

#include "replica/store/feed_entries.h"

namespace brigada {
namespace {

bool MayWrite(const v1::GrantInfo& grant, uint32_t type_id) {
  const auto& types = grant.writable_types();
  return grant.writes_any_type() || std::find(types.begin(), types.end(), type_id) != types.end();
}

}  // namespace

bool GrantsCover(const v1::Welcome& welcome, uint32_t type_id, absl::string_view scope) {
  const auto& grants = welcome.grants();
  return std::any_of(grants.begin(), grants.end(), [&](const v1::GrantInfo& grant) {
    return MayWrite(grant, type_id) && std::any_of(grant.scopes().begin(), grant.scopes().end(),
                                                   [&](const std::string& granted) {
                                                     return FeedCovers(granted, v1::BELOW, scope);
                                                   });
  });
}

bool GrantsCoverAll(const v1::Welcome& welcome,
                    const google::protobuf::RepeatedPtrField<std::string>& places,
                    const v1::ChangeSetBody& body, absl::string_view partition) {
  for (int i = 0; i < body.changes_size(); ++i) {
    const v1::Change& change = body.changes(i);
    const std::string& place = i < places.size() ? places.Get(i) : std::string();
    if (place.empty() && change.scope().empty() &&
        !GrantsCover(welcome, change.type_id(), partition))
      return false;
    for (const std::string* scope : {&place, &change.scope()}) {
      if (!scope->empty() && !GrantsCover(welcome, change.type_id(), *scope)) return false;
    }
  }
  return true;
}

}  // namespace brigada
