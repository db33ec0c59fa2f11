// SPDX-License-Identifier: MIT
// JSON files that hold weights as nested arrays of numbers. Such an array becomes one block of numbers with a shape, so
// that a file needs little memory beside its size, whatever it contains.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/core/view.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// A value of a JSON document.
struct JsonValue {
  enum class Kind { null, boolean, number, text, numbers, array, object };

  Kind kind = Kind::null;
  double number = 0;                                            ///< of a number, or 0 and 1 of a boolean
  std::string text = {};                                        ///< of a text
  std::vector<double> numbers = {};                             ///< of nested arrays of numbers, row-major
  std::vector<Index> shape = {};                                ///< of `numbers`, slowest dimension first
  std::vector<std::pair<std::string, JsonValue>> entries = {};  ///< of an object, in the order of the file, or an array

  bool is(Kind k) const { return kind == k; }

  /// The elements of an array, also of one that is stored as a block of numbers.
  std::vector<JsonValue> elements() const {
    std::vector<JsonValue> all;
    if (kind == Kind::array)
      for (const auto& [unused, value] : entries) all.push_back(value);
    if (kind != Kind::numbers) return all;
    const std::vector<Index> below(shape.empty() ? shape.begin() : shape.begin() + 1, shape.end());
    const Index count = shape.empty() ? 0 : shape[0];
    for (Index n = 0; n < count; ++n) {
      const auto size = static_cast<Index>(numbers.size()) / count;
      if (below.empty())
        all.push_back({.kind = Kind::number, .number = numbers[static_cast<std::size_t>(n)]});
      else
        all.push_back({.kind = Kind::numbers,
                       .numbers = {numbers.begin() + n * size, numbers.begin() + (n + 1) * size},
                       .shape = below});
    }
    return all;
  }

  /// The value of a key; null if there is none.
  const JsonValue* find(std::string_view key) const {
    const auto found = std::ranges::find(entries, key, [](const auto& entry) { return std::string_view(entry.first); });
    return kind == Kind::object && found != entries.end() ? &found->second : nullptr;
  }
};

/// Builds a JsonValue from the events of nlohmann's parser.
class JsonReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  static constexpr std::size_t kMaxDepth = 32;        ///< of nested arrays and objects
  static constexpr std::size_t kMaxValues = 1 << 16;  ///< that are not part of an array of numbers

  bool null() override { return add({}); }
  bool boolean(bool value) override { return add({.kind = JsonValue::Kind::boolean, .number = value ? 1.0 : 0.0}); }
  bool number_integer(std::int64_t value) override { return add_number(static_cast<double>(value)); }
  bool number_unsigned(std::uint64_t value) override { return add_number(static_cast<double>(value)); }
  bool number_float(double value, const std::string&) override { return add_number(value); }
  bool string(std::string& value) override { return add({.kind = JsonValue::Kind::text, .text = std::move(value)}); }
  bool binary(nlohmann::json::binary_t&) override { return fail("binary data"); }
  bool key(std::string& name) override {
    if (!names_.back().insert(name).second) return fail("the key \"" + name + "\" appears twice");
    key_ = std::move(name);
    return true;
  }
  bool start_object(std::size_t) override { return open(JsonValue::Kind::object); }
  bool start_array(std::size_t) override { return open(JsonValue::Kind::numbers); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    return fail("no valid JSON at byte " + std::to_string(position));
  }

  const std::string& problem() const { return problem_; }
  JsonValue take() { return std::move(root_); }

 private:
  bool fail(std::string what) {
    if (problem_.empty()) problem_ = std::move(what);
    return false;
  }

  bool open(JsonValue::Kind kind) {
    if (open_.size() == kMaxDepth)
      return fail("arrays and objects are nested deeper than " + std::to_string(kMaxDepth));
    open_.push_back({.kind = kind});
    keys_.push_back(std::move(key_));
    names_.emplace_back();
    return true;
  }

  bool close() {
    JsonValue done = std::move(open_.back());
    open_.pop_back();
    key_ = std::move(keys_.back());
    keys_.pop_back();
    names_.pop_back();
    if (done.is(JsonValue::Kind::numbers) && done.shape.empty()) done.shape = {0};
    return add(std::move(done));
  }

  bool add_number(double value) {
    if (!open_.empty() && open_.back().is(JsonValue::Kind::numbers) && open_.back().shape.size() < 2) {
      JsonValue& to = open_.back();
      if (to.shape.empty()) to.shape = {0};
      to.numbers.push_back(value);
      ++to.shape[0];
      return true;
    }
    return add({.kind = JsonValue::Kind::number, .number = value});
  }

  bool add(JsonValue value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return true;
    }
    JsonValue& to = open_.back();
    if (to.is(JsonValue::Kind::numbers)) {
      if (value.is(JsonValue::Kind::numbers) && fits(to, value)) {
        if (to.shape.empty()) {
          to.shape = {0};
          to.shape.insert(to.shape.end(), value.shape.begin(), value.shape.end());
        }
        to.numbers.insert(to.numbers.end(), value.numbers.begin(), value.numbers.end());
        ++to.shape[0];
        return true;
      }
      // An array of other things: what it holds so far becomes values of their own.
      std::vector<JsonValue> parts = to.elements();
      to = {.kind = JsonValue::Kind::array};
      for (JsonValue& part : parts)
        if (!count())
          return false;
        else
          to.entries.emplace_back("", std::move(part));
    }
    if (!count()) return false;
    to.entries.emplace_back(to.is(JsonValue::Kind::object) ? std::move(key_) : std::string(), std::move(value));
    return true;
  }

  /// Whether `row` can be the next part of the block `to`.
  static bool fits(const JsonValue& to, const JsonValue& row) {
    return to.shape.empty() || (to.shape.size() == row.shape.size() + 1 &&
                                std::equal(row.shape.begin(), row.shape.end(), to.shape.begin() + 1));
  }

  bool count() { return ++values_ <= kMaxValues || fail("more than " + std::to_string(kMaxValues) + " values"); }

  std::vector<JsonValue> open_;                         // arrays and objects that are not complete
  std::vector<std::string> keys_;                       // their keys
  std::vector<std::unordered_set<std::string>> names_;  // the keys within them
  std::string key_, problem_;
  JsonValue root_;
  std::size_t values_ = 0;
};

/// Parses a document whose top level is an object. Throws file_error.
inline JsonValue parse_json_document(std::string_view text) {
  JsonReader reader;
  const bool done = nlohmann::json::sax_parse(text, &reader);
  if (!done || !reader.problem().empty())
    throw file_error(reader.problem().empty() ? "no valid JSON" : reader.problem());
  JsonValue root = reader.take();
  if (!root.is(JsonValue::Kind::object)) throw file_error("the top level of the JSON is not an object");
  return root;
}

// ---- access that names what is wrong

inline const JsonValue& at(const JsonValue& object, std::string_view key, const char* where) {
  if (const JsonValue* value = object.find(key)) return *value;
  throw file_error(concat(where, ": \"", key, "\" is missing"));
}

inline const std::string& text_at(const JsonValue& object, std::string_view key, const char* where) {
  const JsonValue& value = at(object, key, where);
  if (!value.is(JsonValue::Kind::text)) throw file_error(concat(where, ": \"", key, "\" is not a text"));
  return value.text;
}

/// A number or a boolean.
inline double number_at(const JsonValue& object, std::string_view key, const char* where) {
  const JsonValue& value = at(object, key, where);
  if (!value.is(JsonValue::Kind::number) && !value.is(JsonValue::Kind::boolean))
    throw file_error(concat(where, ": \"", key, "\" is not a number"));
  return value.number;
}
inline double number_at(const JsonValue& object, std::string_view key, const char* where, double otherwise) {
  return object.find(key) ? number_at(object, key, where) : otherwise;
}

/// Whether a number is an integer in [0, 2^53], where double holds every integer.
inline bool is_count(double value) { return value >= 0 && value <= 9007199254740992.0 && value == std::floor(value); }

/// A size of a model: an integer from 1 to 2^30.
inline Index size_at(const JsonValue& object, std::string_view key, const char* where) {
  const double value = number_at(object, key, where);
  if (!is_count(value) || value < 1 || value > double{1 << 30})
    throw file_error(concat(where, ": \"", key, "\" is ", value, ", wanted a positive integer"));
  return static_cast<Index>(value);
}

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI
