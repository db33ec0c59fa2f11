// SPDX-License-Identifier: MIT
// web/page.html has placeholders {{name}}. Each is replaced by a text, a file of web/, or several files in order.
#include "piano/page/page.hpp"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <rondo/io/replace_file.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "piano/page/assets.hpp"

namespace piano {
namespace {

std::string html_text(std::string_view text) {
  std::string safe;
  for (char c : text) {
    if (c == '<')
      safe += "&lt;";
    else if (c == '>')
      safe += "&gt;";
    else if (c == '&')
      safe += "&amp;";
    else if (c == '"')
      safe += "&quot;";
    else
      safe += c;
  }
  return safe;
}

// Inside <script> only `<` could end the script or open a comment. In JSON it occurs only in strings, where it can be
// written as an escape.
std::string script_json(const nlohmann::json& data) {
  const std::string plain = data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string safe;
  safe.reserve(plain.size());
  for (char c : plain) {
    if (c == '<')
      safe += "\\u003c";
    else
      safe += c;
  }
  return safe;
}

std::string concatenate(std::initializer_list<std::string_view> names) {
  std::string all;
  for (std::string_view name : names) all += asset(name);
  return all;
}

std::string base64(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? bytes[i + k] : 0u);
    for (std::size_t k = 0; k < 4; ++k) text += k <= count ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

std::string content_of(Page page, std::string_view place) {
  const auto pick = [&](std::string_view samples, std::string_view report, std::string_view explore) {
    return page == Page::samples ? samples : page == Page::report ? report : explore;
  };
  if (place == "style")
    return concatenate({"style.css", "stage.css", "list.css", pick("samples.css", "report.css", "explore.css")}) +
           (page == Page::samples ? std::string(asset("instrument.css")) : "");
  if (place == "theme") return std::string(asset("theme.js"));
  if (place == "main") return std::string(asset(pick("samples.html", "report.html", "explore.html")));
  if (place == "stage" || place == "instrument") return std::string(asset(std::string(place) + ".html"));
  if (place == "engine") return asset("network.js").empty() ? "" : concatenate({"network.js", "worker.js"});
  if (place == "script") {
    std::string script =
        concatenate({"dom.js", "words.js", "piece.js", "tone.js", "synth.js", "wav.js", "player.js", "notes.js",
                     "roll.js", "keyboard.js", "thumbnail.js", "stage.js", "shortcuts.js"});
    if (page == Page::report) script += asset("chart.js");
    if (page == Page::samples)
      script += concatenate(
          {"engine.js", "settings.js", "again.js", "fill.js", "live.js", "inputs.js", "training.js", "instrument.js"});
    return script += asset(pick("samples.js", "report.js", "explore.js"));
  }
  throw std::logic_error("page: unknown placeholder {{" + std::string(place) + "}}");
}

std::string title_of(const nlohmann::json& data) {
  if (data.is_object() && data.contains("title") && data["title"].is_string()) return data["title"].get<std::string>();
  return "Rondo";
}

// Appends the template to `out` and replaces its placeholders, also those in the replacement of {{main}}.
void fill(std::string& out, std::string_view text, Page page, const nlohmann::json& data,
          std::span<const std::uint8_t> model) {
  for (;;) {
    const std::size_t open = text.find("{{");
    out += text.substr(0, open);
    if (open == std::string_view::npos) return;
    const std::size_t close = text.find("}}", open);
    const std::string_view place = text.substr(open + 2, close - open - 2);
    if (place == "title")
      out += html_text(title_of(data));
    else if (place == "data")
      out += script_json(data);
    else if (place == "model")
      out += asset("network.js").empty() ? "" : base64(model);
    else if (place == "main")
      fill(out, content_of(page, place), page, data, model);
    else
      out += content_of(page, place);
    text.remove_prefix(close + 2);
  }
}

}  // namespace

void write_page(const std::filesystem::path& file, Page page, const nlohmann::json& data,
                std::span<const std::uint8_t> model) {
  std::string html;
  fill(html, asset("page.html"), page, data, model);
  rondo::replace_file(file, html);
}

}  // namespace piano
