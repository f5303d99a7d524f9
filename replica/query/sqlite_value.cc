#include "replica/query/sqlite_value.h"

#include <string>
#include <utility>
#include <variant>

#include "replica/base/utf8.h"

namespace brigada {
namespace {

// SQLITE_TRANSIENT without its old-style cast.
sqlite3_destructor_type Transient() {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): SQLite's own definition
  return reinterpret_cast<sqlite3_destructor_type>(static_cast<intptr_t>(-1));
}

struct ResultSetter {
  sqlite3_context* context;
  void operator()(std::monostate) const { sqlite3_result_null(context); }
  void operator()(int64_t value) const { sqlite3_result_int64(context, value); }
  void operator()(double value) const { sqlite3_result_double(context, value); }
  void operator()(const std::string& value) const {
    sqlite3_result_text64(context, value.data(), value.size(), Transient(), SQLITE_UTF8);
  }
  void operator()(const SqlBlob& value) const {
    sqlite3_result_blob64(context, value.bytes.data(), value.bytes.size(), Transient());
  }
};

struct Binder {
  sqlite3_stmt* statement;
  int index;
  int operator()(std::monostate) const { return sqlite3_bind_null(statement, index); }
  int operator()(int64_t value) const { return sqlite3_bind_int64(statement, index, value); }
  int operator()(double value) const { return sqlite3_bind_double(statement, index, value); }
  int operator()(const std::string& value) const {
    return sqlite3_bind_text64(statement, index, value.data(), value.size(), Transient(),
                               SQLITE_UTF8);
  }
  int operator()(const SqlBlob& value) const {
    return sqlite3_bind_blob64(statement, index, value.bytes.data(), value.bytes.size(),
                               Transient());
  }
};

}  // namespace

void SetResult(sqlite3_context* context, const SqlValue& value) {
  std::visit(ResultSetter{context}, value);
}

int BindValue(sqlite3_stmt* statement, int index, const SqlValue& value) {
  return std::visit(Binder{statement, index}, value);
}

SqlValue ColumnValue(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return int64_t{sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
      if (text == nullptr) return std::monostate();
      std::string bytes(text, static_cast<size_t>(sqlite3_column_bytes(statement, column)));
      if (!CountCodePoints(bytes).has_value()) return SqlBlob{std::move(bytes)};
      return bytes;
    }
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, column));
      const auto size = static_cast<size_t>(sqlite3_column_bytes(statement, column));
      return bytes == nullptr ? SqlBlob() : SqlBlob{std::string(bytes, size)};
    }
    default:
      return std::monostate();
  }
}

}  // namespace brigada
