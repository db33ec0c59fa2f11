// SPDX-License-Identifier: MIT
// Numbers between the host and a device, always asked for by name: `to<Cuda>(x)`, `to<Cpu>(y)`. Nothing else copies
// between them.
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/core/parameter.hpp>
#include <rondo/core/sequence.hpp>

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

/// to = from, of which `from` is on the host and `to` on the device. On return `from` may change.
template <class Scalar>
void upload(Cpu, ConstView<Scalar> from, MatrixView<Scalar> to) {
  for (Index j = 0; j < to.cols; ++j) std::copy_n(from.data + j * from.stride, to.rows, to.data + j * to.stride);
}

/// to = from, of which `from` is on the device and `to` on the host. On return `to` is there.
template <class Scalar>
void download(Cpu cpu, ConstView<Scalar> from, MatrixView<Scalar> to) {
  upload(cpu, from, to);
}

/// f(host) gets a matrix on the host of the shape of `a`; what it writes there becomes `a`.
template <class Device, class Scalar, class F>
void set_from_host(Device device, MatrixView<Scalar> a, F&& f) {
  if constexpr (std::is_same_v<Device, Cpu>) {
    f(a);
  } else {
    Buffer<Scalar, Cpu> host(a.rows * a.cols);
    const MatrixView<Scalar> view{host.data(), a.rows, a.cols, a.rows};
    f(view);
    upload(device, view, a);
  }
}

/// f(host) gets the values of `a` in a matrix on the host, to look at.
template <class Device, class Scalar, class F>
void with_host_copy(Device device, MatrixView<Scalar> a, F&& f) {
  using Value = std::remove_const_t<Scalar>;
  if constexpr (std::is_same_v<Device, Cpu>) {
    f(MatrixView<const Value>(a));
  } else {
    Buffer<Value, Cpu> host(a.rows * a.cols);
    const MatrixView<Value> view{host.data(), a.rows, a.cols, a.rows};
    download(device, a, view);
    f(MatrixView<const Value>(view));
  }
}

/// y = x on another device (or the same one), with its lengths. y keeps its memory between calls.
template <class Scalar, class From, class To>
void transfer(const Sequence<Scalar, From>& x, Sequence<Scalar, To>& y) {
  static_assert(std::is_same_v<From, Cpu> || std::is_same_v<To, Cpu>, "by way of the host: to<Cuda>(to<Cpu>(x))");
  y.resize(x.features(), x.batch(), x.time());
  y.set_lengths(x.lengths());
  if constexpr (std::is_same_v<From, Cpu>)
    upload(To{}, x.flat(), y.flat());
  else
    download(From{}, x.flat(), y.flat());
}

/// A copy of x on Device.
template <class Device, class Scalar, class From>
Sequence<Scalar, Device> to(const Sequence<Scalar, From>& x) {
  Sequence<Scalar, Device> y;
  transfer(x, y);
  return y;
}

/// The weights of one model become those of another of the same names and shapes, wherever they are. Throws shape_error
/// if the models differ, and then writes nothing.
template <class From, class To>
void copy_weights(const From& from, To& to) {
  struct Matrix {
    Path path;
    Index rows, cols;
    Buffer<double> values;
  };
  std::vector<Matrix> matrices;
  detail::visit_parameters(from, [&]<class Scalar, class Device>(const Path& path, const Parameter<Scalar, Device>& p) {
    Matrix m{path, p.rows(), p.cols(), Buffer<double>(p.size())};
    with_host_copy(Device{}, p.value(), [&](auto host) { std::copy_n(host.data, p.size(), m.values.data()); });
    matrices.push_back(std::move(m));
  });
  std::size_t next = 0;
  detail::visit_parameters(to, [&](const Path& path, const auto& p) {
    const Matrix* m = next < matrices.size() ? &matrices[next++] : nullptr;
    require_shape(m && m->path.text() == path.text() && m->rows == p.rows() && m->cols == p.cols(),
                  "copy_weights: the models differ at ", path.text(), ", ", p.rows(), " x ", p.cols());
  });
  require_shape(next == matrices.size(), "copy_weights: the first model has more parameters than the second");
  next = 0;
  to.for_each_parameter([&]<class Scalar, class Device>(const Path&, Parameter<Scalar, Device>& p) {
    const Matrix& m = matrices[next++];
    set_from_host(Device{}, p.value(), [&](auto host) {
      std::transform(m.values.begin(), m.values.end(), host.data, [](double v) { return static_cast<Scalar>(v); });
    });
  });
}

}  // namespace rondo::inline RONDO_ABI
