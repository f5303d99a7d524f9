# Turns places.tsv into a C++ source that holds its bytes: cmake -DINPUT=... -DOUTPUT=... -P embed_places.cmake
# The table holds no quote, backslash, bracket or semicolon, so that neither CMake nor C++ needs escapes; a
# test reads every row back.
file(READ "${INPUT}" table)
if(table MATCHES "[]\"\\;[]")
  message(FATAL_ERROR "${INPUT}: a quote, backslash, bracket or semicolon would not survive embedding")
endif()
if(NOT table MATCHES "\n$")
  message(FATAL_ERROR "${INPUT}: the last line has no end")
endif()
string(REGEX REPLACE "([^\n]*)\n" "    \"\\1\\\\n\"\n" literals "${table}")
file(WRITE "${OUTPUT}" "// Made from replica/territory/places.tsv.
#include \"replica/territory/embedded_places.h\"

namespace brigada {
namespace {
constexpr char kTable[] =
${literals}    ;
}  // namespace

absl::string_view EmbeddedPlaces() { return absl::string_view(kTable, sizeof(kTable) - 1); }

}  // namespace brigada
")
