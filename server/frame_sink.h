// What a session runner asks of the stream under it; the gRPC reactor is one, a test's recorder
// another.
#ifndef SERVER_FRAME_SINK_H_
#define SERVER_FRAME_SINK_H_

#include "absl/status/status.h"
#include "brigada/v1/sync_service.pb.h"

namespace brigada {

// Calls come one at a time, from the session's strand. At most one read and one write are under
// way; each is answered by the runner's OnFrame or OnReadEnd, OnWritten.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  virtual void StartReading() = 0;
  virtual void StartWriting(v1::ServerFrame frame) = 0;
  // Gives the stream up: what is under way ends soon, not in good order. Finish is still called.
  virtual void Cancel() = 0;
  // Once; nothing is started after it. The sink may be gone when it returns.
  virtual void Finish(const absl::Status& status) = 0;
};

}  // namespace brigada

#endif  // SERVER_FRAME_SINK_H_
