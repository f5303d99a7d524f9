// What the parser of command lines and settings says, in the user's language; `brigada` and
// `brigada-server` share it.
#ifndef TOOLS_BRIGADA_PARSER_TEXT_H_
#define TOOLS_BRIGADA_PARSER_TEXT_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace brigada {

// The words of --help.
std::shared_ptr<CLI::Formatter> HelpFormatter();

// Why `root` could not read its arguments or settings: one line, with the nearest name and the way
// to the help.
std::string ParseErrorText(const CLI::App& root, const CLI::ParseError& error);

// Checks of options that answer in the user's language. Every numeric option has NumberIn: the
// parser alone reads -1 as the largest unsigned number.
CLI::Validator OneOf(std::vector<std::string> names);
CLI::Validator NumberIn(int64_t low, int64_t high);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_PARSER_TEXT_H_
