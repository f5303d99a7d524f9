#include "client_lib/sync_driver.h"

#include <future>
#include <memory>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/client_lib/device_world.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SyncDriverTest : public ::testing::Test {
 protected:
  void Make(DriverOptions options) {
    driver_ = std::make_unique<SyncDriver>(&world_.store(), &world_.clock(),
                                           std::make_unique<FakeStream>(link_), std::move(options));
  }
  std::future<absl::Status> RunAside() {
    return std::async(std::launch::async, [this] { return driver_->Run(); });
  }
  void WaitUntilUpToDate() {
    while (driver_->up_to_date_at() == absl::InfinitePast()) std::this_thread::yield();
  }
  static DriverOptions Live() {
    DriverOptions options;
    options.session.live = true;
    return options;
  }

  DeviceWorld world_;
  const std::shared_ptr<FakeLink> link_ = std::make_shared<FakeLink>(AnswerUpToDate);
  std::unique_ptr<SyncDriver> driver_;
};

TEST_F(SyncDriverTest, ARoundEndsWithDone) {
  Make({});
  EXPECT_OK(driver_->Run());
  EXPECT_EQ(driver_->up_to_date_at(), world_.clock().Now());
}

TEST_F(SyncDriverTest, ALiveSessionEndsInGoodOrderWhenStopped) {
  Make(Live());
  std::future<absl::Status> status = RunAside();
  WaitUntilUpToDate();
  driver_->Stop();
  EXPECT_OK(status.get());
  EXPECT_TRUE(link_->sent().back().has_goodbye());
}

TEST_F(SyncDriverTest, StoppingDoesNotWaitForAConnection) {
  link_->HangSending();
  Make(Live());
  std::future<absl::Status> status = RunAside();
  driver_->Stop();
  EXPECT_FALSE(status.get().ok());
  EXPECT_TRUE(link_->is_closed());
}

// A server that says `answers` to the hello and reads nothing more, though its link lives.
FakeLink::OnFrame AnswersAndReadsNoMore(std::function<void(FakeLink&)> answers) {
  return [answers = std::move(answers)](FakeLink& link, const v1::ClientFrame&) {
    link.HangSending();
    answers(link);
  };
}

TEST_F(SyncDriverTest, WhatComesIsTakenWhileNothingGetsOut) {
  const auto link = std::make_shared<FakeLink>(AnswersAndReadsNoMore([](FakeLink& self) {
    self.GiveWelcome();
    self.GiveDone();
  }));
  driver_ = std::make_unique<SyncDriver>(&world_.store(), &world_.clock(),
                                         std::make_unique<FakeStream>(link), Live());
  std::future<absl::Status> status = RunAside();
  WaitUntilUpToDate();
  driver_->Cancel();
  EXPECT_THAT(status.get(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(link->sent().size(), 1u);
}

TEST_F(SyncDriverTest, AServerThatReadsNothingIsAStall) {
  const auto link =
      std::make_shared<FakeLink>(AnswersAndReadsNoMore([](FakeLink& self) { self.GiveWelcome(); }));
  SyncDriver driver(&world_.store(), &world_.clock(), std::make_unique<FakeStream>(link), {});
  auto status = std::async(std::launch::async, [&] { return driver.Run(); });
  while (status.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
    world_.clock().Advance(absl::Seconds(1));
    driver.Wake();
  }
  EXPECT_THAT(status.get(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("STALLED")));
}

TEST_F(SyncDriverTest, ARoundEndsAtItsDeadlineThoughNothingGetsOut) {
  link_->HangSending();
  DriverOptions options;
  options.deadline = absl::Seconds(10);
  Make(std::move(options));
  std::future<absl::Status> status = RunAside();
  while (status.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
    world_.clock().Advance(absl::Seconds(1));
    driver_->Wake();
  }
  EXPECT_THAT(status.get(), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(SyncDriverTest, ACutLinkIsUnavailable) {
  Make(Live());
  std::future<absl::Status> status = RunAside();
  WaitUntilUpToDate();
  link_->Cut();
  EXPECT_THAT(status.get(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(SyncDriverTest, NothingIsSentThatTheBudgetDoesNotHold) {
  DriverOptions options;
  options.byte_budget = 10;  // less than a hello
  Make(std::move(options));
  EXPECT_THAT(driver_->Run(), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(link_->sent(), IsEmpty());
}

TEST_F(SyncDriverTest, WhatTheServerSaidBeforeItHungUpIsHeard) {
  const auto link = std::make_shared<FakeLink>([](FakeLink& self, const v1::ClientFrame&) {
    self.GiveRefused(v1::Refused::BUSY, 4321);
    self.Cut();
  });
  SyncDriver driver(&world_.store(), &world_.clock(), std::make_unique<FakeStream>(link), Live());
  EXPECT_THAT(driver.Run(), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("BUSY")));
  EXPECT_EQ(driver.retry_after(), absl::Milliseconds(4321));
}

TEST_F(SyncDriverTest, AnOutboxThatDoesNotMoveIsAStallThoughTheServerAnswers) {
  DriverOptions options = Live();
  options.session.stall_timeout = absl::Hours(1000);
  options.outbox_patience = absl::Seconds(30);
  Make(std::move(options));
  std::future<absl::Status> status = RunAside();
  WaitUntilUpToDate();
  world_.Write();
  while (status.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
    world_.clock().Advance(absl::Seconds(1));
    driver_->Wake();
  }
  EXPECT_THAT(status.get(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("STALLED: 1 change sets wait")));
}

}  // namespace
}  // namespace brigada
