// SPDX-License-Identifier: MIT
// Explicit transfers between the host and a device: `to<Cuda>(x)`, `to<Cpu>(y)`. There are no implicit copies.
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

/// Copies host matrix `from` to device matrix `to` of the same shape. `from` may be changed after the call.
template <class Scalar>
void upload(Cpu, ConstView<Scalar> from, MatrixView<Scalar> to) {
  for (Index j = 0; j < to.cols; ++j) std::copy_n(from.data + j * from.stride, to.rows, to.data + j * to.stride);
}

/// Copies device matrix `from` to host matrix `to` of the same shape. Synchronous.
template <class Scalar>
void download(Cpu cpu, ConstView<Scalar> from, MatrixView<Scalar> to) {
  upload(cpu, from, to);
}

/// Calls f(host) with a host matrix of the shape of `a`, then copies the values that f wrote to `a`.
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

/// Calls f(host) with a read-only host copy of `a`.
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

/// Copies x, with its lengths, to y on another device (or the same one). The memory of y is reused between calls. From
/// GPU to GPU there is no transfer; use `to<Cuda>(to<Cpu>(x))`.
template <class Scalar, class From, class To>
void transfer(const Sequence<Scalar, From>& x, Sequence<Scalar, To>& y) {
  static_assert(std::is_same_v<From, Cpu> || std::is_same_v<To, Cpu>,
                "rondo: transfer between two GPUs is not supported; use to<Cuda>(to<Cpu>(x))");
  y.resize(x.features(), x.batch(), x.time());
  y.set_lengths(x.lengths());
  if constexpr (std::is_same_v<From, Cpu>)
    upload(To{}, x.flat(), y.flat());
  else
    download(From{}, x.flat(), y.flat());
}

/// Returns a copy of x, with its lengths, on Device.
template <class Device, class Scalar, class From>
Sequence<Scalar, Device> to(const Sequence<Scalar, From>& x) {
  Sequence<Scalar, Device> y;
  transfer(x, y);
  return y;
}

/// Copies all weights to a model with the same names and shapes, on any device and of any scalar type. Throws
/// shape_error if names or shapes differ; `to` is unchanged then.
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
