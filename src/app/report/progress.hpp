// Progress on stderr: a line that is rewritten on a terminal; in a log a line a point, and one every 30 s.
#pragma once

#include <string>

namespace scalebench {

class ProgressLine {
 public:
  // Silent on all ranks but 0.
  ProgressLine(bool speaks, bool terminal) : speaks_(speaks), terminal_(terminal) {}
  static ProgressLine on_stderr(bool speaks);

  void update(const std::string& text);  // may be dropped
  void say(const std::string& text);     // a line that stays
  void clear();                          // leaves the terminal's line empty for other output

 private:
  bool speaks_, terminal_;
  bool open_ = false;  // a rewritable line stands on the terminal
  double last_ = 0;    // s, of the last update
};

}  // namespace scalebench
