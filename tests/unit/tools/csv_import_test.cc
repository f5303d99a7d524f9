#include "tools/brigada/csv_import.h"

#include <set>
#include <sstream>

#include "brigada/v1/person.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Imports into memory; commits can be made to fail.
class CsvImportTest : public ::testing::Test {
 protected:
  absl::Status Import(const std::string& csv, ImportOptions options) {
    std::istringstream input(csv);
    CsvImport::Steps steps;
    steps.look = [this](const ImportRow& row) -> absl::StatusOr<CsvImport::Presence> {
      if (deleted_.count(row.name) > 0) return CsvImport::Presence::kDeleted;
      return in_.count(row.name) > 0 ? CsvImport::Presence::kPresent : CsvImport::Presence::kAbsent;
    };
    steps.commit = [this](const std::vector<ImportRow>& rows) { return Commit(rows); };
    steps.open_refused = [this]() -> absl::StatusOr<std::ostream*> { return &refused_; };
    steps.on_progress = [](const ImportTotals&) { return absl::OkStatus(); };
    CsvImport import(*Registry::BuiltIn().FindByName("people"), std::move(options),
                     std::move(steps));
    absl::Status status = import.Run(&input);
    totals_ = import.totals();
    return status;
  }

  absl::Status Commit(const std::vector<ImportRow>& rows) {
    const auto given = [](const ImportRow& row) {
      return static_cast<const v1::Person&>(*row.record).name().given_names();
    };
    if (rows.size() > 1 && given(rows[0]) == "Doble") return absl::AlreadyExistsError("twice");
    for (const ImportRow& row : rows) {
      const auto& person = static_cast<const v1::Person&>(*row.record);
      if (person.name().given_names() == "Mala") return absl::InvalidArgumentError("no");
      if (person.name().given_names() == "Disco") return absl::ResourceExhaustedError("disk full");
      if (row.scope.partition() != rows.front().scope.partition())
        return absl::InvalidArgumentError("two partitions");
    }
    batches_.push_back(rows.size());
    for (const ImportRow& row : rows) {
      names_.push_back(static_cast<const v1::Person&>(*row.record).name().given_names());
      in_.insert(row.name);
    }
    return absl::OkStatus();
  }

  static ImportOptions Rules() {
    ImportOptions options;
    options.rules = {"nombre=name.given-names", "lugar=municipality"};
    return options;
  }

  // The file of refused rows of the import before.
  std::string TakeRefused() {
    std::string text = refused_.str();
    refused_.str("");
    return text;
  }

  // What came in with imports so far.
  std::set<std::string> in_;
  std::set<std::string> deleted_;
  std::vector<std::string> names_;
  std::vector<size_t> batches_;
  std::ostringstream refused_;
  ImportTotals totals_;
};

TEST_F(CsvImportTest, AFilePartedByAnotherSignIsToldSo) {
  EXPECT_THAT(Import("nombre;lugar\nAna;20067\n", Rules()).message(),
              ::testing::HasSubstr("--separator ';'"));
  EXPECT_THAT(Import("notes\tphones\nAna\t1\n", ImportOptions()).message(),
              ::testing::HasSubstr("--separator $'\\t'"));
}

TEST_F(CsvImportTest, GoodRowsGoInAndBadOnesAreReportedWithTheirLine) {
  ASSERT_OK(Import(
      "nombre,lugar,phones\nAna,20067,+529511234567\nEva,Macondo,\nLuz,20067,nada\nPaz,20067\n"
      "Mar\xed"
      "a,20067,\nSol,20067,\n",
      Rules()));

  EXPECT_THAT(names_, ElementsAre("Ana", "Sol"));
  EXPECT_EQ(totals_.rows, 6u);
  EXPECT_EQ(totals_.refused, 4u);
  EXPECT_THAT(refused_.str(), HasSubstr("\r\n3,"));
  EXPECT_THAT(refused_.str(), HasSubstr("Macondo"));
  EXPECT_THAT(refused_.str(), HasSubstr("\r\n5,"));
}

TEST_F(CsvImportTest, ATransactionEndsAtItsSizeAndWhereTheStateChanges) {
  ImportOptions options = Rules();
  options.rows_per_transaction = 2;

  ASSERT_OK(
      Import("nombre,lugar\nA,20067\nB,20067\nC,20067\nD,09002\nE,09002\n", std::move(options)));

  EXPECT_THAT(names_, ElementsAre("A", "B", "C", "D", "E"));
  EXPECT_THAT(batches_, ElementsAre(2, 1, 2));
}

TEST_F(CsvImportTest, ARowThatTheReplicaRefusesIsFoundAmongOthers) {
  ASSERT_OK(Import("nombre,lugar\nA,20067\nB,20067\nMala,20067\nC,20067\n", Rules()));

  EXPECT_THAT(names_, ElementsAre("A", "B", "C"));
  EXPECT_EQ(totals_.refused, 1u);
}

TEST_F(CsvImportTest, AFullDiskStopsAtAPointToGoOnFrom) {
  ImportOptions options = Rules();
  options.rows_per_transaction = 2;
  const std::string csv = "nombre,lugar\nA,20067\nB,20067\nDisco,20067\nC,20067\n";
  ASSERT_THAT(Import(csv, options), StatusIs(absl::StatusCode::kResourceExhausted));
  ASSERT_EQ(totals_.rows, 2u);

  options.skip_rows = totals_.rows;
  ASSERT_OK(Import("nombre,lugar\nA,20067\nB,20067\nD,20067\nC,20067\n", std::move(options)));

  EXPECT_THAT(names_, ElementsAre("A", "B", "D", "C"));
}

TEST_F(CsvImportTest, ACorrectedSortedOrLongerFileBringsOnlyWhatIsNew) {
  ASSERT_OK(Import("nombre,lugar,phones\nA,20067,\nB,20067,nada\nC,20067,\n", Rules()));
  ASSERT_THAT(names_, ElementsAre("A", "C"));

  ASSERT_OK(Import("nombre,lugar,phones\nA,20067,\nB,20067,+529511234567\nC,20067,\n", Rules()));
  EXPECT_THAT(names_, ElementsAre("A", "C", "B"));
  EXPECT_EQ(totals_.already, 2u);

  ASSERT_OK(Import("lugar,otra,phones,nombre\n20067,x,,C\n20067,y,,D\n20067,x,,A\n", Rules()));
  EXPECT_THAT(names_, ElementsAre("A", "C", "B", "D"));
  EXPECT_EQ(totals_.already, 2u);
  EXPECT_EQ(totals_.rows, 3u);
}

TEST_F(CsvImportTest, WhatWasDeletedSinceIsNotRegisteredAgainAndSaidSo) {
  ASSERT_OK(Import("nombre,lugar\nA,20067\n", Rules()));
  deleted_.swap(in_);

  ASSERT_OK(Import("nombre,lugar\nA,20067\nB,20067\n", Rules()));

  EXPECT_THAT(names_, ElementsAre("A", "B"));
  EXPECT_EQ(totals_.already, 1u);
  EXPECT_EQ(totals_.deleted, 1u);
}

TEST_F(CsvImportTest, EqualRowsAreAsManyRecordsAndAnotherPlaceIsAnother) {
  ASSERT_OK(Import("nombre,lugar\nA,20067\nA,20067\nA,20068\n", Rules()));
  EXPECT_EQ(names_.size(), 3u);

  ASSERT_OK(Import("nombre,lugar\nA,20067\nA,20068\nA,20067\nA,20067\n", Rules()));

  EXPECT_EQ(names_.size(), 4u);
  EXPECT_EQ(totals_.already, 3u);
}

TEST_F(CsvImportTest, ARowThatIsSkippedCountsAmongItsEquals) {
  ImportOptions options = Rules();
  options.skip_rows = 1;
  ASSERT_OK(Import("nombre,lugar\nA,20067\nA,20067\n", std::move(options)));
  ASSERT_EQ(names_.size(), 1u);

  ASSERT_OK(Import("nombre,lugar\nA,20067\nA,20067\n", Rules()));

  EXPECT_EQ(totals_.already, 1u);
  EXPECT_EQ(totals_.imported, 1u);
}

// Corrected or not, by the same rules; a cell that a spreadsheet would run comes back as it was.
TEST_F(CsvImportTest, TheFileOfRefusedRowsIsImportedAsTheFirstOneWas) {
  const std::string rest = ",20067,=1+1\n";
  ASSERT_OK(Import("nombre,lugar,notes\nAna,20067,\nEva,Macondo,=1+1\nPaz,20067\n", Rules()));
  const std::string refused = TakeRefused();

  ASSERT_OK(Import(refused, Rules()));
  EXPECT_EQ(totals_.refused, 2u);
  EXPECT_TRUE(totals_.ignored_columns.empty());
  const std::string again = TakeRefused();
  EXPECT_THAT(again, HasSubstr("Eva,Macondo,'=1+1,\r\n"));
  EXPECT_THAT(again, HasSubstr(",\"Paz,20067\"\r\n"));

  std::string corrected = again;
  corrected.replace(corrected.find(",Macondo,") + 1, 7, "20067");
  ASSERT_OK(Import(corrected, Rules()));
  EXPECT_THAT(names_, ElementsAre("Ana", "Eva"));
  EXPECT_EQ(totals_.refused, 1u);

  ASSERT_OK(Import("nombre,lugar,notes\nEva" + rest, Rules()));
  EXPECT_EQ(totals_.already, 1u);
}

TEST_F(CsvImportTest, TwoRowsThatAreOneRecordAreGivenApart) {
  ImportOptions options = Rules();

  ASSERT_OK(Import("nombre,lugar\nDoble,20067\nDoble,20067\n", std::move(options)));

  EXPECT_THAT(batches_, ElementsAre(1, 1));
}

TEST_F(CsvImportTest, ADryRunCommitsNothing) {
  ImportOptions options = Rules();
  options.dry_run = true;

  ASSERT_OK(Import("nombre,lugar\nA,20067\nB,99999\n", std::move(options)));

  EXPECT_TRUE(names_.empty());
  EXPECT_EQ(totals_.imported, 1u);
  EXPECT_EQ(totals_.refused, 1u);
}

TEST_F(CsvImportTest, WhatMakesTheWholeFileUselessIsSaidAtOnce) {
  EXPECT_THAT(Import("", Rules()), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Import("a,b\n1,2\n", ImportOptions()), StatusIs(absl::StatusCode::kInvalidArgument));
  ImportOptions no_place;
  no_place.rules = {"nombre=notes"};
  EXPECT_THAT(Import("nombre\nx\n", no_place), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace brigada
