#include "client_lib/replica_impl.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "client_lib/conflict_choice.h"
#include "client_lib/enrollment.h"
#include "client_lib/grpc_transport.h"
#include "client_lib/judged_list.h"
#include "client_lib/pending_list.h"
#include "client_lib/rejection_list.h"
#include "client_lib/store_options.h"
#include "replica/base/status_macros.h"
#include "replica/query/query.h"
#include "replica/schema/diff.h"
#include "replica/store/mirrored_kv.h"
#include "replica/store/unreadable_disk.h"
#include "replica/territory/territory.h"

namespace brigada {
namespace {

constexpr uint32_t kConflictTypeId = 2;

Durability DurabilityOf(const Options& options) {
  return options.durability == DurabilityLevel::kSync ? Durability::kSync : Durability::kMemory;
}

QueryOptions DeviceQueryOptions() {
  QueryOptions options;
  options.access.everything = true;
  return options;
}

RecordInfo InfoOf(const RecordView& view) {
  RecordInfo info;
  info.id = view.id;
  if (absl::StatusOr<Scope> scope = Scope::Parse(view.scope); scope.ok())
    info.scope = *std::move(scope);
  info.pending = view.pending;
  info.has_conflict = !view.conflicts.empty();
  info.created_at = view.created.stamp.ToTime();
  info.updated_at = view.updated.stamp.ToTime();
  info.created_by = view.created.user;
  info.updated_by = view.updated.user;
  info.token.seen = view.seen;
  return info;
}

absl::StatusOr<OpenedStore> OpenSoundStore(const Options& options, bool create_if_missing) {
  RocksKvOptions kv_options;
  kv_options.path = ReplicaDirectory(options.path).StorePath();
  kv_options.create_if_missing = create_if_missing;
  ASSIGN_OR_RETURN(std::unique_ptr<Kv> kv, OpenMirroredKv(kv_options));
  OpenedStore opened;
  // The store owns it, and both go together.
  opened.health = [kv = kv.get()] { return kv->health(); };
  ASSIGN_OR_RETURN(opened.store, OpenDeviceStore(std::move(kv), StoreOptionsOf(options)));
  return opened;
}

absl::StatusOr<OpenedStore> OpenStore(const Options& options, bool create_if_missing) {
  absl::StatusOr<OpenedStore> store = OpenSoundStore(options, create_if_missing);
  if (!absl::IsDataLoss(store.status()) && !IsUnreadableDisk(store.status())) return store;
  return absl::DataLossError(
      absl::StrCat("the replica in ", options.path,
                   " is damaged; `brigada recover` (RecoverReplica) brings its unsent work back: ",
                   store.status().message()));
}

bool HasRoom(const std::string& path) {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(path, error);
  return error || space.available >= ReserveBytes(RocksKvOptions::kDevice);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Replica>> Replica::Open(Options options) {
  if (options.path.empty())
    return absl::InvalidArgumentError("Options::path is empty: name the replica's directory");
  FillDefaults(&options);
  if (options.transport == nullptr) options.transport = MakeGrpcTransport();
  const ReplicaDirectory directory(options.path);
  RETURN_IF_ERROR(directory.Prepare(options.create_if_missing));
  ASSIGN_OR_RETURN(OpenedStore store, OpenStore(options, options.create_if_missing));
  return std::unique_ptr<Replica>(new ReplicaImpl(std::move(options), std::move(store)));
}

ReplicaImpl::ReplicaImpl(Options options, OpenedStore store)
    : options_(std::move(options)),
      registry_(options_.registry),
      directory_(options_.path),
      transport_(options_.transport),
      stores_(std::make_unique<StoreLender>(std::move(store), HowToLend(), options_.clock)),
      round_(stores_.get(), &directory_, transport_.get(), options_.clock),
      background_(&round_, options_.clock, options_.random) {}

ReplicaImpl::~ReplicaImpl() {
  background_.Stop();
  stores_->StopListening();
}

StoreLender::How ReplicaImpl::HowToLend() {
  StoreLender::How how;
  how.open = [this] { return OpenStore(options_, /*create_if_missing=*/false); };
  how.has_room = [this] { return HasRoom(options_.path); };
  how.listener = [this](absl::Span<const ChangedRecord> changed) {
    std::set<std::string> tables;
    for (const ChangedRecord& record : changed) {
      if (const RecordType* const type = registry_->Find(record.type_id); type != nullptr)
        tables.insert(type->plural());
    }
    watches_.OnChanged(tables);
  };
  how.on_reopened = [this] {
    std::set<std::string> tables;
    for (const RecordType* const type : registry_->types()) tables.insert(type->plural());
    watches_.OnChanged(tables);
  };
  return how;
}

absl::Status ReplicaImpl::Enroll(absl::string_view invitation, absl::string_view device_name) {
  ASSIGN_OR_RETURN(const std::shared_ptr<DeviceStore> store, stores_->Borrow());
  return EnrollDevice(invitation, device_name, directory_, *transport_, *store);
}

absl::StatusOr<const RecordType*> ReplicaImpl::TypeOf(
    const google::protobuf::Descriptor* descriptor) const {
  const RecordType* const type = registry_->FindByName(descriptor->name());
  if (type == nullptr || type->descriptor()->full_name() != descriptor->full_name()) {
    return absl::InvalidArgumentError(
        absl::StrCat(descriptor->full_name(), " is not a record type of this replica's registry"));
  }
  return type;
}

absl::StatusOr<RecordView> ReplicaImpl::ViewOf(const DeviceStore& store, const RecordType& type,
                                               const RecordId& id) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ReadView> view, store.Read());
  ASSIGN_OR_RETURN(std::optional<RecordView> found, view->Get(type, id));
  if (!found.has_value()) {
    return absl::NotFoundError(
        absl::StrCat("no ", type.name(), " with id ", id.ToString(), " here"));
  }
  return *std::move(found);
}

absl::Status ReplicaImpl::CommitChanges(std::vector<v1::Change> changes) {
  ASSIGN_OR_RETURN(const std::shared_ptr<DeviceStore> store, stores_->Borrow());
  RETURN_IF_ERROR(store->Commit(std::move(changes), DurabilityOf(options_)).status());
  // Only own work wakes a live session: what it pulled itself is nothing to push.
  round_.OnCommit();
  return absl::OkStatus();
}

absl::StatusOr<RecordId> ReplicaImpl::CreateMessage(const Scope& scope,
                                                    const google::protobuf::Message& record) {
  ASSIGN_OR_RETURN(const RecordType* const type, TypeOf(record.GetDescriptor()));
  const RecordId fresh = NewRecordId(options_.clock->Now(), *options_.random);
  ASSIGN_OR_RETURN(v1::Change change, CreateChange(*type, fresh, scope, record));
  ASSIGN_OR_RETURN(const RecordId id, RecordId::FromBytes(change.record_id()));
  std::vector<v1::Change> changes;
  changes.push_back(std::move(change));
  RETURN_IF_ERROR(CommitChanges(std::move(changes)));
  return id;
}

absl::Status ReplicaImpl::UpdateMessage(const RecordId& id, google::protobuf::Message* record,
                                        absl::FunctionRef<void()> edit, ReadToken token) {
  ASSIGN_OR_RETURN(const RecordType* const type, TypeOf(record->GetDescriptor()));
  ASSIGN_OR_RETURN(const std::shared_ptr<DeviceStore> store, stores_->Borrow());
  ASSIGN_OR_RETURN(const RecordView view, ViewOf(*store, *type, id));
  if (!record->ParseFromString(view.message))
    return absl::DataLossError("a stored record does not parse");
  const std::unique_ptr<google::protobuf::Message> before(record->New());
  before->CopyFrom(*record);
  edit();
  ASSIGN_OR_RETURN(v1::Change change, DiffMessages(*type, *before, *record));
  if (IsEmpty(change)) return absl::OkStatus();
  change.set_record_id(id.AsBytes());
  change.set_seen(token.seen != 0 ? token.seen : view.seen);
  std::vector<v1::Change> changes;
  changes.push_back(std::move(change));
  return CommitChanges(std::move(changes));
}

absl::Status ReplicaImpl::DeleteRecord(const google::protobuf::Descriptor* descriptor,
                                       const RecordId& id, ReadToken token) {
  ASSIGN_OR_RETURN(const RecordType* const type, TypeOf(descriptor));
  v1::Change change;
  change.set_type_id(type->type_id());
  change.set_record_id(id.AsBytes());
  change.set_kind(v1::Change::DELETE);
  change.set_seen(token.seen);
  std::vector<v1::Change> changes;
  changes.push_back(std::move(change));
  return CommitChanges(std::move(changes));
}

absl::Status ReplicaImpl::ReadMessage(const RecordId& id, google::protobuf::Message* record,
                                      RecordInfo* info) const {
  ASSIGN_OR_RETURN(const RecordType* const type, TypeOf(record->GetDescriptor()));
  ASSIGN_OR_RETURN(const std::shared_ptr<DeviceStore> store, stores_->Borrow());
  ASSIGN_OR_RETURN(const RecordView view, ViewOf(*store, *type, id));
  if (!record->ParseFromString(view.message))
    return absl::DataLossError("a stored record does not parse");
  if (info != nullptr) *info = InfoOf(view);
  return absl::OkStatus();
}

absl::StatusOr<bool> ReplicaImpl::IsDeleted(const google::protobuf::Descriptor* descriptor,
                                            const RecordId& id) const {
  ASSIGN_OR_RETURN(const RecordType* const type, TypeOf(descriptor));
  ASSIGN_OR_RETURN(const std::shared_ptr<DeviceStore> store, stores_->Borrow());
  return store->IsDeleted(*type, id);
}

absl::Status ReplicaImpl::Move(const google::protobuf::Descriptor* descriptor, const RecordId& id,
                               const Scope& to) {
  ASSIGN_OR_RETURN(const RecordType* const type, TypeOf(descriptor));
  v1::Change change;
  change.set_type_id(type->type_id());
  change.set_record_id(id.AsBytes());
  change.set_scope(to.path());
  std::vector<v1::Change> changes;
  changes.push_back(std::move(change));
  return CommitChanges(std::move(changes));
}

absl::StatusOr<v1::Change> ReplicaImpl::ChangeOf(const Transaction::Step& step) const {
  ASSIGN_OR_RETURN(const RecordType* const type, TypeOf(step.type));
  v1::Change change;
  switch (step.kind) {
    case Transaction::Step::Kind::kCreate: {
      ASSIGN_OR_RETURN(change, CreateChange(*type, step.id, step.scope, *step.after));
      break;
    }
    case Transaction::Step::Kind::kUpdate: {
      ASSIGN_OR_RETURN(change, DiffMessages(*type, *step.before, *step.after));
      change.set_record_id(step.id.AsBytes());
      break;
    }
    case Transaction::Step::Kind::kDelete:
      change.set_type_id(type->type_id());
      change.set_record_id(step.id.AsBytes());
      change.set_kind(v1::Change::DELETE);
      break;
    case Transaction::Step::Kind::kMove:
      change.set_type_id(type->type_id());
      change.set_record_id(step.id.AsBytes());
      change.set_scope(step.scope.path());
      break;
  }
  change.set_seen(step.token.seen);
  return change;
}

absl::Status ReplicaImpl::Commit(const Transaction& transaction) {
  std::vector<v1::Change> changes;
  for (const Transaction::Step& step : transaction.steps_) {
    ASSIGN_OR_RETURN(v1::Change change, ChangeOf(step));
    if (!IsEmpty(change)) changes.push_back(std::move(change));
  }
  return changes.empty() ? absl::OkStatus() : CommitChanges(std::move(changes));
}

absl::StatusOr<QuerySummary> ReplicaImpl::QueryRows(
    absl::string_view sql, absl::Span<const SqlValue> args,
    absl::FunctionRef<absl::Status(absl::Span<const std::string>)> on_columns,
    absl::FunctionRef<absl::Status(SqlRow)> on_row) const {
  ASSIGN_OR_RETURN(const std::shared_ptr<DeviceStore> store, stores_->Borrow());
  ASSIGN_OR_RETURN(const std::unique_ptr<ReadView> view, store->Read());
  return RunQuery(
      *registry_, *view, sql, args, DeviceQueryOptions(),
      [&](absl::Span<const std::string> columns) { return on_columns(columns); },
      [&](SqlRow row) { return on_row(std::move(row)); });
}

absl::StatusOr<ResultSet> ReplicaImpl::Query(absl::string_view sql,
                                             absl::Span<const SqlValue> args) const {
  ASSIGN_OR_RETURN(const std::shared_ptr<DeviceStore> store, stores_->Borrow());
  ASSIGN_OR_RETURN(const std::unique_ptr<ReadView> view, store->Read());
  ResultSet result;
  ASSIGN_OR_RETURN(const QuerySummary summary,
                   RunQuery(
                       *registry_, *view, sql, args, DeviceQueryOptions(),
                       [&](absl::Span<const std::string> columns) {
                         result.columns.assign(columns.begin(), columns.end());
                         return absl::OkStatus();
                       },
                       [&](SqlRow row) {
                         result.rows.push_back(std::move(row));
                         return absl::OkStatus();
                       }));
  result.truncated = summary.truncated;
  return result;
}

absl::StatusOr<std::unique_ptr<Subscription>> ReplicaImpl::Watch(absl::string_view sql,
                                                                 std::vector<SqlValue> args,
                                                                 OnChange on_change) {
  ASSIGN_OR_RETURN(std::vector<std::string> tables, TablesOf(*registry_, sql));
  return watches_.Add(
      std::move(tables),
      [this, text = std::string(sql), values = std::move(args)] { return Query(text, values); },
      std::move(on_change));
}

absl::StatusOr<SyncReport> ReplicaImpl::Sync(const SyncOptions& options) {
  return round_.Run(options);
}
void ReplicaImpl::StartSync(const SyncOptions& options) { background_.Start(options); }
void ReplicaImpl::StopSync() { background_.Stop(); }

SyncStatus ReplicaImpl::GetSyncStatus() const {
  SyncStatus status;
  round_.Describe(&status);
  background_.Describe(&status);
  const auto store = stores_->Borrow();
  if (!store.ok()) return status;
  if (const absl::StatusOr<StoreCounts> counts = (*store)->Counts(); counts.ok()) {
    status.pending = counts->pending;
    status.rejected = counts->rejected;
    status.open_conflicts = counts->open_conflicts;
    status.oldest_pending = counts->oldest_pending;
  }
  DescribeRetained(**store, StoreOptionsOf(options_), &status);
  return status;
}

absl::StatusOr<std::vector<Rejection>> ReplicaImpl::Rejections() const {
  ASSIGN_OR_RETURN(const std::shared_ptr<DeviceStore> store, stores_->Borrow());
  ASSIGN_OR_RETURN(const std::vector<v1::RejectedChangeSet> rejected, store->Rejected());
  return DescribeRejections(rejected);
}

absl::Status ReplicaImpl::Resubmit(absl::string_view partition, uint64_t sequence) {
  ASSIGN_OR_RETURN(const std::shared_ptr<DeviceStore> store, stores_->Borrow());
  RETURN_IF_ERROR(store->Resubmit(partition, sequence, {}).status());
  round_.OnCommit();
  return absl::OkStatus();
}

absl::Status ReplicaImpl::ResubmitAs(absl::string_view partition, uint64_t sequence,
                                     const v1::ChangeSetBody& content) {
  std::vector<v1::Change> changes(content.changes().begin(), content.changes().end());
  if (changes.empty()) return absl::InvalidArgumentError("a content without changes");
  ASSIGN_OR_RETURN(const std::shared_ptr<DeviceStore> store, stores_->Borrow());
  RETURN_IF_ERROR(store->Resubmit(partition, sequence, std::move(changes)).status());
  round_.OnCommit();
  return absl::OkStatus();
}

absl::Status ReplicaImpl::Discard(absl::string_view partition, uint64_t sequence) {
  ASSIGN_OR_RETURN(const std::shared_ptr<DeviceStore> store, stores_->Borrow());
  return store->DiscardRejected(partition, sequence);
}

absl::Status ReplicaImpl::VisitPending(
    absl::FunctionRef<absl::Status(const PendingChangeSet&)> visit) const {
  ASSIGN_OR_RETURN(const std::shared_ptr<DeviceStore> store, stores_->Borrow());
  return VisitOutbox(*store, visit);
}

absl::StatusOr<std::map<std::string, uint64_t>> ReplicaImpl::JudgedUpTo() const {
  ASSIGN_OR_RETURN(const std::shared_ptr<DeviceStore> store, stores_->Borrow());
  return brigada::JudgedUpTo(*store);
}

absl::Status ReplicaImpl::VisitJudged(
    const std::map<std::string, uint64_t>& after,
    absl::FunctionRef<absl::Status(const JudgedChangeSet&)> visit) const {
  ASSIGN_OR_RETURN(const std::shared_ptr<DeviceStore> store, stores_->Borrow());
  return brigada::VisitJudged(*store, after, visit);
}

absl::StatusOr<std::vector<ConflictInfo>> ReplicaImpl::Conflicts() const {
  const RecordType* const type = registry_->Find(kConflictTypeId);
  if (type == nullptr) return std::vector<ConflictInfo>();
  ASSIGN_OR_RETURN(const std::shared_ptr<DeviceStore> store, stores_->Borrow());
  ASSIGN_OR_RETURN(const std::unique_ptr<ReadView> view, store->Read());
  ASSIGN_OR_RETURN(const Scope nation, Scope::Parse("MX"));
  const std::unique_ptr<RecordCursor> cursor = view->Scan(*type, nation);
  ASSIGN_OR_RETURN(const DecidedConflicts decided, DecidedInOutbox(*store));
  std::vector<ConflictInfo> result;
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<RecordView> record, cursor->Next());
    if (!record.has_value()) return result;
    LedgerEntry entry{.id = record->id, .scope = record->scope, .conflict = {}};
    if (!entry.conflict.ParseFromString(record->message))
      return absl::DataLossError("an entry of the ledger is damaged");
    if (entry.conflict.state() != v1::OPEN) continue;
    RETURN_IF_ERROR(AddOlderValues(*view, *type, &entry));
    ConflictInfo info;
    info.id = entry.id;
    ASSIGN_OR_RETURN(info.scope, Scope::Parse(entry.scope));
    ASSIGN_OR_RETURN(info.token, TokenOf(*view, *record, entry.conflict));
    info.entry = std::move(entry.conflict);
    info.decided_here = decided.contains(entry.id.bytes());
    result.push_back(std::move(info));
  }
}

// Of the entry and of the record it is about, the one that is further behind.
absl::StatusOr<ReadToken> ReplicaImpl::TokenOf(const ReadView& view, const RecordView& stored,
                                               const v1::Conflict& entry) const {
  ReadToken token{.seen = stored.seen};
  const RecordType* const type = registry_->Find(entry.about_type());
  const absl::StatusOr<RecordId> about = RecordId::FromBytes(entry.about_record());
  if (type == nullptr || !about.ok()) return token;
  ASSIGN_OR_RETURN(const std::optional<RecordView> record, view.Get(*type, *about));
  if (record.has_value()) token.seen = std::min(token.seen, record->seen);
  return token;
}

absl::Status ReplicaImpl::Resolve(const ConflictInfo& shown, int loser) {
  const RecordType* const type = registry_->Find(kConflictTypeId);
  if (type == nullptr) return absl::NotFoundError("this replica's registry has no conflicts");
  ASSIGN_OR_RETURN(const std::shared_ptr<DeviceStore> store, stores_->Borrow());
  ASSIGN_OR_RETURN(const RecordView stored, ViewOf(*store, *type, shown.id));
  LedgerEntry entry{.id = shown.id, .scope = stored.scope, .conflict = {}};
  if (!entry.conflict.ParseFromString(stored.message))
    return absl::DataLossError("an entry of the ledger is damaged");
  ASSIGN_OR_RETURN(const DecidedConflicts decided, DecidedInOutbox(*store));
  if (decided.contains(shown.id.bytes())) {
    return absl::FailedPreconditionError(
        "this conflict was decided here and waits to be sent: to decide otherwise, edit the "
        "record");
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<ReadView> view, store->Read());
  RETURN_IF_ERROR(AddOlderValues(*view, *type, &entry));
  ASSIGN_OR_RETURN(entry.is_about_deleted, IsAboutDeleted(*view, *registry_, entry.conflict));
  // What came to it meanwhile was not chosen from, and moves the losers' places.
  if (entry.conflict.state() == v1::OPEN &&
      entry.conflict.SerializeAsString() != shown.entry.SerializeAsString()) {
    return absl::AbortedError(
        "this conflict has changed since it was shown: look at it again and decide then");
  }
  ASSIGN_OR_RETURN(v1::Change change,
                   ChangeThatDecides(registry_->Find(entry.conflict.about_type()), entry, loser));
  change.set_seen(shown.token.seen);
  std::vector<v1::Change> changes;
  changes.push_back(std::move(change));
  return CommitChanges(std::move(changes));
}

}  // namespace brigada
