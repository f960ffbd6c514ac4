// SPDX-License-Identifier: Apache-2.0
#include "format/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace kiln::format {
namespace {

using testing::HasSubstr;

/// An image as docker's inspect shows it.
const nlohmann::json& image() {
  static const nlohmann::json data = nlohmann::json::parse(R"({
    "Id": "sha256:e2cf44450387c7de826276034928cea6bdc2ea34311104554450bc7779f4abf9",
    "RepoTags": ["busybox:latest"], "RepoDigests": [], "Parent": "", "Comment": "Imported from -",
    "Created": "2026-11-21T05:41:38.914820376Z", "Author": "", "Architecture": "amd64",
    "Os": "linux", "Size": 1982393,
    "GraphDriver": {"Data": {"MergedDir": "/merged", "UpperDir": "/diff", "WorkDir": "/work"},
                    "Name": "overlay2"},
    "Config": {"Cmd": ["/bin/sh"], "Entrypoint": null, "Env": null, "Labels": null,
               "OnBuild": null, "User": "", "Volumes": null, "WorkingDir": ""}})");
  return data;
}

struct Row {
  const char* text;
  const char* expected;
};

std::string rendered(std::string_view text, const nlohmann::json& data = image(),
                     const RenderOptions& options = {}) {
  auto layout = Template::parse(text);
  if (!layout.ok()) return "error: " + layout.error().message();
  auto out = layout->render(data, options);
  return out.ok() ? *out : "error: " + out.error().message();
}

// What docker 28.5 prints for `docker inspect --format TEXT IMAGE`.
constexpr Row kOutputs[] = {
    {R"~({{.Id}})~",
     R"~(sha256:e2cf44450387c7de826276034928cea6bdc2ea34311104554450bc7779f4abf9)~"},
    {R"~({{.Config.Env}})~", R"~([])~"},
    {R"~({{json .Config.Env}})~", R"~(null)~"},
    {R"~({{.Config.Labels.foo}})~", R"~(<no value>)~"},
    {R"~({{.RepoTags}})~", R"~([busybox:latest])~"},
    {R"~({{index .RepoTags 0}})~", R"~(busybox:latest)~"},
    {R"~({{.Size}})~", R"~(1982393)~"},
    {R"~({{.Config.Labels}})~", R"~(map[])~"},
    {R"~({{printf "%d" .Size}})~", R"~(1982393)~"},
    {R"~({{printf "%q" .Os}})~", R"~("linux")~"},
    {R"~({{printf "%v|%10s|%-10s|" .Os .Os .Os}})~", R"~(linux|     linux|linux     |)~"},
    {R"~(a\tb\nc)~", R"~(a\tb\nc)~"},
    {R"~({{"a\tb"}})~", R"~(a	b)~"},
    {R"~({{len .RepoTags}})~", R"~(1)~"},
    {R"~({{range .RepoTags}}<{{.}}>{{else}}none{{end}})~", R"~(<busybox:latest>)~"},
    {R"~({{range $i,$e := .RepoTags}}{{$i}}={{$e}}{{end}})~", R"~(0=busybox:latest)~"},
    {R"~({{.Config.Cmd}})~", R"~([/bin/sh])~"},
    {R"~({{join .Config.Env ","}})~", R"~()~"},
    {R"~({{join .Config.Cmd "-"}})~", R"~(/bin/sh)~"},
    {R"~({{upper .Os}})~", R"~(LINUX)~"},
    {R"~({{title .Os}})~", R"~(Linux)~"},
    {R"~({{pad .Os 2 3}}|)~", R"~(  linux   |)~"},
    {R"~({{truncate .Id 10}})~", R"~(sha256:e2c)~"},
    {R"~({{split .Id ":"}})~",
     R"~([sha256 e2cf44450387c7de826276034928cea6bdc2ea34311104554450bc7779f4abf9])~"},
    {R"~({{"x" | printf "%s-%s" "y"}})~", R"~(y-x)~"},
    {R"~({{eq .Os "linux" "x"}})~", R"~(true)~"},
    {R"~({{lt 1 2}} {{gt "b" "a"}} {{ne 1 2}} {{not 1}} {{and 1 0 2}} {{or 0 "" "x"}})~",
     R"~(true true true false 0 x)~"},
    {R"~({{with .Config}}{{.Env}}{{end}})~", R"~([])~"},
    {R"~({{with $x := .Os}}{{$x}}{{end}})~", R"~(linux)~"},
    {R"~({{$x := 1}}{{$x = 2}}{{$x}})~", R"~(2)~"},
    {R"~({{slice .Id 7 19}})~", R"~(e2cf44450387)~"},
    {R"~({{html "<a>&\"'"}} {{js "it's <b>"}} {{urlquery "a b&c/d"}})~",
     R"~(&lt;a&gt;&amp;&#34;&#39; it\'s \u003Cb\u003E a+b%26c%2Fd)~"},
    {R"~({{print 1 2 "a" "b" 3}} {{println "x" 1}})~", R"~(1 2ab3 x 1
)~"},
    {R"~({{define "x"}}[{{.}}]{{end}}{{template "x" .Os}})~", R"~([linux])~"},
    {R"~({{block "b" .Os}}<{{.}}>{{end}})~", R"~(<linux>)~"},
    {R"~({{- "a" -}}   b)~", R"~(ab)~"},
    {R"~({{/* c */}}x)~", R"~(x)~"},
    {R"~({{range 3}}{{.}}{{end}})~", R"~(012)~"},
    {R"~({{range .Config.Env}}{{break}}{{end}})~", R"~()~"},
    {R"~({{printf "%20.3f|%-8d|%+d|%05d|%x|%X|%#x|%o|%b|%c|%U" 3.14159 7 7 7 255 255 255 8 5 65 65}})~",
     R"~(               3.142|7       |+7|00007|ff|FF|0xff|10|101|A|U+0041)~"},
    {R"~({{printf "%x %X %q %10q|%.2s|%t|%e|%g|%E|%G" "hi" "hi" "a\"b\n" "x" "héllo" true 1234.5 1234567.0 0.00001 1e-7}})~",
     R"~(6869 6869 "a\"b\n"        "x"|hé|true|1.234500e+03|1.234567e+06|1.000000E-05|1E-07)~"},
    {R"~({{printf "%d" "x"}} {{printf "%s" 5}} {{printf "%d"}} {{printf "%d" 1 2}} {{printf "%z" 1}} {{printf "%"}} {{printf "%%"}} {{printf "%s" nil}})~",
     R"~(%!d(string=x) %!s(int=5) %!d(MISSING) 1%!(EXTRA int=2) %!z(int=1) %!(NOVERB) % %!s(<nil>))~"},
    {R"~({{printf "%q %s %d %x" .RepoTags .RepoTags .RepoTags .RepoTags}})~",
     R"~(["busybox:latest"] [busybox:latest] [%!d(string=busybox:latest)] [62757379626f783a6c6174657374])~"},
    {R"~({{printf "%*d|%-*d|%.*f|%[2]d %[1]d" 5 6 4 3 2 1.5}})~", R"~(    6|3   |1.50|6 5)~"},
    {R"~({{printf "%[2]d %[1]d" 1 2}} {{printf "%6.2f|%-6.2f|%06.2f|% d|%+.1e" 1.234 1.234 -1.234 5 12345.678}})~",
     R"~(2 1   1.23|1.23  |-01.23| 5|+1.2e+04)~"},
    {R"~({{1.0}} {{0.1}} {{123456789.0}} {{1e-5}} {{0.0001}} {{1234567.0}} {{100000.0}} {{1e100}} {{0x1p4}} {{0b101}} {{0o17}} {{017}} {{-5}} {{+5}} {{-1.5}} {{.5}})~",
     R"~(1 0.1 1.23456789e+08 1e-05 0.0001 1.234567e+06 100000 1e+100 16 5 15 15 -5 5 -1.5 0.5)~"},
    {R"~({{'\n'}} {{'\x41'}} {{'é'}} {{"é"}} {{"\u00e9\x41\101\"\\"}} {{`raw\n"x"`}})~",
     R"~(10 65 233 é éAA"\ raw\n"x")~"},
    {R"~({{index "abc" 1}})~", R"~(98)~"},
    {R"~({{index .GraphDriver.Data "nope"}}|)~", R"~(|)~"},
    {R"~({{index .RepoTags}})~", R"~([busybox:latest])~"},
    {R"~({{range $k,$v := .GraphDriver.Data}}{{$k}} {{end}})~", R"~(MergedDir UpperDir WorkDir )~"},
    {R"~({{range $k := .RepoTags}}{{$k}}{{end}})~", R"~(busybox:latest)~"},
    {R"~({{range .Config.Env}}x{{else}}none{{end}})~", R"~(none)~"},
    {R"~({{if and .Os (eq .Os "linux")}}yes{{else if .Id}}no{{else}}never{{end}})~", R"~(yes)~"},
    {R"~({{if 0}}a{{else}}b{{end}}{{if 0.0}}a{{else}}b{{end}}{{if ""}}a{{else}}b{{end}}{{if .Config.Env}}a{{else}}b{{end}}{{if "x"}}a{{end}})~",
     R"~(bbbba)~"},
    {R"~({{with .Config.Env}}a{{else with .Os}}{{.}}{{else}}c{{end}})~", R"~(linux)~"},
    {R"~({{with ""}}a{{else}}b{{end}})~", R"~(b)~"},
    {R"~({{range $i := 3}}{{$i}},{{end}})~", R"~(0,1,2,)~"},
    {R"~({{range 5}}{{if eq . 2}}{{continue}}{{end}}{{if eq . 4}}{{break}}{{end}}{{.}}{{end}})~",
     R"~(013)~"},
    {R"~({{$.Os}} {{with .Config}}{{$.Os}}{{end}})~", R"~(linux linux)~"},
    {R"~({{(index .RepoTags 0)}} {{(.Config).Cmd}} {{(eq 1 1) | not}})~",
     R"~(busybox:latest [/bin/sh] false)~"},
    {R"~({{.Os | printf "%s-%s" .Architecture | upper}})~", R"~(AMD64-LINUX)~"},
    {R"~({{eq nil nil}})~", R"~(true)~"},
    {R"~({{eq .Config nil}})~", R"~(false)~"},
    {R"~({{le 1 1}} {{ge 1 2}} {{lt 1.5 2.5}} {{gt "a" "b"}})~", R"~(true false true false)~"},
    {R"~({{split "a,b,c" ","}} {{range split "a,b" ","}}[{{.}}]{{end}} {{len (split "" ",")}} {{split "abc" ""}})~",
     R"~([a b c] [a][b] 1 [a b c])~"},
    {R"~({{title "hello world foo-bar"}} {{lower "ÀB"}} {{upper "éa"}})~",
     R"~(Hello World Foo-Bar àb ÉA)~"},
    {R"~({{pad "" 1 2}}| {{pad "a" 0 0}}|)~", R"~(| a|)~"},
    {R"~({{- /* a comment */ -}} x)~", R"~(x)~"},
    {R"~({{ .Os | }})~", R"~(linux)~"},
    {R"~({{$x := 1}}{{if true}}{{$x = 2}}{{$y := 3}}{{end}}{{$x}})~", R"~(2)~"},
    {R"~(a {{- 3}} < {{23 -}} < {{45}})~", R"~(a3 < 23< 45)~"},
    {R"~({{-3}})~", R"~(-3)~"},
    {R"~({{- -3 -}})~", R"~(-3)~"},
    {R"~({{.Id}}}})~",
     R"~(sha256:e2cf44450387c7de826276034928cea6bdc2ea34311104554450bc7779f4abf9}})~"},
    {R"~(}}{{"{{"}})~", R"~(}}{{)~"},
    {R"~({{html 5}} {{html "a" "b" 1}} {{js "\u2028 é \t\n<>&='\"\\"}} {{urlquery "é ~-_.!*()" 1}} {{html "\x00"}})~",
     R"~(5 ab1 \u2028 é \u0009\u000A\u003C\u003E\u0026\u003D\'\"\\ %C3%A9+~-_.%21%2A%28%291 �)~"},
    {R"~({{or 1 (index .RepoTags 9)}} {{and 0 (index .RepoTags 9)}} {{and 1 2}})~", R"~(1 0 2)~"},
    {R"~({{"a"|len}})~", R"~(1)~"},
    {R"~({{len .Config.Env}})~", R"~(0)~"},
    {R"~({{not nil}})~", R"~(true)~"},
    {R"~({{eq 'a' 97}} {{eq -1 .Size}} {{lt -1 .Size}})~", R"~(true false true)~"},
    {R"~(}})~", R"~(}})~"},
    {R"~({{.Config.Volumes}} {{.Config.Labels.a}})~", R"~(map[] <no value>)~"},
    {R"~(b"}})~", R"~(b"}})~"},
    {R"~({{$i := 0}}{{range $i = .RepoTags}}{{$i}}{{end}}{{$i}})~",
     R"~(busybox:latestbusybox:latest)~"},
    {R"~({{printf "%5t|%-5v|%05s|%x" true "a" "b" "hello world"}})~",
     R"~( true|a    |0000b|68656c6c6f20776f726c64)~"},
    {R"~({{printf "%v %s" 1.0 1.5}} {{printf "%d" 1.5}} {{printf "%08.3f" -3.14159}} {{printf "%+q %#q" "é" "a`b"}} {{printf "% x" "abc"}})~",
     R"~(1 %!s(float64=1.5) %!d(float64=1.5) -003.142 "\u00e9" "a`b" 61 62 63)~"},
    {R"~({{123456.0}} {{21e5}} {{1e20}} {{12345678.0}})~",
     R"~(123456 2.1e+06 1e+20 1.2345678e+07)~"},
    {R"~({{printf "%v %g" 123456789.0 123456789.0}} {{json 123456789.0}})~",
     R"~(1.23456789e+08 1.23456789e+08 123456789)~"},
    {R"~({{printf "%x" 1.5}})~", R"~(0x1.8p+00)~"},
    {R"~({{printf "%[3]d" 1}} {{printf "%[x]d" 1}} {{printf "%!" 1}} {{printf "%-05d|" 5}} {{printf "%.3d" 5}} {{printf "%é" 1}})~",
     R"~(%!d(BADINDEX) %!d(BADINDEX) %!!(int=1) 5    | 005 %!é(int=1))~"},
    {R"~({{printf "%s" (split "a b" " ")}} {{printf "%v" (split "a b" " ")}} {{printf "%6v" (split "a b" " ")}})~",
     R"~([a b] [a b] [     a      b])~"},
    {R"~({{printf "%q %q" 65 'x'}} {{printf "%q" '\''}})~", R"~('A' 'x' '\'')~"},
    {R"~({{printf "%t" 1}} {{printf "%s" true}} {{printf "%9t|" true}})~",
     R"~(%!t(int=1) %!s(bool=true)      true|)~"},
    {R"~({{printf "%10v|%-10v|" nil 5}})~", R"~(     <nil>|5         |)~"},
};

TEST(Template, PrintsWhatDockerPrints) {
  for (const Row& row : kOutputs) EXPECT_EQ(rendered(row.text), row.expected) << row.text;
}

// What docker 28.5 says behind `template parsing error: `.
constexpr Row kFailures[] = {
    {R"~({{.Foo}})~",
     R"~(template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo")~"},
    {R"~({{.Config.Foo}})~",
     R"~(template: :1:9: executing "" at <.Config.Foo>: map has no entry for key "Foo")~"},
    {R"~({{index .RepoTags 5}})~",
     R"~(template: :1:2: executing "" at <index .RepoTags 5>: error calling index: index out of range: 5)~"},
    {R"~({{if .Foo}}x{{end}})~",
     R"~(template: :1:5: executing "" at <.Foo>: map has no entry for key "Foo")~"},
    {R"~({{unknown .}})~", R"~(template: :1: function "unknown" not defined)~"},
    {R"~({{.Id)~", R"~(template: :1: unclosed action)~"},
    {R"~({{if}})~", R"~(template: :1: missing value for if)~"},
    {R"~({{end}})~", R"~(template: :1: unexpected {{end}})~"},
    {R"~({{range}}{{end}})~", R"~(template: :1: missing value for range)~"},
    {R"~({{1.5}} {{1e6}} {{1e21}} {{100000000.0}} {{'a'}} {{0x10}} {{nil}})~",
     R"~(template: :1:60: executing "" at <nil>: nil is not a command)~"},
    {R"~({{eq 1 1.0}})~",
     R"~(template: :1:2: executing "" at <eq 1 1.0>: error calling eq: incompatible types for comparison: int and float64)~"},
    {R"~({{template "x"}})~",
     R"~(template: :1:11: executing "" at <{{template "x"}}>: template "x" not defined)~"},
    {R"~({{range "abc"}}{{.}}{{end}})~",
     R"~(template: :1:8: executing "" at <"abc">: range can't iterate over abc)~"},
    {R"~({{break}})~", R"~(template: :1: {{break}} outside {{range}})~"},
    {R"~({{$y}})~", R"~(template: :1: undefined variable "$y")~"},
    {R"~({{len "héllo"}} {{len .GraphDriver.Data}} {{len 3}})~",
     R"~(template: :1:45: executing "" at <len 3>: error calling len: len of type int)~"},
    {R"~({{index .GraphDriver.Data 1}})~",
     R"~(template: :1:2: executing "" at <index .GraphDriver.Data 1>: error calling index: value has type int; should be string)~"},
    {R"~({{index .RepoTags "a"}})~",
     R"~(template: :1:2: executing "" at <index .RepoTags "a">: error calling index: cannot index slice/array with type string)~"},
    {R"~({{index 1 2}})~",
     R"~(template: :1:2: executing "" at <index 1 2>: error calling index: can't index item of type int)~"},
    {R"~({{slice .RepoTags 0 1}} {{slice "abc" 1}} {{slice "abc"}} {{slice .RepoTags 0 9}})~",
     R"~(template: :1:60: executing "" at <slice .RepoTags 0 9>: error calling slice: index out of range: 9)~"},
    {R"~({{slice "abc" 2 1}})~",
     R"~(template: :1:2: executing "" at <slice "abc" 2 1>: error calling slice: invalid slice index: 2 > 1)~"},
    {R"~({{slice "abc" 1 9}})~",
     R"~(template: :1:2: executing "" at <slice "abc" 1 9>: error calling slice: index out of range: 9)~"},
    {R"~({{slice 1 1}})~",
     R"~(template: :1:2: executing "" at <slice 1 1>: error calling slice: can't slice item of type int)~"},
    {R"~({{range nil}}{{end}})~",
     R"~(template: :1:8: executing "" at <nil>: nil is not a command)~"},
    {R"~({{range .Config.Nope}}{{end}})~",
     R"~(template: :1:15: executing "" at <.Config.Nope>: map has no entry for key "Nope")~"},
    {R"~({{eq 1 2 3 1}} {{eq "a" 1}})~",
     R"~(template: :1:17: executing "" at <eq "a" 1>: error calling eq: incompatible types for comparison: string and int)~"},
    {R"~({{eq .RepoTags .RepoTags}})~",
     R"~(template: :1:2: executing "" at <eq .RepoTags .RepoTags>: error calling eq: non-comparable type [busybox:latest]: []interface {})~"},
    {R"~({{lt 1 "a"}})~",
     R"~(template: :1:2: executing "" at <lt 1 "a">: error calling lt: incompatible types for comparison: int and string)~"},
    {R"~({{lt true false}})~",
     R"~(template: :1:2: executing "" at <lt true false>: error calling lt: invalid type for comparison)~"},
    {R"~({{lt "a"}})~",
     R"~(template: :1:2: executing "" at <lt>: wrong number of args for lt: want 2 got 1)~"},
    {R"~({{eq 1}})~",
     R"~(template: :1:2: executing "" at <eq 1>: error calling eq: missing argument for comparison)~"},
    {R"~({{not}})~",
     R"~(template: :1:2: executing "" at <not>: wrong number of args for not: want 1 got 0)~"},
    {R"~({{and}})~",
     R"~(template: :1:2: executing "" at <and>: wrong number of args for and: want at least 1 got 0)~"},
    {R"~({{len}})~",
     R"~(template: :1:2: executing "" at <len>: wrong number of args for len: want 1 got 0)~"},
    {R"~({{join .RepoTags}})~",
     R"~(template: :1:2: executing "" at <join>: wrong number of args for join: want 2 got 1)~"},
    {R"~({{join "x" ","}})~",
     R"~(template: :1:7: executing "" at <"x">: can't handle "x" for arg of type []string)~"},
    {R"~({{join 5 ","}})~",
     R"~(template: :1:7: executing "" at <5>: can't handle 5 for arg of type []string)~"},
    {R"~({{truncate 5 2}})~",
     R"~(template: :1:11: executing "" at <5>: expected string; found 5)~"},
    {R"~({{upper 5}})~", R"~(template: :1:8: executing "" at <5>: expected string; found 5)~"},
    {R"~({{pad 1 2 3}})~", R"~(template: :1:6: executing "" at <1>: expected string; found 1)~"},
    {R"~({{json}})~",
     R"~(template: :1:2: executing "" at <json>: wrong number of args for json: want 1 got 0)~"},
    {R"~({{json 1 2}})~",
     R"~(template: :1:2: executing "" at <json>: wrong number of args for json: want 1 got 2)~"},
    {R"~({{"abc" "def"}})~",
     R"~(template: :1:2: executing "" at <"abc">: can't give argument to non-function "abc")~"},
    {R"~({{1 | 2}})~", R"~(template: :1: non executable command in pipeline stage 2)~"},
    {R"~({{.Os | "x"}})~", R"~(template: :1: non executable command in pipeline stage 2)~"},
    {R"~({{"x" | .Os}})~",
     R"~(template: :1:8: executing "" at <.Os>: Os is not a method but has arguments)~"},
    {R"~({{.Os "x"}})~",
     R"~(template: :1:2: executing "" at <.Os>: Os is not a method but has arguments)~"},
    {R"~({{nil}})~", R"~(template: :1:2: executing "" at <nil>: nil is not a command)~"},
    {R"~({{. | nil}})~", R"~(template: :1: non executable command in pipeline stage 2)~"},
    {R"~({{define "T"}}{{.Nope}}{{end}}{{template "T" .Os}})~",
     R"~(template: :1:16: executing "T" at <.Nope>: can't evaluate field Nope in type string)~"},
    {R"~({{define "T"}}{{.Nope}}{{end}}a{{template "T" .}})~",
     R"~(template: :1:16: executing "T" at <.Nope>: map has no entry for key "Nope")~"},
    {R"~({{printf "%s and some very long constant string that will be shown" .Nope}})~",
     R"~(template: :1:68: executing "" at <.Nope>: map has no entry for key "Nope")~"},
    {R"~({{/* bad */ x}})~", R"~(template: :1: comment ends before closing delimiter)~"},
    {R"~({{/* bad )~", R"~(template: :1: unclosed comment)~"},
    {R"~({{ "unterminated }})~", R"~(template: :1: unterminated quoted string)~"},
    {R"~({{ `unterminated }})~", R"~(template: :1: unterminated raw quoted string)~"},
    {R"~({{ 'un }})~", R"~(template: :1: unterminated character constant)~"},
    {R"~({{ 'ab' }})~", R"~(template: :1: malformed character constant: 'ab')~"},
    {R"~({{ 12x }})~", R"~(template: :1: bad number syntax: "12x")~"},
    {R"~({{ $x := 1, 2 }})~", R"~(template: :1: unexpected "," in operand)~"},
    {R"~({{ x := 1 }})~", R"~(template: :1: function "x" not defined)~"},
    {R"~({{ .Os.}})~", R"~(template: :1: unexpected <.> in operand)~"},
    {R"~({{ | .Os }})~", R"~(template: :1: unexpected "|" in command)~"},
    {R"~({{ (.Os }})~", R"~(template: :1: unclosed left paren)~"},
    {R"~({{ .Os) }})~", R"~(template: :1: unexpected right paren)~"},
    {R"~({{}})~", R"~(template: :1: missing value for command)~"},
    {R"~({{ else }})~", R"~(template: :1: unexpected {{else}})~"},
    {R"~({{if .Os}})~", R"~(template: :1: unexpected EOF)~"},
    {R"~({{if .Os}}{{else}}{{else}}{{end}})~", R"~(template: :1: expected end; found {{else}})~"},
    {R"~({{range .RepoTags}}{{end}}{{end}})~", R"~(template: :1: unexpected {{end}})~"},
    {R"~({{if .Os}}{{define "x"}}{{end}}{{end}})~",
     R"~(template: :1: unexpected <define> in command)~"},
    {R"~({{define x}}{{end}})~", R"~(template: :1: unexpected "x" in define clause)~"},
    {R"~({{define "a"}})~", R"~(template: :1: unexpected EOF)~"},
    {R"~({{template}})~", R"~(template: :1: unexpected "}}" in template clause)~"},
    {R"~({{template foo}})~", R"~(template: :1: unexpected "foo" in template clause)~"},
    {R"~({{template "a" "b" "c"}})~",
     R"~(template: :1:11: executing "" at <{{template "a" "b" "c"}}>: template "a" not defined)~"},
    {R"~({{ !x }})~", R"~(template: :1: unexpected "!" in command)~"},
    {R"~({{ "a" % "b" }})~", R"~(template: :1: unexpected "%" in operand)~"},
    {R"~({{ foo.bar }})~", R"~(template: :1: function "foo" not defined)~"},
    {R"~({{ 1.2.3 }})~", R"~(template: :1: unexpected ".3" in operand)~"},
    {R"~({{ "x".Foo }})~", R"~(template: :1: unexpected . after term "\"x\"")~"},
    {R"~({{ true.x }})~", R"~(template: :1: unexpected . after term "true")~"},
    {R"~({{ nil.x }})~", R"~(template: :1: unexpected . after term "nil")~"},
    {R"~({{ $x = 1 }})~", R"~(template: :1:8: executing "" at <1>: undefined variable: $x)~"},
    {R"~({{ if $x := .Os }}{{$x}}{{end}}{{$x}})~", R"~(template: :1: undefined variable "$x")~"},
    {R"~({{range $a,$b,$c := .RepoTags}}{{end}})~",
     R"~(template: :1: too many declarations in range)~"},
    {R"~({{with $a,$b := .RepoTags}}{{end}})~", R"~(template: :1: too many declarations in with)~"},
    {R"~({{continue}})~", R"~(template: :1: {{continue}} outside {{range}})~"},
    {R"~({{range .RepoTags}}{{else}}{{break}}{{end}})~",
     R"~(template: :1: {{break}} outside {{range}})~"},
    {R"~({{break 1}})~", R"~(template: :1: unexpected "1" in {{break}})~"},
    {R"~({{block "b"}}{{end}})~", R"~(template: :1: missing value for block clause)~"},
    {R"~({{call nil}})~",
     R"~(template: :1:2: executing "" at <call nil>: error calling call: call of nil)~"},
    {R"~({{call}})~",
     R"~(template: :1:2: executing "" at <call>: wrong number of args for call: want at least 1 got 0)~"},
    {R"~({{or}})~",
     R"~(template: :1:2: executing "" at <or>: wrong number of args for or: want at least 1 got 0)~"},
    {R"~({{18446744073709551616}})~",
     R"~(template: :1: integer overflow: "18446744073709551616")~"},
    {R"~({{1e400}})~", R"~(template: :1: illegal number syntax: "1e400")~"},
    {R"~({{.os}})~", R"~(template: :1:2: executing "" at <.os>: map has no entry for key "os")~"},
    {R"~({{.Config.cmd}})~",
     R"~(template: :1:9: executing "" at <.Config.cmd>: map has no entry for key "cmd")~"},
    {R"~({{index .RepoTags -1}})~",
     R"~(template: :1:2: executing "" at <index .RepoTags -1>: error calling index: index out of range: -1)~"},
    {R"~({{index nil 1}})~",
     R"~(template: :1:2: executing "" at <index nil 1>: error calling index: index of untyped nil)~"},
    {R"~({{index .Config.Env 0}})~",
     R"~(template: :1:2: executing "" at <index .Config.Env 0>: error calling index: index of untyped nil)~"},
    {R"~({{slice nil}})~",
     R"~(template: :1:2: executing "" at <slice nil>: error calling slice: slice of untyped nil)~"},
    {R"~({{ne 1 1 1}})~",
     R"~(template: :1:2: executing "" at <ne>: wrong number of args for ne: want 2 got 3)~"},
    {R"~({{if break}}{{end}})~", R"~(template: :1: unexpected <break> in if)~"},
    {R"~({{$x}})~", R"~(template: :1: undefined variable "$x")~"},
    {R"~({{with}}{{end}})~", R"~(template: :1: missing value for with)~"},
    {R"~({{.Os)~", R"~(template: :1: unclosed action)~"},
    {R"~({{if true}}{{else if}}{{end}})~", R"~(template: :1: missing value for if)~"},
    {R"~({{if true}}{{else range .x}}{{end}})~", R"~(template: :1: unexpected <range> in else)~"},
    {R"~({{with 1}}{{else if true}}{{end}})~", R"~(template: :1: unexpected <if> in input)~"},
    {R"~({{range 1}}{{else if true}}{{end}})~", R"~(template: :1: unexpected <if> in input)~"},
    {R"~({{"\q"}})~", R"~(template: :1: invalid syntax)~"},
    {R"~({{"a)~", R"~(template: :1: unterminated quoted string)~"},
    {R"~({{range $i, $e = .RepoTags}}{{end}})~",
     R"~(template: :1:17: executing "" at <.RepoTags>: undefined variable: $i)~"},
};

TEST(Template, FailsInDockersWords) {
  for (const Row& row : kFailures)
    EXPECT_EQ(rendered(row.text), std::string("error: ") + row.expected) << row.text;
}

TEST(Template, ActionsMaySpanLinesAndErrorsSayWhich) {
  EXPECT_EQ(rendered("{{range\n .RepoTags}}{{.}}\n{{end}}"), "busybox:latest\n");
  EXPECT_EQ(rendered("a\nbc {{.Nope}}"),
            R"(error: template: :2:5: executing "" at <.Nope>: map has no entry for key "Nope")");
  EXPECT_EQ(rendered("a\n\n{{nope}}"), R"(error: template: :3: function "nope" not defined)");
}

TEST(Template, MissingFieldsHintAtTheNearest) {
  const auto out = Template::parse("{{.Sise}}")->render(image());
  ASSERT_FALSE(out.ok());
  EXPECT_EQ(out.error().kind(), ErrorKind::invalid_input);
  EXPECT_THAT(out.error().hint(), HasSubstr("did you mean .Size? it has .Architecture .Author"));
}

TEST(Template, MissingFieldsMayBeNoValue) {
  const RenderOptions lenient{.missing_field = MissingField::no_value};
  EXPECT_EQ(rendered("{{.Nope}} {{.Nope.Deeper}} {{if .Nope}}x{{end}}", image(), lenient),
            "<no value> <no value> ");
  EXPECT_EQ(rendered("{{upper .Nope}}|", image(), lenient), "|");
}

TEST(Template, MapFieldsHaveFreeKeys) {
  const nlohmann::json data = {{"Labels", {{"a", "1"}}}, {"Other", {{"a", "1"}}}};
  EXPECT_EQ(rendered("{{.Labels.a}} {{.Labels.b}} {{index .Labels \"b\"}}|", data),
            "1 <no value> |");
  EXPECT_EQ(rendered("{{index .Other \"b\"}}", data), "<no value>");
  EXPECT_EQ(rendered("{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", data), "a=1;");
}

TEST(Template, PrintsValuesAsGo) {
  const nlohmann::json data = nlohmann::json::parse(
      R"({"m":{"b":[1,2.5,null,"x"],"a":true},"f":1e21,"n":null,"e":{},"big":18446744073709551615})");
  EXPECT_EQ(rendered("{{.m}} {{.f}} {{.n}} {{.e}} {{.big}}", data),
            "map[a:true b:[1 2.5 <nil> x]] 1e+21 <no value> map[] 18446744073709551615");
  EXPECT_EQ(rendered("{{json .m}}", data), R"({"a":true,"b":[1,2.5,null,"x"]})");
}

TEST(Template, BytesThatAreNoUtf8PassThrough) {
  EXPECT_EQ(rendered("{{truncate \"h\xC3\xA9llo\" 2}}"), "h\xC3");
  EXPECT_EQ(rendered("\xFF{{printf \"%q\" \"\xFF\"}}"), "\xFF\"\\xff\"");
  EXPECT_EQ(rendered("{{json \"\xFF\"}}"), R"("\ufffd")");
}

TEST(Template, RecursionEndsInAnError) {
  EXPECT_THAT(rendered("{{define \"T\"}}{{template \"T\" .}}{{end}}{{template \"T\" .}}"),
              HasSubstr("exceeded maximum template depth (250)"));
  EXPECT_THAT(rendered("{{" + std::string(5000, '(') + "1" + std::string(5000, ')') + "}}"),
              HasSubstr("nested too deeply"));
  std::string nested;
  for (int i = 0; i < 5000; ++i) nested += "{{if true}}";
  EXPECT_THAT(rendered(nested), HasSubstr("nested too deeply"));
}

TEST(Template, UnsupportedNumbersAreErrors) {
  EXPECT_EQ(rendered("{{1i}}"), R"(error: template: :1: bad number syntax: "1i")");
  EXPECT_EQ(rendered("{{9223372036854775808}}"),
            R"(error: template: :1: integer overflow: "9223372036854775808")");
  EXPECT_EQ(rendered("{{-9223372036854775808}}"), "-9223372036854775808");
  EXPECT_EQ(rendered("{{1__0}}"), R"(error: template: :1: illegal number syntax: "1__0")");
}

TEST(Template, OutputBeforeAFailureStays) {
  std::string out;
  EXPECT_FALSE(Template::parse("a{{.Os}}{{.Nope}}b")->render_to(out, image()).ok());
  EXPECT_EQ(out, "alinux");
}

}  // namespace
}  // namespace kiln::format
