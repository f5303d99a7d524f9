#include "tools/brigada/sql_json.h"

#include <cmath>
#include <cstdint>

#include "tools/brigada/table_writer.h"

namespace brigada {

Json SqlJson(const SqlValue& value) {
  if (const auto* const integer = std::get_if<int64_t>(&value)) return *integer;
  if (const auto* const real = std::get_if<double>(&value))
    return std::isfinite(*real) ? Json(*real) : Json(nullptr);
  if (std::holds_alternative<std::monostate>(value)) return nullptr;
  return ValueText(value);
}

}  // namespace brigada
