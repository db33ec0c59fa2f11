// SPDX-License-Identifier: MIT
#include "piano/training/metrics.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "io/temporary.hpp"
#include "support/catch.hpp"

using namespace piano;
using nlohmann::json;

TEST_CASE("Lines of metrics are read up to a step, without an incomplete line") {
  const rondo_test::TemporaryFolder folder;
  const auto path = folder / "metrics.jsonl";
  CHECK(read_metrics(path) == json::array());  // the file does not exist yet
  {
    MetricsFile file(path, json::array());
    for (int step : {10, 20, 30}) file.write({{"step", step}, {"train_nll", step / 7.0}, {"valid_nll", nullptr}});
  }
  std::ofstream(path, std::ios::app) << "{\"step\":40,\"train_n";
  const json all = read_metrics(path);
  REQUIRE(all.size() == 3);
  CHECK(all[2] == json{{"step", 30}, {"train_nll", 30 / 7.0}, {"valid_nll", nullptr}});
  CHECK(read_metrics(path, 20) == json::array({all[0], all[1]}));
  CHECK(read_metrics(path, 19).size() == 1);

  MetricsFile resumed(path, read_metrics(path, 20));  // lines after the checkpoint are removed
  CHECK(read_metrics(path).size() == 2);
  resumed.write({{"step", 25}});
  CHECK(read_metrics(path).back() == json{{"step", 25}});
  const std::string bytes = rondo_test::read_bytes(path);
  CHECK(std::count(bytes.begin(), bytes.end(), '\n') == 3);
}

TEST_CASE("A full disk is an error at the line that does not fit") {
  if (!std::filesystem::exists("/dev/full")) return;
  MetricsFile file("/dev/full", json::array());
  CHECK_THROWS_WITH(file.write({{"step", 1}}), "/dev/full: cannot be written");
}
