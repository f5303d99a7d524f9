#include "server/roles.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "replica/base/status_macros.h"
#include "replica/territory/territory.h"

namespace brigada {
namespace {

struct RoleRow {
  Role role;
  absl::string_view name;
  // Highest class readable below the granted scope.
  v1::DataClass reads;
};

constexpr std::array<RoleRow, 7> kRoles = {{
    {Role::kKiosk, "kiosk", v1::OPERATIONAL},
    {Role::kOrganizer, "organizer", v1::SENSITIVE},
    {Role::kCoordinator, "coordinator", v1::SENSITIVE},
    {Role::kAcademy, "academy", v1::OPERATIONAL},
    {Role::kEditor, "editor", v1::OPERATIONAL},
    {Role::kAuditor, "auditor", v1::OPERATIONAL},
    {Role::kAdministrator, "administrator", v1::SENSITIVE},
}};

const RoleRow& RowOf(Role role) {
  return *std::find_if(kRoles.begin(), kRoles.end(),
                       [&](const RoleRow& row) { return row.role == role; });
}

bool IsOneOf(absl::string_view name, std::initializer_list<absl::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

using FeedKey = std::pair<std::string, v1::FeedKind>;

void Open(std::map<FeedKey, v1::DataClass>& feeds, absl::string_view scope, v1::FeedKind kind,
          v1::DataClass data_class) {
  v1::DataClass& current = feeds[{std::string(scope), kind}];
  current = std::max(current, data_class);
}

void OpenScope(std::map<FeedKey, v1::DataClass>& feeds, const Scope& scope,
               v1::DataClass data_class) {
  if (scope.depth() == 1) {
    Open(feeds, scope.path(), v1::HERE, data_class);
    for (const Place& state : Catalog::BuiltIn().states()) {
      Open(feeds, absl::StrCat(scope.path(), "/", state.key), v1::BELOW, data_class);
    }
    return;
  }
  Open(feeds, scope.path(), v1::BELOW, data_class);
  for (int depth = 1; depth < scope.depth(); ++depth) {
    Open(feeds, scope.Ancestor(depth).path(), v1::HERE, std::min(data_class, v1::OPERATIONAL));
  }
}

constexpr int kMunicipalityDepth = 3;

bool IsKnownPlace(absl::string_view path) {
  const absl::StatusOr<std::string> key = KeyOfScopePath(path);
  return key.ok() && Catalog::BuiltIn().Find(*key) != nullptr;
}

bool Covers(const FeedKey& outer, v1::DataClass outer_class, const FeedKey& inner,
            v1::DataClass inner_class) {
  if (outer == inner || outer.second != v1::BELOW || outer_class < inner_class) return false;
  return inner.first == outer.first ||
         (inner.first.size() > outer.first.size() &&
          inner.first.compare(0, outer.first.size(), outer.first) == 0 &&
          inner.first[outer.first.size()] == '/');
}

}  // namespace

absl::StatusOr<Role> ParseRole(absl::string_view name) {
  for (const RoleRow& row : kRoles) {
    if (row.name == name) return row.role;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "unknown role \"", name, "\"; the roles are ",
      absl::StrJoin(kRoles, ", ",
                    [](std::string* out, const RoleRow& row) { absl::StrAppend(out, row.name); })));
}

absl::string_view RoleName(Role role) { return RowOf(role).name; }

bool MayWrite(Role role, const RecordType* type) {
  if (role == Role::kCoordinator || role == Role::kAdministrator) return true;
  if (type == nullptr) return false;
  switch (role) {
    case Role::kOrganizer:
      return IsOneOf(type->name(), {"Person", "Visit", "Event", "Attendance", "Headcount"});
    case Role::kKiosk:
      return IsOneOf(type->name(), {"Person", "Attendance"});
    case Role::kAcademy:
      return IsOneOf(type->name(), {"Event", "Attendance", "Headcount"});
    default:
      return false;
  }
}

bool IsGivenFor(const v1::GrantRecord& grant, absl::Time at) {
  const int64_t ms = absl::ToUnixMillis(at);
  return ms >= grant.from_ms() && (grant.until_ms() == 0 || ms < grant.until_ms());
}

bool InForce(const v1::GrantRecord& grant, absl::Time now) {
  return grant.revoked_ms() == 0 && IsGivenFor(grant, now);
}

uint64_t LastRevocation(absl::Span<const v1::GrantRecord> grants) {
  uint64_t last = 0;
  for (const v1::GrantRecord& grant : grants) last = std::max(last, grant.revocation());
  return last;
}

std::vector<v1::Feed> FeedsOf(absl::Span<const v1::GrantRecord> grants, absl::Time now) {
  std::map<FeedKey, v1::DataClass> feeds;
  for (const v1::GrantRecord& grant : grants) {
    const absl::StatusOr<Role> role = ParseRole(grant.role());
    if (!role.ok() || !InForce(grant, now)) continue;
    for (const std::string& path : grant.scopes()) {
      const absl::StatusOr<Scope> scope = Scope::Parse(path);
      if (scope.ok()) OpenScope(feeds, *scope, RowOf(*role).reads);
    }
  }
  std::vector<v1::Feed> result;
  for (const auto& [key, data_class] : feeds) {
    const bool covered =
        std::any_of(feeds.begin(), feeds.end(), [&, &k = key, &c = data_class](const auto& other) {
          return Covers(other.first, other.second, k, c);
        });
    if (covered) continue;
    v1::Feed feed;
    feed.set_scope(key.first);
    feed.set_kind(key.second);
    feed.set_max_class(data_class);
    result.push_back(std::move(feed));
  }
  return result;
}

bool IsAdministratorOf(absl::Span<const v1::GrantRecord> grants,
                       absl::Span<const std::string> scopes, absl::Time now) {
  const auto administers = [&](const std::string& path) {
    const absl::StatusOr<Scope> wanted = Scope::Parse(path);
    if (!wanted.ok()) return false;
    for (const v1::GrantRecord& grant : grants) {
      if (grant.role() != RoleName(Role::kAdministrator) || !InForce(grant, now)) continue;
      for (const std::string& granted : grant.scopes()) {
        const absl::StatusOr<Scope> scope = Scope::Parse(granted);
        if (scope.ok() && scope->Contains(*wanted)) return true;
      }
    }
    return false;
  };
  return !scopes.empty() && std::all_of(scopes.begin(), scopes.end(), administers);
}

absl::Status CheckGrant(absl::string_view role, absl::Span<const std::string> scopes) {
  RETURN_IF_ERROR(ParseRole(role).status());
  if (scopes.empty())
    return absl::InvalidArgumentError("a grant needs at least one scope, for example MX/20/067");
  for (const std::string& path : scopes) {
    ASSIGN_OR_RETURN(const Scope scope, Scope::Parse(path));
    // Levels below the municipality are the organization's own.
    const Scope place = scope.Ancestor(std::min(scope.depth(), kMunicipalityDepth));
    if (place.depth() > 1 && !IsKnownPlace(place.path())) {
      return absl::InvalidArgumentError(
          absl::StrCat("no place of INEGI's catalogue is ", path,
                       "; find its key with `brigada territories NAME`"));
    }
  }
  return absl::OkStatus();
}

}  // namespace brigada
