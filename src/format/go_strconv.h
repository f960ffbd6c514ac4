// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

/// Go's strconv.
namespace kiln::format {

enum class QuoteStyle { unicode, ascii };
/// strconv.Quote, or QuoteToASCII.
std::string quote(std::string_view text, QuoteStyle style = QuoteStyle::unicode);
/// strconv.FormatFloat for verbs e E f F g G x; precision -1 is the shortest that reads back.
std::string format_float(double value, char verb, int precision);

}  // namespace kiln::format
