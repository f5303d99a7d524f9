// Brigada's client library: one class, one replica.
// clang-format off
//
//   brigada::Options options;
//   options.path = "field.brigada";
//   auto replica = brigada::Replica::Open(options).value();
//   brigada::v1::Person ana;
//   ana.mutable_name()->set_given_names("Ana");
//   auto id = replica->Create(brigada::Scope::Parse("MX/20/067").value(), ana).value();
//   replica->Update<brigada::v1::Person>(id, [](auto& person) { person.add_phones("+529511234567"); }).IgnoreError();
//   replica->Sync({}).IgnoreError();   // when there is a link
//
// with "brigada/v1/person.pb.h" beside this header. tests/consumer/example.cc is a whole program.
// What the library logs, and how to quiet it: brigada/log.h.
// clang-format on
#ifndef BRIGADA_REPLICA_H_
#define BRIGADA_REPLICA_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "brigada/options.h"
#include "brigada/result_set.h"
#include "brigada/transport.h"
#include "brigada/v1/change.pb.h"
#include "brigada/v1/conflict.pb.h"
#include "google/protobuf/message.h"
#include "replica/base/ids.h"
#include "replica/schema/scope.h"

namespace brigada {

// What a form that shows a record has seen of it: passed to an update made later, so that a change
// pulled in between is not taken as seen.
struct ReadToken {
  uint64_t seen = 0;
};

// A record with what the library knows about it.
struct RecordInfo {
  RecordId id;
  Scope scope;
  bool pending = false;       // has changes without a verdict
  bool has_conflict = false;  // some field waits for a decision
  absl::Time created_at;
  absl::Time updated_at;
  std::string created_by;
  std::string updated_by;
  ReadToken token;
};

// A refused change set of this device, with its content.
struct Rejection {
  std::string partition;
  uint64_t sequence = 0;
  // The server keeps it and applies it when the record it waits for has come; it cannot be sent
  // again from here.
  bool waits_for_record = false;
  // It goes again by itself once grants cover it.
  bool waits_for_grant = false;
  // Of a retry: the change set that was tried first; else 0.
  uint64_t retry_of = 0;
  // Sequence of the first rejection of the same partition that creates a record this one changes or
  // names: resubmitting that one takes this one along. 0: none.
  uint64_t depends_on = 0;
  absl::Time refused_at;
  v1::ChangeSetBody content;
  std::vector<v1::Refusal> reasons;
};

// A change set of this device without a verdict.
struct PendingChangeSet {
  std::string partition;
  uint64_t sequence = 0;
  absl::Time made_at;  // by the device's clock
  v1::ChangeSetBody content;
};

// A change set of this device that was judged, and what became of it.
struct JudgedChangeSet {
  std::string partition;
  uint64_t sequence = 0;
  absl::Time made_at;  // by the device's clock
  v1::Verdict verdict;
  // Empty when it was refused, see Rejections(), or sealed since the place was lost.
  v1::ChangeSetBody content;
};

// An entry of the conflict ledger as it is shown to whoever decides.
struct ConflictInfo {
  RecordId id;
  Scope scope;
  v1::Conflict entry;
  // What this device had then: a value that comes later is not taken as seen.
  ReadToken token;
  // This device has decided it; the decision is not sent yet.
  bool decided_here = false;
};

// Several changes that are committed together. All records lie in one partition (one state, or the
// nation); a move may lead into another. Not thread safe.
class Transaction {
 public:
  // As Replica's methods of the same names; checked at Commit.
  RecordId Create(const Scope& scope, const google::protobuf::Message& record);
  // The same under an id of the caller's: one that says where the record comes from makes repeating
  // the work harmless.
  RecordId Create(const RecordId& id, const Scope& scope, const google::protobuf::Message& record);
  void Update(const RecordId& id, const google::protobuf::Message& before,
              const google::protobuf::Message& after, ReadToken token = {});
  void Delete(const google::protobuf::Descriptor* type, const RecordId& id, ReadToken token = {});
  void Move(const google::protobuf::Descriptor* type, const RecordId& id, const Scope& to);

 private:
  friend class ReplicaImpl;
  struct Step {
    enum class Kind { kCreate, kUpdate, kDelete, kMove } kind;
    const google::protobuf::Descriptor* type;
    RecordId id;
    Scope scope;
    std::shared_ptr<google::protobuf::Message> before;
    std::shared_ptr<google::protobuf::Message> after;
    ReadToken token;
  };
  std::vector<Step> steps_;
};

// A standing query. Destroying it stops the callbacks; the destructor waits for one that runs. It
// may outlive its replica: there are no callbacks then.
class Subscription {
 public:
  virtual ~Subscription() = default;
};

// Replica is one device's copy of the records in its scopes: every read and write is served from
// local storage, and Sync exchanges changes with the upstream whenever a connection exists.
//
// Thread safety: all methods may be called from any thread. Writes are serialised, and durable as
// Options::durability says before they return. Callbacks run on one callback thread (progress: on
// the syncing thread), never under a lock; they may call the replica. Crash: whatever returned OK
// is there after it (see Options::durability); nothing else shows.
//
// When the disk fails a write, what it left there is unknown: that write answers with the disk's
// error and may yet be there. As soon as no call and no session uses the store any more the next
// one closes it and opens it again with every check; until then reads go on and writes answer
// kFailedPrecondition ("open it again"). A live session ends within a second of it, and background
// sync begins the next one after its usual pause. While opening fails every method answers with its
// error, tries being a second to a minute apart (SyncStatus::last_error says so too); after
// kDataLoss there are none, and the replica is to be closed. A store that finds damage while it is
// open goes on being read, and takes no writes. RecoverReplica (recovery.h) helps in both cases.
class Replica {
 public:
  // kNotFound: absent and !create_if_missing. kUnavailable: open in another process (retry).
  // kDataLoss: a checksum failed. kFailedPrecondition: written by a newer version, or the directory
  // is another user's or on a read-only medium. kResourceExhausted: the disk is full.
  static absl::StatusOr<std::unique_ptr<Replica>> Open(Options options);
  virtual ~Replica() = default;

  // Makes this replica a device of the organization that gave `invitation` (the text an
  // administrator hands over). Needs a connection once; after a crash or a lost answer it is called
  // again with the same invitation. A replica whose key was lost or damaged enrols again with an
  // invitation for the same user: it keeps its work and gets a new replica_id().
  // kInvalidArgument: not an invitation; kUnauthenticated: wrong, used or expired code, or not the
  // invited server; kUnavailable: no connection; kFailedPrecondition: enrolled already, or the
  // invitation is another user's or another organization's than this replica's work.
  virtual absl::Status Enroll(absl::string_view invitation, absl::string_view device_name) = 0;

  // Typed API. T is a record message such as v1::Person. kInvalidArgument names every field that
  // breaks a rule. Where the type derives its id from its parts, Create returns that id: what
  // others registered meanwhile under the same id and this one merge when they meet.
  // kAlreadyExists: it is here already; Update says what is new of it.
  template <typename T>
  absl::StatusOr<RecordId> Create(const Scope& scope, const T& record) {
    return CreateMessage(scope, record);
  }
  // `edit` gets the current view; only the fields it changes become a change. kNotFound: absent or
  // deleted.
  template <typename T>
  absl::Status Update(const RecordId& id, absl::FunctionRef<void(T&)> edit, ReadToken token = {}) {
    T record;
    return UpdateMessage(
        id, &record, [&] { edit(record); }, token);
  }
  template <typename T>
  absl::Status Delete(const RecordId& id, ReadToken token = {}) {
    return DeleteRecord(T::descriptor(), id, token);
  }
  template <typename T>
  absl::StatusOr<T> Get(const RecordId& id) const {
    T record;
    absl::Status status = ReadMessage(id, &record, nullptr);
    if (!status.ok()) return status;
    return record;
  }

  // The same for a type known at run time only. `record` says the type; Read fills it (and `info`
  // unless null).
  virtual absl::StatusOr<RecordId> CreateMessage(const Scope& scope,
                                                 const google::protobuf::Message& record) = 0;
  // Fills `record` with the view, calls `edit` (which changes it), commits the difference.
  virtual absl::Status UpdateMessage(const RecordId& id, google::protobuf::Message* record,
                                     absl::FunctionRef<void()> edit, ReadToken token) = 0;
  virtual absl::Status DeleteRecord(const google::protobuf::Descriptor* type, const RecordId& id,
                                    ReadToken token) = 0;
  virtual absl::Status ReadMessage(const RecordId& id, google::protobuf::Message* record,
                                   RecordInfo* info) const = 0;
  // True: the record was here and was deleted, by whomever. False for a live record, one that was
  // never here, and one whose deletion is forgotten (every device has passed it).
  virtual absl::StatusOr<bool> IsDeleted(const google::protobuf::Descriptor* type,
                                         const RecordId& id) const = 0;
  virtual absl::Status Move(const google::protobuf::Descriptor* type, const RecordId& id,
                            const Scope& to) = 0;
  // All of it or nothing.
  virtual absl::Status Commit(const Transaction& transaction) = 0;

  // Read-only SQL over this moment's view: one table per record type by its plural name,
  // `territories`, `conflicts`. docs/sql.md.
  virtual absl::StatusOr<ResultSet> Query(absl::string_view sql,
                                          absl::Span<const SqlValue> args = {}) const = 0;
  // The same, row by row; a non-OK status from `on_row` stops it. The summary says whether the row
  // limit left some out.
  virtual absl::StatusOr<QuerySummary> QueryRows(
      absl::string_view sql, absl::Span<const SqlValue> args,
      absl::FunctionRef<absl::Status(absl::Span<const std::string> columns)> on_columns,
      absl::FunctionRef<absl::Status(SqlRow)> on_row) const = 0;
  // Runs the query now and again after changes to a table it reads (several changes may be taken
  // together).
  using OnChange = std::function<void(absl::StatusOr<ResultSet>)>;
  virtual absl::StatusOr<std::unique_ptr<Subscription>> Watch(absl::string_view sql,
                                                              std::vector<SqlValue> args,
                                                              OnChange on_change) = 0;

  // One round: everything here goes up, everything there comes down, as far as there is a link. A
  // cut link is tried again within the deadline; what arrived stays. A server that asks to come
  // back is obeyed when that falls within the deadline (without one, within a minute); else its
  // refusal is the result, and SyncStatus::retry_at says when. What an error leaves undone the next
  // round does.
  // kUnavailable: no connection, one that broke again and again and left nothing done ("the link
  // broke"), a session without progress ("STALLED: cause"), a server that stops. kDeadlineExceeded:
  // `deadline` passed. kResourceExhausted: `byte_budget` is used up, the server is busy, or the
  // disk here is full. kFailedPrecondition: not enrolled, the key was lost (enrol again), or the
  // replica's directory was copied and cannot be divided now ("FORKED"). kUnauthenticated: the
  // server is not of this organization, or the certificate ended. kPermissionDenied: the device was
  // revoked. kAlreadyExists: another session of this replica runs. kDataLoss: the store is damaged.
  virtual absl::StatusOr<SyncReport> Sync(const SyncOptions& options) = 0;
  // Background: a live session whenever there is a link, with backoff and jitter in between. Both
  // may be called from any thread and from callbacks. StopSync returns when the session has ended,
  // which takes two seconds at most; from a callback of the session itself (progress) it returns at
  // once.
  virtual void StartSync(const SyncOptions& options) = 0;
  virtual void StopSync() = 0;
  virtual SyncStatus GetSyncStatus() const = 0;

  virtual absl::StatusOr<std::vector<Rejection>> Rejections() const = 0;
  // Commits the content again as a new change set that keeps the position of the old one; what
  // depends on it goes along. kNotFound; kInvalidArgument: it breaks a rule, which is named;
  // kFailedPrecondition: it waits for a record, or is another user's work.
  virtual absl::Status Resubmit(absl::string_view partition, uint64_t sequence) = 0;
  // The same with `content` in place of what was refused.
  virtual absl::Status ResubmitAs(absl::string_view partition, uint64_t sequence,
                                  const v1::ChangeSetBody& content) = 0;
  virtual absl::Status Discard(absl::string_view partition, uint64_t sequence) = 0;

  // What waits to be sent or judged, by partition in order: to keep a copy where it can no longer
  // be sent (a revoked device). A non-OK status from `visit` stops it.
  virtual absl::Status VisitPending(
      absl::FunctionRef<absl::Status(const PendingChangeSet&)> visit) const = 0;

  // The last change set that has its verdict, of each partition with work of this device.
  virtual absl::StatusOr<std::map<std::string, uint64_t>> JudgedUpTo() const = 0;
  // What became of the change sets behind those that `after` names (of each partition; 0: from the
  // first that is kept), by partition in order. Kept are those that some backup of the server lacks
  // (SyncStatus::retained). kDataLoss: one is damaged. A non-OK status from `visit` stops it.
  virtual absl::Status VisitJudged(
      const std::map<std::string, uint64_t>& after,
      absl::FunctionRef<absl::Status(const JudgedChangeSet&)> visit) const = 0;

  virtual absl::StatusOr<std::vector<ConflictInfo>> Conflicts() const = 0;
  // Decides a conflict as it was shown: the standing value stays (`loser` < 0) or the loser with
  // that index in `shown` becomes the value. kAborted: the conflict has other values by now; show
  // it again. kFailedPrecondition: it is decided, or was decided here and that waits to be sent (an
  // Update of the record then says otherwise), or its record was deleted, so that only the standing
  // value closes it; kInvalidArgument: no such loser.
  virtual absl::Status Resolve(const ConflictInfo& shown, int loser = -1) = 0;

  virtual ReplicaId replica_id() const = 0;
  virtual std::string user() const = 0;
  // What the last session with the server said of this user's grants and feeds.
  virtual v1::Welcome last_welcome() const = 0;
};

}  // namespace brigada

#endif  // BRIGADA_REPLICA_H_
