// SPDX-License-Identifier: MIT
// Reference of bench/compile_time.sh: one Eigen product.
#include <Eigen/Dense>

int main() {
  const Eigen::MatrixXf a = Eigen::MatrixXf::Random(20, 30), b = Eigen::MatrixXf::Random(30, 40);
  const Eigen::MatrixXf c = a * b;
  return c(0, 0) > 100 ? 1 : 0;
}
