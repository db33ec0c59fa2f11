// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"

using examples::integer_in;
using examples::Interval;
using examples::real_in;

TEST_CASE("An interval includes or excludes its ends") {
  CHECK(Interval("[0, inf)").contains(0));
  CHECK(Interval("[0, inf)").contains(1e300));
  CHECK_FALSE(Interval("[0, inf)").contains(-1e-300));
  CHECK_FALSE(Interval("(0, 1]").contains(0));
  CHECK(Interval("(0, 1]").contains(1));
  CHECK_FALSE(Interval("[0, 1)").contains(1));
  CHECK(Interval("[-12, 12]").contains(-12));
  for (const char* text : {"", "0, 1", "[0 1]", "[0, 1", "[a, 1]", "[0, ]", "[0, 1] "})
    CHECK_THROWS_AS(Interval(text), std::invalid_argument);
}

TEST_CASE("A number out of range is refused with the range") {
  CHECK(real_in("[0, inf)")(std::string("0.5")).empty());
  CHECK(real_in("[0, inf)")(std::string("-1")) == "-1 is not in [0, inf)");
  CHECK(real_in("(0, 1]")(std::string("0")) == "0 is not in (0, 1]");
  CHECK(real_in("[0, inf)")(std::string("inf")) == "inf is not in [0, inf)");
  CHECK(real_in("[0, inf)")(std::string("nan")) == "nan is not in [0, inf)");
  CHECK(real_in("[0, inf)")(std::string("1x")) == "'1x' is not a number");
  CHECK(real_in("[0, inf)")(std::string()) == "'' is not a number");
  CHECK(integer_in("[1, inf)")(std::string("7")).empty());
  CHECK(integer_in("[1, inf)")(std::string("0")) == "0 is not in [1, inf)");
  CHECK(integer_in("[1, 64]")(std::string("65")) == "65 is not in [1, 64]");
  CHECK(integer_in("[1, inf)")(std::string("1.5")) == "'1.5' is not an integer");
  CHECK(integer_in("[1, inf)")(std::string("1e300")) == "'1e300' is not an integer");
  CHECK(integer_in("[1, inf)")(std::string("99999999999999999999")) == "99999999999999999999 is too large");
}

namespace {

/// The error message of a command line, or "".
std::string error_of(const std::vector<std::string>& arguments) {
  CLI::App app;
  std::string name, value;
  double temperature = 1;
  app.add_option("--name", name)->required();
  app.add_option("--temperature", temperature)->check(real_in("[0, inf)"));
  app.add_option("--condition", value)->check(examples::renamed_value("sounding", "active-notes"));
  examples::renamed(app, "--title", "--name");
  CHECK(app.help().find("--title") == std::string::npos);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them in reverse
    return "";
  } catch (const CLI::ParseError& e) {
    return e.what();
  }
}

}  // namespace

TEST_CASE("A former option or value is refused with its new name") {
  CHECK(error_of({"--name", "x"}).empty());
  for (const auto& former :
       {std::vector<std::string>{"--title", "x"}, {"--title"}, {"--title=x"}, {"--title", "x", "y"}})
    CHECK(error_of(former) == "--title: is now --name");
  CHECK(error_of({"--name", "x", "--condition", "sounding"}) == "--condition: sounding is now active-notes");
  CHECK(error_of({"--name", "x", "--condition", "key"}).empty());
  CHECK(error_of({"--name", "x", "--temperature", "-1"}) == "--temperature: -1 is not in [0, inf)");
}
