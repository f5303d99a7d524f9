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

}  // namespace
}  // namespace brigada
