#ifndef TESTS_UNIT_CLIENT_LIB_DEVICE_WORLD_H_
#define TESTS_UNIT_CLIENT_LIB_DEVICE_WORLD_H_

#include <memory>
#include <utility>
#include <vector>

#include "brigada/v1/person.pb.h"
#include "client_lib/store_lender.h"
#include "replica/base/check.h"
#include "replica/schema/diff.h"
#include "replica/store/device_store.h"
#include "replica/store/memory_kv.h"
#include "tests/support/fake_clock.h"
#include "tests/unit/client_lib/fake_link.h"

namespace brigada {

// A device's store in memory. Thread safe.
class DeviceWorld {
 public:
  DeviceWorld() {
    DeviceStoreOptions options;
    options.registry = &Registry::BuiltIn();
    options.clock = &clock_;
    options.random = &random_;
    std::unique_ptr<DeviceStore> store = *OpenDeviceStore(NewMemoryKv(), options);
    store_ = store.get();
    CHECK(store_->SetUser("ana").ok());
    stores_ = std::make_unique<StoreLender>(
        OpenedStore{std::move(store), [] { return absl::OkStatus(); }}, StoreLender::How(),
        &clock_);
  }

  void Write() {
    v1::Person person;
    person.mutable_name()->set_given_names("Ana");
    std::vector<v1::Change> changes;
    changes.push_back(*CreateChange(*Registry::BuiltIn().FindByName("Person"),
                                    NewRecordId(clock_.Now(), SystemRandom()),
                                    *Scope::Parse("MX/20/067"), person));
    CHECK(store_->Commit(std::move(changes), Durability::kSync).ok());
  }

  FakeClock& clock() { return clock_; }
  DeviceStore& store() { return *store_; }
  StoreLender& stores() { return *stores_; }

 private:
  FakeClock clock_;
  SeededRandom random_{7};
  DeviceStore* store_ = nullptr;
  std::unique_ptr<StoreLender> stores_;
};

// A server with nothing for the device: it is up to date as soon as it says hello.
inline void AnswerUpToDate(FakeLink& link, const v1::ClientFrame& frame) {
  if (!frame.has_hello()) return;
  link.GiveWelcome();
  link.GiveDone();
}

}  // namespace brigada

#endif  // TESTS_UNIT_CLIENT_LIB_DEVICE_WORLD_H_
