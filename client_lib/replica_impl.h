// Replica over a DeviceStore.
#ifndef CLIENT_LIB_REPLICA_IMPL_H_
#define CLIENT_LIB_REPLICA_IMPL_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "brigada/replica.h"
#include "client_lib/background_sync.h"
#include "client_lib/replica_directory.h"
#include "client_lib/store_lender.h"
#include "client_lib/sync_round.h"
#include "client_lib/watch_hub.h"
#include "replica/schema/registry.h"
#include "replica/store/device_store.h"

namespace brigada {

class ReplicaImpl final : public Replica {
 public:
  ReplicaImpl(Options options, OpenedStore store);
  ~ReplicaImpl() override;

  absl::Status Enroll(absl::string_view invitation, absl::string_view device_name) override;
  absl::StatusOr<RecordId> CreateMessage(const Scope& scope,
                                         const google::protobuf::Message& record) override;
  absl::Status UpdateMessage(const RecordId& id, google::protobuf::Message* record,
                             absl::FunctionRef<void()> edit, ReadToken token) override;
  absl::Status DeleteRecord(const google::protobuf::Descriptor* type, const RecordId& id,
                            ReadToken token) override;
  absl::Status ReadMessage(const RecordId& id, google::protobuf::Message* record,
                           RecordInfo* info) const override;
  absl::StatusOr<bool> IsDeleted(const google::protobuf::Descriptor* type,
                                 const RecordId& id) const override;
  absl::Status Move(const google::protobuf::Descriptor* type, const RecordId& id,
                    const Scope& to) override;
  absl::Status Commit(const Transaction& transaction) override;

  absl::StatusOr<ResultSet> Query(absl::string_view sql,
                                  absl::Span<const SqlValue> args) const override;
  absl::StatusOr<QuerySummary> QueryRows(
      absl::string_view sql, absl::Span<const SqlValue> args,
      absl::FunctionRef<absl::Status(absl::Span<const std::string>)> on_columns,
      absl::FunctionRef<absl::Status(SqlRow)> on_row) const override;
  absl::StatusOr<std::unique_ptr<Subscription>> Watch(absl::string_view sql,
                                                      std::vector<SqlValue> args,
                                                      OnChange on_change) override;

  absl::StatusOr<SyncReport> Sync(const SyncOptions& options) override;
  void StartSync(const SyncOptions& options) override;
  void StopSync() override;
  SyncStatus GetSyncStatus() const override;

  absl::StatusOr<std::vector<Rejection>> Rejections() const override;
  absl::Status Resubmit(absl::string_view partition, uint64_t sequence) override;
  absl::Status ResubmitAs(absl::string_view partition, uint64_t sequence,
                          const v1::ChangeSetBody& content) override;
  absl::Status Discard(absl::string_view partition, uint64_t sequence) override;
  absl::Status VisitPending(
      absl::FunctionRef<absl::Status(const PendingChangeSet&)> visit) const override;
  absl::StatusOr<std::map<std::string, uint64_t>> JudgedUpTo() const override;
  absl::Status VisitJudged(
      const std::map<std::string, uint64_t>& after,
      absl::FunctionRef<absl::Status(const JudgedChangeSet&)> visit) const override;
  absl::StatusOr<std::vector<ConflictInfo>> Conflicts() const override;
  absl::Status Resolve(const ConflictInfo& shown, int loser) override;

  ReplicaId replica_id() const override { return stores_->known().replica; }
  std::string user() const override { return stores_->known().user; }
  v1::Welcome last_welcome() const override { return stores_->known().welcome; }

 private:
  absl::StatusOr<const RecordType*> TypeOf(const google::protobuf::Descriptor* descriptor) const;
  StoreLender::How HowToLend();
  static absl::StatusOr<RecordView> ViewOf(const DeviceStore& store, const RecordType& type,
                                           const RecordId& id);
  absl::StatusOr<v1::Change> ChangeOf(const Transaction::Step& step) const;
  absl::Status CommitChanges(std::vector<v1::Change> changes);
  absl::StatusOr<ReadToken> TokenOf(const ReadView& view, const RecordView& stored,
                                    const v1::Conflict& entry) const;

  // Constant after construction.
  const Options options_;
  const Registry* const registry_;
  const ReplicaDirectory directory_;
  const std::shared_ptr<Transport> transport_;

  // Each has its own lock. Destroyed from the last to the first: a callback of a standing query
  // that still runs may use all the others.
  const std::unique_ptr<StoreLender> stores_;
  SyncRound round_;
  BackgroundSync background_;
  WatchHub watches_;
};

}  // namespace brigada

#endif  // CLIENT_LIB_REPLICA_IMPL_H_
