#include "client_lib/conflict_choice.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/schema/fragment.h"
#include "replica/schema/registry.h"

namespace brigada {

absl::StatusOr<v1::Change> ChangeThatDecides(const RecordId& conflict, absl::string_view scope,
                                             const v1::Conflict& entry, int loser) {
  if (entry.state() != v1::OPEN)
    return absl::FailedPreconditionError("this conflict is decided already");
  if (loser >= entry.losers_size()) {
    return absl::InvalidArgumentError(absl::StrCat("this conflict has ", entry.losers_size(),
                                                   " other values: choose 0 to ",
                                                   entry.losers_size() - 1));
  }
  v1::Change change;
  change.set_type_id(entry.about_type());
  change.set_record_id(entry.about_record());
  change.add_resolves(conflict.AsBytes());
  // The value is written even when it stands already: the decision then replaces every version that
  // met here.
  const v1::Contender& chosen = loser < 0 ? entry.winner() : entry.losers(loser);
  // A deletion that stands needs nothing written: the record is gone.
  if (loser < 0 && chosen.deletion()) return change;
  if (entry.about_field() == 0) {
    if (chosen.deletion()) {
      change.set_kind(v1::Change::DELETE);
    } else {
      change.set_kind(v1::Change::CREATE);
      change.set_scope(std::string(scope));
      // A parked registration holds its scope beside its fields.
      ASSIGN_OR_RETURN(const std::vector<Fragment> fragments,
                       SplitFragments(nullptr, chosen.value()));
      for (const Fragment& fragment : fragments) {
        if (fragment.number == kScopeFieldNumber) {
          change.set_scope(std::string(ScopeOfFragment(fragment.bytes)));
        } else {
          change.mutable_values()->append(fragment.bytes);
        }
      }
    }
  } else if (entry.about_field() == kScopeFieldNumber) {
    change.set_scope(std::string(ScopeOfFragment(chosen.value())));
  } else if (chosen.value().empty()) {
    change.add_cleared(entry.about_field());
  } else {
    change.set_values(chosen.value());
  }
  return change;
}

}  // namespace brigada
