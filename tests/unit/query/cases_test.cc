// The cases of query_cases.test: statements, and the rows they give.

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/query/query_world.h"

namespace brigada {
namespace {

struct Case {
  std::string sql;
  std::string expected;
  int line = 0;
};

// "# comment", "? SQL" (one or more lines), then the expected rows up to an empty line.
std::vector<Case> ReadCases(const char* path) {
  std::vector<Case> cases;
  std::ifstream file(path);
  std::string line;
  bool in_case = false;
  for (int number = 1; std::getline(file, line); ++number) {
    if (!in_case && !line.empty() && line[0] == '?') {
      cases.push_back({line.substr(1), "", number});
      in_case = true;
    } else if (in_case && line.empty()) {
      in_case = false;
    } else if (in_case && line[0] == '?') {
      cases.back().sql += line.substr(1);
    } else if (in_case) {
      if (!cases.back().expected.empty()) cases.back().expected += '\n';
      cases.back().expected += line;
    }
  }
  return cases;
}

TEST(QueryCasesTest, EachStatementGivesItsRows) {
  const char* path = std::getenv("BRIGADA_QUERY_CASES");
  ASSERT_NE(path, nullptr);
  const std::vector<Case> cases = ReadCases(path);
  ASSERT_GT(cases.size(), 30U);
  QueryWorld world;
  for (const Case& item : cases)
    EXPECT_EQ(world.Ask(item.sql), item.expected) << path << ":" << item.line << item.sql;
}

}  // namespace
}  // namespace brigada
