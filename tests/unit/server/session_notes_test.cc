#include "server/session_notes.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "server/directory.h"
#include "tests/support/faulty_authority_store.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/server/memory_store.h"

namespace brigada {
namespace {

ReplicaId Id(char c) { return *ReplicaId::FromBytes(std::string(16, c)); }

SessionNote NoteAt(int64_t ended_ms, uint64_t bytes_sent = 0) {
  SessionNote note;
  note.ended_ms = ended_ms;
  note.bytes_sent = bytes_sent;
  return note;
}

SessionNote NoteThatAcknowledges(int64_t ended_ms, uint64_t sequence) {
  SessionNote note = NoteAt(ended_ms);
  v1::PartitionHead& head = note.acknowledged.emplace().emplace_back();
  head.set_partition("MX/20");
  head.set_sequence(sequence);
  return note;
}

class SessionNotesTest : public ::testing::Test {
 protected:
  SessionNotesTest() {
    for (const char c : {'a', 'b'}) {
      v1::DeviceRecord device;
      device.set_replica(Id(c).AsBytes());
      device.set_name("phone");
      const DirectoryWrite write{DirectoryKind::kDevice, Id(c).AsBytes(),
                                 device.SerializeAsString(), std::nullopt};
      EXPECT_OK(store_.WriteEntries({&write, 1}));
    }
  }
  v1::DeviceRecord Device(char c) { return **FindDevice(store_, Id(c)); }
  // In the one partition that these devices read; 0: it is noted of none.
  uint64_t AcknowledgedBy(char c) {
    const v1::DeviceRecord device = Device(c);
    return device.acknowledged_size() == 1 ? device.acknowledged(0).sequence() : 0;
  }

  SeededRandom random_{7};
  FaultyAuthorityStore store_{NewMemoryAuthorityStore(random_)};
  SessionNotes notes_{&store_};
};

TEST_F(SessionNotesTest, NothingIsWrittenBeforeTheFlush) {
  notes_.Add(Id('a'), NoteAt(5));
  EXPECT_EQ(Device('a').last_sync_ms(), 0);
  ASSERT_OK(notes_.Flush());
  EXPECT_EQ(Device('a').last_sync_ms(), 5);
  EXPECT_EQ(Device('a').name(), "phone");
  EXPECT_EQ(notes_.size(), 0u);
}

TEST_F(SessionNotesTest, TheLastSessionOfADeviceCounts) {
  notes_.Add(Id('a'), NoteAt(5, 100));
  notes_.Add(Id('a'), NoteAt(6, 200));
  notes_.Add(Id('b'), NoteAt(7));
  ASSERT_OK(notes_.Flush());
  EXPECT_EQ(Device('a').last_sync_ms(), 6);
  EXPECT_EQ(Device('a').bytes_sent(), 200u);
  EXPECT_EQ(Device('b').last_sync_ms(), 7);
}

TEST_F(SessionNotesTest, AnUnknownDeviceIsLeftOut) {
  notes_.Add(Id('z'), NoteAt(5));
  notes_.Add(Id('a'), NoteAt(6));
  ASSERT_OK(notes_.Flush());
  EXPECT_EQ(Device('a').last_sync_ms(), 6);
  EXPECT_FALSE(FindDevice(store_, Id('z'))->has_value());
}

TEST_F(SessionNotesTest, WhatCouldNotBeWrittenIsWrittenLater) {
  notes_.Add(Id('a'), NoteAt(5));
  notes_.Add(Id('b'), NoteAt(5));
  store_.FailWrites(absl::ResourceExhaustedError("disk full"));
  EXPECT_THAT(notes_.Flush(), StatusIs(absl::StatusCode::kResourceExhausted));
  notes_.Add(Id('a'), NoteAt(8));
  store_.FailWrites(absl::OkStatus());
  ASSERT_OK(notes_.Flush());
  EXPECT_EQ(Device('a').last_sync_ms(), 8);
  EXPECT_EQ(Device('b').last_sync_ms(), 5);
}

TEST_F(SessionNotesTest, ASessionThatNeverSaidWhereItStandsLeavesWhatIsNotedOfTheLastThatDid) {
  notes_.Add(Id('a'), NoteThatAcknowledges(5, 40));
  ASSERT_OK(notes_.Flush());
  notes_.Add(Id('a'), NoteAt(6));
  ASSERT_OK(notes_.Flush());
  EXPECT_EQ(AcknowledgedBy('a'), 40u);
  // One note of both.
  notes_.Add(Id('a'), NoteThatAcknowledges(7, 41));
  notes_.Add(Id('a'), NoteAt(8));
  ASSERT_OK(notes_.Flush());
  EXPECT_EQ(AcknowledgedBy('a'), 41u);
  EXPECT_EQ(Device('a').last_sync_ms(), 8);
}

TEST_F(SessionNotesTest, ASessionThatReadsNothingHereAcknowledgesNothing) {
  notes_.Add(Id('a'), NoteThatAcknowledges(5, 40));
  ASSERT_OK(notes_.Flush());
  SessionNote reads_nothing = NoteAt(6);
  reads_nothing.acknowledged.emplace();
  notes_.Add(Id('a'), reads_nothing);
  ASSERT_OK(notes_.Flush());
  EXPECT_EQ(Device('a').acknowledged_size(), 0);
}

TEST_F(SessionNotesTest, WhatWasAcknowledgedOutlivesAFailedWriteAndASessionThatNeverSaid) {
  notes_.Add(Id('a'), NoteThatAcknowledges(5, 40));
  store_.WhenWriting([this] { notes_.Add(Id('a'), NoteAt(6)); });
  store_.FailWrites(absl::ResourceExhaustedError("disk full"));
  EXPECT_THAT(notes_.Flush(), StatusIs(absl::StatusCode::kResourceExhausted));
  store_.FailWrites(absl::OkStatus());
  store_.WhenWriting({});
  ASSERT_OK(notes_.Flush());
  EXPECT_EQ(AcknowledgedBy('a'), 40u);
  EXPECT_EQ(Device('a').last_sync_ms(), 6);
}

}  // namespace
}  // namespace brigada
