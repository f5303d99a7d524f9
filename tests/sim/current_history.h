// Which history a process that aborts was in: the engine's CHECKs know nothing of seeds.
#ifndef TESTS_SIM_CURRENT_HISTORY_H_
#define TESTS_SIM_CURRENT_HISTORY_H_

#include <string>

namespace brigada {

// The command that runs the history which begins now. One thread.
void NoteHistory(const std::string& command);

// From now on an abort writes the last noted command to stderr before the process ends.
void TellHistoryOnAbort();

}  // namespace brigada

#endif  // TESTS_SIM_CURRENT_HISTORY_H_
