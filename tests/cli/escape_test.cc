#include "cli/escape.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace weir {
namespace {

// NOLINTNEXTLINE(misc-unused-using-decls): it is used, as a suffix.
using std::string_literals::operator""s;

TEST(EscapeTest, WritesOutWhatATerminalWouldActUpon) {
  struct Case {
    const char* why;
    std::string text;
    std::string want;
  };
  for (const Case& c : std::vector<Case>{
           {"plain text stays", "AS64500 \"x\" \\", "AS64500 \"x\" \\"},
           {"foreign scripts stay", "Zürich 東京 🚰", "Zürich 東京 🚰"},
           {"clears the screen", "\x1b[2J", "\\x1b[2J"},
           {"sets the title", "\x1b]0;x\x07", "\\x1b]0;x\\x07"},
           {"a second line of its own", "a\nb\tc\r", "a\\nb\\tc\\x0d"},
           {"a zero", "a\0b"s, "a\\x00b"},
           {"delete", "\x7f", "\\x7f"},
           {"an escape in one character, as UTF-8",
            "\xc2\x9b"
            "2J",
            "\\u{9b}2J"},
           {"an escape in one byte, as Latin-1",
            "\x9b"
            "2J",
            "\\x9b2J"},
           {"writes backwards",
            // NOLINTNEXTLINE(misc-misleading-bidirectional): so it is.
            "a\xe2\x80\xae"
            "b",
            "a\\u{202e}b"},
           {"longer than need be", "\xc0\x9b", "\\xc0\\x9b"},
           {"cut off at the end", "\xe2\x80", "\\xe2\\x80"},
           {"half of a UTF-16 pair", "\xed\xa0\x80", "\\xed\\xa0\\x80"},
           {"beyond Unicode", "\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80"},
       }) {
    EXPECT_EQ(cli::Escape(c.text), c.want) << c.why;
  }
}

TEST(WidthTest, CountsCharactersAndNotBytes) {
  EXPECT_EQ(cli::Width("Zürich"), 6);
  EXPECT_EQ(cli::Width(""), 0);
}

}  // namespace
}  // namespace weir
