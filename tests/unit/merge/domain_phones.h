// Ana's and Beto's phones and the server between them: real stores and real sessions, in one
// thread, for what each of the three holds in the end.
#ifndef TESTS_UNIT_MERGE_DOMAIN_PHONES_H_
#define TESTS_UNIT_MERGE_DOMAIN_PHONES_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "replica/query/query.h"
#include "replica/store/device_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loopback.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_server.h"
#include "tests/unit/merge/domain_registry.h"
#include "tests/unit/store/authority_fixture.h"

namespace brigada {

struct Phone {
  std::string user;
  std::shared_ptr<Kv> disk = NewMemoryKv();
  std::unique_ptr<DeviceStore> store = nullptr;
  // The records that the store has told its listener of.
  std::set<RecordId> told = {};
};

class DomainPhones : public ::testing::Test {
 protected:
  DomainPhones() {
    auto opened = OpenAuthorityStore(
        std::make_unique<LentKv>(server_disk_),
        {.registry = &DomainRegistry(), .random = &random_, .now = clock_.Now()});
    CHECK(opened.ok());
    authority_ = *std::move(opened);
    server_ = std::make_unique<TestServer>(authority_.get(), &judge_, &clock_);
    for (Phone* phone : {&ana_, &beto_}) Enrol(phone);
  }

  // One session of the phone, to its end.
  void Sync(Phone* phone) {
    clock_.Advance(absl::Seconds(1));
    Loopback loopback(server_.get(), phone->store.get(), {});
    EXPECT_EQ(loopback.Run(), Loopback::End::kFinished) << loopback.device_status();
  }
  // Until each knows what the others have done.
  void SyncAll() {
    for (Phone* phone : {&ana_, &beto_, &ana_}) Sync(phone);
  }

  static const RecordType& Type(absl::string_view name) {
    return *DomainRegistry().FindByName(name);
  }
  template <typename Message>
  static const RecordType& TypeFor() {
    return Type(Message::descriptor()->name());
  }

  static absl::Status Write(Phone* phone, std::vector<v1::Change> changes) {
    return phone->store->Commit(std::move(changes), Durability::kSync).status();
  }
  template <typename Message>
  RecordId Add(Phone* phone, const Message& message) {
    const RecordId id = NewRecordId(clock_.Now(), random_);
    EXPECT_OK(Write(phone, {Create(TypeFor<Message>(), id, kJuarez, message)}));
    return id;
  }
  template <typename Message>
  static void Set(Phone* phone, const RecordId& id, const Message& values) {
    EXPECT_OK(Write(phone, {Edit(TypeFor<Message>(), id, values)}));
  }

  // Server, Ana and Beto, as each reads now.
  std::map<std::string, std::unique_ptr<ReadView>> Everyone() const {
    std::map<std::string, std::unique_ptr<ReadView>> views;
    views["server"] = *authority_->Read();
    views["ana"] = *ana_.store->Read();
    views["beto"] = *beto_.store->Read();
    return views;
  }
  template <typename Message>
  static Message Read(const ReadView& view, const RecordId& id) {
    const auto found = view.Get(TypeFor<Message>(), id);
    EXPECT_OK(found);
    Message message;
    EXPECT_TRUE(found.ok() && found->has_value() && message.ParseFromString((*found)->message));
    return message;
  }
  template <typename Message>
  static Message Read(const Phone& phone, const RecordId& id) {
    return Read<Message>(**phone.store->Read(), id);
  }
  static bool IsThere(const ReadView& view, const RecordType& type, const RecordId& id) {
    const auto found = view.Get(type, id);
    EXPECT_OK(found);
    return found.ok() && found->has_value();
  }
  // One line per row, values separated by '|'.
  static std::vector<std::string> Ask(const ReadView& view, const std::string& sql) {
    std::vector<std::string> lines;
    QueryOptions options;
    options.access.everything = true;
    EXPECT_OK(RunQuery(
        DomainRegistry(), view, sql, {}, options,
        [](absl::Span<const std::string>) { return absl::OkStatus(); },
        [&](const SqlRow& row) {
          lines.push_back(absl::StrJoin(row, "|", AppendValue));
          return absl::OkStatus();
        }));
    return lines;
  }
  static std::vector<v1::RejectedChangeSet> RejectedBy(const Phone& phone) {
    const auto rejected = phone.store->Rejected();
    EXPECT_OK(rejected);
    return rejected.ok() ? *rejected : std::vector<v1::RejectedChangeSet>();
  }

  FakeClock clock_;
  SeededRandom random_{5};
  TestJudge judge_;
  std::shared_ptr<Kv> server_disk_ = NewMemoryKv();
  std::unique_ptr<AuthorityStore> authority_;
  std::unique_ptr<TestServer> server_;
  Phone ana_{.user = "ana"};
  Phone beto_{.user = "beto"};

 private:
  void Enrol(Phone* phone) {
    auto opened =
        OpenDeviceStore(std::make_unique<LentKv>(phone->disk),
                        {.registry = &DomainRegistry(), .clock = &clock_, .random = &random_});
    CHECK(opened.ok());
    phone->store = *std::move(opened);
    EXPECT_OK(phone->store->SetUser(phone->user));
    phone->store->SetChangeListener([phone](absl::Span<const ChangedRecord> changed) {
      for (const ChangedRecord& record : changed) phone->told.insert(record.id);
    });
    server_->SetPeer({.replica = phone->store->replica(),
                      .user = phone->user,
                      .feeds = {FeedOf(kOaxaca, v1::BELOW)},
                      .grants = {}});
  }
  static void AppendValue(std::string* line, const SqlValue& value) {
    if (const auto* number = std::get_if<int64_t>(&value)) return absl::StrAppend(line, *number);
    if (const auto* text = std::get_if<std::string>(&value)) return absl::StrAppend(line, *text);
    absl::StrAppend(line, "NULL");
  }
};

}  // namespace brigada

#endif  // TESTS_UNIT_MERGE_DOMAIN_PHONES_H_
