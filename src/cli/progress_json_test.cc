// SPDX-License-Identifier: Apache-2.0
#include "cli/progress_json.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/json.h"

namespace kiln::cli {
namespace {

using nlohmann::json;
using solver::OutputStream;
using solver::StepEnded;
using solver::StepOutcome;
using solver::StepStarted;

class JsonProgressTest : public testing::Test {
 protected:
  /// The last line, which has one item of one kind.
  json last(const char* kind) {
    EXPECT_EQ(lines_.back().back(), '\n');
    const auto line = parse_json(lines_.back(), "a line");
    EXPECT_TRUE(line.ok() && line->size() == 1 && line->contains(kind)) << lines_.back();
    return line->at(kind).at(0);
  }

  std::vector<std::string> lines_;
  TimePoint now_{0, 0};
  JsonProgress display_{
      {[this](std::string_view text) { lines_.emplace_back(text); }, [this] { return now_; }}};
};

TEST_F(JsonProgressTest, AVertexIsToldAsItBeginsAndEnds) {
  display_.report(StepStarted{0, "FROM busybox"});
  display_.report(StepEnded{0, StepOutcome::cached, {}});
  now_ = {1000000000, 250000000};
  display_.report(StepStarted{4, "RUN make", {0}});
  json vertex = last("vertexes");
  EXPECT_EQ(vertex["name"], "RUN make");
  EXPECT_EQ(vertex["started"], "2001-09-09T01:46:40.25Z");
  EXPECT_FALSE(vertex.contains("completed"));
  const std::string digest = vertex["digest"];
  EXPECT_TRUE(digest.starts_with("sha256:") && digest.size() == 71) << digest;

  now_.seconds += 60;
  display_.report(StepEnded{4, StepOutcome::done, {}});
  vertex = last("vertexes");
  EXPECT_EQ(vertex["digest"], digest);
  EXPECT_EQ(vertex["name"], "RUN make");
  EXPECT_EQ(vertex["completed"], "2001-09-09T01:47:40.25Z");
  EXPECT_FALSE(vertex.contains("cached") || vertex.contains("error"));
  ASSERT_EQ(lines_.size(), 4);
  const json cached = parse_json(lines_[1], "a line")->at("vertexes").at(0);
  EXPECT_EQ(cached["cached"], true);
  EXPECT_EQ(vertex["inputs"], json::array({cached["digest"]}));
}

TEST_F(JsonProgressTest, EndsThatAreErrors) {
  display_.report(StepStarted{1, "RUN false"});
  display_.report(StepEnded{1, StepOutcome::failed, "exit code: 1"});
  EXPECT_EQ(last("vertexes")["error"], "exit code: 1");
  display_.report(StepStarted{2, "RUN sleep"});
  display_.report(StepEnded{2, StepOutcome::cancelled, {}});
  EXPECT_EQ(last("vertexes")["error"], "canceled");
}

TEST_F(JsonProgressTest, OutputIsInBase64WhateverItsBytes) {
  display_.report(StepStarted{1, "RUN x"});
  const json vertex = last("vertexes");
  const std::string bytes("\xff\0\n", 3);
  display_.report(solver::StepOutput{1, OutputStream::err, bytes});
  const json log = last("logs");
  EXPECT_EQ(log["vertex"], vertex["digest"]);
  EXPECT_EQ(log["stream"], 2);
  EXPECT_EQ(log["data"], base64(bytes));
  display_.report(solver::StepOutput{1, OutputStream::out, "a"});
  EXPECT_EQ(last("logs")["stream"], 1);
}

TEST_F(JsonProgressTest, NotesAndReasonsOfMissesAreStatuses) {
  display_.report(StepStarted{1, "COPY a /"});
  const json vertex = last("vertexes");
  display_.report(solver::StepNote{1, "12MB in 3 files"});
  const json status = last("statuses");
  EXPECT_EQ(status["vertex"], vertex["digest"]);
  EXPECT_EQ(status["id"], "12MB in 3 files");
  EXPECT_EQ(status["started"], status["completed"]);
  const std::size_t before = lines_.size();
  solver::MissReason reason;
  reason.kind = solver::MissReason::Kind::cache_off;
  display_.report(solver::StepMissed{1, reason});
  EXPECT_EQ(lines_.size(), before);
  reason.kind = solver::MissReason::Kind::never_run;
  display_.report(solver::StepMissed{1, reason});
  EXPECT_TRUE(last("statuses")["id"].get<std::string>().starts_with("cache miss: "));
}

TEST_F(JsonProgressTest, NamesThatAreNotUtf8StillMakeALine) {
  display_.report(StepStarted{1, "COPY \xff /"});
  EXPECT_EQ(last("vertexes")["name"], "COPY \uFFFD /");
}

TEST_F(JsonProgressTest, WarningsBelongToNoVertex) {
  display_.report(solver::BuildWarning{"careful"});
  const json warning = last("warnings");
  EXPECT_EQ(warning["vertex"], "");
  EXPECT_EQ(warning["short"], base64("careful"));
}

}  // namespace
}  // namespace kiln::cli
