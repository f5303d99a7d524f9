// The required results when two people work offline that say what each of them has in the end: two
// phones that know nothing of each other until they sync. Record types that come with a later issue
// are those of tests/support/domain_types.proto, and what their programs would do with the engine
// is done here. docs/merge-semantics.md has the table.
#include "tests/unit/merge/domain_phones.h"
#include "absl/strings/str_split.h"
#include "brigada/v1/event.pb.h"
#include "brigada/v1/person.pb.h"
#include "brigada/v1/visit.pb.h"
#include "client_lib/conflict_choice.h"
#include "gmock/gmock.h"
#include "tests/support/domain_types.pb.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kNumber[] = "+529511234567";

v1::Person FullName(absl::string_view given, absl::string_view surname,
                    absl::string_view curp = "") {
  v1::Person person = PersonNamed(given);
  person.mutable_name()->set_first_surname(std::string(surname));
  person.set_curp(std::string(curp));
  return person;
}

class DomainPhonesTest : public DomainPhones {
 protected:
  static bool DiskShows(const Kv& disk, absl::string_view text) {
    for (int table = 0; table < kTableCount; ++table) {
      const auto it = disk.Iterate(static_cast<Table>(table), "", "");
      for (it->SeekToFirst(); it->Valid(); it->Next()) {
        if (it->key().find(text) != absl::string_view::npos ||
            it->value().find(text) != absl::string_view::npos)
          return true;
      }
    }
    return false;
  }

  // The queue of duplicates: pairs that say the same CURP before those that share a name alone.
  void ProposeMerges(Phone* phone) {
    const std::string pairs =
        "SELECT a.id, b.id, CASE WHEN a.curp = b.curp THEN 100 ELSE 60 END FROM people a "
        "JOIN people b ON a.id < b.id WHERE a.curp = b.curp OR (a.name_given_names = "
        "b.name_given_names AND a.name_first_surname = b.name_first_surname)";
    for (const std::string& line : Ask(**phone->store->Read(), pairs)) {
      const std::vector<std::string> parts = absl::StrSplit(line, '|');
      ASSERT_THAT(parts, SizeIs(3));
      Propose(phone, *RecordId::Parse(parts[0]), *RecordId::Parse(parts[1]), std::stoi(parts[2]));
    }
  }
  RecordId Propose(Phone* phone, const RecordId& survivor, const RecordId& alias, int32_t score) {
    testing::PersonMerge merge;
    merge.set_survivor(survivor.AsBytes());
    merge.set_alias(alias.AsBytes());
    merge.set_score(score);
    merge.set_decision(testing::MERGE_DECISION_PROPOSED);
    return Add(phone, merge);
  }
  static std::vector<std::string> Queue(const ReadView& view) {
    return Ask(view,
               "SELECT id, survivor, alias, score FROM person_merges WHERE decision = 'proposed' "
               "ORDER BY score DESC");
  }
  // The alias goes; what it says is kept in the merge.
  static void Merge(Phone* phone, const RecordId& id) {
    const auto merge = Read<testing::PersonMerge>(*phone, id);
    const RecordId alias = *RecordId::FromBytes(merge.alias());
    testing::PersonMerge done;
    done.set_decision(testing::MERGE_DECISION_MERGED);
    done.set_alias_content(Read<v1::Person>(*phone, alias).SerializeAsString());
    ASSERT_OK(Write(phone, {Edit(Type("PersonMerge"), id, done), Deletion(PersonType(), alias)}));
  }
  // The open entries about `record` in the ledger, as the phone has it.
  static std::vector<LedgerEntry> ParkedEditsOf(const Phone& phone, const RecordId& record) {
    std::vector<LedgerEntry> entries;
    const auto view = *phone.store->Read();
    const auto cursor = view->Scan(Type("Conflict"), ScopeOf(kOaxaca));
    while (true) {
      const auto next = cursor->Next();
      EXPECT_OK(next);
      if (!next.ok() || !next->has_value()) return entries;
      LedgerEntry entry{.id = (*next)->id,
                        .scope = (*next)->scope,
                        .conflict = ConflictOf((*next)->message),
                        .is_about_deleted = true};
      if (entry.conflict.about_record() == record.bytes() && entry.conflict.state() == v1::OPEN)
        entries.push_back(std::move(entry));
    }
  }
  // What this phone's user said of the alias without knowing of the merge goes over to the
  // survivor, once.
  static void CarryOver(Phone* phone, const RecordId& id) {
    const auto merge = Read<testing::PersonMerge>(*phone, id);
    for (const LedgerEntry& entry : ParkedEditsOf(*phone, *RecordId::FromBytes(merge.alias()))) {
      const v1::Contender& late = entry.conflict.losers(0);
      if (late.user() != phone->user || merge.late_edits().contains(entry.id.ToString())) continue;
      v1::Change onto = Edit(PersonType(), *RecordId::FromBytes(merge.survivor()), v1::Person());
      onto.set_values(late.value());
      testing::PersonMerge noted;
      testing::LateEdit& edit = (*noted.mutable_late_edits())[entry.id.ToString()];
      edit.set_user(late.user());
      edit.set_replica(late.replica());
      ASSERT_OK(Write(phone, {onto, Edit(Type("PersonMerge"), id, noted)}));
    }
  }
  // The alias is there again with what was said of it meanwhile, which the survivor no longer has.
  static void Undo(Phone* phone, const RecordId& id) {
    const auto merge = Read<testing::PersonMerge>(*phone, id);
    const RecordId alias = *RecordId::FromBytes(merge.alias());
    testing::PersonMerge undone;
    undone.set_decision(testing::MERGE_DECISION_UNDONE);
    std::vector<v1::Change> changes = {Edit(Type("PersonMerge"), id, undone)};
    for (const LedgerEntry& entry : ParkedEditsOf(*phone, alias)) {
      ASSERT_OK_AND_ASSIGN(changes.emplace_back(), ChangeThatDecides(&PersonType(), entry, 0));
      v1::Change& back = changes.emplace_back(
          Edit(PersonType(), *RecordId::FromBytes(merge.survivor()), v1::Person()));
      back.set_removed(entry.conflict.losers(0).value());
    }
    if (changes.size() == 1) {
      v1::Person before;
      ASSERT_TRUE(before.ParseFromString(merge.alias_content()));
      changes.push_back(Create(PersonType(), alias, kJuarez, before));
    }
    ASSERT_OK(Write(phone, std::move(changes)));
  }

  // What was refused because the table has approved what it edits becomes an amendment to that: the
  // same work, tried again.
  static void Amend(Phone* phone, const RecordId& amendment) {
    for (const v1::RejectedChangeSet& refused : RejectedBy(*phone)) {
      v1::ChangeSetBody said;
      v1::ChangeSetHeader header;
      testing::ProposalDraft edit;
      ASSERT_TRUE(said.ParseFromString(refused.change_set().body()) &&
                  header.ParseFromString(refused.change_set().header()));
      ASSERT_THAT(said.changes(), SizeIs(1));
      ASSERT_TRUE(edit.ParseFromString(said.changes(0).values()));
      testing::VersionAmendment amended;
      amended.set_version(said.changes(0).record_id());
      amended.set_text(edit.text());
      ASSERT_OK(
          phone->store->Resubmit(header.partition(), header.sequence(),
                                 {Create(Type("VersionAmendment"), amendment, kJuarez, amended)}));
    }
  }
  static testing::ProposalDraft DraftThatSays(absl::string_view text) {
    testing::ProposalDraft draft;
    draft.set_text(std::string(text));
    return draft;
  }
  static testing::ProposalVersion VersionThatSays(absl::string_view text) {
    testing::ProposalVersion version;
    version.set_text(std::string(text));
    return version;
  }
  static testing::VersionSupport SupportOf(const RecordId& version) {
    testing::VersionSupport support;
    support.set_version(version.AsBytes());
    support.set_supporter(std::string(16, 'b'));
    return support;
  }
  static absl::Status Support(Phone* phone, const RecordId& version) {
    const testing::VersionSupport support = SupportOf(version);
    const RecordType& type = Type("VersionSupport");
    return Write(phone, {Create(type, *DeriveId(type, support), kJuarez, support)});
  }
  // How many support each version.
  void ExpectSupport(const std::vector<std::string>& expected) const {
    for (const auto& [who, view] : Everyone()) {
      EXPECT_EQ(Ask(*view,
                    "SELECT v.text, COUNT(s.id) FROM proposal_versions v LEFT JOIN "
                    "version_supports s ON s.version = v.id GROUP BY v.id ORDER BY v.text"),
                expected)
          << who;
    }
  }
};

TEST_F(DomainPhonesTest, Row07TwoHeadcountsAreTwoRecords) {
  v1::Event assembly;
  assembly.set_kind(v1::ASSEMBLY);
  assembly.set_title("Asamblea");
  const RecordId event = Add(&ana_, assembly);
  SyncAll();
  v1::Headcount count;
  count.set_event(event.AsBytes());
  count.set_total(64);
  count.set_observer("Ana");
  Add(&ana_, count);
  count.set_total(58);
  count.set_observer("Beto");
  Add(&beto_, count);
  SyncAll();
  for (const auto& [who, view] : Everyone()) {
    EXPECT_THAT(Ask(*view, absl::StrCat("SELECT total, observer, created_by, has_conflict FROM "
                                        "headcounts WHERE event = '",
                                        event.ToString(), "' ORDER BY total")),
                ElementsAre("58|Beto|beto|0", "64|Ana|ana|0"))
        << who;
  }
}

TEST_F(DomainPhonesTest, Row08SameCurpTwiceIsTwoUsableRecordsAtTheTopOfTheQueueOfDuplicates) {
  const RecordId one_luz = Add(&ana_, FullName("Luz", "Paz", "PAXL800101MOCZXZ01"));
  const RecordId other_luz = Add(&beto_, FullName("Luz", "Paz", "PAXL900202MOCZXZ02"));
  const RecordId by_ana = Add(&ana_, FullName("Ana", "Ruiz", "RUAA900528MOCZNN09"));
  const RecordId by_beto = Add(&beto_, FullName("Anita", "Ruiz", "RUAA900528MOCZNN09"));
  SyncAll();

  v1::Person phone;
  phone.add_phones(kNumber);
  Set(&ana_, by_beto, phone);
  Set(&beto_, by_ana, phone);
  SyncAll();
  EXPECT_THAT(RejectedBy(ana_), IsEmpty());
  EXPECT_THAT(RejectedBy(beto_), IsEmpty());
  ProposeMerges(&ana_);
  SyncAll();

  const auto pair = [](const RecordId& first, const RecordId& second) {
    return absl::StrCat(std::min(first, second).ToString(), "|",
                        std::max(first, second).ToString());
  };
  for (const auto& [who, view] : Everyone()) {
    for (const RecordId& id : {by_ana, by_beto}) {
      EXPECT_EQ(Read<v1::Person>(*view, id).curp(), "RUAA900528MOCZNN09") << who;
      EXPECT_THAT(Read<v1::Person>(*view, id).phones(), ElementsAre(kNumber)) << who;
    }
    EXPECT_THAT(Queue(*view), ElementsAre(HasSubstr(absl::StrCat(pair(by_ana, by_beto), "|100")),
                                          HasSubstr(absl::StrCat(pair(one_luz, other_luz), "|60"))))
        << who;
  }
}

TEST_F(DomainPhonesTest, Row08AMergeReachesTheDevicesAndIsReversible) {
  const RecordId survivor = Add(&ana_, FullName("Ana", "Ruiz", "RUAA900528MOCZNN09"));
  v1::Person second = FullName("Anita", "Ruiz", "RUAA900528MOCZNN09");
  second.add_phones(kNumber);
  const RecordId alias = Add(&beto_, second);
  SyncAll();
  const RecordId merge = Propose(&ana_, survivor, alias, 100);
  SyncAll();
  Merge(&ana_, merge);
  SyncAll();
  for (const auto& [who, view] : Everyone()) {
    EXPECT_TRUE(IsThere(*view, PersonType(), survivor)) << who;
    EXPECT_FALSE(IsThere(*view, PersonType(), alias)) << who;
    EXPECT_THAT(Queue(*view), IsEmpty()) << who;
  }
  Undo(&beto_, merge);
  SyncAll();
  for (const auto& [who, view] : Everyone()) {
    EXPECT_TRUE(IsThere(*view, PersonType(), survivor)) << who;
    EXPECT_EQ(Read<v1::Person>(*view, alias).SerializeAsString(), second.SerializeAsString())
        << who;
  }
  EXPECT_THAT(RejectedBy(beto_), IsEmpty());
}

struct LateEditCase {
  bool edit_comes_first;
  bool ana_undoes;
};

class LateEditTest : public DomainPhonesTest, public ::testing::WithParamInterface<LateEditCase> {
 protected:
  void ExpectTheEditOn(const RecordId& with, const RecordId& without) const {
    for (const auto& [who, view] : Everyone()) {
      EXPECT_THAT(Read<v1::Person>(*view, with).phones(), ElementsAre(kNumber)) << who;
      if (!IsThere(*view, PersonType(), without)) continue;
      EXPECT_THAT(Read<v1::Person>(*view, without).phones(), IsEmpty()) << who;
    }
  }
};

TEST_P(LateEditTest, Row09EditOfAMergedRecordLandsOnTheOtherAndOnItselfAgainOnceUndone) {
  const RecordId stays = Add(&ana_, FullName("Ana", "Ruiz"));
  const RecordId goes = Add(&ana_, FullName("Ana", "Ruis"));
  const RecordId merge = Propose(&ana_, stays, goes, 90);
  SyncAll();

  v1::Person edit;
  edit.add_phones(kNumber);
  Set(&beto_, goes, edit);
  Merge(&ana_, merge);
  if (GetParam().edit_comes_first) Sync(&beto_);
  Sync(&ana_);
  SyncAll();
  CarryOver(&beto_, merge);
  SyncAll();

  ExpectTheEditOn(stays, goes);
  for (const auto& [who, view] : Everyone()) {
    EXPECT_FALSE(IsThere(*view, PersonType(), goes)) << who;
    EXPECT_EQ((*view->Get(PersonType(), stays))->updated.user, "beto") << who;
    const auto sheet = Read<testing::PersonMerge>(*view, merge);
    ASSERT_THAT(sheet.late_edits(), SizeIs(1)) << who;
    EXPECT_EQ(sheet.late_edits().begin()->second.user(), "beto") << who;
    EXPECT_EQ(sheet.late_edits().begin()->second.replica(), beto_.store->replica().bytes()) << who;
  }

  Undo(GetParam().ana_undoes ? &ana_ : &beto_, merge);
  SyncAll();
  ExpectTheEditOn(goes, stays);
  for (const auto& [who, view] : Everyone()) {
    EXPECT_EQ(Read<v1::Person>(*view, goes).name().first_surname(), "Ruis") << who;
    EXPECT_EQ(Read<v1::Person>(*view, stays).name().first_surname(), "Ruiz") << who;
    EXPECT_EQ(Read<testing::PersonMerge>(*view, merge).decision(), testing::MERGE_DECISION_UNDONE)
        << who;
  }
  EXPECT_THAT(ParkedEditsOf(ana_, goes), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Both, LateEditTest,
                         ::testing::Values(LateEditCase{false, false}, LateEditCase{false, true},
                                           LateEditCase{true, false}, LateEditCase{true, true}),
                         [](const auto& given) {
                           return absl::StrCat(
                               given.param.edit_comes_first ? "EditFirst" : "MergeFirst",
                               given.param.ana_undoes ? "AnaUndoes" : "BetoUndoes");
                         });

TEST_F(DomainPhonesTest, Row10IdentityStaysErasedTheVisitStaysAndTheOtherIsTold) {
  constexpr char kCanary[] = "Xochiquetzal";
  const RecordId id = Add(&ana_, FullName("Eva", kCanary));
  SyncAll();
  ASSERT_TRUE(DiskShows(*beto_.disk, kCanary));
  ASSERT_OK(authority_->Erase(
      {.type_id = PersonType().type_id(), .id = id, .scope = "", .user = "ana"}, clock_.Now()));
  v1::Visit visit;
  visit.set_person(id.AsBytes());
  visit.mutable_at()->set_seconds(1'767'000'000);
  visit.set_outcome(v1::CONTACT);
  Add(&beto_, visit);
  beto_.told.clear();

  Sync(&beto_);
  EXPECT_TRUE(beto_.told.contains(id)) << "he has not touched her: the sync alone tells him";
  EXPECT_THAT(Write(&beto_, {Create(PersonType(), id, kJuarez, FullName("Eva", "Luna"))}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("erased for good")));
  SyncAll();
  for (const auto& [who, view] : Everyone()) {
    EXPECT_THAT(Ask(*view,
                    "SELECT v.outcome, v.created_by, v.pending, p.id FROM visits v LEFT JOIN "
                    "people p ON p.id = v.person"),
                ElementsAre("contact|beto|0|NULL"))
        << who;
  }
  for (const auto& disk : {server_disk_, ana_.disk, beto_.disk})
    EXPECT_FALSE(DiskShows(*disk, kCanary));
  EXPECT_THAT(RejectedBy(beto_), IsEmpty());
}

class ApprovalTest : public DomainPhonesTest {
 protected:
  // The text of what the table has approved is frozen.
  ApprovalTest() {
    judge_.refuses = [](const ChangeInQuestion& question) {
      testing::ProposalDraft stands;
      testing::ProposalDraft change;
      return question.type != nullptr && question.type->name() == "ProposalDraft" &&
             question.current != nullptr && question.current->exists() &&
             stands.ParseFromString(question.current->Message()) &&
             change.ParseFromString(question.change.values()) &&
             stands.state() == testing::APPROVED_BY_TABLE && !change.text().empty();
    };
    testing::ProposalDraft draft = DraftThatSays("v3");
    draft.set_state(testing::AT_TABLE);
    draft_ = Add(&ana_, draft);
    SyncAll();
    Set(&beto_, draft_, DraftThatSays("v3, con agua"));
  }
  static std::vector<std::string> Amendments(const ReadView& view) {
    return Ask(view, "SELECT version, text, created_by FROM version_amendments");
  }

  RecordId draft_;
};

TEST_F(ApprovalTest, Row11EditUnderAnApprovedVersionBecomesAnAmendmentToIt) {
  testing::ProposalDraft approval;
  approval.set_state(testing::APPROVED_BY_TABLE);
  Set(&ana_, draft_, approval);
  Sync(&ana_);
  Sync(&beto_);
  ASSERT_THAT(RejectedBy(beto_), SizeIs(1)) << "kept, and with its reason";
  for (int again = 0; again < 2; ++again) {
    Amend(&beto_, NewRecordId(clock_.Now(), random_));
    SyncAll();
  }
  for (const auto& [who, view] : Everyone()) {
    const auto approved = Read<testing::ProposalDraft>(*view, draft_);
    EXPECT_EQ(approved.text(), "v3") << who;
    EXPECT_EQ(approved.state(), testing::APPROVED_BY_TABLE) << who;
    EXPECT_THAT(Amendments(*view),
                ElementsAre(absl::StrCat(draft_.ToString(), "|v3, con agua|beto")))
        << who;
  }
  EXPECT_THAT(RejectedBy(beto_), IsEmpty());
}

TEST_F(ApprovalTest, Row11EditOfWhatIsStillAtTheTableIsAnEdit) {
  SyncAll();
  EXPECT_THAT(RejectedBy(beto_), IsEmpty());
  for (const auto& [who, view] : Everyone()) {
    EXPECT_EQ(Read<testing::ProposalDraft>(*view, draft_).text(), "v3, con agua") << who;
    EXPECT_THAT(Amendments(*view), IsEmpty()) << who;
  }
}

TEST_F(DomainPhonesTest, Row12SupportStaysWithItsVersion) {
  for (const bool support_comes_first : {true, false}) {
    const std::string third = support_comes_first ? "v3" : "w3";
    const std::string fourth = support_comes_first ? "v4" : "w4";
    const RecordId old_version = Add(&ana_, VersionThatSays(third));
    SyncAll();
    ASSERT_OK(Support(&beto_, old_version));
    Add(&ana_, VersionThatSays(fourth));
    if (support_comes_first) Sync(&beto_);
    SyncAll();
    const std::string of_third = absl::StrCat(third, "|1");
    const std::string of_fourth = absl::StrCat(fourth, "|0");
    if (support_comes_first) ExpectSupport({of_third, of_fourth});
    if (!support_comes_first) ExpectSupport({"v3|1", "v4|0", of_third, of_fourth});
  }
}

TEST_F(DomainPhonesTest, Row12NobodyTurnsASupportToAnotherTextOrVersion) {
  const RecordId third = Add(&ana_, VersionThatSays("v3"));
  SyncAll();
  ASSERT_OK(Support(&beto_, third));
  SyncAll();
  // In place of what is supported, knowing it; and of the support itself.
  const RecordId fourth = Add(&ana_, VersionThatSays("v4"));
  Set(&ana_, third, VersionThatSays("v5"));
  const RecordType& type = Type("VersionSupport");
  EXPECT_THAT(Write(&beto_, {Edit(type, *DeriveId(type, SupportOf(third)), SupportOf(fourth))}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  SyncAll();
  ASSERT_THAT(RejectedBy(ana_), SizeIs(1));
  EXPECT_EQ(RejectedBy(ana_)[0].verdict().refusals(0).reason(), v1::ALREADY_SET);
  ExpectSupport({"v3|1", "v4|0"});

  ASSERT_OK(Support(&beto_, fourth));
  SyncAll();
  ExpectSupport({"v3|1", "v4|1"});
}

}  // namespace
}  // namespace brigada
