// A judge that lets everybody do everything.
#ifndef TESTS_SUPPORT_PERMISSIVE_JUDGE_H_
#define TESTS_SUPPORT_PERMISSIVE_JUDGE_H_

#include <vector>

#include "replica/store/authority_store.h"

namespace brigada {

class PermissiveJudge final : public Judge {
 public:
  void Examine(const ChangeInQuestion&, std::vector<v1::Refusal>*) const override {}
};

}  // namespace brigada

#endif  // TESTS_SUPPORT_PERMISSIVE_JUDGE_H_
