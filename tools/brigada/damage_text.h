// What a check of a store found, in the user's language.
#ifndef TOOLS_BRIGADA_DAMAGE_TEXT_H_
#define TOOLS_BRIGADA_DAMAGE_TEXT_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "replica/store/store_check.h"
#include "tools/brigada/progress_bar.h"

namespace brigada {

// One sentence: what is wrong and where.
std::string DamageText(const StoreDamage& damage);

// Checks the store in the directory `path` with a progress bar on stderr. Errors as CheckStoreAt.
absl::StatusOr<StoreFindings> CheckWithProgress(const std::string& path, StoreKind kind,
                                                ProgressStyle style);

// OK when nothing is damaged; else what to do about it, after the sentences went to `say`.
absl::Status JudgeFindings(const StoreFindings& findings, StoreKind kind,
                           const std::function<void(absl::string_view)>& say);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_DAMAGE_TEXT_H_
