// SPDX-License-Identifier: MIT
#include "shape.hpp"

#include <algorithm>

namespace bench {

std::string Shape::name(std::string_view operation) const {
  std::string name(operation);
  const auto put = [&](const char* argument, Index value) { name += argument + std::to_string(value); };
  put("/T:", T), put("/B:", B), put("/C:", C), put("/H:", H);
  if (P > 0) put("/P:", P);
  put("/L:", L), put("/threads:", threads);
  return name;
}

double Shape::forward_gflop(Index gates, Index directions) const {
  const Index outputs = P > 0 ? P : H;                                 // of one direction
  const Index inputs = C + (L - 1) * directions * outputs;             // of all layers
  const Index weights = H * (gates * (inputs + L * outputs) + L * P);  // of one direction
  return 2e-9 * static_cast<double>(directions * weights) * static_cast<double>(tokens());
}

namespace {

struct Size {
  Index B, H, L;
};

}  // namespace

std::vector<Shape> compared_shapes() {
  constexpr Size kSizes[] = {{32, 128, 1},  {32, 256, 1}, {64, 256, 1}, {16, 512, 1}, {64, 512, 1},
                             {64, 1024, 1}, {32, 512, 3}, {1, 256, 1},  {1, 512, 1}};
  std::vector<Shape> shapes;
  for (const int threads : {1, 2})
    for (const auto& [B, H, L] : kSizes) shapes.push_back({100, B, H, H, L, threads});
  return shapes;
}

std::vector<Shape> sequence_shapes() {
  std::vector<Shape> shapes = compared_shapes();
  const auto add_unless_there = [&](const Shape& shape) {
    if (std::ranges::find(shapes, shape) == shapes.end()) shapes.push_back(shape);
  };
  for (Index T = 10; T <= 640; T *= 2) add_unless_there({T, 16, 256, 256, 1});
  for (Index B = 1; B <= 64; B *= 2) add_unless_there({100, B, 256, 256, 1});
  return shapes;
}

std::vector<Shape> projection_shapes() {
  std::vector<Shape> shapes = compared_shapes();
  for (Shape& shape : shapes) shape.P = shape.H / 2;
  return shapes;
}

std::vector<Shape> step_shapes() {
  std::vector<Shape> shapes;
  for (const Index H : {8, 16, 32, 64}) shapes.push_back({1, 1, 1, H, 1});  // one input, as in audio effects
  for (const Index H : {64, 128, 256, 512})
    for (const Index B : {1, 4, 16}) shapes.push_back({1, B, H, H, 1});
  return shapes;
}

std::vector<Shape> training_shapes() {
  constexpr Size kSizes[] = {{32, 256, 1}, {32, 256, 2}, {32, 512, 2}};
  std::vector<Shape> shapes;
  for (const int threads : {1, 2})
    for (const auto& [B, H, L] : kSizes) shapes.push_back({128, B, H, H, L, threads});
  return shapes;
}

}  // namespace bench
