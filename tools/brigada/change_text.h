// What a change does, in words: "registrar people 01a2... en MX/20/208 (San Juan Mixtepec,
// Oaxaca)".
#ifndef TOOLS_BRIGADA_CHANGE_TEXT_H_
#define TOOLS_BRIGADA_CHANGE_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "brigada/v1/change.pb.h"

namespace brigada {

// "MX/20:7": names a change set of this device, for people and commands.
std::string ChangeSetName(absl::string_view partition, uint64_t sequence);

std::string ChangeText(const v1::Change& change);

// The first change, and how many more there are.
std::string ChangesText(const v1::ChangeSetBody& body);

// "MX/20/208 (San Juan Mixtepec, Oaxaca)".
std::string PlaceText(absl::string_view path);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_CHANGE_TEXT_H_
