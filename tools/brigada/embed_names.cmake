# Turns names.tsv into a C++ source that holds its bytes: cmake -DINPUT=... -DOUTPUT=... -P embed_names.cmake
# The table holds no quote, backslash, bracket or semicolon, so that neither CMake nor C++ needs escapes.
file(READ "${INPUT}" table)
if(table MATCHES "[]\"\\;[]")
  message(FATAL_ERROR "${INPUT}: a quote, backslash, bracket or semicolon would not survive embedding")
endif()
string(REGEX REPLACE "([^\n]*)\n" "    \"\\1\\\\n\"\n" literals "${table}")
file(WRITE "${OUTPUT}" "// Made from tools/brigada/names.tsv.
#include \"tools/brigada/names_table.h\"

namespace brigada {
namespace {
constexpr char kTable[] =
${literals}    ;
}  // namespace

absl::string_view EmbeddedNames() { return absl::string_view(kTable, sizeof(kTable) - 1); }

}  // namespace brigada
")
