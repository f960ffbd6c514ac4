// SPDX-License-Identifier: Apache-2.0
#include "format/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "format/tabwriter.h"

namespace kiln::format {
namespace {

const TableStyle& images() {
  static const TableStyle style{
      .default_format = R"(table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}})",
      .quiet_format = "{{.ID}}",
      .headers = {{"Repository", "REPOSITORY"},
                  {"Tag", "TAG"},
                  {"ID", "IMAGE ID"},
                  {"CreatedSince", "CREATED"},
                  {"Digest", "DIGEST"},
                  {"Size", "SIZE"}}};
  return style;
}

nlohmann::json row(std::string repository, std::string tag, std::string id, std::string size) {
  return {
      {"Repository", std::move(repository)}, {"Tag", std::move(tag)}, {"ID", std::move(id)},
      {"CreatedSince", "25 minutes ago"},    {"Digest", "<none>"},    {"Size", std::move(size)}};
}

const std::vector<nlohmann::json>& rows() {
  static const std::vector<nlohmann::json> all = {
      row("debian", "bookworm", "31ffd64348ee", "164MB"),
      row("busybox", "latest", "e2cf44450387", "1.98MB")};
  return all;
}

std::string rendered_rows(std::string_view format, Quiet quiet = Quiet::no) {
  const auto out = render_rows(format, images(), rows(), quiet);
  return out.ok() ? out.value() : "error: " + out.error().message();
}

TEST(Table, DefaultColumnsAreDockers) {
  const std::string expected =
      "REPOSITORY   TAG        IMAGE ID       CREATED          SIZE\n"
      "debian       bookworm   31ffd64348ee   25 minutes ago   164MB\n"
      "busybox      latest     e2cf44450387   25 minutes ago   1.98MB\n";
  EXPECT_EQ(rendered_rows(""), expected);
  EXPECT_EQ(rendered_rows("table"), expected);
}

TEST(Table, WithoutRowsTheHeaderStays) {
  EXPECT_EQ(render_rows("", images(), {}).value(),
            "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n");
}

TEST(Table, ChosenColumns) {
  EXPECT_EQ(rendered_rows(R"(table {{.ID}}\t{{.Size}})"),
            "IMAGE ID       SIZE\n31ffd64348ee   164MB\ne2cf44450387   1.98MB\n");
  EXPECT_EQ(rendered_rows(R"(table {{.Repository}}:{{.Tag}}\t{{upper .ID}})"),
            "REPOSITORY:TAG    IMAGE ID\n"
            "debian:bookworm   31FFD64348EE\n"
            "busybox:latest    E2CF44450387\n");
  EXPECT_EQ(rendered_rows("table{{.ID}}"), "IMAGE ID\n31ffd64348ee\ne2cf44450387\n");
  EXPECT_EQ(rendered_rows(R"(table {{.ID}}\t)"),
            "IMAGE ID       \n31ffd64348ee   \ne2cf44450387   \n");
  EXPECT_EQ(rendered_rows(R"(table {{.ID}} {{json .Tag}})"),
            "IMAGE ID TAG\n31ffd64348ee \"bookworm\"\ne2cf44450387 \"latest\"\n");
}

TEST(Table, HeadersPassThroughFunctionsAsInDocker) {
  EXPECT_EQ(rendered_rows(R"(table {{.ID}}\t{{truncate .Tag 2}}\t{{join (split .Tag "a") "-"}})"),
            "IMAGE ID       TAG       TAG\n"
            "31ffd64348ee   bo        bookworm\n"
            "e2cf44450387   la        l-test\n");
  EXPECT_EQ(rendered_rows(R"(table {{.ID}}\t{{pad .Tag 1 1}}\tx)"),
            "IMAGE ID        TAG         x\n"
            "31ffd64348ee    bookworm    x\n"
            "e2cf44450387    latest      x\n");
  EXPECT_EQ(rendered_rows(R"(table {{len .Tag}}\t{{.ID}})"),
            "3         IMAGE ID\n8         31ffd64348ee\n6         e2cf44450387\n");
}

TEST(Table, JsonIsOneObjectALineWithHtmlEscaped) {
  const std::string first =
      R"({"CreatedSince":"25 minutes ago","Digest":"\u003cnone\u003e","ID":"31ffd64348ee",)"
      R"("Repository":"debian","Size":"164MB","Tag":"bookworm"})";
  EXPECT_THAT(rendered_rows("json"), testing::StartsWith(first + "\n"));
  EXPECT_EQ(rendered_rows("json"), rendered_rows("{{json .}}"));
  EXPECT_EQ(rendered_rows("{{json .Digest}}"), "\"<none>\"\n\"<none>\"\n");
}

TEST(Table, PlainTemplatesGiveALineARow) {
  EXPECT_EQ(rendered_rows(R"({{.ID}}\t{{.Size}}\n)"),
            "31ffd64348ee\t164MB\n\ne2cf44450387\t1.98MB\n\n");
  EXPECT_EQ(rendered_rows("  {{.ID}}  "), "31ffd64348ee\ne2cf44450387\n");
  EXPECT_EQ(rendered_rows("pretty"), "pretty\npretty\n");
}

TEST(Table, QuietYieldsToAFormat) {
  EXPECT_EQ(rendered_rows("", Quiet::yes), "31ffd64348ee\ne2cf44450387\n");
  EXPECT_EQ(rendered_rows("{{.Tag}}", Quiet::yes), "bookworm\nlatest\n");
}

TEST(Table, ErrorsCarryDockersPrefix) {
  EXPECT_EQ(rendered_rows("{{.ID"), "error: template parsing error: template: :1: unclosed action");
  EXPECT_EQ(rendered_rows("table {{.Foo}}"),
            R"(error: template parsing error: template: :1:2: executing "" at <.Foo>: )"
            R"(map has no entry for key "Foo")");
}

TEST(Inspection, WhatTheJsonLeavesOutIsEmptyInATemplate) {
  RenderOptions options;
  options.left_out = {{"Variant", ""}, {"Healthcheck", nullptr}, {"ExposedPorts", nullptr}};
  options.field_keys = {{"ID", "Id"}};
  const std::vector<nlohmann::ordered_json> objects = {
      nlohmann::ordered_json::parse(R"({"Id":"x","Config":{}})")};
  EXPECT_EQ(render_inspection("{{.ID}}{{.Variant}} {{.Config.Healthcheck}} "
                              "{{.Config.ExposedPorts}}{{if .Config.Healthcheck}}!{{end}} "
                              "{{json .Config}}",
                              objects, options)
                .value(),
            "x <nil> map[] {}\n");
  EXPECT_FALSE(render_inspection("{{.Config.Nope}}", objects, options).ok());
}

TEST(Inspection, FormatsAsDocker) {
  const std::vector<nlohmann::ordered_json> objects = {
      nlohmann::ordered_json::parse(R"({"Id":"x","A":["<b>"],"E":[],"O":{}})")};
  EXPECT_EQ(render_inspection("", objects).value(),
            "[\n    {\n        \"Id\": \"x\",\n        \"A\": [\n            \"<b>\"\n        ],\n"
            "        \"E\": [],\n        \"O\": {}\n    }\n]\n");
  EXPECT_EQ(render_inspection("json", objects).value(), R"([{"Id":"x","A":["<b>"],"E":[],"O":{}}])"
                                                        "\n");
  EXPECT_EQ(render_inspection(R"({{.Id}}\t)", objects).value(), "x\\t\n");
}

TEST(Tabwriter, ColumnsEndWhereALineLacksTheCell) {
  EXPECT_EQ(align_columns("a\tb\nlonger than ten\tc\nnone\na\td\n"),
            "a                 b\nlonger than ten   c\nnone\na         d\n");
  EXPECT_EQ(align_columns("é\tx\n"), "é         x\n");
  EXPECT_EQ(align_columns(""), "");
}

}  // namespace
}  // namespace kiln::format
